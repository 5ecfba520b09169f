"""
Rows of what people do: notes, announced maintenance, and the audit log of both.

Every function works within the caller's transaction: an act without its row in the log is none.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import get_args

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say

from ..access.audit import MAX_AUDIT, MAX_AUDIT_REFUSED, Act, Outcome
from ..alerts.kept import MOST as MOST_AT_NS
from ..alerts.maintenance import MOST_MINUTES, Announced, Window
from ..alerts.note import MAX_NOTE_CHARS, Note
from .rows import Row, read_int

NOTES = (
    "SELECT incident_id, at_ns, who, words, is_public FROM notes "
    "WHERE incident_id = ? ORDER BY id LIMIT ?"
)
WINDOWS = "SELECT id, begins, minutes, proxy, site, who, at_ns FROM maintenance ORDER BY id LIMIT ?"
AUDIT = (
    "SELECT at_ns, who, act, target, outcome, address, id FROM audit "
    "WHERE id < ? ORDER BY id DESC LIMIT ?"
)


def record(db: sqlite3.Connection, acts: Iterable[Act]) -> None:
    """Append to the log."""
    db.executemany(
        "INSERT INTO audit (at_ns, who, act, target, outcome, address) VALUES (?, ?, ?, ?, ?, ?)",
        [(a.at_ns, a.who, a.act, a.target, a.outcome, a.address) for a in acts],
    )


def add_note(db: sqlite3.Connection, note: Note, act: Act) -> None:
    """Keep a note."""
    db.execute(
        "INSERT INTO notes (incident_id, at_ns, who, words, is_public) VALUES (?, ?, ?, ?, ?)",
        (note.incident_id, note.at_ns, note.who, note.words, note.is_public),
    )
    record(db, [act])


def announce(db: sqlite3.Connection, announced: Announced, act: Act) -> Announced:
    """Keep a window; returns it with its number, which no window had before."""
    window = announced.window
    cursor = db.execute(
        "INSERT INTO maintenance (begins, minutes, proxy, site, who, at_ns) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (window.begins, window.minutes, window.proxy, window.site, announced.who, announced.at_ns),
    )
    number = cursor.lastrowid or 0
    record(db, [Act(act.at_ns, act.who, act.act, f"{number}: {act.target}", "done", act.address)])
    return Announced(number, window, announced.who, announced.at_ns)


def end(db: sqlite3.Connection, numbers: Sequence[int], acts: Iterable[Act]) -> None:
    """Let go of windows."""
    db.executemany("DELETE FROM maintenance WHERE id = ?", [(number,) for number in numbers])
    record(db, acts)


def prune(db: sqlite3.Connection, until_ns: int) -> int:
    """Forget what is older, and the oldest where there is too much; returns how many of that."""
    db.execute("DELETE FROM audit WHERE at_ns < ?", (until_ns,))
    gone = 0
    for which, most in (("= 'refused'", MAX_AUDIT_REFUSED), ("!= 'refused'", MAX_AUDIT)):
        gone += db.execute(
            f"DELETE FROM audit WHERE outcome {which} AND id <= "
            f"(SELECT id FROM audit WHERE outcome {which} ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (most,),
        ).rowcount
    return gone


def read_note(row: Row) -> Note:
    """Return the note of a row."""
    number, at_ns, who, words, is_public = row
    words = say(_text(words), MAX_NOTE_CHARS)
    at_ns = read_int(at_ns, most=MOST_AT_NS)
    return Note(read_int(number), at_ns, _text(who), words, bool(read_int(is_public, most=1)))


def read_window(row: Row) -> Announced:
    """Return the window of a row."""
    number, begins, minutes, proxy, site, who, at_ns = row
    if not isinstance(minutes, float) or not 0 < minutes <= MOST_MINUTES:
        raise ValueError("expected minutes")
    window = Window(_text(begins), minutes, _text(proxy), _text(site))
    try:
        window.check()
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return Announced(read_int(number, 1), window, _text(who), read_int(at_ns, most=MOST_AT_NS))


def read_act(row: Row) -> Act:
    """Return the act of a row."""
    at_ns, who, act, target, outcome, address, number = row
    if outcome not in get_args(Outcome):
        raise ValueError("expected an outcome")
    at_ns = read_int(at_ns, most=MOST_AT_NS)
    words = (_text(who), _text(act), _text(target))
    return Act(at_ns, *words, outcome, _text(address), read_int(number))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value
