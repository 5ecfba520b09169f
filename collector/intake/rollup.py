"""
What a group of batches adds to the store's rows: counts and buckets per proxy and minute.

Pure addition, so that a group costs as many rows as one batch, whatever its size.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modpulse.agent.service.units import NS

from .arrival import Arrival, Leaf, Sighting
from .fold import Pile

MINUTE_S = 60
HOUR_S = 3600


@dataclass(slots=True)
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
    """Sums of many batches."""

    counts: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """By (proxy, start of the minute in seconds, name)."""
    sketches: dict[tuple[str, int, str], dict[int, int]] = field(default_factory=dict)
    """Counts by bucket, by (proxy, start of the minute in seconds, phase)."""
    certificates: dict[str, tuple[Leaf, int]] = field(default_factory=dict)
    """By proxy: the newest, and when the window that showed it ended (ns)."""
    asks: dict[tuple[str, str], Ask] = field(default_factory=dict)
    """By (proxy, agent); of agents that are known only."""
    proxies: set[str] = field(default_factory=set)
    """Every proxy of these."""
    newest_ns: int = 0
    """When the last of them arrived."""
    batches: int = 0

    def add(self, arrival: Arrival) -> None:
        """Add all of a batch but its sketches."""
        self.batches += 1
        self.newest_ns = max(self.newest_ns, arrival.arrived_ns)
        start_s = arrival.end_ns // NS // MINUTE_S * MINUTE_S
        for sighting in arrival.sightings:
            self._add(arrival, sighting, start_s)
            if sighting.fallbacks:
                self.counts[sighting.proxy, start_s, "fallback"] += sighting.fallbacks
                self.counts[sighting.proxy, start_s, "fallback_ms"] += sighting.fallback_ms

    def add_buckets(self, proxy: str, at_s: int, phase: str, buckets: Mapping[int, int]) -> None:
        """Add what sketches of some moment come to."""
        self.proxies.add(proxy)
        held = self.sketches.setdefault((proxy, at_s // MINUTE_S * MINUTE_S, phase), {})
        for bucket, count in buckets.items():
            held[bucket] = held.get(bucket, 0) + count

    def _add(self, arrival: Arrival, sighting: Sighting, start_s: int) -> None:
        proxy, counts, sums = sighting.proxy, sighting.counts, self.counts
        self.proxies.add(proxy)
        if counts.ok:
            sums[proxy, start_s, "ok"] += counts.ok
        if counts.misses:
            sums[proxy, start_s, "miss"] += counts.misses
        if counts.suspects:
            sums[proxy, start_s, "suspect"] += counts.suspects
        if sighting.body_bytes:
            sums[proxy, start_s, "bytes"] += sighting.body_bytes
        for name, count in counts.failures.items():
            if count:
                sums[proxy, start_s, name] += count
        if sighting.certificate:
            known = self.certificates.get(proxy)
            if known is None or known[1] <= arrival.end_ns:
                self.certificates[proxy] = (sighting.certificate, arrival.end_ns)
        if arrival.is_known:
            served_ns = arrival.end_ns if counts.served else None
            ask = Ask(proxy, arrival.agent_id, arrival.end_ns, served_ns, sighting.resolvers)
            key = (proxy, arrival.agent_id)
            self.asks[key] = merge_asks(self.asks.get(key), ask)


def roll_up(arrivals: Iterable[Arrival]) -> Rollup:
    """Add batches up, with their sketches."""
    rollup, pile = Rollup(), Pile()
    for arrival in arrivals:
        rollup.add(arrival)
        for sighting in arrival.sightings:
            pile.add(sighting.proxy, arrival.end_ns // NS // MINUTE_S, sighting.sketches)
        if pile.is_full:
            _fold(rollup, pile)
    _fold(rollup, pile)
    return rollup


def _fold(rollup: Rollup, pile: Pile) -> None:
    for (proxy, minute, phase), buckets in pile.fold():
        rollup.add_buckets(proxy, minute * MINUTE_S, phase, buckets)


def merge_asks(one: Ask | None, other: Ask) -> Ask:
    """Return the newest times of both, and the newer one's resolvers where it knows any."""
    if one is None:
        return other
    older, newer = (other, one) if one.asked_ns > other.asked_ns else (one, other)
    served = max(one.served_ns or 0, other.served_ns or 0) or None
    return Ask(one.proxy, one.agent_id, newer.asked_ns, served, newer.resolvers or older.resolvers)
