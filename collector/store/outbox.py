"""
The outbox: notices that wait for their channels, and the last of those that do not.

Every function works within the caller's transaction. A notice is written once for each channel,
however often it is tried to write it.
"""

import sqlite3
from collections.abc import Iterable

from ..alerts.kept import notice_of, to_text
from ..alerts.notice import Notice, Outcome, Waiting
from .rows import Row, read_int, read_name

MAX_SETTLED = 10_000
"""Notices that are kept after they were settled."""
MAX_WAITING = 2_000
"""Of one channel, read at once; one of each open incident, as a rule."""

WAITING = (
    "SELECT id, incident_id, attempts, next_ns, made_ns, notice FROM outbox "
    f"WHERE channel = ? AND outcome IS NULL ORDER BY id LIMIT {MAX_WAITING}"
)


def add(db: sqlite3.Connection, notices: Iterable[tuple[str, Notice]], now_ns: int) -> None:
    """Let each notice wait for its channel, without a delay."""
    db.executemany(
        "INSERT OR IGNORE INTO outbox (channel, incident_id, count, made_ns, next_ns, attempts, "
        "notice) VALUES (?, ?, ?, ?, ?, 0, ?)",
        [
            (channel, notice.incident.id, notice.count, now_ns, now_ns, to_text(notice))
            for channel, notice in notices
        ],
    )


def postpone(db: sqlite3.Connection, number: int, attempts: int, next_ns: int) -> None:
    """Try again later."""
    db.execute(
        "UPDATE outbox SET attempts = ?, next_ns = ? WHERE id = ?", (attempts, next_ns, number)
    )


def settle(db: sqlite3.Connection, numbers: Iterable[int], outcome: Outcome, now_ns: int) -> None:
    """Let notices wait no more."""
    db.executemany(
        "UPDATE outbox SET outcome = ?, settled_ns = ? WHERE id = ?",
        [(outcome, now_ns, number) for number in numbers],
    )
    db.execute(
        "DELETE FROM outbox WHERE outcome IS NOT NULL AND id <= (SELECT id FROM outbox "
        "WHERE outcome IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (MAX_SETTLED,),
    )


def forget_unknown(db: sqlite3.Connection, channels: Iterable[str], now_ns: int) -> int:
    """Settle what waits for channels that are configured no more; returns how many."""
    known = list(channels)
    marks = ", ".join("?" * len(known))
    return db.execute(
        "UPDATE outbox SET outcome = 'expired', settled_ns = ? "
        f"WHERE outcome IS NULL AND channel NOT IN ({marks})",
        (now_ns, *known),
    ).rowcount


def read_waiting(row: Row) -> Waiting:
    """Return what a row has."""
    number, incident_id, attempts, next_ns, made_ns, text = row
    return Waiting(
        read_int(number),
        read_int(incident_id),
        read_int(attempts),
        read_int(next_ns),
        read_int(made_ns),
        notice_of(read_name(text)),
    )
