"""
One file that SQLite has open, and whether it is still as SQLite left it.

Nobody else may write it: the lock keeps other users of SQLite out, and what writes without it, a
`cp` or `truncate`, shows in the file's size, head or time.
"""

import contextlib
import os
from pathlib import Path

FDS = Path("/proc/self/fd")
REPLACED = "another file is in its place"


class Watched:
    """A file by its name and by what is open; closed with `close`."""

    def __init__(self, path: Path, fd: int, head_bytes: int, is_timed: bool) -> None:
        """
        Args:
            path: Where it must stay.
            fd: Open for reading.
            head_bytes: How much of its beginning is compared.
            is_timed: Whether its time is: it then tells every write, and one `touch` too.
        """
        self.path = path
        self._fd = fd
        self._head_bytes = head_bytes
        self._is_timed = is_timed
        self._identity = _identity(os.fstat(fd))
        self._left = self._look()

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    def head(self) -> bytes:
        """Return its beginning."""
        return os.pread(self._fd, self._head_bytes, 0)

    def size_bytes(self) -> int:
        """Return how long it is."""
        return os.fstat(self._fd).st_size

    def moved(self) -> str | None:
        """Return why its name no longer leads to it; None: it does."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError as error:
            return error.strerror
        return None if _identity(there) == self._identity else REPLACED

    def is_written_over(self) -> bool:
        """Whether others wrote or cut it since `leave`."""
        return self._look() != self._left

    def is_shorter(self) -> bool:
        """Whether it was cut since `leave`, whoever wrote it meanwhile."""
        return self.size_bytes() < self._left[0]

    def leave(self) -> None:
        """Take it for what it has to be from now on."""
        self._left = self._look()

    def cut_off(self) -> None:
        """Let whoever else in this process has it open read nothing of it, and write nothing."""
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for name in os.listdir(FDS):
            # The descriptor of the listing itself is gone.
            with contextlib.suppress(OSError):
                fd = int(name)
                if fd != self._fd and _identity(os.fstat(fd)) == self._identity:
                    os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)

    def _look(self) -> tuple[int, int, bytes]:
        found = os.fstat(self._fd)
        return found.st_size, found.st_mtime_ns if self._is_timed else 0, self.head()


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
