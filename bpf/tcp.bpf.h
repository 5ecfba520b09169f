/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * TCP connections of tracked processes. The owner is known only in its own connect(): later
 * transitions run in softirq under a random task, so the socket's address leads to its cookie.
 */
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_FIN_WAIT1 = 4, TCP_CLOSE = 7, TCP_CLOSE_WAIT = 8 };

#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define DNS_PORT 53

struct tcp_change {
	u64 socket; /* address of the kernel's struct sock: an id, never read through */
	u32 old_state;
	u32 new_state;
	u16 sport;
	u16 dport;
	u8 _pad[4];
	u8 saddr[16];
	u8 daddr[16];
};

/* bcc declares bpf_get_socket_cookie() as returning u32, which cuts the cookie in half. */
static u64 (*socket_cookie)(void *ctx) = (void *)BPF_FUNC_get_socket_cookie;

/* Takes one of the sockets that a process may have; false when it has them all. */
static __always_inline bool take(u32 pid, struct owner *owner)
{
	struct tracked_process *process = tracked.lookup(&pid);

	if (!process)
		return false;
	if (process->sockets >= PROCESS_SOCKETS) {
		count_lost(COUNT_PROCESS_FULL);
		return false;
	}
	__sync_fetch_and_add(&process->sockets, 1);
	owner->pid = pid;
	owner->since_ns = process->since_ns;
	return true;
}

static __always_inline void give_back(const struct owner *owner)
{
	u32 pid = owner->pid;
	struct tracked_process *process = tracked.lookup(&pid);

	if (process && process->since_ns == owner->since_ns)
		__sync_fetch_and_add(&process->sockets, -1);
}

static __always_inline void watch_dns(u64 cookie, u32 pid)
{
	struct owner owner = {};

	if (dns_sockets.lookup(&cookie) || !take(pid, &owner))
		return;
	if (dns_sockets.update(&cookie, &owner)) {
		give_back(&owner);
		count_lost(COUNT_MAP_FULL);
	}
}

static __always_inline int handle_connect(struct bpf_sock_addr *ctx)
{
	u32 tid = bpf_get_current_pid_tgid();
	u16 port = bpf_ntohs(ctx->user_port);
	u32 pid = current_pid();
	u64 cookie;

	if (!tracked.lookup(&pid))
		return 1;
	cookie = socket_cookie(ctx);
	if (ctx->protocol == IPPROTO_TCP)
		connecting.update(&tid, &cookie);
	else if (ctx->protocol == IPPROTO_UDP && port == DNS_PORT)
		watch_dns(cookie, pid);
	return 1;
}

/* The last descriptor of a socket is closed. */
static __always_inline int handle_release(struct bpf_sock *ctx)
{
	struct owner *owner, held;
	u64 cookie;

	if (ctx->protocol != IPPROTO_UDP)
		return 1;
	cookie = socket_cookie(ctx);
	owner = dns_sockets.lookup(&cookie);
	if (owner) {
		held = *owner;
		dns_sockets.delete(&cookie);
		give_back(&held);
	}
	return 1;
}

static __always_inline void map_ipv4(u8 *to, const u8 *from)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	read_kernel(to + 12, 4, from);
}

/* Returns the flow of a socket, starting it where the owner's connect() has just come by. */
static __always_inline struct flow *flow_of(const struct tcp_change *change, u64 *cookie)
{
	u32 tid = bpf_get_current_pid_tgid();
	u64 address = change->socket;
	struct flow start = {}, *flow;
	u64 *known;

	if (change->new_state != TCP_SYN_SENT) {
		known = sockets.lookup(&address);
		if (!known)
			return NULL;
		*cookie = *known;
		flow = flows.lookup(cookie);
		if (!flow) /* forgotten by user space */
			sockets.delete(&address);
		return flow;
	}
	known = connecting.lookup(&tid);
	if (!known)
		return NULL;
	*cookie = *known;
	connecting.delete(&tid);
	start.is_dns = change->dport == DNS_PORT;
	if (!take(current_pid(), &start.owner))
		return NULL;
	if (sockets.update(&address, cookie) || flows.update(cookie, &start)) {
		sockets.delete(&address);
		give_back(&start.owner);
		count_lost(COUNT_MAP_FULL);
		return NULL;
	}
	return flows.lookup(cookie);
}

static __always_inline void handle_tcp_state(const struct tcp_change *change)
{
	u64 address = change->socket;
	u32 state = change->new_state;
	struct tcp_event *event;
	struct owner owner;
	struct flow *flow;
	u64 cookie;

	if (state != TCP_SYN_SENT && state != TCP_ESTABLISHED && state != TCP_FIN_WAIT1 &&
	    state != TCP_CLOSE_WAIT && state != TCP_CLOSE)
		return;
	flow = flow_of(change, &cookie);
	if (!flow)
		return;
	event = reserve_for(flow->owner.pid, sizeof(*event));
	if (event) {
		fill_header(&event->header, flow->owner.pid, EVENT_TCP);
		event->cookie = cookie;
		event->bytes_in = flow->bytes_in;
		event->bytes_out = flow->bytes_out;
		event->retransmits = flow->retransmits;
		event->syn_retransmits = flow->syn_retransmits;
		event->sport = change->sport;
		event->dport = change->dport;
		event->old_state = change->old_state;
		event->new_state = state;
		event->reset = flow->reset;
		event->in_owner = current_pid() == flow->owner.pid;
		event->hole_out = flow->hole_out;
		event->hole_in = flow->hole_in;
		__builtin_memcpy(event->saddr, change->saddr, 16);
		__builtin_memcpy(event->daddr, change->daddr, 16);
		submit(event, BPF_RB_NO_WAKEUP);
	}
	if (state == TCP_CLOSE) {
		owner = flow->owner;
		sockets.delete(&address);
		flows.delete(&cookie);
		give_back(&owner);
	}
}

static __always_inline struct flow *flow_at(u64 address)
{
	u64 *cookie = sockets.lookup(&address);

	return cookie ? flows.lookup(cookie) : NULL;
}

static __always_inline void handle_retransmit(u64 socket, int state)
{
	struct flow *flow = flow_at(socket);

	if (!flow)
		return;
	if (state == TCP_SYN_SENT)
		flow->syn_retransmits++;
	else
		flow->retransmits++;
}

static __always_inline void handle_reset(u64 socket)
{
	struct flow *flow = flow_at(socket);

	if (flow)
		flow->reset = 1;
}
