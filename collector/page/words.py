"""How numbers and times look on the page, in any language. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from modpulse.agent.service.units import NS

MINUTE, SECOND = "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"
NOTHING = "–"
"""Stands for what is not known."""


def percent(ratio: float | None, digits: int = 1) -> str:
    """Return a ratio; all and none are said of what is all and none only."""
    if ratio is None:
        return NOTHING
    told = round(100 * ratio, digits)
    least = 10**-digits
    if 0 < ratio < 1:
        told = min(100 - least, max(least, told))
    return f"{told:.{0 if told in (0, 100) else digits}f} %"


def milliseconds(value_ms: float | None) -> str:
    """Return a latency with the unit that suits it."""
    if value_ms is None:
        return NOTHING
    if value_ms >= 10_000:
        return f"{value_ms / 1000:.0f} s"
    if value_ms >= 1000:
        return f"{value_ms / 1000:.1f} s"
    return f"{value_ms:.0f} ms" if value_ms >= 10 else f"{value_ms:.1f} ms"


def duration(seconds: float | None) -> str:
    """Return how long something takes, in its two largest units at most."""
    if seconds is None:
        return NOTHING
    rest, parts = max(0, round(seconds)), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def count(number: float | None) -> str:
    """Return a number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def size(number: float) -> str:
    """Return bytes with the unit that suits them."""
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= least:
            return f"{number / least:.1f} {unit}"
    return f"{number:.0f} B"


def moment(wall_ns: int | None, seconds: bool = False) -> str:
    """Return a time to the minute or second, UTC."""
    if wall_ns is None:
        return NOTHING
    return f"{datetime.fromtimestamp(wall_ns // NS, UTC):{SECOND if seconds else MINUTE}}"


def day(wall_ns: int) -> str:
    """Return the day of a time, UTC."""
    return f"{datetime.fromtimestamp(wall_ns // NS, UTC):%Y-%m-%d}"


def machine_time(wall_ns: int) -> str:
    """Return a time as programs read it."""
    return f"{datetime.fromtimestamp(wall_ns // NS, UTC):%Y-%m-%dT%H:%M:%SZ}"


FILTERS: Mapping[str, Callable[..., str]] = {
    "percent": percent,
    "ms": milliseconds,
    "duration": duration,
    "count": count,
    "bytes": size,
    "day": day,
    "moment": moment,
    "machine_time": machine_time,
}
"""As templates call them."""
