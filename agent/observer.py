"""
Eyes and memory together: events out of the kernel, into the tracker, with what /proc and the
binaries add. `modpulse run` and the daemon each drive one.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress

from .binary.arrivals import Arrivals, module_cache, toolchain_of
from .binary.elf import BinaryError
from .binary.findgo import Candidate, find_go, hold, read_constant, read_image, stat_candidate
from .binary.plan import Plan, plan
from .events import Event, Exec, Fatal, WebGet
from .goenv import parse_settings
from .kernel.attach import Compilation, Kernel
from .kernel.decode import DecodeError, cannot_wait, decode
from .procfs import (
    differs,
    exists,
    read_environ,
    read_facts,
    sees_all_processes,
    user_settings,
)
from .records import Record
from .tracker.tracker import Tracker

MAX_BINARIES = 1024
"""Probed in one life; a host has tens."""
MAX_NAMES = 4096
"""Files remembered that are probed; a binary has another in each container."""
MAX_WAITING = 4096
"""Records of the ring held undecoded: some 2 MB."""
Facts = dict[str, object]
"""Fields of a process record."""
_COMPARED_BYTES = 4
"""The longest breakpoint: one instruction of arm64."""
_ARRIVAL_SECONDS = 0.02
"""How often to look whether an expected toolchain is there."""
_SWEEP_NS = 250_000_000
"""How often to look at all that is held, thousands of requests on a busy host; what time decides
takes seconds."""
_ROLL_CALL_NS = 60_000_000_000
"""How often to look for processes whose end was lost on the way: they would be held for ever."""


class Observer:
    """Watches every `go` process of the host, or those below one command."""

    def __init__(
        self,
        compilation: Compilation,
        environ: Mapping[str, str],
        stalled_after_ns: int,
        *,
        job_variables: Sequence[str] = (),
        extra_paths: Sequence[str] = (),
        multi_uprobe: bool = True,
        witness: Callable[[Event], None] | None = None,
    ) -> None:
        """
        Read the `go` binaries while the programs compile, then attach.

        Args:
            compilation: Under way.
            environ: Of the command that will run: where its `go` may be.
            stalled_after_ns: See Tracker.
            job_variables: Names of the environment variables that a process record keeps.
            extra_paths: `go` binaries in unusual places.
            multi_uprobe: See Kernel.
            witness: Is shown every event as well.

        Raises:
            KernelError: this host cannot be observed.
        """
        self._plans: list[Plan | None] = []
        self._paths: list[str] = []
        self._numbers: dict[tuple[int, int, int, int], int] = {}
        self._job_variables = job_variables
        self._witness = witness
        self._arrivals = Arrivals()
        self._waiting: deque[bytes | tuple[Event, Facts]] = deque()
        self._sees_all = sees_all_processes()
        self._swept_at_ns = self._called_at_ns = time.monotonic_ns()
        self.decode_errors = 0
        self.failed_probes: dict[str, str] = {}
        with ExitStack() as held:
            found = [
                candidate
                for path in (*(found.path for found in find_go(environ)), *extra_paths)
                if (candidate := held.enter_context(hold(path))) is not None
            ]
            numbers = [self._read(candidate) for candidate in found]
            self.kernel = Kernel(compilation, multi_uprobe)
            self.tracker = Tracker(stalled_after_ns, _wall_offset_ns())
            for candidate, number in zip(found, numbers, strict=True):
                self._probe(candidate, number)

    def _read(self, candidate: Candidate) -> int | None:
        """Plan for a binary that has not been met; return its number."""
        if candidate.key in self._numbers:
            return None
        return self._keep(candidate, _plan(candidate))

    def _keep(self, candidate: Candidate, made: Plan | None) -> int | None:
        if len(self._plans) >= MAX_BINARIES:
            return None
        number = len(self._plans)
        self._name(candidate, number)
        self._plans.append(made)
        self._paths.append(os.path.realpath(candidate.path))
        return number

    def _name(self, candidate: Candidate, number: int) -> None:
        if len(self._numbers) >= MAX_NAMES:
            del self._numbers[next(iter(self._numbers))]
        self._numbers[candidate.key] = number

    def _twin(self, pid: int, candidate: Candidate) -> int | None:
        """
        Return the number of a binary that has been probed as another file.

        Overlayfs shows the files of one image under another device in each container; the kernel
        probes the file below, so a second link would tell everything twice, in all of them.

        Raises:
            OSError: the process is gone before it could tell.
        """
        _, _, *content = candidate.key
        alike = {number for key, number in self._numbers.items() if [*key[2:]] == content}
        for number in alike:
            made = self._binary(number)
            if made is None or not made.points:
                return number
            offset = made.points[0].offset
            original = read_constant(candidate.path, offset, _COMPARED_BYTES)
            if original is not None and differs(pid, offset, original):
                return number
        return None

    def _await_toolchains(self, now_ns: int) -> None:
        """Probe what has been unpacked; a file that is no whole binary is tried when it grows."""
        for path in self._arrivals.grown(now_ns):
            with hold(path, unpacked=True) as candidate:
                made = _plan(candidate) if candidate is not None else None
                if candidate is not None and made is not None:
                    self._probe(candidate, self._keep(candidate, made))
                    self._arrivals.arrived(path)

    def _probe(self, candidate: Candidate, number: int | None) -> None:
        made = self._binary(number) if number is not None else None
        if number is None or made is None:
            return
        try:
            self.kernel.probe(candidate, made, number)
        except OSError as error:
            self.failed_probes[self._paths[number]] = str(error)

    def _binary(self, number: int) -> Plan | None:
        return self._plans[number] if number < len(self._plans) else None

    def poll(self, timeout_seconds: float) -> list[Record]:
        """
        Watch for so long, less if much happens, and return the records that were completed.

        Only what cannot wait is done at once: to look at a process that has begun, and for a
        toolchain that one is fetching. All else is done together, at the end: that takes less
        CPU, and hardly any while a short `go` runs.
        """
        until_ns = time.monotonic_ns() + round(timeout_seconds * 1e9)
        self._collect()
        while len(self._waiting) < MAX_WAITING:
            left_seconds = (until_ns - time.monotonic_ns()) / 1e9
            if left_seconds <= 0:
                break
            if self._arrivals.is_expecting():
                left_seconds = min(left_seconds, _ARRIVAL_SECONDS)
            self.kernel.wait(left_seconds)
            self._collect()
            self._await_toolchains(time.monotonic_ns())
        records: list[Record] = []
        while self._waiting:
            records += self._feed(self._waiting.popleft())
        return records + self._sweep(time.monotonic_ns())

    def _collect(self) -> None:
        """Take what the kernel has, and do what cannot wait."""
        for data in self.kernel.read():
            if not cannot_wait(data):
                self._waiting.append(data)
                continue
            event = self._decode(data)
            if isinstance(event, Exec):
                self._waiting.append((event, self._meet(event)))
            elif event is not None:
                self._expect_toolchain(event)
                self._waiting.append((event, {}))

    def _decode(self, data: bytes) -> Event | None:
        try:
            return decode(data, self._binary)
        except DecodeError:
            self.decode_errors += 1
            return None

    def _feed(self, waiting: bytes | tuple[Event, Facts]) -> list[Record]:
        event, facts = (self._decode(waiting), None) if isinstance(waiting, bytes) else waiting
        if event is None:
            return []
        if isinstance(event, Fatal):
            event = self._complete(event)
        records = self.tracker.feed(event)
        if facts:
            self.tracker.describe(event.pid, facts)
        if self._witness is not None:
            self._witness(event)
        return records

    def _sweep(self, now_ns: int) -> list[Record]:
        """Look at everything that is held: what time has decided."""
        if now_ns - self._swept_at_ns < _SWEEP_NS:
            return []
        self._swept_at_ns = now_ns
        self.tracker.wall_offset_ns = _wall_offset_ns()
        for cookie in self.tracker.slow_bodies(now_ns):
            bytes_in = self.kernel.bytes_in(cookie)
            if bytes_in is not None:
                self.tracker.note_bytes(cookie, bytes_in, now_ns)
        return self._call_roll(now_ns) + self.tracker.expire(now_ns)

    def _call_roll(self, now_ns: int) -> list[Record]:
        """Give out what processes did that are no longer there."""
        if not self._sees_all or now_ns - self._called_at_ns < _ROLL_CALL_NS:
            return []
        self._called_at_ns = now_ns
        missing = [pid for pid in self.tracker.running() if not exists(pid)]
        return [record for pid in missing for record in self.tracker.miss(pid, now_ns)]

    def _meet(self, event: Exec) -> Facts:
        """Probe the binary of a new process, unless it has been met; return what /proc tells."""
        # A process that is gone already is not looked at: the next of its kind will be.
        with suppress(OSError), hold(f"/proc/{event.pid}/exe") as candidate:
            if candidate is not None:
                if candidate.key not in self._numbers:
                    self._meet_binary(event.pid, candidate)
                return self._facts(event, candidate)
        return self._facts(event, stat_candidate(event.filename))

    def _meet_binary(self, pid: int, candidate: Candidate) -> None:
        twin = self._twin(pid, candidate)
        if twin is None:
            self._probe(candidate, self._read(candidate))
        else:
            self._name(candidate, twin)

    def _expect_toolchain(self, event: Event) -> None:
        version = toolchain_of(event.path) if isinstance(event, WebGet) else None
        if version is None:
            return
        environ = read_environ(event.pid) or {}
        cache = module_cache(environ, parse_settings(user_settings(environ)))
        if cache is not None:
            self._arrivals.expect(f"/proc/{event.pid}/root{cache}", version, event.at_ns)

    def _facts(self, event: Exec, found: Candidate | None) -> Facts:
        facts = read_facts(event.pid, self._job_variables)
        with suppress(OSError):
            facts["exe"] = os.readlink(f"/proc/{event.pid}/exe")
        number = self._numbers.get(found.key) if found is not None else None
        made = self._binary(number) if number is not None else None
        return facts | {"go_version": made.version if made else None}

    def _complete(self, event: Fatal) -> Fatal:
        """Read a format string from the file when its page was not in memory."""
        made = self._binary(event.binary)
        if event.format or made is None:
            return event
        path = self._paths[event.binary]
        offset = made.file_offset(event.address, event.length)
        text = read_constant(path, offset, event.length) if offset is not None else None
        return Fatal(
            event.at_ns, event.pid, event.goid, event.parent_goid, event.binary,
            (text or b"").decode("utf-8", "replace"), event.address, event.length,
        )  # fmt: skip

    def finish(self) -> list[Record]:
        """Read what is left and give out everything."""
        return self.poll(0) + self.tracker.finish(time.monotonic_ns())

    def losses(self) -> dict[str, int]:
        """Return the loss account; what is still in the ring is the difference."""
        kernel = self.kernel.counters()
        account = self.tracker.account
        known = account.decoded + self.decode_errors
        return {
            **kernel,
            "decoded": account.decoded,
            "decode_errors": self.decode_errors,
            "queue_dropped": 0,
            "in_ring": max(kernel["submitted"] - known, 0),
            "joined": account.joined,
            "late": account.late,
            "orphan": account.orphan,
            "pending": account.pending,
        }

    def close(self) -> None:
        """Detach everything."""
        self.kernel.close()


def _wall_offset_ns() -> int:
    return time.time_ns() - time.monotonic_ns()


def _plan(candidate: Candidate) -> Plan | None:
    image = read_image(candidate.path)
    try:
        return plan(image) if image is not None else None
    except BinaryError:
        return None
