"""
Eyes and memory together: events out of the kernel, into the tracker, with what /proc and the
binaries add. `modpulse run` and the daemon each drive one.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .armer.newcomers import Facts, Newcomers
from .armer.prober import Prober
from .armer.toolchains import Toolchains, toolchain_of
from .events.events import ErrorSaid, Event, Exec, GoEvent, WebGet
from .kernel.attach import Compilation, Kernel
from .kernel.decode import DecodeError, cannot_wait, decode
from .machine.findgo import find_go
from .machine.procfs import exists, read_environment, sees_all_processes
from .records.records import Record
from .tracker.tracker import Tracker

MAX_WAITING = 4096
"""Records of the ring held undecoded: some 2 MB."""
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
            witness: Is shown every event as well.

        Raises:
            KernelError: this host cannot be observed.
        """
        self._witness = witness
        self._toolchains = Toolchains()
        self._waiting: deque[bytes | tuple[Event, Facts | None]] = deque()
        self._sees_all = sees_all_processes()
        self._swept_at_ns = self._called_at_ns = now_ns = time.monotonic_ns()
        self.decode_errors = 0
        self.prober = Prober()
        self.newcomers = Newcomers(self.prober, job_variables)
        try:
            self.prober.read((*(found.path for found in find_go(environ)), *extra_paths), now_ns)
            self.kernel = Kernel(compilation)
        except BaseException:
            self.prober.close()
            raise
        self.prober.start(self.kernel, time.monotonic_ns())
        self._is_interrupted = False
        self._interruption = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.kernel.wake_on(self._interruption)
        self.tracker = Tracker(stalled_after_ns, _wall_offset_ns())

    def _await_toolchains(self, now_ns: int) -> None:
        """Probe what has been unpacked, as soon as it is whole."""
        for place in self._toolchains.grown(now_ns):
            pid, path = place
            if self.prober.arm(path, now_ns, unpacked=True, named_by=pid):
                self._toolchains.arrived(place)
            else:
                self._toolchains.look_again(place)

    def poll(self, timeout_seconds: float) -> list[Record]:
        """
        Watch for so long, less if much happens, and return the records that were completed.

        Only what cannot wait is done at once: to look at a process that has begun, and for a
        toolchain that one is fetching. All else is done together, at the end: that takes less
        CPU, and hardly any while a short `go` runs.
        """
        until_ns = time.monotonic_ns() + round(timeout_seconds * 1e9)
        self._collect()
        while len(self._waiting) < MAX_WAITING and not self._is_interrupted:
            left_seconds = (until_ns - time.monotonic_ns()) / 1e9
            if left_seconds <= 0:
                break
            if self._toolchains.is_expecting():
                left_seconds = min(left_seconds, _ARRIVAL_SECONDS)
            look_ns = self.prober.next_look_ns()
            if look_ns is not None:
                left_seconds = min(left_seconds, max(look_ns - time.monotonic_ns(), 0) / 1e9)
            self.kernel.wait(left_seconds)
            self._collect()
            now_ns = time.monotonic_ns()
            self._await_toolchains(now_ns)
            self.prober.attend(now_ns)
        self._is_interrupted = False
        records: list[Record] = []
        while self._waiting:
            records += self._feed(self._waiting.popleft())
        return records + self._sweep(time.monotonic_ns())

    def interrupt(self) -> None:
        """End the poll under way, else the next one, at once; a signal's handler may."""
        self._is_interrupted = True
        os.eventfd_write(self._interruption, 1)

    def _collect(self) -> None:
        """Take what the kernel has, and do what cannot wait."""
        for data in self.kernel.read():
            if not cannot_wait(data):
                self._waiting.append(data)
                continue
            event = self._decode(data)
            if isinstance(event, Exec):
                facts = self.newcomers.meet(event)
                if facts is None:
                    self.kernel.forget(event.pid, event.at_ns)
                self._waiting.append((event, facts))
            elif event is not None:
                self._expect_toolchain(event)
                self._waiting.append((event, {}))

    def _decode(self, data: bytes) -> Event | None:
        try:
            return decode(data, self.prober.get)
        except DecodeError:
            self.decode_errors += 1
            return None

    def _feed(self, waiting: bytes | tuple[Event, Facts | None]) -> list[Record]:
        facts: Facts | None
        event, facts = (self._decode(waiting), {}) if isinstance(waiting, bytes) else waiting
        if event is None:
            return []
        if isinstance(event, ErrorSaid):
            event = self._complete(event)
        records = self.tracker.feed(event)
        if facts is None:
            records += self.tracker.dismiss(event.pid, event.at_ns)
        elif facts:
            self.tracker.describe(event.pid, facts)
        elif isinstance(event, GoEvent) and self.tracker.is_unknown(event.pid):
            self.tracker.describe(event.pid, self.newcomers.recognize(event))
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
        self.prober.sweep(now_ns)
        return self._call_roll(now_ns) + self.tracker.expire(now_ns)

    def _call_roll(self, now_ns: int) -> list[Record]:
        """Give out what processes did that are no longer there."""
        if not self._sees_all or now_ns - self._called_at_ns < _ROLL_CALL_NS:
            return []
        self._called_at_ns = now_ns
        missing = [pid for pid in self.tracker.running() if not exists(pid)]
        return [record for pid in missing for record in self.tracker.miss(pid, now_ns)]

    def _expect_toolchain(self, event: Event) -> None:
        version = toolchain_of(event.path) if isinstance(event, WebGet) else None
        if version is None:
            return
        environment = read_environment(event.pid)
        cache = environment.module_cache() if environment is not None else None
        if cache is not None:
            self._toolchains.expect(event.pid, cache, version, event.at_ns)

    def _complete(self, event: ErrorSaid) -> ErrorSaid:
        """Read a format string from the file when its page was not in memory."""
        made = self.prober.get(event.binary)
        if event.format or made is None:
            return event
        offset = made.file_offset(event.address, event.length)
        if offset is None:
            return event
        text = self.prober.read_constant(event.binary, offset, event.length)
        return replace(event, format=(text or b"").decode("utf-8", "replace"))

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
            "dismissed": account.dismissed,
            "pending": account.pending,
            "tracker_full": account.tracker_full,
            "bad_packets": account.bad_packets,
            "bad_certificates": account.bad_certificates,
            "unprobed": self.newcomers.unprobed,
            "unexamined": self.newcomers.unexamined,
        }

    def close(self) -> None:
        """Detach everything."""
        self.prober.close()
        self.kernel.close()
        os.close(self._interruption)


def _wall_offset_ns() -> int:
    return time.time_ns() - time.monotonic_ns()
