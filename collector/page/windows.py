"""Windows of maintenance in a list. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modpulse.agent.service.foreign import say

from ..alerts.maintenance import Announced, Window
from .headline import short


@dataclass(frozen=True, slots=True)
class WindowLine:
    """One window that is on, or comes."""

    number: int
    """To end it by; 0: it is one of the configuration."""
    begins: str
    minutes: float
    proxy: str
    """Empty: all."""
    site: str
    is_on: bool
    who: str
    """Who announced it; empty: it is one of the configuration."""


def window_lines(
    configured: Iterable[Window], announced: Iterable[Announced], wall_ns: int
) -> list[WindowLine]:
    """Return those that are not over, those that are on first; `wall_ns` is now."""
    found = [*_lines(configured, announced, wall_ns)]
    return sorted(found, key=lambda line: (not line.is_on, line.number))


def _lines(
    configured: Iterable[Window], announced: Iterable[Announced], wall_ns: int
) -> Iterator[WindowLine]:
    held = [(0, window, "") for window in configured]
    held += [(one.id, one.window, one.who) for one in announced]
    for number, window, who in held:
        if not window.is_over(wall_ns):
            yield WindowLine(
                number,
                say(window.begins),
                window.minutes,
                short(window.proxy),
                say(window.site),
                window.is_on(wall_ns),
                say(who),
            )
