"""
What a start takes back: the time, who asked, certificates and states.

A stored time may be wrong: a clock was, or the file is damaged. None that is ahead of now is
believed, for everything else would look old and be forgotten.
"""

import sqlite3
from collections import Counter

from modpulse.agent.service.units import NS

from ..clock import Anchor
from ..health.fleet import Fleet
from ..health.state import restored
from .recall import LAST_SEEN, Recall, SavedState
from .rows import LATEST_S

LATEST_NS = 1 << 62
"""In the year 2116: a time that is later is damage, and would end SQLite's integers."""


def anchor(db: sqlite3.Connection) -> Anchor | None:
    """Return where the clock was; None where that was not kept, or makes no sense."""
    row = db.execute(
        "SELECT boot_id, boot_offset_ns, wall_offset_ns, last_ns FROM clock"
    ).fetchone()
    if row is None or [*map(type, row)] != [str, int, int, int]:
        return None
    kept = Anchor(*row)
    is_sound = kept.last_ns >= 0 and all(-LATEST_NS < at < LATEST_NS for at in row[1:])
    return kept if is_sound else None


def newest_ns(db: sqlite3.Connection) -> int:
    """Return the newest time of the log, of states and of history; 0 without any."""
    starts_s = [start_s for _, start_s in db.execute(LAST_SEEN, (LATEST_S,))]
    others = db.execute(
        "SELECT (SELECT arrived_ns FROM log ORDER BY id DESC LIMIT 1), MAX(since_ns) FROM states"
    ).fetchone()
    times = (*(at_s * NS for at_s in starts_s if type(at_s) is int), *others)
    return max((at for at in times if type(at) is int and 0 <= at < LATEST_NS), default=0)


def correct(db: sqlite3.Connection, now_ns: int) -> Counter[str]:
    """
    Take times that are ahead of now for now, or for none, within the caller's transaction.

    History that is ahead is left: it is not read (`last_seen_s`), and moved by `pruning`.

    Returns:
        How many rows were ahead, by table.
    """
    ahead = "typeof({0}) = 'integer' AND {0} > ?1"
    changes = {
        "states": f"UPDATE states SET since_ns = ?1 WHERE {ahead.format('since_ns')}",
        # Whatever is seen next is newer.
        "certificates": f"UPDATE certificates SET seen_ns = 0 WHERE {ahead.format('seen_ns')}",
        "asks": f"DELETE FROM asks WHERE {ahead.format('asked_ns')} OR {ahead.format('served_ns')}",
        "log": f"DELETE FROM log WHERE {ahead.format('arrived_ns')}",
        "memories": f"DELETE FROM memories WHERE {ahead.format('at_ns')}",
        "lacked": f"DELETE FROM lacked WHERE {ahead.format('at_ns')}",
        "past": f"DELETE FROM past WHERE {ahead.format('at_ns')}",
    }
    return +Counter({table: db.execute(sql, (now_ns,)).rowcount for table, sql in changes.items()})


def restore(recall: Recall, fleet: Fleet, now_ns: int) -> dict[str, SavedState]:
    """
    Give the fleet what is no evidence: who asked, certificates, states.

    Returns:
        The states as they are kept.

    Raises:
        StoreUnavailableError: the database cannot be read.
    """
    # Those that most agents ask come first: beyond the bound there is no room.
    asks = recall.asks()
    agents = Counter(ask.proxy for ask in asks)
    seen = recall.last_seen_s(now_ns // NS)
    for name, seen_s in sorted(seen.items(), key=lambda item: (-agents[item[0]], -item[1])):
        proxy = fleet.proxies.recall(name)
        if proxy is not None:
            proxy.last_seen_ns = seen_s * NS
    for ask in asks:
        fleet.restore_ask(ask)
    for name, (leaf, seen_ns) in recall.certificates().items():
        proxy = fleet.proxies.recall(name)
        if proxy is not None:
            proxy.show(leaf, seen_ns)
    states = recall.states()
    for name, saved in states.items():
        proxy = fleet.proxies.recall(name)
        if proxy is not None:
            proxy.track = restored(saved.state, saved.since_ns, saved.findings)
    return states
