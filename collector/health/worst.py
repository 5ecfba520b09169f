"""
The worst requests of each proxy, as agents tell of them: the newest failures, and the slowest.

Examples for people, never a number: which of many are told is each agent's choice. A window waits
as it came until a judgement, so that a batch's answer waits for none of it; of more than there is
room for the others are not read. Only agents that are known are heard. Pure: times are the
collector's, in nanoseconds.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from modpulse.agent.batch.batch import NOT_FAILURES, BatchError
from modpulse.agent.service.units import NS

from ..intake import wire
from ..intake.arrival import Arrival, Sighting
from ..shares import Shares

MAX_WORST_BYTES = 4 << 20
"""That wait between two judgements; one caller has half of it."""
MAX_WORST_WINDOWS = 16
"""That wait of one proxy, half of them for windows with failures alone."""
MAX_WORST = 10
"""Failures that are kept of one proxy, and as many that were only slow."""
OF_ONE_AGENT = 3
"""Of these: what ails one host hides no other's."""
KEPT_NS = 86_400 * NS
STEP_WINDOWS = 50
"""Read before others go first: a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRequest:
    """One request; what is not known of it is None."""

    agent_id: str
    at_ns: int
    """When it began."""
    endpoint: str | None
    module: str | None
    version: str | None
    outcome: str
    """`ok`, `miss`, `suspect` or a failure class."""
    final: str | None
    """`ok`, `fell_through`, `stopped`; None while it hangs."""
    status: int | None
    elapsed_ns: int
    phases_ns: Mapping[str, int]
    """`wait` (for a connection, its set-up included), `processing`, `transfer`."""
    evidence: str | None
    host: str | None
    address: str | None

    @property
    def is_failure(self) -> bool:
        """Whether it failed."""
        return self.outcome not in NOT_FAILURES

    @property
    def is_it(self) -> tuple[object, ...]:
        """What it is known by: one that hangs is told of again when it is over."""
        return self.agent_id, self.at_ns, self.endpoint, self.module, self.version


class _Waiting(NamedTuple):
    caller: str
    agent_id: str
    skew_ns: int
    end_ns: int
    data: bytes


@dataclass(slots=True)
class _OfProxy:
    waiting: list[_Waiting] = field(default_factory=list)
    failed: list[WorstRequest] = field(default_factory=list)
    """The newest first."""
    slow: list[WorstRequest] = field(default_factory=list)
    """The slowest first."""


class Worst:
    """Of one fleet."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what makes no sense is counted.
        """
        self._overflow = overflow
        self._room = Shares(MAX_WORST_BYTES)
        self._of: dict[str, _OfProxy] = {}

    def take(self, arrival: Arrival, sighting: Sighting) -> None:
        """Let what a window tells wait until it is read, where there is room."""
        data = sighting.exemplars
        if len(data) < 2 or not arrival.is_known:
            return
        held = self._of.get(sighting.proxy)
        if held is None:
            held = self._of[sighting.proxy] = _OfProxy()
        most = MAX_WORST_WINDOWS if sighting.counts.failures else MAX_WORST_WINDOWS // 2
        if len(held.waiting) >= most or not self._room.has_room(arrival.caller, len(data)):
            return
        self._room.take(arrival.caller, len(data))
        held.waiting.append(
            _Waiting(arrival.caller, arrival.agent_id, arrival.skew_ns, arrival.end_ns, data)
        )

    def reading(self, now_ns: int, proxies: Collection[str]) -> Iterator[None]:
        """
        Read what waits, and forget what is old, in steps.

        Args:
            now_ns: The collector's time.
            proxies: Those that are held; of others nothing is kept.
        """
        for proxy in [proxy for proxy in self._of if proxy not in proxies]:
            for one in self._of.pop(proxy).waiting:
                self._room.give(one.caller, len(one.data))
        read = 0
        for held in list(self._of.values()):
            waiting, held.waiting = held.waiting, []
            found = [request for one in waiting for request in self._read(one)]
            _keep(held, found, now_ns - KEPT_NS)
            read += 1 + len(waiting)
            if read >= STEP_WINDOWS:
                read = 0
                yield None

    def recall(self, proxy: str, worst: Iterable[WorstRequest]) -> None:
        """Take back what was kept of a proxy; what is old is forgotten with the next reading."""
        held = self._of.setdefault(proxy, _OfProxy())
        _keep(held, list(worst), 0)

    def of(self, proxy: str) -> tuple[WorstRequest, ...]:
        """Return those of a proxy: failures, the newest first, then the slowest."""
        held = self._of.get(proxy)
        return (*held.failed, *held.slow) if held else ()

    def _read(self, one: _Waiting) -> list[WorstRequest]:
        self._room.give(one.caller, len(one.data))
        try:
            return [_request(one, told) for told in wire.exemplars(one.data)]
        except BatchError:
            self._overflow["unreadable_exemplars"] += 1
            return []


def _request(one: _Waiting, told: wire.Exemplar) -> WorstRequest:
    return WorstRequest(
        agent_id=one.agent_id,
        # In its window or before it, whatever the agent's clock says.
        at_ns=max(0, min(told.at_ns + one.skew_ns, one.end_ns)),
        endpoint=told.endpoint,
        module=told.module,
        version=told.version,
        outcome=told.outcome,
        final=told.final,
        status=told.status,
        elapsed_ns=told.elapsed_ns,
        phases_ns=told.phases,
        evidence=told.evidence,
        host=told.host,
        address=told.address,
    )


def _keep(held: _OfProxy, found: list[WorstRequest], since_ns: int) -> None:
    # What is told last of a request is how it ended.
    known = {one.is_it: one for one in (*held.failed, *held.slow, *found) if one.at_ns > since_ns}
    failed = sorted(
        (one for one in known.values() if one.is_failure), key=lambda one: one.at_ns, reverse=True
    )
    slow = sorted(
        (one for one in known.values() if not one.is_failure),
        key=lambda one: one.elapsed_ns,
        reverse=True,
    )
    held.failed, held.slow = _first(failed), _first(slow)


def _first(ordered: list[WorstRequest]) -> list[WorstRequest]:
    """Return the first MAX_WORST, of each agent OF_ONE_AGENT at most."""
    kept: list[WorstRequest] = []
    of: Counter[str] = Counter()
    for one in ordered:
        if of[one.agent_id] < OF_ONE_AGENT:
            of[one.agent_id] += 1
            kept.append(one)
        if len(kept) == MAX_WORST:
            break
    return kept
