"""
What a group of batches adds to the store's rows: counts and buckets per proxy and minute.

Pure addition, so that a group costs as many rows as one batch, whatever its size.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .arrival import Arrival, Leaf

NS = 1_000_000_000
MINUTE_S = 60
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Ask:
    """When one agent last asked one proxy, and was last answered by it."""

    proxy: str
    agent_id: str
    asked_ns: int
    served_ns: int | None
    """None when this proxy never answered it in the time that is kept."""
    resolvers: frozenset[str]


@dataclass(slots=True)
class Rollup:
    """Sums of a group of batches."""

    counts: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """By (proxy, start of the minute in seconds, name)."""
    sketches: Counter[tuple[str, int, str, int]] = field(default_factory=Counter)
    """By (proxy, start of the minute in seconds, phase, bucket)."""
    certificates: dict[str, tuple[Leaf, int]] = field(default_factory=dict)
    """By proxy: the newest, and when the window that showed it ended (ns)."""
    asks: dict[tuple[str, str], Ask] = field(default_factory=dict)
    """By (proxy, agent)."""

    @property
    def proxies(self) -> set[str]:
        """Every proxy of the group."""
        return {proxy for proxy, _ in self.asks}


def roll_up(arrivals: Iterable[Arrival]) -> Rollup:
    """Add a group of batches up."""
    rollup = Rollup()
    for arrival in arrivals:
        _add(rollup, arrival)
    return rollup


def _add(rollup: Rollup, arrival: Arrival) -> None:
    start_s = arrival.end_ns // NS // MINUTE_S * MINUTE_S
    for sighting in arrival.sightings:
        proxy, counts = sighting.proxy, sighting.counts
        named = {
            "ok": counts.ok,
            "miss": counts.misses,
            "suspect": counts.suspects,
            "bytes": sighting.body_bytes,
            **counts.failures,
        }
        for name, count in named.items():
            if count:
                rollup.counts[proxy, start_s, name] += count
        for phase, buckets in sighting.sketches.items():
            for bucket, count in buckets.items():
                rollup.sketches[proxy, start_s, phase, bucket] += count
        if sighting.certificate:
            known = rollup.certificates.get(proxy)
            if known is None or known[1] <= arrival.end_ns:
                rollup.certificates[proxy] = (sighting.certificate, arrival.end_ns)
        served_ns = arrival.end_ns if counts.served else None
        ask = Ask(proxy, arrival.agent_id, arrival.end_ns, served_ns, sighting.resolvers)
        key = (proxy, arrival.agent_id)
        rollup.asks[key] = merge_asks(rollup.asks.get(key), ask)


def merge_asks(one: Ask | None, other: Ask) -> Ask:
    """Return the newest times of both, and the newer one's resolvers where it knows any."""
    if one is None:
        return other
    older, newer = sorted((one, other), key=lambda ask: ask.asked_ns)
    served = [ask.served_ns for ask in (one, other) if ask.served_ns is not None]
    return Ask(
        one.proxy,
        one.agent_id,
        newer.asked_ns,
        max(served, default=None),
        newer.resolvers or older.resolvers,
    )
