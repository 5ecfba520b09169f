"""
Rows of what is remembered beside the history: of each proxy, and of modules that some proxy lacks.

Every function works within the caller's transaction.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any

from ..alerts.kept import typed
from ..health.memory import Memory
from ..health.versions import Lacked
from ..health.worst import WorstRequest
from .rows import LATEST_LEAF_S, Row, read_int, read_name

MEMORIES = (
    "SELECT proxy_id, proxy, at_ns, memory FROM memories JOIN proxies ON proxies.id = proxy_id "
    "WHERE proxy_id > ? ORDER BY proxy_id LIMIT ?"
)
LACKED = "SELECT at_ns, lacked FROM lacked ORDER BY module LIMIT ? OFFSET ?"
_FIELDS = tuple(field.name for field in fields(WorstRequest))


def keep(db: sqlite3.Connection, known: Mapping[int, Memory], at_ns: int) -> None:
    """Write what is remembered of proxies, by their ids."""
    db.executemany(
        "INSERT OR REPLACE INTO memories VALUES (?, ?, ?)",
        [(proxy_id, at_ns, memory_text(memory)) for proxy_id, memory in known.items()],
    )


def keep_lacked(db: sqlite3.Connection, rows: Iterable[Lacked | str]) -> None:
    """Write modules, and remove those of which only the name is given."""
    for row in rows:
        if isinstance(row, str):
            db.execute("DELETE FROM lacked WHERE module = ?", (row,))
        else:
            values = (row.module, row.noted_ns, json.dumps(asdict(row), separators=(",", ":")))
            db.execute("INSERT OR REPLACE INTO lacked VALUES (?, ?, ?)", values)


def memory_text(memory: Memory) -> str:
    """Return it as JSON; of a thousand proxies each, so nothing is copied on the way."""
    value = {
        "min_ttl_s": memory.min_ttl_s,
        "certificates": [asdict(one) for one in memory.certificates],
        "worst": [{name: getattr(one, name) for name in _FIELDS} for one in memory.worst],
    }
    return json.dumps(value, separators=(",", ":"), default=dict)


def read_memory(row: Row) -> tuple[int, str, Memory]:
    """Return (proxy_id, proxy, memory)."""
    proxy_id, proxy, at_ns, text = row
    memory: Memory = typed(Memory, _parsed(text))
    until_ns = read_int(at_ns)
    if memory.min_ttl_s is not None:
        read_int(memory.min_ttl_s)
    for shown in memory.certificates:
        read_int(shown.last_ns, read_int(shown.first_ns), until_ns)
        for at_s in (shown.leaf.not_before_s, shown.leaf.not_after_s):
            read_int(at_s, -LATEST_LEAF_S, LATEST_LEAF_S)
    for one in memory.worst:
        read_name(one.agent_id)
        read_int(one.at_ns, most=until_ns)
        for took_ns in (one.elapsed_ns, *one.phases_ns.values()):
            read_int(took_ns)
    return read_int(proxy_id), read_name(proxy), memory


def read_lacked(row: Row) -> Lacked:
    """Return what is known of a module."""
    at_ns, text = row
    lacked: Lacked = typed(Lacked, _parsed(text))
    until_ns = read_int(at_ns)
    read_name(lacked.module)
    read_int(lacked.noted_ns, most=until_ns)
    for stand in lacked.stands:
        for noted_ns in (stand.missed_ns, stand.served_ns):
            if noted_ns is not None:
                read_int(noted_ns, most=until_ns)
    return lacked


def _parsed(text: object) -> Any:
    try:
        return json.loads(read_name(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None
