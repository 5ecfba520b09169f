"""Many rows with one statement, within the transaction of whoever has the connection."""

import sqlite3
from collections.abc import Iterator, Sequence

from .rows import Row

ROWS_AT_ONCE = 200
"""Of one statement: between two statements the interpreter is another thread's."""


def put(db: sqlite3.Connection, sql: str, rows: Sequence[Row], then: str = "") -> None:
    """
    Insert rows, many with one statement.

    Args:
        db: In a transaction.
        sql: Up to and with `VALUES`.
        rows: All of one length.
        then: What follows the values.
    """
    for some in _parts(rows):
        places = ",".join([f"({','.join('?' * len(some[0]))})"] * len(some))
        db.execute(f"{sql} {places} {then}", [value for row in some for value in row])


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for first in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[first : first + ROWS_AT_ONCE]
