"""
The proxies that are held in memory: a bounded number of them, of which the quietest go first.

Knows nothing of health. Who invents proxies cannot hide those that others ask: they take the places
of what that caller alone asks.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..intake.arrival import Counts, Leaf, Sighting
from ..shares import Shares
from .evidence import HORIZON_NS, Timeline
from .gates import Past
from .latency import FadingSketch
from .leaves import Leaves
from .memory import Memory, ShownCertificate
from .parts import MAX_PARTS_BYTES, Parts, Value
from .roster import BEFORE
from .slowness import MAX_TIMED_WINDOWS, TimedWindow
from .state import Track

MAX_PROXIES = 1_000
"""GOPROXY entries of one fleet."""


MAX_CERTIFICATES = 8
"""That one proxy showed; servers behind one name may have several."""
MAX_EVIDENCE_BYTES = 768 << 20
"""Of what each agent saw of each proxy: twelve million slots of ten seconds, shared by caller."""


@dataclass(slots=True)
class Witness:
    """One agent, as far as one proxy is concerned."""

    asked_ns: int
    caller: str = BEFORE
    """Who shipped for it first: a token, a certificate."""
    is_known: bool = False
    """It had been heard for a while when it asked."""
    resolvers: frozenset[str] = frozenset()
    labels: tuple[Value, ...] = ()
    """Of the agent, as it shipped them last."""
    timeline: Timeline = field(default_factory=Timeline)
    contrast_ns: int = 0
    """End of the last window in which this proxy failed it, and another one answered since."""
    alone_ns: int = 0
    """End of the last window at whose end all failed that it asked, this one and others."""
    times: tuple[tuple[int, bytes], ...] = ()
    """Of the last MAX_TIMES windows with answers: their end, and the sketch of first bytes."""
    held_bytes: int = 0
    """Of the timeline, as far as they are counted."""

    def compare(self, end_ns: int, own: Sighting, others: Iterable[Sighting]) -> None:
        """Note whether others answered it since this proxy only failed, or failed it as well."""
        since_ns = _failing_since_ns(own)
        if since_ns is None:
            return
        asked = [other for other in others if other.counts.requests]
        if any(_has_answered(other, since_ns) for other in asked):
            self.contrast_ns = max(self.contrast_ns, end_ns)
        elif any(_failing_since_ns(other) is not None for other in asked):
            self.alone_ns = max(self.alone_ns, end_ns)

    def lacked_all(self, now_ns: int, grace_ns: int) -> bool:
        """Whether lately nothing answered it, and nothing since tells this proxy from others."""
        is_late = now_ns - self.alone_ns < HORIZON_NS
        return is_late and self.contrast_ns - self.alone_ns <= grace_ns


def _failing_since_ns(sighting: Sighting) -> int | None:
    """Return since when it only failed, 0 where the order is not known; None: it does not."""
    counts, served_ns = sighting.counts, sighting.served_at_ns
    if not counts.failed or (counts.served and served_ns is None):
        return None
    times = [at_ns for at_ns in sighting.failed_at_ns if at_ns > (served_ns or 0)]
    return min(times, default=None if counts.served else 0)


def _has_answered(sighting: Sighting, since_ns: int) -> bool:
    served_ns = sighting.served_at_ns
    return sighting.counts.served > 0 and (served_ns is None or served_ns > since_ns)


@dataclass(slots=True)
class Proxy:
    """Everything held of one proxy."""

    room: Shares
    """Bytes of the evidence of all agents."""
    parts: Parts
    """The same evidence by what requests have in common."""

    timeline: Timeline = field(default_factory=Timeline)
    """All agents together."""
    witnesses: dict[str, Witness] = field(default_factory=dict)
    callers: Counter[str] = field(default_factory=Counter)
    """How many of these each shipped for."""
    latencies: dict[str, FadingSketch] = field(default_factory=dict)
    timed: deque[TimedWindow] = field(default_factory=lambda: deque(maxlen=MAX_TIMED_WINDOWS))
    """The newest windows with answers."""
    lately: FadingSketch | None = None
    """Of times to first byte, forgetting sooner: that answers are quick again is known by it."""
    leaves: Leaves = field(default_factory=Leaves)
    certificates: dict[Leaf, tuple[int, int]] = field(default_factory=dict)
    """Each that it showed, with when it did first and last, as far as is remembered."""
    min_ttl_s: int | None = None
    """The smallest of DNS since it is known; None while no answer was seen."""
    last_seen_ns: int | None = None
    windows: int = 0
    """In which some agent asked it, since it is held."""
    past: Past = field(default_factory=Past)
    track: Track = field(default_factory=Track)
    doubted: int = 0
    """Modules that it missed lately although it had served them."""
    sick_resolver: str | None = None
    """Whose users alone saw failures in the last window."""
    settled_slot: int = 0
    """Up to which slot it was said what it is held responsible for."""
    explained: Value | None = None
    """What explained its failures in the last window."""
    told: dict[str, Value] = field(default_factory=dict)
    """What explained single classes of them."""

    def witness(self, agent_id: str, caller: str, asked_ns: int) -> Witness:
        """Return the agent's part, made on first sight."""
        witness = self.witnesses.get(agent_id)
        if witness is None:
            witness = self.witnesses[agent_id] = Witness(asked_ns, caller)
            self.callers[caller] += 1
        elif witness.caller == BEFORE != caller:
            self.callers[caller] += 1
            held_bytes = witness.held_bytes
            self._leaves(witness)
            witness.caller = caller
            self._hold(witness, held_bytes)
        return witness

    def add(self, witness: Witness, at_ns: int, counts: Counts) -> bool:
        """Add what an agent saw; False where its caller has no room for it."""
        grown_bytes = witness.timeline.growth_bytes(at_ns, counts)
        if not self.room.has_room(witness.caller, grown_bytes):
            return False
        witness.timeline.add(at_ns, counts)
        self._hold(witness, grown_bytes)
        return True

    def show(self, leaf: Leaf, at_ns: int) -> None:
        """Remember which certificate it showed."""
        first_ns, last_ns = self.certificates.get(leaf, (at_ns, at_ns))
        self.certificates[leaf] = min(first_ns, at_ns), max(last_ns, at_ns)
        if len(self.certificates) > MAX_CERTIFICATES:
            oldest = min(self.certificates, key=lambda one: self.certificates[one][1])
            del self.certificates[oldest]
        self.leaves.note(leaf, at_ns)

    def recall(self, memory: Memory) -> None:
        """Take back what was remembered of it; what was seen since stays."""
        known = [memory.min_ttl_s, self.min_ttl_s]
        self.min_ttl_s = min((ttl_s for ttl_s in known if ttl_s is not None), default=None)
        seen = [ShownCertificate(leaf, *at_ns) for leaf, at_ns in self.certificates.items()]
        shown: dict[Leaf, tuple[int, int]] = {}
        for one in sorted((*memory.certificates, *seen), key=lambda one: one.first_ns):
            first_ns, last_ns = shown.get(one.leaf, (one.first_ns, one.last_ns))
            shown[one.leaf] = min(first_ns, one.first_ns), max(last_ns, one.last_ns)
        while len(shown) > MAX_CERTIFICATES:
            del shown[min(shown, key=lambda leaf: shown[leaf][1])]
        self.certificates = shown

    def doubt(self, agent_id: str, at_ns: int) -> None:
        """Count a miss of an agent as a suspect one: it is for what this proxy served before."""
        self.timeline.doubt(at_ns)
        if agent_id in self.witnesses:
            self.witnesses[agent_id].timeline.doubt(at_ns)

    def expire(self, agent_id: str, now_ns: int, asked_after_ns: int) -> None:
        """Forget what of an agent is too old, and the agent that has not asked since then."""
        witness = self.witnesses[agent_id]
        witness.timeline.expire(now_ns)
        self._hold(witness, witness.timeline.size_bytes - witness.held_bytes)
        if witness.asked_ns <= asked_after_ns:
            self._leaves(self.witnesses.pop(agent_id))

    def let_go(self) -> None:
        """It is held no more."""
        self.parts.let_go()
        for witness in self.witnesses.values():
            self._hold(witness, -witness.held_bytes)

    def served_ns(self, kind: str, who: str) -> int:
        """Return when it last answered the `host`, or a user of the `resolver`; 0: not lately."""
        return max(
            (
                witness.timeline.last_served_ns
                for agent_id, witness in self.witnesses.items()
                if (agent_id == who if kind == "host" else who in witness.resolvers)
            ),
            default=0,
        )

    @property
    def owner(self) -> str | None:
        """The only caller whose agents ask it; None where several do."""
        return None if len(self.callers) > 1 else next(iter(self.callers), BEFORE)

    @property
    def loudness(self) -> tuple[int, int, int]:
        """How many ask it, how often, how lately: the least goes first."""
        return len(self.witnesses), self.windows, self.last_seen_ns or 0

    def _hold(self, witness: Witness, grown_bytes: int) -> None:
        self.room.take(witness.caller, grown_bytes)
        witness.held_bytes += grown_bytes

    def _leaves(self, witness: Witness) -> None:
        self._hold(witness, -witness.held_bytes)
        self.callers[witness.caller] -= 1
        if not self.callers[witness.caller]:
            del self.callers[witness.caller]


