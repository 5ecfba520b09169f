"""
`modpulse-collector backup`: a copy of the database, of a collector that runs or of none.

The file is there only when it is whole: it is written under another name beside it, checked, and
renamed.
"""

import json
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

from ..errors import BusyError, StoreError, StoreUnavailableError
from ..store import backup
from ..store.place import MODE, Place, files_beside

PART = ".part"
SILENCE_S = 600.0
"""Without a byte: so long may a copy of a large database take to be made."""
PIECE_BYTES = 1 << 20
MAX_LINE_BYTES = 4_096


def make(database: Path, target: Path) -> int:
    """
    Write a copy; returns its bytes.

    Raises:
        StoreError: there is no database, or the copy cannot be written, or is not whole.
        BusyError: another program has it, and gives out no copy.
    """
    database = Path(os.path.realpath(database))
    if Path(os.path.realpath(target)) in (database, *files_beside(database)):
        raise StoreError(f"{target}: that is the database itself, or a file of it")
    if not database.is_file():
        raise StoreError(f"{database}: there is no database")
    part = target.with_name(target.name + PART)
    try:
        try:
            _copied(database, part)
            _check(part)
            part.replace(target)
            _sync(target.parent)
        finally:
            part.unlink(missing_ok=True)
        return target.stat().st_size
    except (OSError, ValueError) as error:
        raise StoreError(f"{target}: {getattr(error, 'strerror', None) or error}") from None


def _copied(database: Path, part: Path) -> None:
    try:
        place = Place.take(database)
    except BusyError as error:
        if not _asked(database, part):
            raise BusyError(f"{database}: {error}") from None
        return
    try:
        # As it is, of whatever layout: a copy brings nothing up to date.
        with closing(sqlite3.connect(database)) as db:
            backup.copy(db, part, lambda: None)
    except StoreUnavailableError as error:
        raise StoreError(f"{database}: {error}") from None
    finally:
        place.close()


def _asked(database: Path, part: Path) -> bool:
    """Have the collector that has it give out a copy; returns whether there is one."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SILENCE_S)
        try:
            with backup.socket_name(database) as name:
                connection.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        connection.sendall(backup.ASKED)
        with connection.makefile("rb") as answer:
            document = json.loads(answer.readline(MAX_LINE_BYTES) or b"{}")
            if "bytes" not in document:
                why = document.get("error", "the collector ended")
                raise StoreError(f"no backup: {why}")
            left = int(document["bytes"])
            with open(part, "wb", opener=_private) as file:
                while left and (piece := answer.read(min(left, PIECE_BYTES))):
                    file.write(piece)
                    left -= len(piece)
                file.flush()
                os.fsync(file.fileno())
    if left:
        raise StoreError(f"no backup: the collector ended {left} bytes before its end")
    return True


def _check(part: Path) -> None:
    wrong = backup.check(part)
    if wrong:
        raise StoreError(f"the copy is not whole: {wrong}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, MODE)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
