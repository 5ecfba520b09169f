// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * The eyes of modpulse: what `go` processes do on the network, in their own words and the
 * kernel's. Tracepoints sched, sock, tcp; cgroup connect and skb; uprobes in `go` binaries.
 * Missed: processes that run in a binary not probed yet, values on pages not resident.
 * Since Linux 5.15 (ring buffer, attach cookies). bcc rewrites map accesses in its main file
 * only, so agent/kernel/compiler.py joins the *.bpf.h files before it; none is included.
 */

/* bcc knows the arguments of a tracepoint in this file only, so they are taken apart here. */

int on_exec(struct tracepoint__sched__sched_process_exec *args)
{
	handle_exec((char *)args + (args->data_loc_filename & 0xffff));
	return 0;
}

int on_fork(struct tracepoint__sched__sched_process_fork *args)
{
	handle_fork(current_pid(), args->child_pid);
	return 0;
}

int on_exit(struct tracepoint__sched__sched_process_exit *args)
{
	handle_exit();
	return 0;
}

int on_tcp_state(struct tracepoint__sock__inet_sock_set_state *args)
{
	struct tcp_change change = {
		.socket = (u64)args->skaddr,
		.old_state = args->oldstate,
		.new_state = args->newstate,
		.sport = args->sport,
		.dport = args->dport,
	};

	if (args->protocol != IPPROTO_TCP)
		return 0;
	if (args->family == AF_INET6) {
		read_kernel(change.saddr, 16, args->saddr_v6);
		read_kernel(change.daddr, 16, args->daddr_v6);
	} else {
		map_ipv4(change.saddr, args->saddr);
		map_ipv4(change.daddr, args->daddr);
	}
	handle_tcp_state(&change);
	return 0;
}

int on_retransmit(struct tracepoint__tcp__tcp_retransmit_skb *args)
{
	handle_retransmit((u64)args->skaddr, args->state);
	return 0;
}

int on_reset(struct tracepoint__tcp__tcp_receive_reset *args)
{
	handle_reset((u64)args->skaddr);
	return 0;
}

int on_connect4(struct bpf_sock_addr *ctx)
{
	return handle_connect(ctx);
}

int on_connect6(struct bpf_sock_addr *ctx)
{
	return handle_connect(ctx);
}

int on_egress(struct __sk_buff *skb)
{
	handle_packet(skb, true);
	return 1;
}

int on_ingress(struct __sk_buff *skb)
{
	handle_packet(skb, false);
	return 1;
}

static __always_inline void handle_site(struct hit *hit)
{
	switch (hit->site) {
	case SITE_WEB_GET:
		return go_web_get(hit);
	case SITE_ROUND_TRIP:
		return go_round_trip(hit);
	case SITE_SEND_RET:
		return go_send_ret(hit);
	case SITE_GET_CONN_RET:
		return go_get_conn_ret(hit);
	case SITE_PROXY_LIST_RET:
		return go_proxy_list_ret(hit);
	case SITE_LOOKUP:
		return go_lookup(hit);
	case SITE_DIAL:
		return go_dial(hit);
	case SITE_DIAL_RET:
		return go_dial_ret(hit);
	case SITE_HANDSHAKE:
		return go_handshake(hit);
	case SITE_HANDSHAKE_RET:
		return go_handshake_ret(hit);
	case SITE_VERIFY:
		return go_verify(hit);
	case SITE_LOOKUP_RET:
	case SITE_VERSION_ERROR:
	case SITE_READ_REMOTE_RET:
	case SITE_CHECK_SUM_DB_RET:
	case SITE_DOWNLOAD_ZIP_RET:
		return go_error(hit);
	case SITE_FATALF:
	case SITE_OS_EXIT:
		return go_exit(hit);
	default: /* BODY_CLOSE, VERIFY_RET */
		return go_plain(hit);
	}
}

/* The attach cookie: site in bits 0-7, layout in 8-15, binary in 16-31. */
int on_go(struct pt_regs *ctx)
{
	u64 cookie = bpf_get_attach_cookie(ctx);
	struct hit hit = {
		.at_ns = bpf_ktime_get_ns(), /* first: what follows takes microseconds */
		.pid = current_pid(),
		.wake = BPF_RB_NO_WAKEUP,
		.binary = cookie >> 16,
		.site = cookie,
	};
	u32 layout = (cookie >> 8) & 0xff;

	if (!in_scope(hit.pid))
		return 0;
	read_registers(ctx, &hit.go);
	hit.layout = layouts.lookup(&layout);
	if (!hit.layout) {
		count_lost(COUNT_FILTERED);
		return 0;
	}
	if (track(hit.pid)) {
		count_lost(COUNT_MAP_FULL);
		return 0;
	}
	hit.goid = read_u64(hit.go.g + hit.layout->goid);
	if (hit.layout->parent_goid != NO_OFFSET)
		hit.parent_goid = read_u64(hit.go.g + hit.layout->parent_goid);
	handle_site(&hit);
	if (!hit.record) {
		count_lost(hit.lost);
		return 0;
	}
	count(COUNT_SEEN);
	fill_header(hit.record, hit.pid, EVENT_GO);
	hit.record->at_ns = hit.at_ns;
	hit.record->goid = hit.goid;
	hit.record->parent_goid = hit.parent_goid;
	hit.record->binary = hit.binary;
	hit.record->site = hit.site;
	if (hit.ends)
		read_ends(hit.ends, hit.conn, hit.remote);
	if (hit.error)
		read_error(hit.error, hit.itab, hit.data, hit.binary);
	submit(hit.record, hit.wake);
	return 0;
}
