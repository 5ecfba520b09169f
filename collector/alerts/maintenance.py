"""
Maintenance: times in which nobody is told, once or every week, of one proxy, one site, or of all.

What began in one and goes on after it is told then. Times are the wall clock's, in UTC.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import number
from modpulse.agent.service.units import NS

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)")
_MINUTE_NS = 60 * NS
MOST_MINUTES = 7 * 24 * 60
"""Of a window: a week."""
_MONDAY_MINUTES = 4 * 24 * 60
"""From 1970-01-01, a Thursday, to the first Monday."""


@dataclass(frozen=True, slots=True)
class Window:
    """One `[[maintenance]]` table."""

    begins: str = ""
    """RFC 3339 with its zone, or a weekday and a time, `sat 02:00`, in UTC."""
    minutes: float = number(60.0, 1, MOST_MINUTES)
    proxy: str = ""
    """Empty: all, agents and channels too."""
    site: str = ""
    """What only agents with this label `site` see; empty: whoever sees it."""

    def check(self) -> None:
        """Raise ConfigError where its beginning is no time."""
        if not _WEEKLY.fullmatch(self.begins) and _moment_ns(self.begins) is None:
            raise ConfigError(
                f"maintenance.begins = {self.begins!r}: expected `sat 02:00` (UTC) or a time such "
                "as 2027-01-15T08:00:00Z"
            )

    def covers(self, proxy: str, wall_ns: int, site: str = "") -> bool:
        """
        Whether nothing is told.

        Args:
            proxy: What it is about; empty: no proxy.
            wall_ns: When.
            site: Which one alone sees it; empty: not one alone, or it is not known.
        """
        if self.proxy not in ("", proxy) or self.site not in ("", site):
            return False
        return self.is_on(wall_ns)

    def is_on(self, wall_ns: int) -> bool:
        """Whether a time is in it, whatever it is of."""
        length_ns = round(self.minutes * _MINUTE_NS)
        weekly = _WEEKLY.fullmatch(self.begins)
        if weekly:
            return (wall_ns - _of_week_ns(weekly)) % (MOST_MINUTES * _MINUTE_NS) < length_ns
        begins_ns = _moment_ns(self.begins)
        return begins_ns is not None and 0 <= wall_ns - begins_ns < length_ns

    def next_ns(self, wall_ns: int) -> tuple[int, int] | None:
        """Return from when to when it is on, now or else next; None: it never comes again."""
        length_ns = round(self.minutes * _MINUTE_NS)
        weekly = _WEEKLY.fullmatch(self.begins)
        if not weekly:
            begins_ns = _moment_ns(self.begins)
            if begins_ns is None or wall_ns - begins_ns >= length_ns:
                return None
            return begins_ns, begins_ns + length_ns
        week_ns = MOST_MINUTES * _MINUTE_NS
        begun_ns = wall_ns - (wall_ns - _of_week_ns(weekly)) % week_ns
        if wall_ns - begun_ns >= length_ns:
            begun_ns += week_ns
        return begun_ns, begun_ns + length_ns

    def is_over(self, wall_ns: int) -> bool:
        """Whether it never comes again."""
        begins_ns = _moment_ns(self.begins)
        return begins_ns is not None and wall_ns - begins_ns >= round(self.minutes * _MINUTE_NS)


@dataclass(frozen=True, slots=True)
class Announced:
    """A window that somebody opened while the collector runs."""

    id: int
    window: Window
    who: str
    at_ns: int
    """The collector's time."""


class About(NamedTuple):
    """What would be told."""

    proxy: str
    """Empty: of no proxy."""
    site: str = ""
    """Which one alone sees it; empty: not one alone, or it is not known."""


def covered(windows: Iterable[Window], about: Iterable[About], wall_ns: int) -> bool:
    """Whether all of it is in maintenance; of nothing, whether everything is."""
    held = tuple(windows)
    things = tuple(about) or (About(""),)
    return all(any(w.covers(a.proxy, wall_ns, a.site) for w in held) for a in things)


def _of_week_ns(weekly: re.Match[str]) -> int:
    """Return the first such time after 1970-01-01."""
    day, hour, minute = _DAYS.index(weekly[1]), int(weekly[2]), int(weekly[3])
    return (_MONDAY_MINUTES + (day * 24 + hour) * 60 + minute) * _MINUTE_NS


def _moment_ns(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp()) * NS
