"""
What SQLite complains of, in words for who must act: one line with what is wrong and what helps.

Source: https://www.sqlite.org/rescode.html.
"""

import sqlite3

from ..errors import BusyError, StoreError, StoreUnavailableError

FAILURES = (sqlite3.Error, UnicodeError)
"""What Python's module raises: it also stumbles over a message that quotes a damaged schema."""
MAX_WORDS = 200
PRIMARY = 0xFF
"""An extended result code has its primary one in the lowest byte."""
MOVE_AWAY = (
    "move the file away, with the -wal and -shm beside it, to start with an empty one "
    "(`sqlite3 FILE .recover` saves what can be read)"
)
ROOM = "make room on its disk"
PASSING = {
    sqlite3.SQLITE_FULL: ROOM,
    sqlite3.SQLITE_BUSY: "another program has it locked",
    sqlite3.SQLITE_LOCKED: "another program has it locked",
    sqlite3.SQLITE_PROTOCOL: "another program has it locked",
    sqlite3.SQLITE_IOERR: "look whether its disk is full or failing",
    sqlite3.SQLITE_NOMEM: "give it more memory",
}
"""What may be over at the next start."""
FORBIDDEN = dict.fromkeys(
    (
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_AUTH,
    ),
    "look at owner, mode and mount of the file and its directory",
)


def at_start(error: BaseException) -> StoreError | BusyError:
    """Return why the collector does not start, and what to do."""
    code = _code(error)
    if code in PASSING:
        return BusyError(f"{_words(error)}: {PASSING[code]}")
    return StoreError(f"{_words(error)}: {FORBIDDEN.get(code, MOVE_AWAY)}")


def later(error: BaseException) -> StoreUnavailableError:
    """Return why nothing is taken now, and what to do."""
    code = _code(error)
    advice = (PASSING | FORBIDDEN).get(code)
    return StoreUnavailableError(
        f"the database cannot be used: {_words(error)}: "
        + (advice or f"stop the collector and {MOVE_AWAY}"),
        lasting=advice is None,
    )


def _words(error: BaseException) -> str:
    if isinstance(error, UnicodeError):
        return "malformed database schema"
    text = "".join(char if char.isprintable() else "?" for char in str(error))
    return text if len(text) <= MAX_WORDS else text[:MAX_WORDS] + "…"


def _code(error: BaseException) -> int:
    # Errors of Python's module itself have none: what was read made no sense to it.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & PRIMARY
