"""
What was seen of one proxy lately: counts per slot of time, and what they add up to.

Knows nothing of agents, thresholds or states. Times are nanoseconds of the collector's clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

NS = 1_000_000_000
SLOT_NS = 10 * NS
"""Resolution of the evidence: the default window of an agent."""
HORIZON_NS = 600 * NS
"""Nothing older counts: at the default half-life its weight is a tenth."""

LOSSY_WEIGHT = 0.5
"""Evidence of a window that lost events weighs so much: the interval widens, nothing is guessed."""
KEPT_FAILURES = 32
"""Failures in a row whose times are kept: several times what the outage gate reads."""


@dataclass(slots=True)
class Counts:
    """Outcomes of some requests, and of the handshakes they needed."""

    ok: int = 0
    misses: int = 0
    """Ordinary ones: 404 and 410 that are the protocol's normal answer."""
    suspects: int = 0
    """Misses that may be an outage in disguise."""
    failures: dict[str, int] = field(default_factory=dict)
    handshakes: int = 0
    """Finished ones, good and bad."""
    bad_certificates: dict[str, int] = field(default_factory=dict)
    """Handshakes by the class of what was wrong with the certificate."""
    small: int = 0
    """Answers with status 200 of list, info and mod whose time to first byte is known."""
    windows: int = 0
    """Windows of agents added up here."""
    lossy: int = 0
    """Of these, windows that lost events."""

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return sum(self.failures.values())

    @property
    def served(self) -> int:
        """Proof of life: a 200 or an ordinary miss."""
        return self.ok + self.misses

    @property
    def requests(self) -> int:
        """Every outcome."""
        return self.ok + self.misses + self.suspects + self.failed

    def add(self, other: "Counts", sign: int = 1) -> None:
        """Add (or with sign -1 take away) the other's counts, never below zero."""
        self.ok = max(0, self.ok + sign * other.ok)
        self.misses = max(0, self.misses + sign * other.misses)
        self.suspects = max(0, self.suspects + sign * other.suspects)
        self.handshakes = max(0, self.handshakes + sign * other.handshakes)
        self.small = max(0, self.small + sign * other.small)
        self.windows = max(0, self.windows + sign * other.windows)
        self.lossy = max(0, self.lossy + sign * other.lossy)
        _add_all(self.failures, other.failures, sign)
        _add_all(self.bad_certificates, other.bad_certificates, sign)


def _add_all(into: dict[str, int], other: Mapping[str, int], sign: int) -> None:
    for name, count in other.items():
        total = into.get(name, 0) + sign * count
        if total > 0:
            into[name] = total
        else:
            into.pop(name, None)


