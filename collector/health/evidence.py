"""
What was seen of one proxy lately: counts per slot of time, and what they add up to.

Knows nothing of agents, thresholds or states. Times are nanoseconds of the collector's clock.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from heapq import heappush, heappushpop

from modpulse.agent.service.units import NS

from ..intake.arrival import Counts
from .slots import Slots

SLOT_NS = 10 * NS
"""Resolution of the evidence: the default window of an agent."""
HORIZON_NS = 600 * NS
"""Nothing older counts: at the default half-life its weight is a tenth."""
SLOT_S, HORIZON_S = SLOT_NS // NS, HORIZON_NS // NS

LOSSY_WEIGHT = 0.5
"""Evidence of a window that lost events weighs so much: the interval widens, nothing is guessed."""
MOST_SLOTS = HORIZON_S // SLOT_S + 2
"""From the oldest to the newest that are held: the horizon, and what it begins and ends within."""
KEPT_FAILURES = 32
"""Failures in a row whose times are kept: several times what the outage gate reads."""


class Timeline:
    """Counts by slot, newest HORIZON_NS only."""

    __slots__ = ("failed_at_ns", "failing_since_ns", "lossy", "served_at_ns", "slots", "troubles")

    def __init__(self) -> None:
        self.slots = Slots()
        # Asked of each witness in each window: no slot is looked at for it.
        self.troubles = 0
        """What was seen but answers and ordinary misses."""
        self.lossy = 0
        """Windows that lost events."""
        self.served_at_ns = 0
        """The last 200 or ordinary miss whose time is known; 0 before the first."""
        self.failed_at_ns: list[int] = []
        """Failures after it, oldest first, the newest KEPT_FAILURES."""
        self.failing_since_ns = 0
        """The first failure after it, as far as is known; 0 without any."""

    def add(self, at_ns: int, counts: Counts) -> None:
        """Add what was seen in the window that ended at `at_ns`."""
        self._add(at_ns // SLOT_NS, counts)

    def add_quiet(self, at_ns: int, counts: Counts) -> bool:
        """Add a window without trouble to a slot that there is; False: it needs `add`."""
        if counts.failures or counts.suspects or counts.bad_certificates:
            return False
        if not self.slots.add_known(at_ns // SLOT_NS, counts):
            return False
        self.lossy += counts.lossy
        return True

    def _add(self, slot: int, counts: Counts) -> None:
        last = self.slots.last
        if last is not None:
            if slot <= last - MOST_SLOTS:
                return  # older than the horizon
            self._drop_before(slot - MOST_SLOTS + 1)
        self.troubles += _troubles(counts)
        self.lossy += counts.lossy
        self.slots.add(slot, counts)

    def add_small(self, slot: int, answers: int) -> None:
        """Add answers whose time to first byte is known, where what they belong to is kept."""
        self.slots.add_small(slot, answers)

    @property
    def size_bytes(self) -> int:
        """About what it takes."""
        return self.slots.size_bytes

    def doubt(self, at_ns: int) -> None:
        """Count an ordinary miss of that time as a suspect one."""
        if self.slots.doubt(at_ns // SLOT_NS):
            self.troubles += 1

    def has_ok(self, since_ns: int) -> bool:
        """Whether somebody got something since then, by whole slots."""
        since = since_ns // SLOT_NS
        return self.slots.has_ok(since)

    def growth_bytes(self, at_ns: int, counts: Counts) -> int:
        """Return how much more `add` would make it take, at most."""
        return self.slots.growth_bytes(at_ns // SLOT_NS, counts)

    def order(self, served_at_ns: int | None, failed_at_ns: Collection[int]) -> None:
        """Add what is known of the order of outcomes within windows."""
        if not failed_at_ns and not self.failed_at_ns:
            if served_at_ns is not None and served_at_ns > self.served_at_ns:
                self.served_at_ns = served_at_ns
            return
        self.served_at_ns = max(self.served_at_ns, served_at_ns or 0)
        times = sorted(t for t in (*self.failed_at_ns, *failed_at_ns) if t > self.served_at_ns)
        known = self.failing_since_ns if self.failing_since_ns > self.served_at_ns else 0
        self.failed_at_ns = times[-KEPT_FAILURES:]
        self.failing_since_ns = min(filter(None, (known, *times[:1])), default=0)

    def order_as(self, others: Iterable["Timeline"]) -> None:
        """Take over the order that others know together; of each little is looked at."""
        known = list(others)
        served_ns = max((other.served_at_ns for other in known), default=0)
        newest: list[int] = []
        since_ns = 0
        for other in known:
            for at_ns in reversed(other.failed_at_ns):
                if at_ns <= served_ns or (len(newest) == KEPT_FAILURES and at_ns <= newest[0]):
                    break
                (heappush if len(newest) < KEPT_FAILURES else heappushpop)(newest, at_ns)
            first_ns = other.failing_since_ns
            if 0 < first_ns <= served_ns:
                first_ns = next((at_ns for at_ns in other.failed_at_ns if at_ns > served_ns), 0)
            since_ns = min(since_ns or first_ns, first_ns) if first_ns else since_ns
        self.served_at_ns, self.failed_at_ns = served_ns, sorted(newest)
        self.failing_since_ns = since_ns

    @property
    def last_served_ns(self) -> int:
        """When somebody was last served, as far as that is known; 0: not lately."""
        served = (slot for slot, counts in self.slots.newest_first() if counts.served)
        newest_ns = next(served, -1) * SLOT_NS
        return max(self.served_at_ns, newest_ns, 0)

    def expire(self, now_ns: int) -> None:
        """Forget what is older than the horizon."""
        oldest_ns = now_ns - HORIZON_NS
        self._drop_before(oldest_ns // SLOT_NS)
        self.served_at_ns = self.served_at_ns if self.served_at_ns > oldest_ns else 0
        self.failed_at_ns = [t for t in self.failed_at_ns if t > oldest_ns]
        if not self.failed_at_ns:
            self.failing_since_ns = 0

    def without(self, others: Iterable["Timeline"]) -> "Timeline":
        """Return a copy from which the others' counts are taken away; it knows no order."""
        rest = Timeline()
        rest.slots = self.slots.without(other.slots for other in others)
        rest.troubles = sum(_troubles(counts) for _, counts in rest.slots.newest_first())
        return rest

    def only(self, failure: str, passed: Collection[str]) -> "Timeline":
        """
        Return a copy as if requests could fail of one class only; it knows no order.

        Args:
            failure: The class; another failure is no request.
            passed: But for these classes: who failed so had got so far.
        """
        alone = Timeline()
        alone.slots = self.slots.only(failure, passed)
        alone.troubles = sum(_troubles(counts) for _, counts in alone.slots.newest_first())
        return alone

    def _drop_before(self, slot: int) -> None:
        for counts in self.slots.drop_before(slot):
            self.troubles -= _troubles(counts)
            self.lossy -= counts.lossy

    def newest_first(self, now_ns: int) -> list[tuple[int, Counts]]:
        """Return (age in ns, counts) of each slot in the horizon that holds an outcome."""
        aged = (
            (max(0, now_ns - (slot + 1) * SLOT_NS), counts)
            for slot, counts in self.slots.newest_first()
            if counts.requests or counts.handshakes
        )
        return [(age_ns, counts) for age_ns, counts in aged if age_ns < HORIZON_NS]


def _troubles(counts: Counts) -> int:
    if not (counts.failures or counts.bad_certificates):
        return counts.suspects
    return counts.failed + counts.suspects + sum(counts.bad_certificates.values())


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
    failing_ns: int
    """From the first of these to the newest, where their order is known; else 0."""
    cause: str | None
    """The most frequent failure class, ties to the newest; None without failures."""
    served_since: int = 0
    """Answers and ordinary misses in whole slots after the last failure or suspect miss."""

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
        timeline.failed_at_ns[-1] - timeline.failing_since_ns if timeline.failed_at_ns else 0,
        _cause(total, slots),
        _served_since(slots),
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


def _served_since(slots: list[tuple[int, Counts]]) -> int:
    served = 0
    for _, counts in slots:
        if counts.failures or counts.suspects:
            break
        served += counts.served
    return served


def _cause(total: Counts, slots: list[tuple[int, Counts]]) -> str | None:
    if not total.failures:
        return None
    most = max(total.failures.values())
    tied = {name for name, count in total.failures.items() if count == most}
    newest = (name for _, counts in slots for name in counts.failures if name in tied)
    return next(newest, None)
