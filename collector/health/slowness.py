"""
Whose slowness it is: of hosts, of those with a label, of the users of a resolver, of addresses and
of endpoints the one with the fewest answers without which they are quick.

By the answers of the last windows; pure. What explains failures is found by explain.py, which needs
no latencies.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from modpulse.agent.batch.batch import SMALL_ENDPOINTS
from modpulse.agent.batch.sketch import Sketch, SketchError

from ..intake.arrival import Sighting
from .contrast import LEAST_FAILURES, LEAST_SHARE
from .parts import Value

if TYPE_CHECKING:
    from .held import Witness

MAX_TIMED = 200
"""Agents of one proxy whose answers are looked at."""
MAX_TIMED_WINDOWS = 48
"""Windows of one proxy whose times by address and endpoint are kept: the newest, of any agents."""
MAX_TIMES = 6
"""Windows of one agent and proxy whose times are kept: those of the last minute."""
TAIL = 0.05
"""p95 is what one of twenty is above."""
LEAST_WITNESSES = 2
"""Agents for whom an address or an endpoint is slow, where several ask."""
_LEAST_OTHERS = 2
"""Hosts beside one that alone is slow."""


class TimedWindow(NamedTuple):
    """What one agent saw in one window: of each endpoint and address the sketch of first bytes."""

    end_ns: int
    agent_id: str
    parts: tuple[tuple[Value, bytes], ...]


def timed_window(end_ns: int, agent_id: str, sighting: Sighting) -> TimedWindow:
    """Return what is kept of a window."""
    found = [
        (Value(kind, part.name), part.sketch)
        for kind, parts in (("endpoint", sighting.by_endpoint), ("address", sighting.by_address))
        for part in parts
        if part.sketch and (kind == "address" or part.name in SMALL_ENDPOINTS)
    ]
    return TimedWindow(end_ns, agent_id, tuple(found))


@dataclass(slots=True)
class _Answers:
    n: int = 0
    slow: int = 0

    def add(self, other: "_Answers") -> None:
        self.n += other.n
        self.slow += other.slow


@dataclass(frozen=True, slots=True)
class Slowness:
    """Those for whom answers are slow."""

    value: Value
    agents: frozenset[str]
    """None where it is an address or an endpoint."""
    share: float
    """Of the slow answers, 0…1."""
    part: float
    """Of all answers, 0…1."""


def slowness(
    witnesses: Mapping[str, "Witness"],
    windows: Iterable[TimedWindow],
    is_slow: Callable[[int], bool],
    since_ns: int,
    least: int,
) -> Slowness | None:
    """
    Return for whom answers are slow; None: for all, or it cannot be told.

    Args:
        witnesses: Agent to what it saw.
        windows: The newest, by address and endpoint.
        is_slow: Whether a bucket is of slow answers.
        since_ns: What is older does not count.
        least: Answers of the others that are needed to say that they are quick.
    """
    seen: dict[str, _Answers] = {}
    for agent_id, witness in islice(_timed(witnesses, since_ns), MAX_TIMED):
        seen[agent_id] = _answers(witness, is_slow, since_ns)
    total = _Answers()
    groups: dict[Value, set[str]] = defaultdict(set)
    for agent_id, answers in seen.items():
        total.add(answers)
        for value in _values(agent_id, witnesses[agent_id]):
            groups[value].add(agent_id)
    found = None
    for value, agents in groups.items():
        own = _Answers()
        for agent_id in agents:
            own.add(seen[agent_id])
        others = len(seen) - len(agents)
        if others < (_LEAST_OTHERS if value.kind == "host" else 1):
            continue
        if _explains(own, total, least) and (found is None or own.n / total.n < found.part):
            share, part = own.slow / total.slow, own.n / total.n
            found = Slowness(value, frozenset(agents), share, part)
    recent = [window for window in windows if window.end_ns > since_ns]
    for one in _slow_parts(recent, is_slow, min(len(seen), LEAST_WITNESSES), least):
        found = one if found is None or one.part < found.part else found
    return found


def _slow_parts(
    windows: Sequence[TimedWindow], is_slow: Callable[[int], bool], witnesses: int, least: int
) -> Iterator[Slowness]:
    """Yield the address and the endpoint that explain it, as so many agents see it."""
    seen: dict[Value, _Answers] = defaultdict(_Answers)
    slow_for: dict[Value, set[str]] = defaultdict(set)
    total: dict[str, _Answers] = defaultdict(_Answers)
    for window in windows:
        for value, data in window.parts:
            answers = _of_sketch(data, is_slow)
            seen[value].add(answers)
            total[value.kind].add(answers)
            if answers.slow:
                slow_for[value].add(window.agent_id)
    for value, own in seen.items():
        whole = total[value.kind]
        if len(slow_for[value]) >= witnesses and _explains(own, whole, least):
            yield Slowness(value, frozenset(), own.slow / whole.slow, own.n / whole.n)


def _explains(own: _Answers, total: _Answers, least: int) -> bool:
    rest = _Answers(total.n - own.n, total.slow - own.slow)
    is_slow = own.slow >= LEAST_FAILURES and own.slow > TAIL * own.n
    is_rest_quick = rest.n >= least and rest.slow <= TAIL * rest.n
    return is_slow and is_rest_quick and own.slow >= LEAST_SHARE * total.slow


def _timed(witnesses: Mapping[str, "Witness"], since_ns: int) -> Iterator[tuple[str, "Witness"]]:
    return (
        (agent_id, witness)
        for agent_id, witness in witnesses.items()
        if witness.times and witness.times[-1][0] > since_ns
    )


def _answers(witness: "Witness", is_slow: Callable[[int], bool], since_ns: int) -> _Answers:
    answers = _Answers()
    for end_ns, data in witness.times:
        if end_ns <= since_ns:
            continue
        answers.add(_of_sketch(data, is_slow))
    return answers


def _of_sketch(data: bytes, is_slow: Callable[[int], bool]) -> _Answers:
    try:
        buckets = Sketch.from_bytes(data).buckets
    except SketchError:
        return _Answers()  # counted where all of them are added up
    slow = sum(count for bucket, count in buckets.items() if is_slow(bucket))
    return _Answers(sum(buckets.values()), slow)


def _values(agent_id: str, witness: "Witness") -> Iterator[Value]:
    """Of the same answers the least general comes first."""
    yield Value("host", agent_id)
    yield from witness.labels
    for resolver in sorted(witness.resolvers):
        yield Value("resolver", resolver)
