"""
Probes binaries and lets them go: while they are used, while nobody writes to them, as many as fit.

Which that are, registry.py says. A binary is read and probed under a lease, see
kernel/lease.py: its plan is never older than its content.
"""

import errno
import os
import resource
import time
from collections.abc import Iterable

from ..binary.points import Plan
from ..kernel.attach import Kernel
from ..kernel.lease import Guard, Lease
from ..machine.findgo import (
    MAX_STRING_BYTES,
    Candidate,
    candidate_of,
    hold,
    read_constant,
    stat_candidate,
)
from ..machine.mounttable import MountTable, Place
from ..machine.procfs import differs
from .apart import UnreadError
from .awaited import Awaited
from .plans import Plans
from .registry import (
    MAX_BINARIES,
    MAX_SLOW_BINARIES,
    UNUSED_ELSEWHERE_NS,
    UNUSED_NS,
    Binary,
    File,
    Registry,
)

MAX_FAILURES = 8
"""Of which the reason is kept until it is told."""
SWEEP_NS = 2_000_000_000
"""How often to look for what can be let go or probed anew."""
_UNMOUNTS_NS = 50_000_000
"""How often at most to look what has been unmounted."""
_COMPARED_BYTES = 4
"""The longest breakpoint: one instruction of arm64."""
_DESCRIPTORS = 4096
"""That this process allows itself: a lease and a link for each binary, or for each point."""
_SPARE_DESCRIPTORS = 128
"""Left to the rest of the program."""


