/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Which processes are `go`, from exec to exit. User space reads argv and binary on the exec
 * record, which therefore wakes it at once: such a process may live for 30 ms.
 */
static __always_inline bool is_go_name(const char *comm)
{
	/* go, go1.22.1 (golang.org/dl), go-1.19; never gofmt, gopls, google-… */
	return comm[0] == 'g' && comm[1] == 'o' &&
	       (comm[2] == 0 || comm[2] == '.' || comm[2] == '-' ||
		(comm[2] >= '0' && comm[2] <= '9'));
}

static __always_inline int track(u32 pid)
{
	struct tracked_process process = {};

	if (tracked.lookup(&pid))
		return 0;
	return tracked.update(&pid, &process);
}

static __always_inline void handle_exec(const char *filename)
{
	u32 pid = current_pid();
	struct exec_event *event;
	char comm[16] = {};
	u32 *parent;

	bpf_get_current_comm(comm, sizeof(comm));
	tracked.delete(&pid); /* a new image begins a new process, with its own chain */
	if (!is_go_name(comm) || !in_scope(pid))
		return;
	if (track(pid)) {
		count_lost(COUNT_MAP_FULL);
		return;
	}
	event = reserve(sizeof(*event));
	if (!event)
		return;
	fill_header(&event->header, pid, EVENT_EXEC);
	event->cgroup_id = bpf_get_current_cgroup_id();
	parent = parents.lookup(&pid);
	event->parent_pid = parent ? *parent : 0;
	event->_pad = 0;
	read_kernel_str(event->filename, sizeof(event->filename), filename);
	submit(event, BPF_RB_FORCE_WAKEUP);
}

static __always_inline void handle_fork(u32 parent, u32 child)
{
	u8 one = 1;

	parents.update(&child, &parent);
#if SCOPED
	if (scope.lookup(&parent) && scope.update(&child, &one))
		count_lost(COUNT_MAP_FULL);
#endif
}

static __always_inline void handle_exit(void)
{
	u32 tid = bpf_get_current_pid_tgid();
	u32 pid = current_pid();
	struct exit_event *event;

#if SCOPED
	if (tid != pid)
		scope.delete(&tid);
#endif
	if (tid != pid || !tracked.lookup(&pid))
		return;
	tracked.delete(&pid);
	event = reserve(sizeof(*event));
	if (!event)
		return;
	fill_header(&event->header, pid, EVENT_EXIT);
	submit(event, BPF_RB_NO_WAKEUP);
}
