// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * The eyes of modpulse: what `go` processes do on the network, in their own words and the
 * kernel's. Tracepoints task, sched, oom, sock, tcp; cgroup connect, release and skb; uprobes in `go`.
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

int on_new_task(struct tracepoint__task__task_newtask *args)
{
	handle_new_task(current_pid(), args->pid, args->clone_flags);
	return 0;
}

int on_exit(struct tracepoint__sched__sched_process_exit *args)
{
	handle_exit();
	return 0;
}

/* bcc would have its later fields as well, whose types these headers lack. */
struct mark_victim {
	u64 common;
	s32 pid;
};

int on_starved(struct mark_victim *args)
{
	handle_starved(args->pid);
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

int on_connect(struct bpf_sock_addr *ctx)
{
	return handle_connect(ctx);
}

int on_release(struct bpf_sock *ctx)
{
	return handle_release(ctx);
}

int on_packet(struct __sk_buff *skb)
{
	handle_packet(skb);
	return 1;
}

static __always_inline void handle_site(struct hit *hit)
{
	switch (hit->site) {
	case SITE_WEB_GET:
		return go_web_get(hit);
	case SITE_ROUND_TRIP_START:
		return go_round_trip_start(hit);
	case SITE_ROUND_TRIP_DONE:
		return go_round_trip_done(hit);
	case SITE_GOT_CONN:
		return go_got_conn(hit);
	case SITE_PROXY_LIST:
		return go_proxy_list(hit);
	case SITE_LOOKUP_START:
		return go_lookup_start(hit);
	case SITE_DIAL_START:
		return go_dial_start(hit);
	case SITE_DIAL_DONE:
		return go_dial_done(hit);
	case SITE_HANDSHAKE_START:
		return go_handshake_start(hit);
	case SITE_HANDSHAKE_DONE:
		return go_handshake_done(hit);
	case SITE_VERIFY_START:
		return go_verify_start(hit);
	case SITE_LOOKUP_DONE:
	case SITE_OPERATION_FAILED:
	case SITE_READ_REMOTE_FAILED:
	case SITE_CHECK_SUM_DB_FAILED:
	case SITE_DOWNLOAD_ZIP_FAILED:
	case SITE_STREAM_FAILED:
	case SITE_UNZIP_FAILED:
		return go_error(hit);
	case SITE_ERROR_SAID:
		return go_error_said(hit);
	case SITE_OS_EXIT:
		return go_os_exit(hit);
	default: /* BODY_CLOSED, VERIFY_DONE */
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
	u64 module = 0;

	if (!in_scope(hit.pid))
		return 0;
	read_registers(ctx, &hit.go);
	hit.layout = layouts.lookup(&layout);
	if (!hit.layout) {
		count_lost(COUNT_FILTERED);
		return 0;
	}
	if (track(hit.pid, hit.at_ns, false)) {
		count_lost(COUNT_MAP_FULL);
		return 0;
	}
	hit.may_write = may_write(hit.pid);
	hit.goid = read_u64(hit.go.g + hit.layout->goid);
	if (hit.layout->parent_goid != NO_OFFSET)
		hit.parent_goid = read_u64(hit.go.g + hit.layout->parent_goid);
	handle_site(&hit);
	if (!hit.record) {
		count_lost(hit.lost);
		return 0;
	}
	note_reserved(hit.record, hit.record_bytes);
	fill_header(hit.record, hit.pid, EVENT_GO);
	hit.record->at_ns = hit.at_ns;
	hit.record->goid = hit.goid;
	hit.record->parent_goid = hit.parent_goid;
	hit.record->binary = hit.binary;
	hit.record->site = hit.site;
	if (hit.ends)
		read_ends(hit.ends, hit.conn, hit.remote);
	if (hit.error)
		module = read_error(hit.error, hit.itab, hit.data, hit.binary);
	if (hit.said && module)
		read_module(hit.said, module);
	submit(hit.record, hit.wake);
	return 0;
}
