/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * All maps, and the account of what is lost. Every record that ought to reach the ring counts
 * as seen, and then as exactly one of submitted, ring_full, map_full, process_full or filtered.
 * Set by the compiler's command line: RING_PAGES SNAP_BYTES FIRST_PACKETS SCOPED TRACE
 * TASK_EXIT_CODE.
 */
#include <uapi/linux/ptrace.h>
#include "events.h"

#define __always_inline inline __attribute__((always_inline))

/* What one process may hold of the maps below, so that a flood starves nobody else. `go` has as
 * many requests in flight as it has CPUs, times few hosts. */
#define PROCESS_SOCKETS 512
#define PROCESS_HANDSHAKES 256
/* In a second, while the ring is nearly full. */
#define PROCESS_RECORDS 256
#define RING_CROWDED_BYTES (RING_PAGES * 4096ULL / 4 * 3)
#define RING_HEADER_BYTES 8

struct tracked_process {
	u64 since_ns; /* tells it from another one in its pid */
	u32 sockets;  /* of its own that are watched now */
	u32 handshakes;
	u32 second;  /* in which the ring was nearly full, and */
	u32 records; /* what it wrote then */
	u8 chain_sent;
	u8 is_go; /* by its name, or it has a chain */
	u8 _pad[6];
};

_Static_assert(sizeof(struct tracked_process) == 32, "change agent/kernel/attach.py too");

/* To whom a socket is given back: by then another process may have the pid. */
struct owner {
	u64 since_ns;
	u32 pid;
	u32 _pad;
};

_Static_assert(sizeof(struct owner) == 16, "change agent/kernel/attach.py too");

struct flow {
	u64 bytes_in;
	u64 bytes_out;
	struct owner owner;
	u32 retransmits;
	u16 syn_retransmits;
	u16 copied;
	u8 reset;
	u8 is_dns;
	u8 hole_out;
	u8 hole_in;
	u8 _pad[4];
};

_Static_assert(sizeof(struct flow) == 48, "change agent/kernel/attach.py too");

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

/* Bytes of the ring taken so far, and given back by the reader, who says so after each reading:
 * bcc 0.26 has no bpf_ringbuf_query(). */
BPF_ARRAY(ring_taken, u64, 1);
BPF_ARRAY(ring_read, u64, 1);

/* Processes that may be `go`, see process.bpf.h, or are, because a probe in them was hit. */
BPF_HASH(tracked, u32, struct tracked_process, 8192);

/* Processes below the one command that `modpulse run` watches, with how many of their threads
 * live; unused when the host is watched. */
BPF_HASH(scope, u32, u32, 16384);

/* Who made a process. Asked when it runs its program, and when one fails, hence LRU. */
BPF_TABLE("lru_hash", u32, u32, parents, 16384);

/* Processes that the kernel has chosen to kill for want of memory, until they end. */
BPF_TABLE("lru_hash", u32, u32, starved, 1024);

/* A connect() under way in this thread: hands the socket cookie to the state change it causes. */
BPF_TABLE("lru_hash", u32, u64, connecting, 1024);

/* Watched TCP sockets: by address for tracepoints, by cookie for packets. */
BPF_HASH(sockets, u64, u64, 16384);
BPF_HASH(flows, u64, struct flow, 16384);

/* UDP sockets connected to a DNS port. */
BPF_HASH(dns_sockets, u64, struct owner, 8192);

/* tls.Conn in the hands of a goroutine that is in clientHandshake. A process that ends in the
 * middle of one leaves it behind, hence LRU. */
BPF_TABLE("lru_hash", struct goroutine, u64, handshakes, 8192);

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

/* The ring is everybody's: while it is nearly full, who has written much must not write more. */
static __always_inline bool may_write(u32 pid)
{
	u32 second, zero = 0;
	u64 *taken = ring_taken.lookup(&zero);
	u64 *done = ring_read.lookup(&zero);
	struct tracked_process *process;

	if (!taken || !done || *taken - *done < RING_CROWDED_BYTES)
		return true;
	process = tracked.lookup(&pid);
	if (!process)
		return true;
	second = bpf_ktime_get_ns() >> 30;
	if (process->second != second) {
		process->second = second;
		process->records = 0;
	}
	process->records++; /* threads may count one for another's: a bound, no account */
	return process->records <= PROCESS_RECORDS;
}

static __always_inline void note_taken(u64 size)
{
	u32 zero = 0;
	u64 *taken = ring_taken.lookup(&zero);

	if (taken)
		__sync_fetch_and_add(taken, (size + RING_HEADER_BYTES + 7) & ~7ULL);
}

static __always_inline void *note_reserved(void *record, u64 size)
{
	count(COUNT_SEEN);
	if (record)
		note_taken(size);
	else
		count(COUNT_RING_FULL);
	return record;
}

static __always_inline void *reserve(u64 size)
{
	return note_reserved(events.ringbuf_reserve(size), size);
}

static __always_inline void *reserve_for(u32 pid, u64 size)
{
	if (may_write(pid))
		return reserve(size);
	count_lost(COUNT_PROCESS_FULL);
	return NULL;
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
