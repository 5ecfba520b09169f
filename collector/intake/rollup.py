"""
What a group of batches adds to the store's rows: counts and buckets per proxy and minute, as a
whole and by each dimension.

Pure addition, so that a group costs as many rows as one batch, whatever its size.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.units import NS

from .arrival import Arrival, Counts, Leaf, Part, Sighting
from .cells import Cell, Cells, sketch_of
from .circumstances import Sample
from .dimensions import MOST_NAMED, OTHER, SITE, Dimension
from .fold import Pile

MINUTE_S = 60
HOUR_S = 3600
LABELLED = "\x1f"
"""Between a dimension and a value, where a pile of sketches asks for a phase."""
TIMED: Mapping[str, str] = {"resolver": "resolve"}
"""What phase the sketch of a part is of; of other dimensions FIRST_BYTE."""


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
    parts: dict[tuple[str, int, Dimension], Cells] = field(default_factory=dict)
    """By value, by (proxy, start of the minute in seconds, dimension)."""
    overflow: Counter[str] = field(default_factory=Counter)
    """What counts as OTHER, by the bound's name."""
    sample: Sample = field(init=False)
    newest_ns: int = 0
    """When the last of them arrived."""
    batches: int = 0

    def __post_init__(self) -> None:
        """Count what makes no sense beside what finds no room."""
        self.sample = Sample(self.overflow)

    def add(self, arrival: Arrival) -> None:
        """Add all of a batch but its sketches."""
        self.sample.read(arrival)
        self.batches += 1
        self.newest_ns = max(self.newest_ns, arrival.arrived_ns)
        start_s = arrival.end_ns // NS // MINUTE_S * MINUTE_S
        for sighting in arrival.sightings:
            self._add(arrival, sighting, start_s)
            if sighting.fallbacks:
                self.counts[sighting.proxy, start_s, "fallback"] += sighting.fallbacks
                self.counts[sighting.proxy, start_s, "fallback_ms"] += sighting.fallback_ms
            if sighting.failed_ms:
                self.counts[sighting.proxy, start_s, "failed_ms"] += sighting.failed_ms
            if sighting.commands_stopped:
                self.counts[sighting.proxy, start_s, "stopped"] += sighting.commands_stopped
            self._add_parts(arrival, sighting, start_s)

    def add_buckets(self, proxy: str, at_s: int, phase: str, buckets: Mapping[int, int]) -> None:
        """Add what sketches of some moment come to."""
        self.proxies.add(proxy)
        dimension, labelled, value = phase.partition(LABELLED)
        if labelled:
            self._add_part_buckets(proxy, at_s // MINUTE_S * MINUTE_S, dimension, value, buckets)
            return
        held = self.sketches.setdefault((proxy, at_s // MINUTE_S * MINUTE_S, phase), {})
        for bucket, count in buckets.items():
            held[bucket] = held.get(bucket, 0) + count

    def _add_parts(self, arrival: Arrival, sighting: Sighting, start_s: int) -> None:
        """Add what is told apart by a dimension; its sketches come later, but an agent's."""
        proxy, counts = sighting.proxy, sighting.counts
        site = arrival.labels.get(SITE, "")
        _count(self._cell(proxy, start_s, "site", site), counts)
        cell = self._cell(proxy, start_s, "agent", arrival.agent_id)
        _count(cell, counts)
        first_byte = sighting.sketches.get(FIRST_BYTE)
        if first_byte and cell is not self.parts[proxy, start_s, "agent"].get(OTHER):
            # As it came: no two agents have one in common, so nothing is added up.
            cell.sketches.append((FIRST_BYTE, first_byte))
        for dimension, parts in parts_of(sighting):
            for part in parts:
                _count(self._cell(proxy, start_s, dimension, part.name), part.counts)

    def _cell(self, proxy: str, start_s: int, dimension: Dimension, value: str) -> Cell:
        key = (proxy, start_s, dimension)
        cells = self.parts.get(key)
        if cells is None:
            cells = self.parts[key] = {}
        cell = cells.get(value)
        if cell is None:
            bound, most = MOST_NAMED[dimension]
            if len(cells) - (OTHER in cells) >= most:
                self.overflow[bound] += 1
                value = OTHER
            cell = cells.setdefault(value, Cell())
        return cell

    def _add_part_buckets(
        self, proxy: str, start_s: int, dimension: str, value: str, buckets: Mapping[int, int]
    ) -> None:
        named: Dimension = dimension  # type: ignore[assignment]  # `pile_parts` wrote it
        cells = self.parts.get((proxy, start_s, named), {})
        cell = cells.get(value) or cells.get(OTHER)
        if cell is not None:
            cell.sketches.append((TIMED.get(dimension, FIRST_BYTE), sketch_of(buckets)))

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


def parts_of(sighting: Sighting) -> tuple[tuple[Dimension, tuple[Part, ...]], ...]:
    """Return what the agent itself tells apart."""
    return (
        ("endpoint", sighting.by_endpoint),
        ("resolver", sighting.by_resolver),
        ("address", sighting.by_address),
        ("circumstance", sighting.by_circumstance),
    )


def pile_parts(pile: Pile, arrival: Arrival, slot: int) -> None:
    """Put the sketches of each part on a pile, for `Rollup.add_buckets`."""
    site = f"site{LABELLED}{arrival.labels.get(SITE, '')}"
    for sighting in arrival.sightings:
        sketches = {
            f"{dimension}{LABELLED}{part.name}": part.sketch
            for dimension, parts in parts_of(sighting)
            for part in parts
            if part.sketch
        }
        first_byte = sighting.sketches.get(FIRST_BYTE)
        if first_byte:
            sketches[site] = first_byte
        if sketches:
            pile.add(sighting.proxy, slot, sketches)


def _count(cell: Cell, counts: Counts) -> None:
    into = cell.counts
    if counts.ok:
        into["ok"] += counts.ok
    if counts.misses:
        into["miss"] += counts.misses
    if counts.suspects:
        into["suspect"] += counts.suspects
    for name, count in counts.failures.items():
        into[name] += count


def roll_up(arrivals: Iterable[Arrival]) -> Rollup:
    """Add batches up, with their sketches."""
    rollup, pile = Rollup(), Pile()
    for arrival in arrivals:
        rollup.add(arrival)
        for sighting in arrival.sightings:
            pile.add(sighting.proxy, arrival.end_ns // NS // MINUTE_S, sighting.sketches)
        pile_parts(pile, arrival, arrival.end_ns // NS // MINUTE_S)
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
