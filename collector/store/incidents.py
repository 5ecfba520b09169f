"""
Rows of incidents, and what they cost by the counts of their minutes.

Every function works within the caller's transaction.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from modpulse.agent.service.units import NS

from ..alerts.incident import Cost, Incident
from ..alerts.kept import incident_of, to_text
from ..intake.rollup import HOUR_S, MINUTE_S
from .rows import MOST_COUNT, Row

OPEN = "SELECT incident FROM incidents WHERE closed_ns IS NULL ORDER BY id LIMIT ?"
CLOSED = (
    "SELECT incident FROM incidents WHERE closed_ns IS NOT NULL ORDER BY closed_ns DESC LIMIT ?"
)
_COST = (
    "SELECT TOTAL(iif(name = 'other' OR name GLOB '*.*', count, 0)), "
    "TOTAL(iif(name = 'fallback', count, 0)), TOTAL(iif(name = 'fallback_ms', count, 0)) "
    "FROM counts WHERE proxy_id = (SELECT id FROM proxies WHERE proxy = ?) "
    f"AND period_s IN ({MINUTE_S}, {HOUR_S}) AND start_s BETWEEN ? AND ?"
)


def keep(db: sqlite3.Connection, incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Write incidents with their cost of now; returns them with it."""
    kept = tuple(replace(incident, cost=_cost(db, incident)) for incident in incidents)
    db.executemany(
        "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?)",
        [(incident.id, incident.closed_ns, to_text(incident)) for incident in kept],
    )
    return kept


def next_id(db: sqlite3.Connection) -> int:
    """Return an id that no incident has."""
    (highest,) = db.execute("SELECT MAX(id) FROM incidents").fetchone()
    return highest + 1 if isinstance(highest, int) else 1


def read_incident(row: Row) -> Incident:
    """Return the incident of a row."""
    return incident_of(row[0])


def _cost(db: sqlite3.Connection, incident: Incident) -> Cost:
    """
    Add up the counts of its proxies' minutes; what was before it may be in the first and the last.

    Nothing that it had cost before is taken back: minutes become hours, and old ones go.
    """
    if incident.topic != "proxy":
        return incident.cost
    from_s = incident.since_ns // NS // MINUTE_S * MINUTE_S
    until_s = min(MOST_COUNT, (incident.closed_ns or 1 << 62) // NS)
    failed = fell_through = lost_ms = 0.0
    for proxy in incident.proxies:
        row = db.execute(_COST, (proxy, from_s, until_s)).fetchone()
        failed, fell_through, lost_ms = (
            total + min(more, MOST_COUNT)
            for total, more in zip((failed, fell_through, lost_ms), row, strict=True)
        )
    before = incident.cost
    return Cost(
        max(before.failed, int(failed)),
        max(before.fell_through, int(fell_through)),
        max(before.lost_s, lost_ms / 1000),
    )
