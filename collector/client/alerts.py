"""
The list of `modpulse alerts`: what waits and what fires, as text.

Pure: the time is an argument. What makes no sense in the document is absent.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .answer import items, mapping, moment, number, text, word
from .columns import left, wide
from .incidents import COLOURS
from .status import ABSENT, GAP, RESET, ago

TITLES = ("RULE", "GRAVE", "STATE", "ABOUT", "SINCE", "FIRES IN")


def render(document: Mapping[str, Any], now: datetime, colour: bool) -> str:
    """
    Return a table of the alerts, those that fire first.

    Args:
        document: Of GET /api/v1/alerts, or any other.
        now: For since when it is so.
        colour: Whether escape sequences are welcome.
    """
    alerts = [mapping(item) for item in items(document.get("alerts"))]
    if not alerts:
        return "No alert waits or fires.\n"
    rows = [TITLES, *(_cells(alert, now) for alert in alerts)]
    widths = [max(wide(row[place]) for row in rows) for place in range(len(TITLES))]
    lines = [_line(row, widths, colour and at > 0) for at, row in enumerate(rows)]
    more = number(document.get("alerts_more"))
    lines += [f"and {more:.0f} more"] if more else []
    return "\n".join(lines) + "\n"


def _cells(alert: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    about = [text(alert.get("proxy")), text(alert.get("who"))]
    left_s = number(alert.get("fires_in_s"))
    return (
        word(alert.get("rule")) or ABSENT,
        word(alert.get("severity")) or ABSENT,
        word(alert.get("state")) or ABSENT,
        " ".join(each for each in about if each) or ABSENT,
        ago(moment(alert.get("since")), now),
        ABSENT if left_s is None else f"{left_s:.0f} s",
    )


def _line(row: tuple[str, ...], widths: list[int], colour: bool) -> str:
    cells = [left(cell, width) for cell, width in zip(row, widths, strict=True)]
    begin = COLOURS.get(row[1]) if colour else None
    if begin:
        cells[1] = f"{begin}{cells[1]}{RESET}"
    return GAP.join(cells).rstrip()
