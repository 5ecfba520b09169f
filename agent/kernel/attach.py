"""
The eyes: what is loaded into the kernel, what it is attached to, what comes out of it.

Everything is attached by links, which the kernel undoes when this process ends, however it ends.
Decides nothing about what is seen.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ..binary.layouts import LAYOUTS, Layout
from ..binary.points import Plan
from .bpfcall import (
    link_cgroup,
    link_tracepoint,
    link_uprobe,
    link_uprobes,
    map_delete,
    map_keys,
    map_lookup,
    map_update,
)
from .compilation import TRACEFS, Compilation, KernelError, KernelOptions, mounted
from .ring import Ring

__all__ = ["COUNTERS", "Compilation", "Kernel", "KernelError", "KernelOptions", "try_links"]

COUNTERS = ("seen", "submitted", "ring_full", "map_full", "process_full", "filtered")
"""`enum counter` of bpf/events.h."""

_TRACEPOINTS = {
    "on_exec": "sched/sched_process_exec",
    "on_new_task": "task/task_newtask",
    "on_exit": "sched/sched_process_exit",
    "on_starved": "oom/mark_victim",
    "on_tcp_state": "sock/inet_sock_set_state",
    "on_retransmit": "tcp/tcp_retransmit_skb",
    "on_reset": "tcp/tcp_receive_reset",
}
_CGROUP_HOOKS = {
    "on_connect4": (10,), "on_connect6": (11,), "on_release": (34,), "on_packet": (0, 1),
}  # fmt: skip
"""`enum bpf_attach_type`; packets both ways."""
MAX_WATCHED = 16384
"""Elements of the largest of the maps that are read through: `sockets` and `flows`."""
_NO_OFFSET = 0xFFFF
_FLOW = struct.Struct("<QQQI20x")
"""struct flow: bytes_in, bytes_out, and its owner's since_ns and pid."""
_OWNER = struct.Struct("<QI4x")
"""struct owner."""
_PROCESS = struct.Struct("<QII16x")
"""struct tracked_process: since_ns, sockets, handshakes."""
LAYOUT_FIELDS = (
    "goid", "parent_goid", "conn_config", "conn_vers", "conn_cipher_suite",
    "conn_client_protocol", "conn_did_resume", "dialer_address",
)  # fmt: skip
"""Of a Layout, in the order of `struct layout` in bpf/events.h."""
_LAYOUT = struct.Struct(f"<{len(LAYOUT_FIELDS)}H")
_U32 = struct.Struct("<I")
_WRITING_SECONDS = 0.001
"""How long to leave a program to finish a record: it takes a microsecond, unless preempted."""


