"""
What was seen of one proxy, by what requests have in common: an endpoint, an address, a resolver, a
module, a label of their agents.

Knows nothing of gates or scopes. Grows with values, not with agents; the room is shared by caller.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ..intake.arrival import Arrival, Counts, Part, Sighting
from ..shares import Shares
from .evidence import SLOT_NS, Timeline

MAX_VALUES = 32
"""Values of one kind of one proxy: twice as many as a batch may list."""
MAX_KINDS = 16
"""Kinds of one proxy, labels of agents among them."""
MAX_PARTS_BYTES = 128 << 20
"""Of all proxies: some two million slots of ten seconds, shared by caller."""
MAX_LABEL_SETS = 4_096
"""Sets of labels that are remembered as values; a further one is made anew."""
OF_REQUESTS = ("endpoint", "address", "resolver", "module")
"""Kinds that are no label of agents; a label of such a name is told as `label.NAME`."""
REST = "other"
"""A row of a batch for what did not fit into it: nothing in common."""


class Value(NamedTuple):
    """What some requests have in common."""

    kind: str
    """`endpoint`, `address`, `resolver`, `module`, `host`, or the name of a label."""
    who: str


@dataclass(slots=True)
class Held:
    """What was seen of one value."""

    caller: str
    """Who shipped it first, and pays for its room."""
    timeline: Timeline = field(default_factory=Timeline)
    held_bytes: int = 0


class Parts:
    """Of one proxy."""

    def __init__(self, room: Shares, overflow: Counter[str]) -> None:
        """
        Args:
            room: Bytes of all proxies together.
            overflow: Where what a bound cost is counted.
        """
        self.of: dict[Value, Held] = {}
        self._room, self._overflow = room, overflow
        self._kinds: Counter[str] = Counter()

    def add(
        self,
        arrival: Arrival,
        sighting: Sighting,
        labels: Iterable[Value],
        resolvers: Collection[str],
    ) -> None:
        """
        Add what one agent saw in one window.

        Args:
            arrival: The batch.
            sighting: What it says of the proxy.
            labels: Of the agent.
            resolvers: Of the agent, as far as they are known.
        """
        caller, end_ns = arrival.caller, arrival.end_ns
        counts = sighting.counts
        for value in labels:
            self._add(value, caller, end_ns, counts)
        if len(resolvers) > 1 and sighting.by_resolver:
            self._add_all("resolver", sighting.by_resolver, caller, end_ns)
        else:
            # Who fails looks up more often than who is answered: whole windows are alike.
            for resolver in resolvers:
                self._add(("resolver", resolver), caller, end_ns, counts)
        self._add_all("endpoint", sighting.by_endpoint, caller, end_ns)
        self._add_all("address", sighting.by_address, caller, end_ns)
        if sighting.by_module:
            self._add_all("module", sighting.by_module, caller, end_ns)

    def expire(self, now_ns: int) -> None:
        """Forget what is too old."""
        gone = []
        for value, held in self.of.items():
            held.timeline.expire(now_ns)
            self._hold(held, held.timeline.size_bytes - held.held_bytes)
            if not held.timeline.slots:
                gone.append(value)
        for value in gone:
            self._drop(value)

    def let_go(self) -> None:
        """The proxy is held no more."""
        for value in list(self.of):
            self._drop(value)

    def _add_all(self, kind: str, parts: Iterable[Part], caller: str, end_ns: int) -> None:
        slot, of = end_ns // SLOT_NS, self.of
        for part in parts:
            counts = part.counts
            held = of.get((kind, part.name))  # type: ignore[call-overload]  # a Value is such a tuple
            # Nearly always: it is done a dozen times for each proxy of each batch.
            is_quiet = held is not None and not (counts.failures or counts.suspects)
            if is_quiet and held.timeline.slots.add_answers(slot, counts.ok, counts.misses):
                continue
            if part.name != REST:
                self._add((kind, part.name), caller, end_ns, counts)

    def _add(self, key: tuple[str, str], caller: str, end_ns: int, counts: Counts) -> None:
        held = self.of.get(key)  # type: ignore[call-overload]  # a Value is such a tuple
        if held is not None and held.timeline.add_quiet(end_ns, counts):
            return
        value = Value(*key)
        if held is None:
            bound = self._bound(value.kind, counts)
            if bound:
                self._count(bound, value.kind)
                return
            held = self.of[value] = Held(caller)
            self._kinds[value.kind] += 1
        grown_bytes = held.timeline.growth_bytes(end_ns, counts)
        if grown_bytes and not self._room.has_room(held.caller, grown_bytes):
            self._overflow["MAX_PARTS_BYTES"] += 1
            if not held.timeline.slots:
                self._drop(value)
            return
        held.timeline.add(end_ns, counts)
        if grown_bytes:
            self._hold(held, grown_bytes)

    def _bound(self, kind: str, counts: Counts) -> str | None:
        """Return what keeps a new value out; one that saw less trouble goes for it."""
        if not self._kinds[kind] and len(self._kinds) >= MAX_KINDS:
            return "MAX_KINDS"
        if self._kinds[kind] < MAX_VALUES:
            return None
        quietest = min(
            (value for value in self.of if value.kind == kind),
            key=lambda value: self.of[value].timeline.troubles,
        )
        if counts.failed + counts.suspects <= self.of[quietest].timeline.troubles:
            return "MAX_VALUES"
        self._count("MAX_VALUES", kind)
        self._drop(quietest)
        return None

    def _count(self, bound: str, kind: str) -> None:
        # Of modules the worst are looked for in a sample: that it ends somewhere is no loss.
        self._overflow[bound] += kind != "module"

    def _hold(self, held: Held, grown_bytes: int) -> None:
        self._room.take(held.caller, grown_bytes)
        held.held_bytes += grown_bytes

    def _drop(self, value: Value) -> None:
        held = self.of.pop(value)
        self._hold(held, -held.held_bytes)
        self._kinds[value.kind] -= 1
        if not self._kinds[value.kind]:
            del self._kinds[value.kind]


def label_values(labels: Mapping[str, str]) -> tuple[Value, ...]:
    """Return what the agents of these labels have in common."""
    return _label_values(tuple(labels.items())) if labels else ()


@lru_cache(MAX_LABEL_SETS)
def _label_values(labels: tuple[tuple[str, str], ...]) -> tuple[Value, ...]:
    return tuple(Value(kind_of(name), value) for name, value in sorted(labels) if value)


def kind_of(label: str) -> str:
    """Return the kind that a label is told as."""
    return f"label.{label}" if label in (*OF_REQUESTS, "host", "all") else label


def troubled(parts: Parts, least: int) -> Iterator[tuple[Value, Timeline]]:
    """Yield the values that saw so much trouble."""
    for value, held in parts.of.items():
        if held.timeline.troubles >= least:
            yield value, held.timeline
