"""
The database as files: whose they are, whether one collector alone has them, whether they are there.

Knows nothing of tables. SQLite would go on writing into a file that was deleted, moved or emptied,
copy a log that others wrote into the database, and take a pipe, a device or the name of a
directory for one.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..errors import BusyError, StoreError, StoreGoneError, StoreUnavailableError
from .watched import REPLACED, Watched

SIDES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database."""
OLD_LOG = "-wal.old"
"""The log of a database that was replaced: SQLite would take it for the new one's."""
HEADER_BYTES = 100
LOG_HEADER_BYTES = 32
MAGIC = b"SQLite format 3\0"
LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""https://www.sqlite.org/fileformat2.html sections 1.3 and 4.1."""
MAX_PID_BYTES = 32

PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that may be over at the next start."""

MODE = 0o600
"""Of what is made: names of private modules are in it. SQLite gives its log the same."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}


def files_beside(database: Path) -> tuple[Path, ...]:
    """Return what may lie beside a database and belong to it."""
    suffixes = (*SIDES, OLD_LOG, ".lock", ".sock")
    return tuple(database.with_name(database.name + suffix) for suffix in suffixes)


class Place:
    """One database's files, locked for this process until `close`."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        """Without symbolic links: SQLite puts its files beside this one."""
        # POSIX drops a process's locks on a file when it closes any descriptor of it, SQLite's
        # among them: this one stays open until SQLite is done.
        self._database = Watched(path, fd, HEADER_BYTES, is_timed=False)
        self._log: Watched | None = None
        """None until SQLite has made it."""
        self._foreign: set[Watched] = set()
        """What others wrote: no page may go from the log into the database any more."""
        self._lost: str | None = None
        """Why no start would find what was committed: only a restart helps."""

    @classmethod
    def take(cls, name: Path) -> "Place":
        """
        Make the directory and the file where they are missing, and lock them.

        Raises:
            StoreError: it is no file of ours, or cannot be made or opened.
            BusyError: another collector has it.
        """
        try:
            path = Path(os.path.realpath(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_kinds(path)
            fd = os.open(path, _FLAGS, MODE)
        except (OSError, ValueError) as error:
            raise _cannot_open(error) from None
        try:
            _lock(fd, path.with_name(path.name + ".lock"))
        except (OSError, BusyError) as error:
            os.close(fd)
            raise error if isinstance(error, BusyError) else _cannot_open(error) from None
        return cls(path, fd)

    def settle(self) -> None:
        """
        Watch the files as SQLite has made them: from now on it alone may write them.

        Raises:
            OSError: its log cannot be opened.
            StoreUnavailableError: a file is not there, or is cut short.
        """
        path = self.path.with_name(self.path.name + "-wal")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._log = Watched(path, fd, LOG_HEADER_BYTES, is_timed=True)
        self.leave()

    def check(self) -> None:
        """
        Make sure that what is committed now is found at the next start.

        Raises:
            StoreUnavailableError: a file was deleted, replaced, written over or cut, or its disk
                cannot be read.
        """
        with _reading():
            for file in self._files:
                if file.is_written_over():
                    self._lose(file)
        self._check_names()

    def leave(self) -> None:
        """
        Take what SQLite has written, or taken back, for ours; what is wrong now stays so.

        Raises:
            StoreUnavailableError: what was committed is not where a start would look.
        """
        with _reading():
            if self._log and (self._log.is_shorter() or not _is_log(self._log)):
                self._lose(self._log)
            if not _is_whole(self._database):
                self._lose(self._database)
            for file in self._files:
                file.leave()
        try:
            self._check_names()
        except StoreUnavailableError as error:
            self._lost = str(error)
            raise

    def spare(self) -> None:
        """
        Before SQLite closes: keep it from copying a log that others wrote into the database, and
        from finding its log beside another database at the next start.
        """
        with contextlib.suppress(StoreUnavailableError):
            self.check()
        if self._log is None:
            return
        if self._foreign:
            self._log.cut_off()
        is_replaced = self._database in self._foreign or self._database.moved() == REPLACED
        if is_replaced and not self._log.moved():
            with contextlib.suppress(OSError):
                self._log.path.rename(self.path.with_name(self.path.name + OLD_LOG))

    def close(self) -> None:
        """Let go, after SQLite has closed the database."""
        for file in self._files:
            file.close()

    @property
    def _files(self) -> tuple[Watched, ...]:
        return (self._database, self._log) if self._log else (self._database,)

    def _lose(self, file: Watched) -> None:
        self._foreign.add(file)
        self._lost = self._lost or _changed(
            file.path,
            "it was cut or written over",
            "restart the collector to begin with what is there; "
            "what was answered of late may be lost",
        )

    def _check_names(self) -> None:
        why = self._lost
        for file in self._files:
            moved = file.moved()
            if moved:
                why = why or _changed(
                    file.path,
                    moved,
                    "put it back, or restart the collector to begin with what is there",
                )
        if why:
            raise StoreGoneError(why)


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"the database cannot be read: {error.strerror}: look whether its disk is failing"
        ) from None


def _check_kinds(path: Path) -> None:
    """Refuse what is no plain file, before anything is opened: a pipe would hold us for ever."""
    for side in ("", ".lock", *SIDES):
        name = path.with_name(path.name + side)
        try:
            found = os.lstat(name)
        except FileNotFoundError:
            continue
        kind = stat.S_IFMT(found.st_mode)
        if kind != stat.S_IFREG:
            raise StoreError(f"{name.name} is {_KINDS.get(kind, 'no file')}, not a file")
        if found.st_nlink > 1:
            # SQLite finds its log by name: under another name it would not be read.
            raise StoreError(
                f"{name.name} has {found.st_nlink} names (hard links), "
                "of which SQLite can keep only one in order: copy it instead"
            )


def _lock(fd: int, note: Path) -> None:
    """
    Lock the database itself, by whatever name it was opened; the kernel lets go with the process.

    SQLite's own locks are of another kind, and neither sees the other. The note beside it says who
    has it, and is no lock: it may be deleted.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError), open(note, "rb") as file:
            holder = file.read(MAX_PID_BYTES).strip()
            if holder.isdigit():
                raise _in_use(f"process {int(holder)}") from None
        raise _in_use("another process") from None
    note_fd = os.open(note, _FLAGS, MODE)
    try:
        os.ftruncate(note_fd, 0)
        os.pwrite(note_fd, b"%d\n" % os.getpid(), 0)
    finally:
        os.close(note_fd)


def _in_use(who: str) -> BusyError:
    return BusyError(f"in use by another collector ({who}): one database, one collector")


def _is_whole(database: Watched) -> bool:
    """Whether it holds the pages that its header says (0 pages: before the first commit)."""
    header = database.head()
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        return False
    page_bytes = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    return database.size_bytes() >= pages * (65_536 if page_bytes == 1 else page_bytes)


def _is_log(log: Watched) -> bool:
    """Whether it begins as one; it is empty before the first commit."""
    header = log.head()
    return not header or header.startswith(LOG_MAGIC)


def _changed(path: Path, why: str, advice: str) -> str:
    return (
        f"{path} was deleted or changed while the collector ran ({why}): nothing is taken; {advice}"
    )


def _cannot_open(error: Exception) -> StoreError | BusyError:
    if isinstance(error, OSError) and error.errno in PASSING:
        return BusyError(f"cannot be opened: {_words(error)}")
    return StoreError(f"cannot be opened: {_words(error)}")


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