class Held(dict[str, Proxy]):
    """Proxies by name."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        super().__init__()
        self.room = Shares(MAX_EVIDENCE_BYTES)
        self.parts_room = Shares(MAX_PARTS_BYTES)
        self.pushed: set[str] = set()
        """Those that went for others, until the store has let go of them."""
        self._overflow = overflow

    def take(self, name: str, instead: str | None = None) -> Proxy:
        """Return the proxy, made on first sight, where need be in another's place."""
        if name not in self:
            if instead is not None and instead in self:
                self._overflow["MAX_PROXIES"] += 1
                self.pushed.add(instead)
                self.drop(instead)
            self.pushed.discard(name)
            self[name] = Proxy(self.room, Parts(self.parts_room, self._overflow))
        return self[name]

    def drop(self, name: str) -> None:
        """Hold a proxy no more."""
        self.pop(name).let_go()

    def recall(self, name: str) -> Proxy | None:
        """Return a proxy of before a restart; None where there is no room: none is pushed."""
        if name not in self and len(self) >= MAX_PROXIES:
            self._overflow["MAX_PROXIES"] += 1
            return None
        return self.take(name)


class Room:
    """What one batch may take."""

    def __init__(self, held: Held, caller: str, is_known: bool, names: Iterable[str] = ()) -> None:
        """
        Args:
            held: Which is not changed.
            caller: Who ships: a token, a certificate.
            is_known: Whether its agent has been heard for a while; others have half of the room.
            names: Of the batch's proxies: none of them goes for another.
        """
        self._held, self._caller, self._is_known = held, caller, is_known
        self._names = frozenset(names)
        self._added = 0
        self._quietest: list[str] | None = None
        self.instead: dict[str, str | None] = {}
        """For each new proxy that is taken the one that goes for it; None: there is a place."""

    def take(self, name: str) -> bool:
        """Return whether a proxy is held or may be."""
        if name in self._held or name in self.instead:
            return True
        places = MAX_PROXIES if self._is_known else MAX_PROXIES - MAX_PROXIES // 2
        if len(self._held) + self._added < places:
            self.instead[name] = None
            self._added += 1
            return True
        quietest = self._pop_quietest()
        if quietest is not None:
            self.instead[name] = quietest
        return quietest is not None

    def _pop_quietest(self) -> str | None:
        # No more than all of them at a time.
        if len(self._held.pushed) + len(self.instead) >= MAX_PROXIES:
            return None
        if self._quietest is None:
            self._quietest = self._find_quietest()
        return self._quietest.pop() if self._quietest else None

    def _find_quietest(self) -> list[str]:
        """
        Return what may go, the quietest last.

        Of the caller that alone has most, down to what this one has; of this one's own, only what
        a single agent asks, for agents that are known. What several callers ask never goes.
        """
        owned = Counter(proxy.owner for proxy in self._held.values() if proxy.owner is not None)
        own = owned[self._caller] + len(self.instead)
        owner, most = max(owned.items(), key=lambda item: item[1], default=(self._caller, 0))
        if most > own + 1:
            spare = (most - own) // 2
            names = self._loudest_last(owner)[:spare]
        elif self._is_known:
            names = [
                n for n in self._loudest_last(self._caller) if len(self._held[n].witnesses) < 2
            ]
        else:
            names = []
        return names[::-1]

    def _loudest_last(self, owner: str) -> list[str]:
        owned = (name for name, proxy in self._held.items() if proxy.owner == owner)
        names = [name for name in owned if name not in self._names]
        return sorted(names, key=lambda name: self._held[name].loudness)
