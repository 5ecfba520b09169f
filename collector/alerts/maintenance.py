"""
Maintenance: times in which nobody is told, once or every week, of one proxy or of all.

What began in one and goes on after it is told then. Times are the wall clock's, in UTC.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import number
from modpulse.agent.service.units import NS

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(r"(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):([0-5]\d)")
_MINUTE_NS = 60 * NS
_WEEK_MINUTES = 7 * 24 * 60
_MONDAY_MINUTES = 4 * 24 * 60
"""From 1970-01-01, a Thursday, to the first Monday."""


@dataclass(frozen=True, slots=True)
class Window:
    """One `[[maintenance]]` table."""

    begins: str = ""
    """RFC 3339 with its zone, or a weekday and a time, `sat 02:00`, in UTC."""
    minutes: float = number(60.0, 1, _WEEK_MINUTES)
    proxy: str = ""
    """Empty: all, agents and channels too."""

    def check(self) -> None:
        """Raise ConfigError where its beginning is no time."""
        if not _WEEKLY.fullmatch(self.begins) and _moment_ns(self.begins) is None:
            raise ConfigError(
                f"maintenance.begins = {self.begins!r}: expected `sat 02:00` (UTC) or a time such "
                "as 2027-01-15T08:00:00Z"
            )

    def covers(self, proxy: str, wall_ns: int) -> bool:
        """Whether nothing is told of a proxy (empty: of no proxy) at a time."""
        if self.proxy not in ("", proxy):
            return False
        length_ns = round(self.minutes * _MINUTE_NS)
        weekly = _WEEKLY.fullmatch(self.begins)
        if weekly:
            day, hour, minute = _DAYS.index(weekly[1]), int(weekly[2]), int(weekly[3])
            begins = _MONDAY_MINUTES + (day * 24 + hour) * 60 + minute
            return (wall_ns - begins * _MINUTE_NS) % (_WEEK_MINUTES * _MINUTE_NS) < length_ns
        begins_ns = _moment_ns(self.begins)
        return begins_ns is not None and 0 <= wall_ns - begins_ns < length_ns


def covered(windows: Iterable[Window], proxies: Iterable[str], wall_ns: int) -> bool:
    """Whether each of some proxies is in maintenance; of none of them, whether everything is."""
    held = tuple(windows)
    names = tuple(proxies) or ("",)
    return all(any(window.covers(name, wall_ns) for window in held) for name in names)


def _moment_ns(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else round(moment.timestamp()) * NS
