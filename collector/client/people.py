"""
The lists of `modpulse maintenance` and `modpulse audit`: the API's documents as text.

Pure. What makes no sense in the document is absent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .answer import items, mapping, moment, number, text, word
from .status import ABSENT


def maintenance_table(document: Mapping[str, Any]) -> str:
    """Return a row for each window."""
    rows = []
    for window in map(mapping, items(document.get("maintenance"))):
        begins = text(window.get("begins")) or ABSENT
        minutes, identity = number(window.get("minutes")), number(window.get("id"))
        rows.append(
            (
                "file" if identity is None else f"{identity:.0f}",
                "now" if window.get("on") is True else "",
                begins,
                ABSENT if minutes is None else f"{minutes:g} min",
                text(window.get("proxy")) or "all",
                text(window.get("site")) or "all",
                text(window.get("who")) or ABSENT,
            )
        )
    if not rows:
        return "No maintenance.\n"
    return _table(("ID", "ON", "BEGINS", "LASTS", "PROXY", "SITE", "BY"), rows)


def audit_table(document: Mapping[str, Any]) -> str:
    """Return a row for each act, the newest first."""
    rows = []
    for act in map(mapping, items(document.get("audit"))):
        at = moment(act.get("at"))
        rows.append(
            (
                f"{at:%Y-%m-%d %H:%M:%S}" if at else ABSENT,
                text(act.get("who")) or ABSENT,
                word(act.get("outcome")) or ABSENT,
                text(act.get("act")) or ABSENT,
                text(act.get("address")) or ABSENT,
                text(act.get("target")) or ABSENT,
            )
        )
    parts = [_table(("AT (UTC)", "WHO", "OUTCOME", "ACT", "FROM", "ABOUT"), rows)] if rows else []
    unwritten = number(document.get("unwritten"))
    if unwritten:
        parts.append(f"Attempts that were only counted, since the start: {unwritten:.0f}.\n")
    return "\n".join(parts) or "Nothing yet.\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    wide = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)) for row in (head, *rows)]
    return "".join(f"{line.rstrip()}\n" for line in lines)
