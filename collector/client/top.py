"""
What `modpulse top` shows: the table of `modpulse status`, sorted, as many lines as there are.

Pure: time, size and colour are arguments.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.foreign import say

from .answer import Proxy, items, mapping, read
from .columns import cut
from .status import COLOURS, RESET, render

GRAVE = ("down", "degraded", "unknown", "healthy")
"""States, the worst first."""


def _worst(proxy: Proxy) -> tuple[Any, ...]:
    state = proxy.state or ""
    return (
        GRAVE.index(state) if state in GRAVE else len(GRAVE),
        proxy.score.h if proxy.score else 2.0,
    )


def _most(value: float | None) -> float:
    return -1.0 if value is None else value


SORTS: Mapping[str, Callable[[Proxy], Any]] = {
    "state": _worst,
    "failures": lambda proxy: -_most(proxy.failure_ratio),
    "time to first byte": lambda proxy: (
        -_most(proxy.phases[FIRST_BYTE].p95_ms if FIRST_BYTE in proxy.phases else None)
    ),
    "requests": lambda proxy: -_most(proxy.n),
    "name": lambda _: 0,
}
"""By what it can be sorted; the worst or the most comes first, and names decide."""
KEYS = "s S sort, r reverse, q quit"


@dataclass(frozen=True, slots=True)
class View:
    """What the keys changed."""

    sort: str = "state"
    is_reversed: bool = False
    is_over: bool = False


def pressed(view: View, key: str) -> View:
    """Return the view after a key; unknown ones change nothing."""
    if key in ("q", "Q", "\x03", "\x04"):
        return replace(view, is_over=True)
    if key == "r":
        return replace(view, is_reversed=not view.is_reversed)
    if key in ("s", "S"):
        names = list(SORTS)
        step = 1 if key == "s" else -1
        return replace(view, sort=names[(names.index(view.sort) + step) % len(names)])
    return view


@dataclass(frozen=True, slots=True)
class Screen:
    """What there is to draw on."""

    columns: int
    lines: int
    colour: bool


def frame(
    document: Mapping[str, Any], view: View, screen: Screen, now: datetime, trouble: str | None
) -> list[str]:
    """
    Return the lines of the screen, no more than there are.

    Args:
        document: Of GET /api/v1/proxies, or any other.
        view: What is wanted.
        screen: As large as it is now.
        now: On this machine.
        trouble: Why the document is not of now; None: it is.
    """
    order = f"by {view.sort}{', reversed' if view.is_reversed else ''}"
    head = cut(f"modpulse top  {now:%H:%M:%S} UTC  {order}  ({KEYS})", screen.columns)
    lines = [head]
    if trouble:
        words = cut(say(trouble), screen.columns)
        lines.append(f"{COLOURS['down']}{words}{RESET}" if screen.colour else words)
    table = render(_sorted(document, view), now, screen.columns, screen.colour, wide=False)
    lines += ["", *table.splitlines()]
    if len(lines) > screen.lines:
        more = len(lines) - screen.lines + 1
        lines = [*lines[: max(0, screen.lines - 1)], cut(f"and {more} lines more", screen.columns)]
    return lines[: max(1, screen.lines)]


def _sorted(document: Mapping[str, Any], view: View) -> dict[str, Any]:
    rows = [mapping(row) for row in items(document.get("proxies"))]
    known = read({"proxies": rows}).proxies
    key = SORTS[view.sort]
    order = sorted(range(len(rows)), key=lambda at: (key(known[at]), known[at].name or ""))
    if view.is_reversed:
        order.reverse()
    return {**document, "proxies": [rows[at] for at in order]}
