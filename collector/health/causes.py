"""
Two troubles at once: failure classes that have a scope of their own, where no single set of
requests explains all that fails.

Each class is looked at as if there were no other: who failed of what comes earlier knows nothing of
it, and who failed of what comes later had got so far. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from .attribution import candidates_of
from .contrast import LEAST_FAILURES, LEAST_SHARE
from .evidence import Evidence, Timeline
from .explain import Checks, Explanation, explain
from .held import Proxy
from .parts import Value
from .scope import Scope, Vantage, explained
from .vouch import members, speaks_against

MAX_CAUSES = 4
"""Failure classes of one proxy that are looked at: the most frequent."""
STEP_ALONE = 16
"""Looked at at once: 2 ms."""
_STAGES = ("dns", "tcp", "tls", "http")
"""In the order in which a request comes to them; every other class is told by an answer."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One failure class that has a scope of its own."""

    failure: str
    scope: Scope
    seen: Evidence
    """Inside of the scope, as if there were no other class."""


def later_than(failure: str, others: Iterable[str]) -> frozenset[str]:
    """Return the classes that a request can only fail with after it has passed this one's stage."""
    stage = _stage(failure)
    return frozenset(other for other in others if _stage(other) > stage)


def _stage(failure: str) -> int:
    root = failure.partition(".")[0]
    return _STAGES.index(root) if root in _STAGES else len(_STAGES) - 1


def finding_causes(
    proxy: Proxy,
    vantages: Sequence[Vantage],
    fires: Callable[[Timeline], bool],
    summed: Callable[[Timeline], Evidence],
    told: Scope,
) -> Iterator[tuple[Cause, ...] | None]:
    """
    Look for classes with a scope of their own: None after some milliseconds, at the end all causes.

    Args:
        proxy: Whose failures.
        vantages: Of the agents that asked it.
        fires: Whether a failure gate fires on a timeline.
        summed: Adds a timeline up.
        told: The scope of all failures together; the classes that it explains have no other.
    """
    if proxy.timeline.troubles < 2 * LEAST_FAILURES:
        return
    classes = _classes(proxy.timeline)
    found: list[Cause] = []
    for failure, count in classes.most_common(MAX_CAUSES):
        if len(classes) < 2 or count < LEAST_FAILURES or _is_told(proxy, told, failure, count):
            continue
        alone = partial(Timeline.only, failure=failure, passed=later_than(failure, classes))
        explanation = None
        for each in _explaining(proxy, vantages, fires, alone, failure):
            yield None
            explanation = each
        if explanation is not None:
            inside = alone(_timeline(proxy, explanation.value))
            agents = _members(proxy, explanation.value)
            found.append(Cause(failure, explained(explanation, agents, failure), summed(inside)))
    proxy.told = {cause.failure: cause.scope.value for cause in found}
    yield tuple(found)


def _explaining(
    proxy: Proxy,
    vantages: Sequence[Vantage],
    fires: Callable[[Timeline], bool],
    alone: Callable[[Timeline], Timeline],
    failure: str,
) -> Iterator[Explanation | None]:
    """Look for what explains one class."""
    everything = alone(proxy.timeline)
    seers, candidates = [], []
    for place, vantage in enumerate(vantages):
        if vantage.sees and fires(alone(proxy.witnesses[vantage.agent_id].timeline)):
            seers.append(vantage.agent_id)
        if vantage.sees and place % STEP_ALONE == 0:
            yield None
    for place, one in enumerate(candidates_of(proxy, vantages)):
        timeline = alone(one.timeline)
        if timeline.troubles >= LEAST_FAILURES:
            candidates.append(one._replace(timeline=timeline))
        if place % STEP_ALONE == 0:
            yield None

    def is_sick(timeline: Timeline, is_rest: bool) -> bool:
        return fires(everything.without([timeline]) if is_rest else timeline)

    checks = Checks(is_sick, partial(speaks_against, proxy, seers, alone))
    before = proxy.told.get(failure)
    yield from explain(candidates, everything, checks, before, failure.partition(".")[0])


def without(proxy: Proxy, causes: Sequence[Cause]) -> Proxy:
    """
    Return a view of the proxy without the failures of a host, a resolver or a module.

    Whose own they are has no say there: who fails of something first knows nothing of what comes
    after, where there is anybody else.
    """
    own = [cause for cause in causes if not cause.scope.is_part]
    agents = frozenset[str]().union(*(cause.scope.excluded for cause in own))
    others = {a: w for a, w in proxy.witnesses.items() if a not in agents} or proxy.witnesses
    timeline = proxy.timeline.without(_failures(_timeline(proxy, c.scope.value), c) for c in own)
    timeline.order_as(witness.timeline for witness in others.values())
    return replace(proxy, timeline=timeline, witnesses=others)


def rest_of(proxy: Proxy, judged: Timeline, causes: Iterable[Cause]) -> Timeline:
    """Return what is left of a timeline without what is of parts."""
    parts = (cause for cause in causes if cause.scope.is_part)
    return judged.without(_failures(_timeline(proxy, c.scope.value), c) for c in parts)


def _failures(timeline: Timeline, cause: Cause) -> Timeline:
    """Return the failures of the cause's class alone."""
    only = timeline.only(cause.failure, frozenset())
    return only.without([timeline.only("", frozenset())])


def _classes(timeline: Timeline) -> Counter[str]:
    classes = Counter[str]()
    for _, counts in timeline.slots.newest_first():
        classes.update(counts.failures)
    return classes


def _is_told(proxy: Proxy, told: Scope, failure: str, count: int) -> bool:
    """Whether most failures of a class are of what explains all failures."""
    if told.kind is None:
        return False
    return _classes(_timeline(proxy, told.value))[failure] >= LEAST_SHARE * count


def _timeline(proxy: Proxy, value: Value) -> Timeline:
    """Return what was seen of a candidate."""
    if value.kind == "host" and value.who in proxy.witnesses:
        return proxy.witnesses[value.who].timeline
    held = proxy.parts.of.get(value)
    return held.timeline if held else Timeline()


def _members(proxy: Proxy, value: Value) -> frozenset[str]:
    """Return the agents whose own it is; none where it is a part of the proxy."""
    if value.kind == "host":
        return frozenset({value.who})
    return frozenset(members(proxy, value)) if value.kind == "resolver" else frozenset()