class Timeline:
    """Counts by slot, newest HORIZON_NS only."""

    __slots__ = ("failed_at_ns", "served_at_ns", "slots")

    def __init__(self) -> None:
        self.slots: dict[int, Counts] = {}
        self.served_at_ns = 0
        """The last 200 or ordinary miss whose time is known; 0 before the first."""
        self.failed_at_ns: list[int] = []
        """Failures after it, oldest first, the newest KEPT_FAILURES."""

    def add(self, at_ns: int, counts: Counts) -> None:
        """Add what was seen in the window that ended at `at_ns`."""
        self.slots.setdefault(at_ns // SLOT_NS, Counts()).add(counts)

    def order(self, served_at_ns: int | None, failed_at_ns: Iterable[int]) -> None:
        """Add what is known of the order of outcomes within windows."""
        self.served_at_ns = max(self.served_at_ns, served_at_ns or 0)
        times = sorted((*self.failed_at_ns, *failed_at_ns))
        self.failed_at_ns = [t for t in times if t > self.served_at_ns][-KEPT_FAILURES:]

    def expire(self, now_ns: int) -> None:
        """Forget what is older than the horizon."""
        oldest_ns = now_ns - HORIZON_NS
        for slot in [slot for slot in self.slots if slot < oldest_ns // SLOT_NS]:
            del self.slots[slot]
        self.served_at_ns = self.served_at_ns if self.served_at_ns > oldest_ns else 0
        self.failed_at_ns = [t for t in self.failed_at_ns if t > oldest_ns]

    def without(self, others: Iterable["Timeline"]) -> "Timeline":
        """Return a copy from which the others' counts are taken away; it knows no order."""
        rest = Timeline()
        for slot, counts in self.slots.items():
            rest.slots.setdefault(slot, Counts()).add(counts)
        for other in others:
            for slot, counts in other.slots.items():
                if slot in rest.slots:
                    rest.slots[slot].add(counts, sign=-1)
        return rest

    @property
    def is_troubled(self) -> bool:
        """Whether anything but answers and ordinary misses was seen: cheap, for the many."""
        return any(
            counts.failures or counts.suspects or counts.bad_certificates
            for counts in self.slots.values()
        )

    def newest_first(self, now_ns: int) -> list[tuple[int, Counts]]:
        """Return (age in ns, counts) of each slot in the horizon that holds an outcome."""
        aged = (
            (max(0, now_ns - (slot + 1) * SLOT_NS), counts)
            for slot, counts in sorted(self.slots.items(), reverse=True)
            if counts.requests or counts.handshakes
        )
        return [(age_ns, counts) for age_ns, counts in aged if age_ns < HORIZON_NS]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A timeline as the gates read it at one moment."""

    total: Counts
    """Whole numbers of the horizon: what `n` and every minimum count mean."""
    recent: Counts
    """Of the last minute."""
    ok: float
    """Decayed successes."""
    failed: float
    """Decayed failures."""
    misses: float
    """Decayed ordinary misses."""
    suspects: float
    """Decayed suspect misses."""
    consecutive_failures: int
    """Failures since the last 200 or ordinary miss."""
    cause: str | None
    """The most frequent failure class, ties to the newest; None without failures."""

    @property
    def n(self) -> int:
        """Requests of the horizon."""
        return self.total.requests


def weigh(timeline: Timeline, now_ns: int, half_life_ns: int, recent_ns: int) -> Evidence:
    """
    Add a timeline up.

    Args:
        timeline: Whose evidence.
        now_ns: The moment of judgement.
        half_life_ns: After it evidence weighs half.
        recent_ns: How far back `recent` reaches.
    """
    total, recent = Counts(), Counts()
    ok = failed = misses = suspects = 0.0
    slots = timeline.newest_first(now_ns)
    for age_ns, counts in slots:
        lossy = counts.lossy / counts.windows if counts.windows else 0.0
        weight = 0.5 ** (age_ns / half_life_ns) * (1 - lossy * (1 - LOSSY_WEIGHT))
        ok += weight * counts.ok
        failed += weight * counts.failed
        misses += weight * counts.misses
        suspects += weight * counts.suspects
        total.add(counts)
        if age_ns < recent_ns:
            recent.add(counts)
    return Evidence(
        total,
        recent,
        ok,
        failed,
        misses,
        suspects,
        _consecutive(timeline, slots),
        _cause(total, slots),
    )


def _consecutive(timeline: Timeline, slots: list[tuple[int, Counts]]) -> int:
    """Count by the order where that is known, else by whole slots: too few, never too many."""
    known = len(timeline.failed_at_ns)
    if timeline.served_at_ns and known < KEPT_FAILURES:
        return known
    return max(known, _consecutive_slots(slots))


def _consecutive_slots(slots: list[tuple[int, Counts]]) -> int:
    failures = 0
    for _, counts in slots:
        if counts.served:
            return failures
        failures += counts.failed
    return failures


def _cause(total: Counts, slots: list[tuple[int, Counts]]) -> str | None:
    if not total.failures:
        return None
    most = max(total.failures.values())
    tied = {name for name, count in total.failures.items() if count == most}
    newest = (name for _, counts in slots for name in counts.failures if name in tied)
    return next(newest, None)