class Kernel:
    """Loaded programs and their links."""

    def __init__(self, compilation: Compilation) -> None:
        """
        Attach everything but the uprobes.

        Args:
            compilation: The compilation to wait for.

        Raises:
            KernelError: what is missing, with its remedy.
        """
        self.options = compilation.options
        self._held = compilation.descriptors()
        self._multi_uprobe = "on_go_multi" in self._held
        self._links: list[int] = []
        self._fill_layouts()
        self._ring = Ring(self._held["events"], self.options.ring_bytes)
        self._attach_tracepoints()
        self._attach_cgroup()

    @property
    def link_kind(self) -> str:
        """How uprobes are attached: `uprobe-multi` or `perf`."""
        return "uprobe-multi" if self._multi_uprobe else "perf"

    def _fill_layouts(self) -> None:
        for index, layout in enumerate(LAYOUTS):
            map_update(self._held["layouts"], struct.pack("<I", index), _pack_layout(layout))

    def _attach_tracepoints(self) -> None:
        folder = mounted("tracefs") or TRACEFS
        for program, name in _TRACEPOINTS.items():
            try:
                with open(f"{folder}/events/{name}/id", encoding="ascii") as file:
                    tracepoint_id = int(file.read())
                self._links.append(link_tracepoint(self._held[program], tracepoint_id))
            except OSError as error:
                raise KernelError(f"tracepoint {name}: {error}") from error

    def _attach_cgroup(self) -> None:
        folder = mounted("cgroup2")
        if folder is None:
            raise KernelError("no cgroup2 is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for program, attach_types in _CGROUP_HOOKS.items():
                for attach_type in attach_types:
                    self._links.append(link_cgroup(self._held[program], root, attach_type))
        except OSError as error:
            raise KernelError(f"cgroup {folder}: {error}") from error
        finally:
            os.close(root)

    def probe(self, path: str, plan: Plan, number: int) -> list[int]:
        """
        Attach to every point of one binary, in all processes that run it now or later.

        Args:
            path: The file.
            plan: Where to probe it.
            number: How its events will name it; 0 to 65535.

        Returns:
            Links, for the caller to close.

        Raises:
            OSError: the kernel refused, or the file is gone.
        """
        if plan.layout_index is None or not plan.points:
            return []
        for address, offset in plan.wrapped.items():
            map_update(self._held["wrapped"], _wrapped_key(address, number), _U32.pack(offset))
        name = os.fsencode(path)
        offsets = [point.offset for point in plan.points]
        cookies = [point.site | plan.layout_index << 8 | number << 16 for point in plan.points]
        if self._multi_uprobe:
            return [link_uprobes(self._held["on_go_multi"], name, offsets, cookies)]
        with open("/sys/bus/event_source/devices/uprobe/type", encoding="ascii") as file:
            uprobe_type = int(file.read())
        links: list[int] = []
        try:
            for offset, cookie in zip(offsets, cookies, strict=True):
                links.append(link_uprobe(self._held["on_go"], uprobe_type, name, offset, cookie))
        except OSError:
            for link in links:
                os.close(link)
            raise
        return links

    def forget_binary(self, plan: Plan, number: int) -> None:
        """Drop what the maps hold of a binary that is not probed any more."""
        for address in plan.wrapped:
            with suppress(FileNotFoundError):
                map_delete(self._held["wrapped"], _wrapped_key(address, number))

    def watch(self, pid: int) -> None:
        """Bring a task into scope, and with it all that it will start."""
        threads = len(os.listdir(f"/proc/{pid}/task"))
        map_update(self._held["scope"], struct.pack("<I", pid), struct.pack("<I", threads))

    def forget(self, pid: int, since_ns: int) -> None:
        """
        Take no more notice of a process that is no `go`, and give back what it held.

        Args:
            pid: Of the process.
            since_ns: `at_ns` of its exec: by now the pid may be another's, which stays.
        """
        key = struct.pack("<I", pid)
        with suppress(OSError):
            # What is gone already needs no forgetting.
            since, sockets, _ = _PROCESS.unpack(self._value("tracked", key, _PROCESS.size))
            if since != since_ns:
                return
            map_delete(self._held["tracked"], key)
            if sockets:
                self._give_back((since_ns, pid))

    def _give_back(self, owner: tuple[int, int]) -> None:
        """Remove the sockets of an owner, by since_ns and pid."""
        for socket in map_keys(self._held["sockets"], 8, MAX_WATCHED):
            with suppress(OSError):
                # One may have closed meanwhile.
                cookie = self._value("sockets", socket, 8)
                _, _, *found = _FLOW.unpack(self._value("flows", cookie, _FLOW.size))
                if (*found,) == owner:
                    map_delete(self._held["sockets"], socket)
                    map_delete(self._held["flows"], cookie)
        for cookie in map_keys(self._held["dns_sockets"], 8, MAX_WATCHED):
            with suppress(OSError):
                if _OWNER.unpack(self._value("dns_sockets", cookie, _OWNER.size)) == owner:
                    map_delete(self._held["dns_sockets"], cookie)

    def _value(self, table: str, key: bytes, size: int) -> bytes:
        return map_lookup(self._held[table], key, size)

    def wake_on(self, descriptor: int) -> None:
        """End a sleep also when there is something new of another descriptor."""
        self._ring.wake_on(descriptor)

    def wait(self, timeout_seconds: float) -> None:
        """Sleep until a record cannot wait, the ring fills, or the time is over."""
        # Behind a record that is still being written there may be one of such a process.
        blocked = self._ring.is_blocked
        self._ring.wait(min(timeout_seconds, _WRITING_SECONDS) if blocked else timeout_seconds)

    def read(self) -> Iterator[bytes]:
        """Yield the records that are waiting, see bpf/events.h."""
        before = self._ring.position
        yield from self._ring.read()
        if self._ring.position != before:
            read = struct.pack("<Q", self._ring.position)
            map_update(self._held["ring_read"], struct.pack("<I", 0), read)

    def counters(self) -> Mapping[str, int]:
        """Return the kernel's share of the loss account, by the names of COUNTERS."""
        cpus = _possible_cpus()
        totals = {}
        for index, name in enumerate(COUNTERS):
            values = map_lookup(self._held["counters"], struct.pack("<I", index), 8 * cpus)
            totals[name] = sum(struct.unpack(f"<{cpus}Q", values))
        return totals

    def bytes_in(self, cookie: int) -> int | None:
        """Return what a watched connection has received; None when it is gone."""
        try:
            value = self._value("flows", struct.pack("<Q", cookie), _FLOW.size)
        except OSError:
            return None
        received, *_ = _FLOW.unpack(value)
        return int(received)

    def close(self) -> None:
        """Detach everything and forget the programs."""
        for descriptor in (*self._links, *self._held.values()):
            os.close(descriptor)
        self._links.clear()
        self._held.clear()
        self._ring.close()


def _wrapped_key(address: int, number: int) -> bytes:
    return struct.pack("<QQ", address, number)


def _pack_layout(layout: Layout) -> bytes:
    offsets = (getattr(layout, name) for name in LAYOUT_FIELDS)
    return _LAYOUT.pack(*(_NO_OFFSET if offset is None else offset for offset in offsets))


def _possible_cpus() -> int:
    """Count them as per-CPU maps do: /sys/devices/system/cpu/possible is `0-3` or `0,2-3`."""
    with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
        last = file.read().strip().rsplit(",", 1)[-1].rsplit("-", 1)[-1]
    return int(last) + 1


def try_links() -> str:
    """Load and attach everything, then let go; return the kind of uprobe link, or what failed."""
    try:
        kernel = Kernel(Compilation(KernelOptions(ring_bytes=4096)))
    except (KernelError, OSError) as error:
        return str(error)
    kind = kernel.link_kind
    kernel.close()
    return kind
