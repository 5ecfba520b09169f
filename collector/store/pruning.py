"""
What is too old or too much goes, and minutes are added to hours: in slices, for which batches can
wait.

Every function works within the caller's transaction, a slice each; a slice that fails is taken
back, and the next time begins anew.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from . import tiers
from .rollups import Rollups
from .tiers import Kept, aligned, narrowed

SLICE_S = 0.02
"""How long a slice holds the disk, and then the step that it is in."""
STEP_ROWS = 500
MAX_RANGES = 1_000_000
"""Of seq, of all agents: a hundred for each of the fleet that one collector is made for."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """What is older than these times is forgotten."""

    now_s: int
    """What is later than this by more than an hour is of no time that is known."""
    asks_until_ns: int
    minutes_until_s: int
    hours_until_s: int
    """Also of `seen`."""
    days_until_s: int = 0
    most_bytes: int | None = None
    """Of all rows together: the history gives way. None: as many as there are."""


def slices(
    db: sqlite3.Connection, rollups: Rollups, cuts: Cuts, overflow: Counter[str]
) -> Iterator[None]:
    """
    Forget what is old, a slice between two results.

    Args:
        db: In a transaction whenever this is advanced.
        rollups: The history, on the same connection.
        cuts: How old is old.
        overflow: Where what bounds cost is counted.
    """
    began_s = time.monotonic()
    for _ in _steps(db, rollups, cuts, overflow):
        if time.monotonic() - began_s >= SLICE_S:
            yield
            began_s = time.monotonic()


def _steps(
    db: sqlite3.Connection, rollups: Rollups, cuts: Cuts, overflow: Counter[str]
) -> Iterator[None]:
    yield from _keep_history(db, rollups, cuts, overflow)
    for (proxy_id,) in db.execute("SELECT id FROM proxies").fetchall():
        db.execute(
            "DELETE FROM asks WHERE proxy_id = ? AND asked_ns < ?", (proxy_id, cuts.asks_until_ns)
        )
        _forget_unused(db, proxy_id)
        yield
    yield from _forget_seen(db, cuts, overflow)


def _keep_history(
    db: sqlite3.Connection, rollups: Rollups, cuts: Cuts, overflow: Counter[str]
) -> Iterator[None]:
    """Add minutes to hours and these to days, then forget what is old, or too much."""
    series = [*tiers.all_series(_ids(db))]
    for one, dimension in series:
        yield from rollups.settle(one, dimension, cuts.now_s)
        yield from rollups.fold(one, dimension, cuts.now_s)
        yield
    kept = Kept(cuts.minutes_until_s, cuts.hours_until_s, cuts.days_until_s)
    while True:
        rollups.keep(aligned(kept))
        for one, _ in series:
            for _ in rollups.forget(one, STEP_ROWS):
                yield
        yield
        narrower = narrowed(rollups.kept(), cuts.now_s)
        if cuts.most_bytes is None or used_bytes(db) <= cuts.most_bytes or narrower is None:
            return
        overflow["database_max_bytes"] += 1
        kept = narrower


def _ids(db: sqlite3.Connection) -> list[int]:
    sql = "SELECT id FROM proxies WHERE typeof(id) = 'integer' AND id BETWEEN 1 AND ?"
    return [proxy_id for (proxy_id,) in db.execute(sql, (tiers.LAST_PROXY_ID,)).fetchall()]


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how many bytes of the file hold something: what was deleted leaves room in it."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _forget_unused(db: sqlite3.Connection, proxy_id: int) -> None:
    """Without history nothing is known of a proxy, and when nobody asks it either it is gone."""
    if 0 < proxy_id <= tiers.LAST_PROXY_ID:
        some = "SELECT 1 FROM rollups WHERE key BETWEEN ? AND ? LIMIT 1"
        if db.execute(some, tiers.of_proxy(proxy_id)).fetchone():
            return
    for table in ("states", "certificates", "memories"):
        db.execute(f"DELETE FROM {table} WHERE proxy_id = ?", (proxy_id,))
    db.execute(
        "DELETE FROM proxies WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM asks WHERE proxy_id = ?1)",
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
        # In a damaged index what comes after an agent may lie before it, without end.
        is_last = not row or not isinstance(row[0], str) or row[0] <= first
        yield first, None if is_last else row[0]
        if is_last:
            return
        first = row[0]