class Prober:
    """All binaries that are probed."""

    def __init__(self) -> None:
        """Nothing is probed yet."""
        self._guard = Guard()
        self._mounts = MountTable(self._guard.dispose)
        self._registry = Registry(MAX_BINARIES)
        self._leases: dict[Binary, Lease] = {}
        self._kernel: Kernel | None = None
        self._plans = Plans()
        self._awaited = Awaited()
        self._swept_at_ns = self._noticed_at_ns = 0
        self._root_device = os.stat("/").st_dev
        self._most_descriptors = _raise_descriptor_limit() - _SPARE_DESCRIPTORS
        self._failures: dict[str, str] = {}
        self.failed = 0
        """How often a `go` could not be probed."""

    @property
    def forgotten(self) -> int:
        """How many binaries had to go for others."""
        return self._registry.forgotten

    @property
    def is_alive(self) -> bool:
        """Whether who wants to write to a probed file is heard."""
        return self._guard.is_alive

    def take_failures(self) -> dict[str, str]:
        """Return path -> why it could not be probed, of the first since the last time."""
        taken, self._failures = self._failures, {}
        return taken

    def read(self, paths: Iterable[str], now_ns: int) -> None:
        """Plan for the binaries that are there before the kernel side is."""
        for path in paths:
            if len(self._leases) >= MAX_BINARIES:
                return
            self.arm(path, now_ns)

    def start(self, kernel: Kernel, now_ns: int) -> None:
        """Probe them, and from now on each at once."""
        self._kernel = kernel
        kernel.wake_on(self._mounts.descriptor)
        kernel.wake_on(self._guard.descriptor)
        if kernel.link_kind == "perf":
            self._registry.most = MAX_SLOW_BINARIES
            self._guard.expect_perf_links()
        for binary in list(self._leases):
            self._attach(binary)
        self._make_room(now_ns)

    def get(self, number: int) -> Plan | None:
        """Return the plan of an event's binary."""
        binary = self._registry.get(number)
        return binary.plan if binary is not None else None

    def armed_since_ns(self, number: int) -> int | None:
        """Return since when the binary of an event is probed."""
        binary = self._registry.get(number)
        return binary.armed_at_ns if binary is not None else None

    def armed_at_ns(self, candidate: Candidate) -> int | None:
        """Return since when a file that has been met is probed; None where it is not."""
        binary = self._held(candidate)
        return binary.armed_at_ns if binary is not None else None

    def paths(self) -> list[str]:
        """Return the paths of what is probed now; `… (deleted)` where a file has none any more."""
        held = [(binary.path, lease.status()) for binary, lease in list(self._leases.items())]
        return [
            path if status.st_nlink else f"{path} (deleted)"
            for path, status in held
            if status is not None
        ]

    def read_constant(self, number: int, offset: int, length: int) -> bytes | None:
        """Return constant bytes of an event's binary; None when they cannot be read whole."""
        binary = self._registry.get(number)
        lease = self._leases.get(binary) if binary is not None else None
        if lease is None or not 0 <= length <= MAX_STRING_BYTES:
            return None
        found = lease.read(offset, length)
        return found if found is not None and len(found) == length else None

    def meet(self, pid: int, candidate: Candidate, now_ns: int) -> Plan | None:
        """
        See to it that the file of a process is probed.

        Args:
            pid: It has just begun to run the file.
            candidate: Held, see findgo.hold.
            now_ns: CLOCK_MONOTONIC.

        Returns:
            The plan; None when the file is not the `go` command, or could not be read.

        Raises:
            OSError: the process is gone before it could tell.
        """
        binary = self._find(candidate, now_ns)
        if binary is None and self._registry.is_refused(candidate.key):
            return None
        binary = binary or self._twin(pid, candidate)
        return self._meet(binary, candidate, now_ns, pid)

    def miss(self, path: str, now_ns: int) -> Plan | None:
        """See to it for a process that was gone before it was met; its next one will be seen."""
        with hold(path) as candidate:
            if candidate is None or not os.path.isabs(path):
                return None
            binary = self._find(candidate, now_ns)
            if binary is None and self._registry.is_refused(candidate.key):
                return None
            return self._meet(binary, candidate, now_ns, None)

    def _meet(
        self, binary: Binary | None, candidate: Candidate, now_ns: int, pid: int | None
    ) -> Plan | None:
        if binary is None:
            try:
                binary = self._arm(candidate, now_ns, pid)
            except OSError as error:
                return self._read_only(candidate, error, now_ns)
        if binary is None:
            return None
        if pid is not None:
            self._registry.use(binary, pid, candidate.file, now_ns)
        return binary.plan

    def arm(
        self, path: str, now_ns: int, *, unpacked: bool = False, named_by: int | None = None
    ) -> bool:
        """Probe a file, see findgo.hold; False: it is no `go`, or none yet."""
        with hold(path, unpacked=unpacked, named_by=named_by) as candidate:
            if candidate is None or self._registry.is_refused(candidate.key):
                return False
            if self._find(candidate, now_ns) is not None:
                return True
            try:
                return self._arm(candidate, now_ns, named_by) is not None
            except BlockingIOError:
                return False
            except OSError as error:
                self._fail(os.path.realpath(candidate.path), error)
                self._registry.refuse(candidate.key)
                return False

    def _find(self, candidate: Candidate, now_ns: int) -> Binary | None:
        self._settle(now_ns)
        return self._held(candidate)

    def _held(self, candidate: Candidate) -> Binary | None:
        binary = self._registry.find(candidate.file, candidate.key)
        lease = self._leases.get(binary) if binary is not None else None
        # While its links are being closed it is not probed, and cannot be yet.
        return None if lease is not None and not lease.is_held else binary

    def _twin(self, pid: int, candidate: Candidate) -> Binary | None:
        """
        Return a binary that has been probed as another file.

        Overlayfs shows the files of one image under another device in each container; the kernel
        probes the file below, so a second link would tell everything twice, in all of them.
        """
        for binary in self._registry.alike(candidate.size_bytes):
            if not binary.plan.points:
                continue
            offset = binary.plan.points[0].offset
            original = read_constant(candidate.path, offset, _COMPARED_BYTES)
            if original is not None and differs(pid, offset, original):
                self._registry.name(binary, candidate.key)
                return binary
        return None

    def _arm(self, candidate: Candidate, now_ns: int, pid: int | None = None) -> Binary | None:
        if self._awaited.spares(candidate.key, now_ns):
            raise BlockingIOError(errno.EAGAIN, "somebody may try again to write to it")
        with self._mounts.place(candidate.path, pid) as place:
            return self._arm_at(place, candidate, now_ns)

    def _arm_at(self, place: Place, candidate: Candidate, now_ns: int) -> Binary | None:
        lease = self._guard.lease(place.path)
        status = lease.status()
        made = self._read(lease.path, place.name, is_leased=True)
        leased = candidate_of(lease.path, status, unpacked=True) if status is not None else None
        if made is None or leased is None or leased.file != candidate.file:
            self._guard.end(lease)
            if leased is not None:
                self._registry.refuse(leased.key)
            return None
        binary = self._registry.add(
            made, leased.key, place.name, self._kept_ns(place, leased), now_ns
        )
        if leased.device != self._root_device:
            binary.device = place.device
        self._registry.hold(binary)
        self._leases[binary] = lease
        self._awaited.drop(place.name)
        if self._kernel is not None:
            self._attach(binary)
            self._make_room(now_ns)
        return binary

    def _read_only(self, candidate: Candidate, error: OSError, now_ns: int) -> Plan | None:
        """Say which `go` it is, where there can be no lease and therefore no probes."""
        made = self._read(candidate.path, candidate.path, is_leased=False)
        if made is None:
            self._registry.refuse(candidate.key)
            return None
        if error.errno != errno.EAGAIN:
            path = os.path.realpath(candidate.path)
            self._fail(path, error)
            binary = self._registry.add(made, candidate.key, path, None, now_ns)
            self._registry.name(binary, candidate.key)
            self._make_room(now_ns)
        return made

    def _read(self, path: str, name: str, *, is_leased: bool) -> Plan | None:
        try:
            return self._plans.read(path, is_leased=is_leased)
        except UnreadError as error:
            self._fail(os.path.realpath(name), error)
            return None

    def _kept_ns(self, place: Place, leased: Candidate) -> int | None:
        here = stat_candidate(place.name)
        if here is None or here.file != leased.file:
            return UNUSED_ELSEWHERE_NS
        no_mount = place.device is not None or leased.device == self._root_device
        return None if no_mount else UNUSED_NS

    def _attach(self, binary: Binary) -> None:
        kernel = self._kernel
        try:
            if kernel is None:
                return
            is_held = self._leases[binary].attach(
                lambda path: kernel.probe(path, binary.plan, binary.number)
            )
            is_armed = is_held and bool(binary.plan.points)
            binary.armed_at_ns = time.monotonic_ns() if is_armed else None
        except OSError as error:
            self._fail(binary.path, error)

    def _make_room(self, now_ns: int) -> None:
        # The kernel gives out the lowest number that is free.
        last = max((lease.last_descriptor for lease in self._leases.values()), default=0)
        for binary in self._registry.surplus(int(last > self._most_descriptors)):
            self._registry.forgotten += 1
            self._let_go(binary, now_ns)

    def _let_go(self, binary: Binary, now_ns: int) -> None:
        self._registry.retire(binary, now_ns)
        lease = self._leases.pop(binary, None)
        if lease is not None:
            self._guard.let_go(lease)

    def _fail(self, path: str, error: OSError | UnreadError) -> None:
        self.failed += 1
        if len(self._failures) < MAX_FAILURES:
            self._failures[path] = str(error)

    def _settle(self, now_ns: int) -> None:
        """Take notice of the files that somebody writes to."""
        while self._guard.ended:
            ended = self._guard.ended.popleft()
            for binary in [known for known, lease in self._leases.items() if lease is ended]:
                del self._leases[binary]
                self._registry.retire(binary, now_ns)
                self._awaited.add(binary.path, binary.content, now_ns)

    def next_look_ns(self) -> int | None:
        """Return when `attend` has something to do, if nothing happens before."""
        return self._awaited.next_look_ns()

    def attend(self, now_ns: int) -> None:
        """Do what cannot wait: let go what is unmounted, probe anew what has been written."""
        self._settle(now_ns)
        self._look_for_awaited(now_ns)
        if now_ns - self._noticed_at_ns < _UNMOUNTS_NS:
            return
        self._noticed_at_ns = now_ns
        if self._mounts.has_changed():
            self._let_go_unused(now_ns)

    def sweep(self, now_ns: int) -> None:
        """Let go what is not used any more."""
        self.attend(now_ns)
        if now_ns - self._swept_at_ns < SWEEP_NS:
            return
        self._swept_at_ns = now_ns
        self._let_go_unused(now_ns)
        if self._kernel is not None:
            for gone in self._registry.drop_retired(now_ns):
                self._kernel.forget_binary(gone.plan, gone.number)

    def _let_go_unused(self, now_ns: int) -> None:
        for binary, lease in list(self._leases.items()):
            binary.users = {pid: file for pid, file in binary.users.items() if _runs(pid, file)}
            if binary.users:
                binary.used_at_ns = now_ns
            status = lease.status()
            if status is None or lease.is_asked_for():
                # What was seen may be of somebody who was refused, and sets times all the same.
                continue
            binary.modified_at_ns = status.st_mtime_ns
            is_mounted = binary.device is None or self._mounts.has(binary.device)
            if binary.is_unused(status.st_nlink, is_mounted, now_ns):
                self._let_go(binary, now_ns)
                if status.st_nlink == 0:
                    self._awaited.add(binary.path, None, now_ns)

    def _look_for_awaited(self, now_ns: int) -> None:
        for path in self._awaited.due(now_ns):
            found = stat_candidate(path)
            key = found.key if found is not None else None
            if self._awaited.is_whole(path, key, now_ns) and self.arm(path, now_ns):
                self._awaited.drop(path)

    def close(self) -> None:
        """Detach everything."""
        self._guard.close()
        self._mounts.close()
        self._leases.clear()


def _runs(pid: int, file: File) -> bool:
    """Whether a process still runs that file, and its number is no other's."""
    try:
        status = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file


def _raise_descriptor_limit() -> int:
    """Return how many descriptors this process may have, after allowing itself more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        return _DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted
