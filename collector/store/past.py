"""
Rows of what was seen in the past, for alerts that are tried on it.

Every function works within the caller's transaction.
"""

import sqlite3

from modpulse.agent.service.units import NS

from ..alerts.kept import past_of, past_text
from ..alerts.past import AGAIN_NS, MAX_WATCHED, Rows, Stretch, Transition
from .rows import Row

MAX_PAST = 200_000
"""Rows that are kept: beyond them the oldest go."""
PAST_KEPT_NS = 30 * 86_400 * NS

LATEST = (
    "SELECT row FROM past WHERE at_ns >= (SELECT MAX(at_ns) FROM past) - "
    f"{AGAIN_NS + 60 * NS} ORDER BY id DESC LIMIT {MAX_WATCHED}"
)
"""Of what is watched each is among them, as long as they fit; newest first."""
PAGE = "SELECT id, row FROM past WHERE id > ? AND at_ns BETWEEN ? AND ? ORDER BY id LIMIT ?"
BEGIN = "SELECT MIN(at_ns) FROM past"


def add(db: sqlite3.Connection, rows: Rows) -> None:
    """Append what was seen."""
    times = (row.last.at_ns if isinstance(row, Stretch) else row.at_ns for row in rows)
    pairs = zip(times, map(past_text, rows), strict=True)
    db.executemany("INSERT INTO past (at_ns, row) VALUES (?, ?)", pairs)


def prune(db: sqlite3.Connection, now_ns: int) -> int:
    """Forget what is old, and the oldest where there is too much; returns how many of that."""
    db.execute("DELETE FROM past WHERE at_ns < ?", (now_ns - PAST_KEPT_NS,))
    return db.execute(
        "DELETE FROM past WHERE id <= (SELECT id FROM past ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (MAX_PAST,),
    ).rowcount


def read_row(row: Row) -> Transition | Stretch:
    """Return what a row has."""
    return past_of(row[0])
