"""
Rows of incidents, and what they cost by the counts of their minutes.

Every function works within the caller's transaction.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from modpulse.agent.service.units import NS

from ..alerts.incident import ANSWERING, Cost, Incident
from ..alerts.kept import incident_of, to_text
from ..intake.cells import MOST_COUNT, Cell
from ..intake.rollup import MINUTE_S
from .rollups import Rollups
from .rows import Row

OPEN = "SELECT incident FROM incidents WHERE closed_ns IS NULL ORDER BY id LIMIT ?"
CLOSED = (
    "SELECT incident FROM incidents WHERE closed_ns IS NOT NULL ORDER BY closed_ns DESC LIMIT ?"
)

EARLIER = (
    "SELECT incident FROM incidents WHERE id < ? AND (closed_ns IS NULL OR closed_ns >= ?) "
    "ORDER BY id DESC LIMIT ?"
)


def keep(
    db: sqlite3.Connection, rollups: Rollups, incidents: Iterable[Incident]
) -> tuple[Incident, ...]:
    """Write incidents with their cost of now; returns them with it."""
    kept = tuple(replace(incident, cost=_cost(db, rollups, incident)) for incident in incidents)
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


def _cost(db: sqlite3.Connection, rollups: Rollups, incident: Incident) -> Cost:
    """
    Add up the counts of its proxies' minutes; what was before it may be in the first and the last.

    Nothing that it had cost before is taken back: minutes become hours, and old ones go.
    """
    if not any(member.key.rule in ANSWERING for member in incident.members):
        return incident.cost
    from_s = incident.since_ns // NS // MINUTE_S * MINUTE_S
    until_s = min(MOST_COUNT, (incident.closed_ns or 1 << 62) // NS) + 1
    cost = Cell()
    for proxy in incident.proxies:
        row = db.execute("SELECT id FROM proxies WHERE proxy = ?", (proxy,)).fetchone()
        if row:
            cost.add(rollups.total(row[0], from_s, until_s))
    before, counts = incident.cost, cost.counts
    return Cost(
        max(before.failed, cost.failed),
        max(before.fell_through, counts["fallback"]),
        max(before.lost_s, counts["fallback_ms"] / 1000),
        max(before.commands_failed, counts["stopped"]),
        max(before.failed_s, counts["failed_ms"] / 1000),
    )
