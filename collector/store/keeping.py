"""
Rows of the store that bound it or say when it was: the clock's anchor, and what is let go.

Every function works within the caller's transaction.
"""

import sqlite3
from collections.abc import Iterable

from ..clock import Anchor
from . import tiers

MAX_RANGES_PER_AGENT = 1000
"""Runs, and gaps in their seq: at the bound the older half is forgotten."""


def keep(db: sqlite3.Connection, kept: Anchor) -> None:
    """Write where the clock is."""
    db.execute(
        "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)",
        (kept.boot_id, kept.boot_offset_ns, kept.wall_offset_ns, kept.last_ns),
    )


def advance(db: sqlite3.Connection, at_ns: int) -> None:
    """Let the kept time be no older than a batch that is kept."""
    db.execute("UPDATE clock SET last_ns = MAX(last_ns, ?)", (at_ns,))


def too_many(db: sqlite3.Connection, agents: Iterable[str]) -> list[str]:
    """Return which of these agents have more ranges than are kept."""
    count = "SELECT COUNT(*) FROM seen WHERE agent_id = ?"
    return [a for a in agents if db.execute(count, (a,)).fetchone()[0] > MAX_RANGES_PER_AGENT]


def trim_seen(db: sqlite3.Connection, agent_id: str) -> int:
    """Keep the newest ranges of an agent that invents runs; returns how many went."""
    ranges = db.execute("SELECT COUNT(*) FROM seen WHERE agent_id = ?", (agent_id,)).fetchone()[0]
    return db.execute(
        "DELETE FROM seen WHERE agent_id = ?1 AND (run_id, first_seq) IN (SELECT run_id, "
        "first_seq FROM seen WHERE agent_id = ?1 ORDER BY at_s LIMIT ?2)",
        (agent_id, ranges - MAX_RANGES_PER_AGENT // 2),
    ).rowcount


def forget(db: sqlite3.Connection, proxy: str) -> None:
    """Remove a proxy and every row of it."""
    row = db.execute("SELECT id FROM proxies WHERE proxy = ?", (proxy,)).fetchone()
    if row is None:
        return
    for table in ("asks", "certificates", "states", "memories"):
        db.execute(f"DELETE FROM {table} WHERE proxy_id = ?", row)
    if 0 < row[0] <= tiers.LAST_PROXY_ID:
        db.execute("DELETE FROM rollups WHERE key BETWEEN ? AND ?", tiers.of_proxy(row[0]))
    db.execute("DELETE FROM proxies WHERE id = ?", row)
