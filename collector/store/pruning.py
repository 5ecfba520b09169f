"""
What is too old or too much goes, and minutes become hours: in slices, for which batches can wait.

Every function works within the caller's transaction, a slice each; a slice that fails is taken
back, and the next time begins anew.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..intake.rollup import HOUR_S, MINUTE_S
from .rows import MOST_COUNT

SLICE_S = 0.02
"""How long a slice holds the disk, and then the step that it is in."""
STEP_ROWS = 2_000
MAX_RANGES = 1_000_000
"""Of seq, of all agents: a hundred for each of the fleet that one collector is made for."""

HISTORY = (("counts", "name"), ("sketches", "phase, bucket"))
SUM = f"CAST(IFNULL(MAX(0, MIN(TOTAL(count), {MOST_COUNT})), 0) AS INTEGER)"
"""Unlike SUM() it does not overflow, whatever is in the column."""
ADD = f"ON CONFLICT DO UPDATE SET count = MIN(MAX(count, 0) + excluded.count, {MOST_COUNT})"


@dataclass(frozen=True, slots=True)
class Cuts:
    """What is older than these times is forgotten."""

    now_s: int
    """What is later than this by more than an hour is of no time that is known."""
    asks_until_ns: int
    minutes_until_s: int
    """Minutes before it are added to their hours."""
    hours_until_s: int
    """Also of `seen`."""


def slices(db: sqlite3.Connection, cuts: Cuts, overflow: Counter[str]) -> Iterator[None]:
    """
    Forget what is old, a slice between two results.

    Args:
        db: In a transaction whenever this is advanced.
        cuts: How old is old.
        overflow: Where what bounds cost is counted.
    """
    began_s = time.monotonic()
    for _ in _steps(db, cuts, overflow):
        if time.monotonic() - began_s >= SLICE_S:
            yield
            began_s = time.monotonic()


def _steps(db: sqlite3.Connection, cuts: Cuts, overflow: Counter[str]) -> Iterator[None]:
    for (proxy_id,) in db.execute("SELECT id FROM proxies").fetchall():
        db.execute(
            "DELETE FROM asks WHERE proxy_id = ? AND asked_ns < ?", (proxy_id, cuts.asks_until_ns)
        )
        for table, key in HISTORY:
            yield from _forget_hours(db, table, proxy_id, cuts)
            yield from _fold(db, table, key, proxy_id, cuts)
        _forget_unused(db, proxy_id)
        yield
    yield from _forget_seen(db, cuts, overflow)


def _forget_hours(db: sqlite3.Connection, table: str, proxy_id: int, cuts: Cuts) -> Iterator[None]:
    where = "proxy_id = ? AND period_s = ? AND start_s < ?"
    for period_s in (MINUTE_S, HOUR_S):
        old = (proxy_id, period_s, cuts.hours_until_s)
        some = f"SELECT start_s FROM {table} WHERE {where} ORDER BY start_s LIMIT 1 OFFSET ?"
        while row := db.execute(some, (*old, STEP_ROWS)).fetchone():
            db.execute(f"DELETE FROM {table} WHERE {where} AND start_s <= ?", (*old, *row))
            yield
        db.execute(f"DELETE FROM {table} WHERE {where}", old)


def _fold(
    db: sqlite3.Connection, table: str, key: str, proxy_id: int, cuts: Cuts
) -> Iterator[None]:
    """Add minutes to their hours, an hour at a time; what is of no known time counts as now."""
    # Only whole hours are folded: a late batch may still add minutes, folded next time.
    old = (proxy_id, MINUTE_S, cuts.minutes_until_s - cuts.minutes_until_s % HOUR_S)
    oldest = f"SELECT MIN(start_s) FROM {table} WHERE proxy_id = ? AND period_s = ? AND start_s < ?"
    while (start_s := db.execute(oldest, old).fetchone()[0]) is not None:
        hour_s = int(start_s) - int(start_s) % HOUR_S
        _move(db, table, key, hour_s, "start_s < ?", (proxy_id, MINUTE_S, hour_s + HOUR_S))
        yield
    for period_s in (MINUTE_S, HOUR_S):
        ahead = (proxy_id, period_s, cuts.now_s + HOUR_S)
        _move(db, table, key, cuts.now_s - cuts.now_s % HOUR_S, "start_s > ?", ahead)


def _move(
    db: sqlite3.Connection,
    table: str,
    key: str,
    hour_s: int,
    which: str,
    values: tuple[int, int, int],
) -> None:
    where = f"WHERE proxy_id = ? AND period_s = ? AND {which}"
    db.execute(
        f"INSERT INTO {table} SELECT proxy_id, {HOUR_S}, {hour_s}, {key}, {SUM} "
        f"FROM {table} {where} GROUP BY proxy_id, {key} {ADD}",
        values,
    )
    db.execute(f"DELETE FROM {table} {where}", values)


def _forget_unused(db: sqlite3.Connection, proxy_id: int) -> None:
    """Without history nothing is known of a proxy, and when nobody asks it either it is gone."""
    for table in ("states", "certificates"):
        db.execute(
            f"DELETE FROM {table} WHERE proxy_id = ?1 "
            "AND NOT EXISTS (SELECT 1 FROM counts WHERE proxy_id = ?1)",
            (proxy_id,),
        )
    db.execute(
        "DELETE FROM proxies WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM counts WHERE "
        "proxy_id = ?1) AND NOT EXISTS (SELECT 1 FROM sketches WHERE proxy_id = ?1) "
        "AND NOT EXISTS (SELECT 1 FROM asks WHERE proxy_id = ?1)",
        (proxy_id,),
    )


def _forget_seen(db: sqlite3.Connection, cuts: Cuts, overflow: Counter[str]) -> Iterator[None]:
    """Forget old ranges of seq; where agents are invented, the oldest minutes of what is left."""
    left = 0
    for agents in _agents(db):
        db.execute(f"DELETE FROM seen {AGENTS} AND at_s < ?3", (*agents, cuts.hours_until_s))
        left += db.execute(f"SELECT COUNT(*) FROM seen {AGENTS}", agents).fetchone()[0]
        yield
    if left <= MAX_RANGES:
        return
    ages: Counter[float] = Counter()
    for agents in _agents(db):
        rows = db.execute(f"SELECT at_s / 60, COUNT(*) FROM seen {AGENTS} GROUP BY 1", agents)
        ages.update(dict(rows.fetchall()))
        yield
    for minute in sorted(ages):
        if left <= MAX_RANGES:
            break
        left -= ages[minute]
        until_s = (minute + 1) * 60
    for agents in _agents(db):
        cursor = db.execute(f"DELETE FROM seen {AGENTS} AND at_s < ?3", (*agents, until_s))
        overflow["MAX_RANGES"] += cursor.rowcount
        yield


AGENTS = "WHERE agent_id > ?1 AND (?2 IS NULL OR agent_id <= ?2)"


def _agents(db: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    """Yield from and to which agent a step goes: the first without, the last with it."""
    first = ""
    while True:
        row = db.execute(
            "SELECT agent_id FROM seen WHERE agent_id > ? ORDER BY agent_id LIMIT 1 OFFSET ?",
            (first, STEP_ROWS),
        ).fetchone()
        yield first, row[0] if row else None
        if not row:
            return
        first = row[0]
