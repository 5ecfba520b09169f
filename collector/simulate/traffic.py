"""
When a host builds, and what each build asks for: the day's curve, nights and weekends.

Pure: seconds since the script's beginning in, builds out.
"""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from .chance import Chance
from .script import Script

HOUR_S, DAY_S = 3600, 86_400
WORKDAYS = 5
MORNING, NOON, EVENING, NIGHT = 6.0, 10.0, 16.0, 20.0
"""Hours: from the first to the second builds become more, from the third to the fourth less."""
_ENDPOINTS = ("list", "latest", "info", "mod", "zip")
_UP_TO = (0.08, 0.10, 0.30, 0.65)
"""What `go mod download` asks for: a mod for each module of the graph, a zip for those it needs."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that `go` asks its chain for."""

    at_s: float
    endpoint: str
    module: int
    version: str | None
    luck: float
    """From 0 to below 1: how this request fares among others."""


@dataclass(frozen=True, slots=True)
class Build:
    """One `go` command: what it asks for, in order."""

    key: tuple[int, int, int]
    """Seed, host, number of the build in all."""
    start_s: float
    asks: tuple[Ask, ...]


def builds(
    script: Script, host: int, hour: int, most_factor: float
) -> Iterator[tuple[Build, float]]:
    """
    Yield the builds that may begin on a host in an hour, in no order.

    Args:
        script: Whose curve.
        host: Its number.
        hour: Since the beginning.
        most_factor: By how much a host may be busier than others, at most.

    Yields:
        A build, and a number from 0 to below `most_factor`: it takes place on a host that is busier
        by more than that.
    """
    chance = Chance(script.seed, 1, host, hour)
    for place in range(chance.poisson(script.builds_per_hour * most_factor)):
        start_s = (hour + chance.unit()) * HOUR_S
        threshold = chance.unit() * most_factor
        key = (script.seed, host, hour << 20 | place)
        if threshold < most_factor * curve(script, start_s):
            asks = _asks(script, Chance(2, *key), start_s)
            yield Build(key, start_s, asks), threshold / max(curve(script, start_s), 1e-9)


def curve(script: Script, at_s: float) -> float:
    """Return how many builds there are at a time, as a share of the most."""
    since_monday_s = script.start_hour * HOUR_S + at_s
    hour = since_monday_s % DAY_S / HOUR_S
    if hour < MORNING or hour >= NIGHT:
        day = 0.0
    else:
        day = min(1.0, (hour - MORNING) / (NOON - MORNING), (NIGHT - hour) / (NIGHT - EVENING))
    share = script.night_share + (1 - script.night_share) * day
    is_weekend = since_monday_s // DAY_S % 7 >= WORKDAYS
    return share * (script.weekend_share if is_weekend else 1.0)


def _asks(script: Script, chance: Chance, start_s: float) -> tuple[Ask, ...]:
    times = sorted(chance.unit() for _ in range(script.requests_per_build))
    return tuple(_ask(script, chance, start_s + at * script.build_seconds) for at in times)


def _ask(script: Script, chance: Chance, at_s: float) -> Ask:
    endpoint = _ENDPOINTS[bisect(_UP_TO, chance.unit())]
    module = chance.below(script.modules)
    version = None if endpoint in ("list", "latest") else f"v1.{module % 7}.0"
    return Ask(at_s, endpoint, module, version, chance.unit())
