/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * All maps, and the account of what is lost. Every record that ought to reach the ring counts
 * as seen, and then as exactly one of submitted, ring_full, map_full or filtered.
 * Set by the compiler's command line: RING_PAGES SNAP_BYTES FIRST_PACKETS SCOPED TRACE.
 */
#include <uapi/linux/ptrace.h>
#include "events.h"

#define __always_inline inline __attribute__((always_inline))

struct tracked_process {
	u8 chain_sent;
};

struct flow {
	u64 bytes_in;
	u64 bytes_out;
	u32 pid;
	u32 retransmits;
	u16 syn_retransmits;
	u16 copied;
	u8 reset;
	u8 is_dns;
	u8 _pad[2];
};

_Static_assert(sizeof(struct flow) == 32, "change agent/kernel/attach.py too");

struct goroutine {
	u64 pid;
	u64 goid;
};

struct type_key {
	u64 type;
	u64 binary;
};

BPF_RINGBUF_OUTPUT(events, RING_PAGES);
BPF_TABLE("percpu_array", u32, u64, counters, COUNTERS);

/* Records written by all CPUs. */
BPF_ARRAY(written, u64, 1);

/* Processes that are `go`: by their name at exec, or because a probe in them was hit. */
BPF_HASH(tracked, u32, struct tracked_process, 8192);

/* Tasks below the one command that `modpulse run` watches; unused when the host is watched. */
BPF_HASH(scope, u32, u8, 16384);

/* Who made a task. Threads land here too, hence LRU. */
BPF_TABLE("lru_hash", u32, u32, parents, 16384);

/* A connect() under way in this thread: hands the socket cookie to the state change it causes. */
BPF_TABLE("lru_hash", u32, u64, connecting, 1024);

/* Watched TCP sockets: by address for tracepoints, by cookie for packets. */
BPF_HASH(sockets, u64, u64, 16384);
BPF_HASH(flows, u64, struct flow, 16384);

/* UDP sockets connected to a DNS port; nothing tells when they close, hence LRU. */
BPF_TABLE("lru_hash", u64, u32, dns_sockets, 8192);

/* tls.Conn in the hands of a goroutine that is in clientHandshake. */
BPF_HASH(handshakes, struct goroutine, u64, 4096);

/* Filled by user space: field offsets per release; where an error type holds what it wraps. */
BPF_ARRAY(layouts, struct layout, 64);
BPF_HASH(wrapped, struct type_key, u32, 8192);

/* By names of our own: where bcc sees its names for these helpers, it reads all of kallsyms to
 * find out whether the kernel has them, which takes half as long as the compilation. */
static long (*read_user)(void *to, u32 bytes, const void *from) =
	(void *)BPF_FUNC_probe_read_user;
static long (*read_kernel)(void *to, u32 bytes, const void *from) =
	(void *)BPF_FUNC_probe_read_kernel;
static long (*read_kernel_str)(void *to, u32 bytes, const void *from) =
	(void *)BPF_FUNC_probe_read_kernel_str;

static __always_inline void count(u32 counter)
{
	u64 *slot = counters.lookup(&counter);

	/* Atomic although per CPU: programs here may be preempted, and the account must hold. */
	if (slot)
		__sync_fetch_and_add(slot, 1);
}

static __always_inline void count_lost(u32 counter)
{
	count(COUNT_SEEN);
	count(counter);
}

static __always_inline void *reserve(u64 size)
{
	void *record = events.ringbuf_reserve(size);

	count(COUNT_SEEN);
	if (!record)
		count(COUNT_RING_FULL);
	return record;
}

/* The reader sleeps for a second at a time. So that the ring is not full by then, every so many
 * records wake it: as many as the ring has pages, for hardly any is longer than a page. */
static __always_inline void submit(void *record, u64 flags)
{
	u32 zero = 0;
	u64 *written_by_all = written.lookup(&zero);

	if (written_by_all) {
		__sync_fetch_and_add(written_by_all, 1);
		if (*written_by_all % RING_PAGES == 0)
			flags = BPF_RB_FORCE_WAKEUP;
	}
	events.ringbuf_submit(record, flags);
	count(COUNT_SUBMITTED);
}

static __always_inline void fill_header(struct event_header *header, u32 pid, u8 kind)
{
	header->at_ns = bpf_ktime_get_ns();
	header->goid = 0;
	header->parent_goid = 0;
	header->pid = pid;
	header->binary = 0;
	header->kind = kind;
	header->site = 0;
}

static __always_inline u32 current_pid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline bool in_scope(u32 pid)
{
#if SCOPED
	return scope.lookup(&pid) != NULL;
#else
	return true;
#endif
}
