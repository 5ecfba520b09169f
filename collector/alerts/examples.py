"""
The worst requests that were seen while an incident was open: examples for people, kept with it.

Of what agents tell only the worst of a day is held (`health/worst.py`); what belongs to an incident
is taken from that while it is there. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modpulse.agent.batch.batch import SUSPECT

from ..health.worst import OF_ONE_AGENT, WorstRequest
from .lifecycle import Key

MAX_EXAMPLES = 10
"""Of one incident: some 10 kB at most."""
OF_ONE_PROXY = 5
"""Of these, where it has several."""


@dataclass(frozen=True, slots=True)
class Example:
    """One request, and at which entry of GOPROXY it was made."""

    proxy: str
    request: WorstRequest


@dataclass(frozen=True, slots=True)
class Sick:
    """What an alert that fires is about."""

    key: Key
    since_ns: int
    gates: tuple[str, ...]


def worst_of(
    kept: Sequence[Example],
    sick: Sequence[Sick],
    told: Mapping[str, Sequence[WorstRequest]],
) -> tuple[Example, ...]:
    """
    Return the worst of what was kept and of what is told now: failures first, the longest first.

    Args:
        kept: Of before.
        sick: What fires.
        told: By proxy.
    """
    known = {(one.proxy, one.request.is_it): one for one in kept}
    # What is told last of a request is how it ended.
    known |= {(one.proxy, one.request.is_it): one for one in _found(sick, told)}
    ordered = sorted(
        known.values(),
        key=lambda one: (
            not one.request.is_failure, -one.request.elapsed_ns, one.request.at_ns, one.proxy,
        ),
    )  # fmt: skip
    most = OF_ONE_PROXY if len({one.proxy for one in ordered}) > 1 else MAX_EXAMPLES
    of_agent, of_proxy = Counter[str](), Counter[str]()
    worst: list[Example] = []
    for one in ordered:
        agent_id = one.request.agent_id
        if of_agent[agent_id] < OF_ONE_AGENT and of_proxy[one.proxy] < most:
            of_agent[agent_id] += 1
            of_proxy[one.proxy] += 1
            worst.append(one)
    return tuple(worst[:MAX_EXAMPLES])


def _found(sick: Sequence[Sick], told: Mapping[str, Sequence[WorstRequest]]) -> Iterator[Example]:
    for one in sick:
        for request in told.get(one.key.proxy, ()):
            if request.at_ns >= one.since_ns and _shows(request, one):
                yield Example(one.key.proxy, request)


def _shows(request: WorstRequest, sick: Sick) -> bool:
    """Whether it is an example of what is wrong."""
    if sick.key.rule == "host" and request.agent_id != sick.key.who:
        return False
    if request.outcome == SUSPECT:
        return "suspect_misses" in sick.gates
    return request.is_failure or "slow" in sick.gates
