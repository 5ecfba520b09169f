"""
Rows of the database as values: what cannot be what it says is a ValueError.

SQLite keeps any type in any column, and a file may have been through other hands.
"""

import json
from collections.abc import Sequence
from typing import Any, get_args

from modpulse.agent.service.units import NS

from ..alerts.kept import typed
from ..health.gates import Finding, Gate, State
from ..health.reason import Reason
from ..intake.arrival import Leaf
from ..intake.rollup import Ask

MOST = (1 << 63) - 1
"""SQLite's largest integer."""
LATEST_S = MOST // NS
"""A time in seconds that still fits into nanoseconds: the year 2262."""
LATEST_LEAF_S = 1 << 40
"""Far beyond the last date that X.509 can write (9999)."""

Row = Sequence[Any]


def read_name(value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected a name")
    return value


def read_int(value: object, least: int = 0, most: int = MOST) -> int:
    """Return an integer within its bounds."""
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError("expected a number within its bounds")
    return value


def read_log(row: Row) -> tuple[int, int, int, bytes]:
    """Return (id, arrived_ns, skew_ns, body) of a logged batch."""
    number, arrived_ns, skew_ns, body = row
    if not isinstance(body, bytes):
        raise ValueError("expected bytes")
    return number, read_int(arrived_ns), read_int(skew_ns, -MOST), body


def read_state(row: Row) -> tuple[str, State, int, tuple[Finding, ...]]:
    """Return (proxy, state, since_ns, findings)."""
    proxy, state, since_ns, text = row
    if state not in get_args(State):
        raise ValueError("no state")
    found = []
    for pair in _list(text):
        if not (isinstance(pair, list) and len(pair) == 2 and pair[0] in get_args(Gate)):
            raise ValueError("no finding")
        told = pair[1] if isinstance(pair[1], list) else [read_name(pair[1])]
        found.append(Finding(pair[0], tuple(typed(Reason, one) for one in told)))
    return read_name(proxy), state, read_int(since_ns), tuple(found)


def read_last_seen(row: Row) -> tuple[str, int]:
    """Return (proxy, seconds since 1970)."""
    proxy, start_s = row
    return read_name(proxy), read_int(start_s, most=LATEST_S)


def read_ask(row: Row) -> Ask:
    """Return who asked whom."""
    proxy, agent_id, asked_ns, served_ns, text = row
    return Ask(
        read_name(proxy),
        read_name(agent_id),
        read_int(asked_ns),
        None if served_ns is None else read_int(served_ns),
        frozenset(read_name(resolver) for resolver in _list(text)),
    )


def read_certificate(row: Row) -> tuple[str, Leaf, int]:
    """Return (proxy, certificate, seen_ns)."""
    proxy, before_s, after_s, seen_ns = row
    leaf = Leaf(*(read_int(at_s, -LATEST_LEAF_S, LATEST_LEAF_S) for at_s in (before_s, after_s)))
    return read_name(proxy), leaf, read_int(seen_ns)


def read_range(row: Row | None) -> tuple[int, int] | None:
    """Return (first, last) of a range of seq; None where there is none, or none that is true."""
    if row is None or not all(isinstance(seq, int) for seq in row):
        return None
    return row[0], row[1]


def _list(text: object) -> list[Any]:
    try:
        value = json.loads(read_name(text))
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(value, list):
        raise ValueError("expected a list")
    return value
