"""
A copy of the database while it is used: SQLite's backup, some pages at a time.

What is written between two slices by the same connection goes into the copy, too: so it is of one
moment, that of its end. https://www.sqlite.org/backup.html
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from . import complaints
from .place import MODE

SOCKET_SUFFIX = ".sock"
"""Beside a database that a collector has: there it gives out copies."""
ASKED = b"backup 1\n"
"""What is said there; a line of JSON comes back, with `bytes` or `error`, then the copy."""
SLICE_PAGES = 128
"""Half a MiB: some milliseconds, for which batches wait."""


def copy(db: sqlite3.Connection, target: Path, between: Callable[[], None]) -> None:
    """
    Write a copy.

    Args:
        db: Outside of any transaction.
        target: Is made anew; on failure it is gone.
        between: Called after each slice; what it raises ends the copy.

    Raises:
        StoreUnavailableError: it cannot be read or written.
        OSError: the same.
    """
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    try:
        with closing(sqlite3.connect(target, isolation_level=None)) as copied:
            # Whatever happens to it meanwhile, it is no copy before its end.
            copied.execute("PRAGMA synchronous = OFF")
            copied.execute("PRAGMA journal_mode = OFF")
            db.backup(copied, pages=SLICE_PAGES, progress=lambda *_: between())
            # One file, whoever opens it next.
            copied.execute("PRAGMA journal_mode = DELETE")
        with open(target, "rb") as file:
            os.fsync(file.fileno())
    except BaseException as error:
        with suppress(OSError):
            target.unlink()
        if isinstance(error, complaints.FAILURES):
            raise complaints.later(error) from error
        raise


def check(path: Path) -> str | None:
    """Return what is wrong with a copy; None: it opens and is whole."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except complaints.FAILURES as error:
        return str(error)
    return None if found == "ok" else str(found)


@contextmanager
def socket_name(database: Path) -> Iterator[str]:
    """Yield the socket's name as it fits into an address (108 bytes), however long the path is."""
    folder = os.open(database.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{database.name}{SOCKET_SUFFIX}"
    finally:
        os.close(folder)
