"""
A bounded queue of encoded batches on disk: what was appended survives `kill -9` and power cuts.

Knows nothing of what the bytes mean. The disk may be full, slow, read-only or gone: that costs
batches, which are counted, and never raises. One process at a time (`lock`); any of its threads.
"""

import fcntl
import logging
import os
import queue
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("modpulse.agent")

MAX_BATCH_BYTES = 1 << 20
"""What the collector takes."""
BLOCK_BYTES = 4096
"""A file occupies whole blocks; so the number of files is bounded as well."""

MAX_QUEUED = 64
"""Batches that wait for the disk, ten minutes of windows; beyond it they are counted."""

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
        self._next_number = 0
        self._changed = threading.Condition()
        self._is_interrupted = False
        self._lock_descriptor: int | None = None
        self.dropped_full = 0
        """Batches dropped, oldest first, because the spool was full."""
        self.dropped_io = 0
        """Batches lost because the disk did not take them or did not give them back."""
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
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            log.error("spool.failed action=open error=%r", str(error))
            return
        self._lock_descriptor = descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise SpoolBusyError(f"{self._folder}: another agent uses this spool") from None
        except OSError as error:
            # Some network file systems have no locks; batches are kept there all the same.
            log.warning("spool.failed action=lock error=%r", str(error))
        self._take_over()

    def close(self) -> None:
        """Let another agent in."""
        if self._lock_descriptor is not None:
            os.close(self._lock_descriptor)
            self._lock_descriptor = None

    def _take_over(self) -> None:
        try:
            with os.scandir(self._folder) as entries:
                found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries}
        except OSError as error:
            log.error("spool.failed action=list error=%r", str(error))
            return
        for name, status in sorted(found.items()):
            is_file = stat.S_ISREG(status.st_mode)
            if is_file and _NAME.fullmatch(name) and 0 < status.st_size <= MAX_BATCH_BYTES:
                self._sizes[name] = _blocks(status.st_size)
            elif is_file and (_PARTIAL.fullmatch(name) or _NAME.fullmatch(name)):
                self.partial += 1
                self._unlink(name)
            else:
                self.foreign += 1
        self._held_bytes = sum(self._sizes.values())
        if self._sizes:
            self._next_number = int(max(self._sizes)[:16]) + 1
        self._shrink(0)
        if self._sizes or self.partial or self.foreign:
            log.info(
                "spool.opened batches=%d bytes=%d partial=%d foreign=%d",
                len(self._sizes), self._held_bytes, self.partial, self.foreign,
            )  # fmt: skip

    def append(self, run_id: str, seq: int, data: bytes) -> bool:
        """Write a batch; return whether it is durable. May take as long as the disk does."""
        with self._changed:
            name = f"{self._next_number:016d}-{run_id}-{seq}.batch"
            self._next_number += 1
            self._shrink(_blocks(len(data)))
        try:
            self._write(name, data)
        except OSError as error:
            self.dropped_io += 1
            log.error("spool.failed action=append error=%r", str(error))
            self._unlink(_partial(name))
            self._unlink(name)
            return False
        with self._changed:
            self._sizes[name] = _blocks(len(data))
            self._held_bytes += self._sizes[name]
            self._changed.notify_all()
        return True

    def _write(self, name: str, data: bytes) -> None:
        partial = self._path(_partial(name))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(partial, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(partial, self._path(name))
        with _directory(self._folder) as descriptor:
            os.fsync(descriptor)

    def oldest(self, timeout_seconds: float = 0.0) -> str | None:
        """Return the name of the oldest batch; None when there is none within the time."""
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._sizes) or self._is_interrupted, timeout_seconds
            )
            return next(iter(self._sizes), None)

    def interrupt(self) -> None:
        """Let `oldest` wait no longer: the agent ends."""
        with self._changed:
            self._is_interrupted = True
            self._changed.notify_all()

    def read(self, name: str) -> bytes | None:
        """Return the batch; None when it is gone, which then is counted and forgotten."""
        try:
            with open(os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC), "rb") as file:
                return file.read(MAX_BATCH_BYTES)
        except OSError as error:
            with self._changed:
                # Dropped in the meantime because the spool was full: counted already.
                if name in self._sizes:
                    self.dropped_io += 1
                    log.error("spool.failed action=read error=%r", str(error))
            self.remove(name)
            return None

    def remove(self, name: str) -> None:
        """Forget a batch: it was delivered, or nobody will ever take it."""
        with self._changed:
            self._held_bytes -= self._sizes.pop(name, 0)
        self._unlink(name)

    @property
    def batches(self) -> int:
        """How many are waiting."""
        return len(self._sizes)

    @property
    def held_bytes(self) -> int:
        """Bytes on disk, in whole blocks."""
        return self._held_bytes

    def _shrink(self, wanted_bytes: int) -> None:
        """Drop the oldest until so much more fits."""
        while self._sizes and self._held_bytes + wanted_bytes > self._max_bytes:
            name = next(iter(self._sizes))
            self._held_bytes -= self._sizes.pop(name)
            self.dropped_full += 1
            log.warning("spool.full dropped=%s", name)
            self._unlink(name)

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            # It comes again with the next start, and the collector knows it as a duplicate.
            log.error("spool.failed action=remove error=%r", str(error))

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


class Writer:
    """The thread that appends to a spool: a slow disk must not keep the kernel's events waiting."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._queue: queue.Queue[tuple[str, int, bytes] | None] = queue.Queue(MAX_QUEUED)
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self.dropped_queue = 0
        """Batches lost because too many waited for the disk."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether batches are still written."""
        return self._thread.is_alive()

    def put(self, run_id: str, seq: int, data: bytes) -> None:
        """Hand over a batch; never waits."""
        try:
            self._queue.put_nowait((run_id, seq, data))
        except queue.Full:
            self.dropped_queue += 1
            log.error("spool.failed action=queue waiting=%d", MAX_QUEUED)

    def finish(self, seconds: float) -> None:
        """Write what waits, at most so long, and end."""
        try:
            self._queue.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while item := self._queue.get():
            self._spool.append(*item)


def _partial(name: str) -> str:
    return name.removesuffix(".batch") + ".partial"


def _blocks(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK_BYTES) * BLOCK_BYTES


@contextmanager
def _directory(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
