"""
A bounded queue of encoded batches on disk: what was appended survives `kill -9` and power cuts.

Knows nothing of what the bytes mean. The disk may be full, slow, read-only or gone: then batches
are sent from a bounded memory, and what does not fit is counted; nothing raises. One process at a
time (`lock`); any of its threads.
"""

import fcntl
import logging
import os
import re
import stat
import threading
from contextlib import suppress

log = logging.getLogger("modpulse.agent")

MAX_BATCH_BYTES = 1 << 20
"""What the collector takes."""
BLOCK_BYTES = 4096
"""A file occupies whole blocks; so the number of files is bounded as well."""

MAX_MEMORY_BYTES = 4 << 20
"""Batches that wait for the disk, some 1,000; beyond it the oldest are dropped and counted."""

_NAME = re.compile(r"[0-9]{16}-[0-9a-f]{1,32}-[0-9]{1,19}\.batch")
_PARTIAL = re.compile(r"[0-9]{16}-[0-9a-f]{1,32}-[0-9]{1,19}\.partial")


class SpoolBusyError(RuntimeError):
    """Another agent uses the same directory."""


class Spool:
    """
    The queue, oldest first.

    A file is named `NUMBER-RUN_ID-SEQ.batch`. The number continues over restarts, so that names
    sort in the order of appending whatever the clock and the random run ids are.
    """

    def __init__(self, folder: str, max_bytes: int) -> None:
        """Nothing on disk is touched before `lock`; `max_bytes` counts whole blocks."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._sizes: dict[str, int] = {}
        self._held_bytes = 0
        self._memory: dict[str, bytes] = {}
        self._memory_bytes = 0
        self._refused: set[str] = set()
        self._trouble = ""
        self._next_number = 0
        self._changed = threading.Condition()
        self._is_interrupted = False
        self._lock_descriptor: int | None = None
        self.dropped_full = 0
        """Batches dropped, oldest first, because the spool was full."""
        self.dropped_memory = 0
        """Batches dropped, oldest first, because too many waited for the disk."""
        self.dropped_io = 0
        """Batches lost because the disk did not give them back."""
        self.refused = 0
        """Batches that the disk did not take: they are sent from memory, or written later."""
        self.partial = 0
        """Files at the start that a dying agent had not finished; removed."""
        self.foreign = 0
        """Files at the start that are not ours; left alone."""

    def lock(self) -> None:
        """
        Keep other agents out, until `close` or the end of this process; take over what is there.

        Raises:
            SpoolBusyError: another agent is there already; its files are as they were.
        """
        try:
            self._enter()
        except OSError as error:
            self._say("open", error)

    def close(self) -> None:
        """Let another agent in."""
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _enter(self) -> None:
        """
        Be in the directory, also when it was made, removed or mounted since.

        Raises:
            OSError: there is none.
            SpoolBusyError: another agent is in it.
        """
        if self._lock_descriptor is not None:
            with suppress(OSError):
                if os.path.samestat(os.stat(self._folder), os.fstat(self._lock_descriptor)):
                    return
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise SpoolBusyError(f"{self._folder}: another agent uses this spool") from None
        except OSError as error:
            # Some network file systems have no locks; batches are kept there all the same.
            log.warning("spool.failed action=lock error=%s", error)
        self.close()
        self._lock_descriptor = descriptor
        self._take_over()

    def _take_over(self) -> None:
        try:
            with os.scandir(self._folder) as entries:
                found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        except OSError as error:
            log.error("spool.failed action=list error=%s", error)
            return
        sizes = {}
        for name, status in sorted(found.items()):
            is_file = stat.S_ISREG(status.st_mode)
            if is_file and _NAME.fullmatch(name) and 0 < status.st_size <= MAX_BATCH_BYTES:
                sizes[name] = _blocks(status.st_size)
            elif is_file and (_PARTIAL.fullmatch(name) or _NAME.fullmatch(name)):
                self.partial += 1
                self._unlink(name)
            else:
                self.foreign += 1
        with self._changed:
            self.dropped_io += len(self._sizes.keys() - sizes.keys())
            self._sizes = sizes
            self._held_bytes = sum(sizes.values())
            if sizes:
                self._next_number = max(self._next_number, int(max(sizes)[:16]) + 1)
        self._shrink(0)
        if self._sizes or self.partial or self.foreign:
            log.info(
                "spool.opened batches=%d bytes=%d partial=%d foreign=%d",
                len(self._sizes), self._held_bytes, self.partial, self.foreign,
            )  # fmt: skip

    def append(self, run_id: str, seq: int, data: bytes) -> bool:
        """Take a batch; return whether it is durable. May take as long as the disk does."""
        self.hold(run_id, seq, data)
        return self.write_out()

    def hold(self, run_id: str, seq: int, data: bytes) -> None:
        """Take a batch into memory, for `write_out`; never waits for the disk."""
        with self._changed:
            self._memory[f"{self._next_number:016d}-{run_id}-{seq}.batch"] = data
            self._next_number += 1
            self._memory_bytes += len(data)
            while self._memory_bytes > MAX_MEMORY_BYTES:
                name = next(iter(self._memory))
                self._let_go(name)
                self.dropped_memory += 1
                log.error("spool.full memory_bytes=%d dropped=%s", MAX_MEMORY_BYTES, name)
            self._changed.notify_all()

    def write_out(self) -> bool:
        """Write what waits in memory, oldest first; return whether all of it is durable."""
        while (waiting := self._waiting()) is not None:
            name, data = waiting
            try:
                self._enter()
                self._shrink(_blocks(len(data)))
                self._write(name, data)
            except (OSError, SpoolBusyError) as error:
                self._refuse(error)
                return False
            self._written(name, _blocks(len(data)))
        return True

    def _waiting(self) -> tuple[str, bytes] | None:
        with self._changed:
            return next(iter(self._memory.items()), None)

    def _refuse(self, error: Exception) -> None:
        """All that waits may be sent from memory; the next batch tries the disk again."""
        self._say("append", error)
        with self._changed:
            self.refused += len(self._memory.keys() - self._refused)
            self._refused |= self._memory.keys()
            self._changed.notify_all()

    def _written(self, name: str, size_bytes: int) -> None:
        with self._changed:
            is_wanted = name in self._memory
            if is_wanted:
                self._let_go(name)
                self._sizes[name] = size_bytes
                self._held_bytes += size_bytes
                self._changed.notify_all()
        if not is_wanted:
            # Sent or dropped while the disk took it.
            self._unlink(name)
        if self._trouble:
            self._trouble = ""
            log.info("spool.recovered unwritten=%d", len(self._memory))

    def _let_go(self, name: str) -> None:
        """Memory no longer has it."""
        self._memory_bytes -= len(self._memory.pop(name, b""))
        self._refused.discard(name)

    def _write(self, name: str, data: bytes) -> None:
        partial = self._path(_partial(name))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        file = open(os.open(partial, flags, 0o600), "wb")  # noqa: SIM115 closed below
        try:
            with file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(partial, self._path(name))
            if self._lock_descriptor is not None:
                os.fsync(self._lock_descriptor)
        except OSError:
            self._unlink(_partial(name))
            self._unlink(name)
            raise

    def oldest(self, timeout_seconds: float = 0.0) -> str | None:
        """Return the name of the oldest batch; None when there is none within the time."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._oldest() is not None or self._is_interrupted, timeout_seconds
            )
            return self._oldest()

    def _oldest(self) -> str | None:
        """From memory only what the disk has refused, or is late with: one more has come since."""
        is_behind = self._refused or len(self._memory) > 1 or self._is_interrupted
        first = [next(iter(self._sizes), ""), next(iter(self._memory), "") if is_behind else ""]
        return min(filter(None, first), default=None)

    def interrupt(self) -> None:
        """Let `oldest` wait no longer: the agent ends."""
        with self._changed:
            self._is_interrupted = True
            self._changed.notify_all()

    def read(self, name: str) -> bytes | None:
        """Return the batch; None when it is gone, which then is counted and forgotten."""
        with self._changed:
            held = self._memory.get(name)
        if held is not None:
            return held
        try:
            with open(os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
                return file.read(MAX_BATCH_BYTES)
        except OSError as error:
            with self._changed:
                # Dropped in the meantime because the spool was full: counted already.
                if name in self._sizes:
                    self.dropped_io += 1
                    log.error("spool.failed action=read error=%s", error)
            self.remove(name)
            return None

    def remove(self, name: str) -> None:
        """Forget a batch: it was delivered, or nobody will ever take it."""
        with self._changed:
            is_written = name in self._sizes
            self._held_bytes -= self._sizes.pop(name, 0)
            self._let_go(name)
        if is_written:
            self._unlink(name)

    @property
    def batches(self) -> int:
        """How many are waiting."""
        return len(self._sizes) + len(self._memory)

    @property
    def unwritten(self) -> int:
        """How many of them only memory has."""
        return len(self._memory)

    @property
    def held_bytes(self) -> int:
        """Bytes on disk, in whole blocks."""
        return self._held_bytes

    def _shrink(self, wanted_bytes: int) -> None:
        """Drop the oldest until so much more fits; a disk that hangs has no lock meanwhile."""
        dropped = []
        with self._changed:
            while self._sizes and self._held_bytes + wanted_bytes > self._max_bytes:
                dropped.append(next(iter(self._sizes)))
                self._held_bytes -= self._sizes.pop(dropped[-1])
                self.dropped_full += 1
        for name in dropped:
            log.warning("spool.full dropped=%s", name)
            self._unlink(name)

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            # It comes again with the next start, and the collector knows it as a duplicate.
            log.error("spool.failed action=remove error=%s", error)

    def _say(self, action: str, error: Exception) -> None:
        """Log what the disk said, once for as long as it says the same."""
        said = getattr(error, "strerror", None) or str(error)
        if said != self._trouble:
            self._trouble = said
            log.error("spool.failed action=%s error=%s", action, self._trouble)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _partial(name: str) -> str:
    return name.removesuffix(".batch") + ".partial"


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES
