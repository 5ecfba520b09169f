"""
The eyes: what is loaded into the kernel, what it is attached to, what comes out of it.

Everything is attached by links, which the kernel undoes when this process ends, however it ends.
Decides nothing about what is seen.
"""

import os
import struct
from collections.abc import Iterator, Mapping

from ..binary.findgo import Candidate
from ..binary.layouts import LAYOUTS, Layout
from ..binary.plan import Plan
from .bpfcall import (
    link_cgroup,
    link_tracepoint,
    link_uprobe,
    link_uprobes,
    map_lookup,
    map_update,
)
from .compilation import TRACEFS, Compilation, KernelError, KernelOptions, mounted
from .ring import Ring

__all__ = ["COUNTERS", "Compilation", "Kernel", "KernelError", "KernelOptions", "try_links"]

COUNTERS = ("seen", "submitted", "ring_full", "map_full", "filtered")
"""`enum counter` of bpf/events.h."""

_TRACEPOINTS = {
    "on_exec": "sched/sched_process_exec",
    "on_fork": "sched/sched_process_fork",
    "on_exit": "sched/sched_process_exit",
    "on_tcp_state": "sock/inet_sock_set_state",
    "on_retransmit": "tcp/tcp_retransmit_skb",
    "on_reset": "tcp/tcp_receive_reset",
}
_CGROUP_HOOKS = {"on_connect4": 10, "on_connect6": 11, "on_ingress": 0, "on_egress": 1}
_NO_OFFSET = 0xFFFF
_FLOW_BYTES = 32
"""sizeof(struct flow), which begins with bytes_in."""
_LAYOUT = struct.Struct("<8H")
_WRITING_SECONDS = 0.001
"""How long to leave a program to finish a record: it takes a microsecond, unless preempted."""


class Kernel:
    """Loaded programs and their links."""

    def __init__(self, compilation: Compilation, multi_uprobe: bool = True) -> None:
        """
        Attach everything but the uprobes.

        Args:
            compilation: The compilation to wait for.
            multi_uprobe: Use one link per binary where the kernel has it.

        Raises:
            KernelError: what is missing, with its remedy.
        """
        self.options = compilation.options
        self._held = compilation.descriptors()
        self._multi_uprobe = multi_uprobe and "on_go_multi" in self._held
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
                self._links += link_tracepoint(self._held[program], tracepoint_id)
            except OSError as error:
                raise KernelError(f"tracepoint {name}: {error}") from error

    def _attach_cgroup(self) -> None:
        folder = mounted("cgroup2")
        if folder is None:
            raise KernelError("no cgroup2 is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for program, attach_type in _CGROUP_HOOKS.items():
                self._links.append(link_cgroup(self._held[program], root, attach_type))
        except OSError as error:
            raise KernelError(f"cgroup {folder}: {error}") from error
        finally:
            os.close(root)

    def probe(self, candidate: Candidate, plan: Plan, number: int) -> None:
        """
        Attach to every point of one binary, in all processes that run it now or later.

        Args:
            candidate: The file.
            plan: Where to probe it.
            number: How its events will name it; 0 to 65535.

        Raises:
            OSError: the kernel refused, or the file is gone.
        """
        if plan.layout_index is None or not plan.points:
            return
        for address, offset in plan.wrapped.items():
            key = struct.pack("<QQ", address, number)
            map_update(self._held["wrapped"], key, struct.pack("<I", offset))
        path = os.fsencode(candidate.path)
        offsets = [point.offset for point in plan.points]
        cookies = [point.site | plan.layout_index << 8 | number << 16 for point in plan.points]
        if self._multi_uprobe:
            link = link_uprobes(self._held["on_go_multi"], path, offsets, cookies)
            self._links.append(link)
            return
        with open("/sys/bus/event_source/devices/uprobe/type", encoding="ascii") as file:
            uprobe_type = int(file.read())
        for offset, cookie in zip(offsets, cookies, strict=True):
            self._links += link_uprobe(self._held["on_go"], uprobe_type, path, offset, cookie)

    def watch(self, pid: int) -> None:
        """Bring a task into scope, and with it all that it will start."""
        map_update(self._held["scope"], struct.pack("<I", pid), b"\1")

    def wait(self, timeout_seconds: float) -> None:
        """Sleep until a record cannot wait, the ring fills, or the time is over."""
        # Behind a record that is still being written there may be one of such a process.
        blocked = self._ring.is_blocked
        self._ring.wait(min(timeout_seconds, _WRITING_SECONDS) if blocked else timeout_seconds)

    def read(self) -> Iterator[bytes]:
        """Yield the records that are waiting, see bpf/events.h."""
        return self._ring.read()

    def in_ring_bytes(self) -> int:
        """Return how many bytes of records are waiting."""
        return self._ring.in_ring_bytes()

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
            value = map_lookup(self._held["flows"], struct.pack("<Q", cookie), _FLOW_BYTES)
        except OSError:
            return None
        (received,) = struct.unpack_from("<Q", value)
        return int(received)

    def close(self) -> None:
        """Detach everything and forget the programs."""
        for descriptor in (*self._links, *self._held.values()):
            os.close(descriptor)
        self._links.clear()
        self._held.clear()
        self._ring.close()


def _pack_layout(layout: Layout) -> bytes:
    parent = _NO_OFFSET if layout.parent_goid is None else layout.parent_goid
    return _LAYOUT.pack(
        layout.goid, parent, layout.conn_config, layout.conn_vers, layout.conn_cipher_suite,
        layout.conn_client_protocol, layout.conn_did_resume, layout.dialer_address,
    )  # fmt: skip


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
