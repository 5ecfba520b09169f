/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Which processes may be `go`, from exec to exit: below one command each program, on a whole host
 * by its name at exec, until user space, which reads argv and binary on the exec record, says that
 * they are not (Kernel.forget). The record therefore wakes it at once: such a process may live for
 * 30 ms. On a whole host a `go` by another name is tracked from its first hit on. Below one command
 * the end of each program that fails is told as well.
 * Below a `go` that may be git and ssh, too, which fetch for `direct`: user space keeps those that
 * do.
 */
#define CLONE_THREAD 0x10000
#define GENERATIONS 6 /* go, git, git remote-https, git-remote-https; or go, git, sh, ssh */

static __always_inline bool is_go_name(const char *comm)
{
	/* go, go1.22.1 (golang.org/dl), go-1.19; never gofmt, gopls, google-… */
	return comm[0] == 'g' && comm[1] == 'o' &&
	       (comm[2] == 0 || comm[2] == '.' || comm[2] == '-' ||
		(comm[2] >= '0' && comm[2] <= '9'));
}

/* git, git-remote-http, git-remote-https, ssh */
static __always_inline bool is_fetching_name(const char *comm)
{
	if (comm[0] == 's')
		return comm[1] == 's' && comm[2] == 'h' && comm[3] == 0;
	return comm[0] == 'g' && comm[1] == 'i' && comm[2] == 't' &&
	       (comm[3] == 0 || (comm[3] == '-' && comm[4] == 'r' && comm[5] == 'e'));
}

static __always_inline void find_go(u32 pid, u32 *go_pid, u32 *top_pid)
{
	struct tracked_process *process;
	u32 *parent, above;
	int i;

#pragma unroll
	for (i = 0; i < GENERATIONS; i++) {
		parent = parents.lookup(&pid);
		if (!parent)
			return;
		above = *parent;
		process = tracked.lookup(&above);
		if (process && process->is_go) {
			*go_pid = above;
			*top_pid = pid;
			return;
		}
		pid = above;
	}
}

static __always_inline int track(u32 pid, u64 at_ns, bool is_go)
{
	struct tracked_process process = {.since_ns = at_ns, .is_go = is_go};

	if (tracked.lookup(&pid))
		return 0;
	return tracked.update(&pid, &process);
}

/* All threads have the same once one has ended the process, or a signal has. */
static __always_inline s32 exit_status(void)
{
	s32 status = -1;

#if TASK_EXIT_CODE
	if (read_kernel(&status, sizeof(status),
			(void *)(bpf_get_current_task() + TASK_EXIT_CODE)))
		return -1;
#endif
	return status;
}

static __always_inline void emit_exit(u32 pid, s32 status)
{
	struct exit_event *event = reserve(sizeof(*event));
	u32 *parent;

	if (!event)
		return;
	fill_header(&event->header, pid, EVENT_EXIT);
	event->status = status;
	parent = parents.lookup(&pid);
	event->parent_pid = parent ? *parent : 0;
	event->for_memory = starved.lookup(&pid) != NULL;
	event->_pad = 0;
	submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void handle_exec(const char *filename)
{
	u64 at_ns = bpf_ktime_get_ns();
	u32 pid = current_pid();
	bool was_tracked = tracked.lookup(&pid) != NULL;
	struct exec_event *event;
	u32 *parent, go_pid = 0, top_pid = 0;
	char comm[16] = {};
	bool is_named;

	bpf_get_current_comm(comm, sizeof(comm));
	is_named = is_go_name(comm);
	tracked.delete(&pid); /* a new image begins a new process, with its own chain */
	if (is_fetching_name(comm))
		find_go(pid, &go_pid, &top_pid);
	if (!(is_named || go_pid || SCOPED) || !in_scope(pid)) {
		if (was_tracked)
			emit_exit(pid, -1);
		return;
	}
	if (track(pid, at_ns, is_named)) {
		count_lost(COUNT_MAP_FULL);
		return;
	}
	event = reserve(sizeof(*event));
	if (!event)
		return;
	fill_header(&event->header, pid, EVENT_EXEC);
	event->header.at_ns = at_ns; /* by which user space names this image */
	event->cgroup_id = bpf_get_current_cgroup_id();
	parent = parents.lookup(&pid);
	event->parent_pid = parent ? *parent : 0;
	event->is_named = is_named;
	event->go_pid = go_pid;
	event->top_pid = top_pid;
	read_kernel_str(event->filename, sizeof(event->filename), filename);
	submit(event, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void handle_new_task(u32 parent, u32 child, u64 clone_flags)
{
	bool is_thread = clone_flags & CLONE_THREAD;
	u32 *threads, one = 1;

	if (!is_thread)
		parents.update(&child, &parent);
#if SCOPED
	threads = scope.lookup(&parent);
	if (!threads)
		return;
	if (is_thread)
		__sync_fetch_and_add(threads, 1);
	else if (scope.update(&child, &one))
		count_lost(COUNT_MAP_FULL);
#endif
}

static __always_inline void handle_exit(void)
{
	u32 tid = bpf_get_current_pid_tgid();
	u32 pid = current_pid();
	bool is_told = tracked.lookup(&pid) != NULL;
	s32 status = tid == pid ? exit_status() : -1;
	u32 *threads;

#if SCOPED
	threads = scope.lookup(&pid);
	if (threads) {
		is_told |= status > 0; /* what fails below a `go` may be why that fails */
		__sync_fetch_and_add(threads, -1);
		if (!*threads)
			scope.delete(&pid);
	}
#endif
	if (tid != pid || !is_told)
		return;
	tracked.delete(&pid);
	emit_exit(pid, status);
	starved.delete(&pid);
}

static __always_inline void handle_starved(u32 pid)
{
	u32 yes = 1;

	starved.update(&pid, &yes);
}
