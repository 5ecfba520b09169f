"""
What agents say of a set of requests with their own counts: one alone is no witness of it, and who
is served inside, or fails outside, speaks against it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from .beta import regularized_incomplete_beta
from .contrast import series_of
from .evidence import Timeline
from .held import Proxy, Witness
from .parts import OF_REQUESTS, Value

LEAST_WITNESSES = 2
"""Agents that must have seen failures, where several ask."""
MAX_VOUCHING = 100
"""Agents inside whose counts are looked at: from everywhere alike; 2 ms."""
TOLERATED, TOLERATED_TOLD = 0.1, 0.3
"""Of agents inside that are served, and of those outside that see failures: ordinary noise; and of
what was told before, whose evidence does not fade everywhere alike."""
UNLIKELY = 0.02
"""That an agent fails so rarely by chance, if half as much failed as of those that fail."""


def speaks_against(
    proxy: Proxy,
    seers: Collection[str],
    seen: Callable[[Timeline], Timeline],
    value: Value,
    begin: int,
    is_told: bool,
) -> bool:
    """
    Return whether agents' own counts contradict that a set explains the failures.

    Args:
        proxy: Whose failures.
        seers: Agents on whose own evidence the gates fire.
        seen: What of a timeline is looked at.
        value: The set.
        begin: The slot since when.
        is_told: It was told in the window before.
    """
    tolerated = TOLERATED_TOLD if is_told else TOLERATED
    if value.kind == "host" or len(proxy.witnesses) == 1:
        return False
    if value.kind in OF_REQUESTS and value.kind != "resolver":
        troubled = _spread([w for w in proxy.witnesses.values() if w.timeline.troubles])
        return _count_failing(map(seen, (w.timeline for w in troubled)), begin) < LEAST_WITNESSES
    inside = members(proxy, value)
    outside = len(proxy.witnesses) - len(inside)
    if sum(agent_id not in inside for agent_id in seers) > tolerated * outside:
        return True
    some = [seen(witness.timeline) for witness in _spread(list(inside.values()))]
    if _count_failing(some, begin) < LEAST_WITNESSES:
        return True
    return _count_served(some, begin) > tolerated * len(some)


def members(proxy: Proxy, value: Value) -> dict[str, Witness]:
    """Return the agents that a label or a resolver has in common."""
    return {
        agent_id: witness
        for agent_id, witness in proxy.witnesses.items()
        if (value.who in witness.resolvers if value.kind == "resolver" else value in witness.labels)
    }


def _count_failing(timelines: Iterable[Timeline], begin: int) -> int:
    """Count up to LEAST_WITNESSES of those that saw failures since then."""
    count = 0
    for timeline in timelines:
        if count == LEAST_WITNESSES:
            break
        if not timeline.troubles:
            continue
        slots = timeline.slots.newest_first()
        count += any(slot >= begin and counts.failed + counts.suspects for slot, counts in slots)
    return count


def _count_served(timelines: Sequence[Timeline], begin: int) -> int:
    """Count those that fail too rarely to share the trouble of those that do."""
    seen = [_since(timeline, begin) for timeline in timelines]
    failures = sum(failed for _, failed in seen)
    rate = sum(failed * failed / n for n, failed in seen if n) / max(1, failures)
    return sum(_fails_rarely(n, failed, rate) for n, failed in seen)


def _since(timeline: Timeline, begin: int) -> tuple[int, int]:
    """Return requests and failures since a slot."""
    seen = [one for slot, one in series_of(timeline).items() if slot >= begin]
    return sum(n for n, _ in seen), sum(failed for _, failed in seen)


def _fails_rarely(n: int, failed: int, rate: float) -> bool:
    if n == failed:
        return False
    return regularized_incomplete_beta(n - failed, failed + 1, 1 - rate / 2) < UNLIKELY


def _spread(held: list[Witness]) -> list[Witness]:
    return held[:: -(-len(held) // MAX_VOUCHING) or 1]
