"""
Whose failures those of one proxy are: what its witnesses saw and what explains them, brought
together. Who saw it decides first, and needs little evidence; what explains it is told as soon as
it is known, and is more precise.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from .contrast import LEAST_FAILURES
from .evidence import Timeline
from .explain import Candidate, Checks, Explanation, explain
from .held import Proxy
from .parts import OF_REQUESTS, Value, troubled
from .scope import Scope, Vantage, also_alone, counted, explained, find_scope, of_label
from .vouch import members, speaks_against

NETWORK = ("dns", "tcp", "http.stalled", "tls.timeout")
"""What one sick network shows as, here or there."""
MAX_HOSTS = 3
"""Agents of one proxy that may explain its failures: those that saw most."""


def explaining(
    proxy: Proxy,
    vantages: Sequence[Vantage],
    fires: Callable[[Timeline], bool],
    cause: str | None,
) -> Iterator[Explanation | None]:
    """
    Look for what explains the failures: None after some milliseconds, what is found at the end.

    Args:
        proxy: Whose.
        vantages: Of the agents that asked it.
        fires: Whether a failure gate fires on a timeline.
        cause: The most frequent failure class.
    """
    if proxy.timeline.troubles < LEAST_FAILURES:
        return
    seers = [vantage.agent_id for vantage in vantages if vantage.sees]
    candidates = candidates_of(proxy, vantages)

    def is_sick(timeline: Timeline, is_rest: bool) -> bool:
        return fires(proxy.timeline.without([timeline]) if is_rest else timeline)

    checks = Checks(is_sick, partial(speaks_against, proxy, seers, lambda timeline: timeline))
    yield from explain(candidates, proxy.timeline, checks, proxy.explained, root_of(cause))


def candidates_of(proxy: Proxy, vantages: Sequence[Vantage]) -> list[Candidate]:
    """Return the sets that saw trouble."""
    hosts = sorted(vantages, key=lambda v: -v.failed)[:MAX_HOSTS] if len(vantages) > 1 else []
    candidates = [
        Candidate(Value("host", v.agent_id), proxy.witnesses[v.agent_id].timeline)
        for v in hosts
        if v.failed >= LEAST_FAILURES
    ]
    candidates += itertools.starmap(Candidate, troubled(proxy.parts, LEAST_FAILURES))
    return candidates


def attribute(
    proxy: Proxy,
    vantages: Sequence[Vantage],
    fires_without: Callable[[frozenset[str]], bool],
    found: Explanation | None,
    cause: str | None,
) -> Scope:
    """
    Return whose failures they are, and remember it for the next window.

    Args:
        proxy: Whose.
        vantages: Of the agents that asked it.
        fires_without: Whether a failure gate fires on everybody's evidence without these.
        found: What explains the failures.
        cause: The most frequent failure class.
    """
    scope = find_scope(vantages, fires_without, proxy.sick_resolver)
    if scope.kind == "host" and scope.excluded and met_by_others(proxy, scope.who or ""):
        scope = Scope()
    proxy.sick_resolver = scope.who if scope.kind == "resolver" else None
    if scope.kind == "resolver" and root_of(cause) != "dns":
        scope = _labelled(proxy, scope)
    if found is not None and _is_same(proxy, scope, found):
        scope = counted(scope, found)
    elif found is not None and found.value.kind != "host":
        scope = _precise(proxy, scope, vantages, found)
    proxy.explained = found.value if found else None
    return scope


def met_by_others(proxy: Proxy, agent_id: str) -> bool:
    """
    Whether most of what one agent failed of came when as much failed for others: a short outage
    is not that host's which happened to ask most in it.
    """
    witness = proxy.witnesses.get(agent_id)
    if witness is None:
        return False
    own = {slot: c.failed for slot, c in witness.timeline.slots.newest_first() if c.failed}
    rest = Counter[int]()
    for slot, counts in proxy.timeline.slots.newest_first():
        rest[slot] += max(0, counts.failed - own.get(slot, 0))
    # Windows of agents end at different times: what happened at once may be a slot apart.
    met = sum(min(n, rest[slot - 1] + rest[slot] + rest[slot + 1]) for slot, n in own.items())
    return 2 * met > sum(own.values()) > 0


def root_of(cause: str | None) -> str:
    """Return the root of a failure class, `dns`; empty without any."""
    return (cause or "").partition(".")[0]


def _labelled(proxy: Proxy, scope: Scope) -> Scope:
    """Return the site of a resolver's users where they have one: it answers names, and no more."""
    some = next(iter(scope.excluded), None)
    for label in proxy.witnesses[some].labels if some in proxy.witnesses else ():
        if members(proxy, label).keys() == scope.excluded:
            return of_label(scope, label)
    return scope


def _precise(proxy: Proxy, scope: Scope, vantages: Sequence[Vantage], found: Explanation) -> Scope:
    is_resolver = found.value.kind == "resolver"
    if len(vantages) > 1:
        users = frozenset(members(proxy, found.value)) if is_resolver else frozenset[str]()
        return explained(found, users)
    if scope.excluded or is_resolver:
        return scope
    return also_alone(explained(found, frozenset()), vantages[0].agent_id)


def _is_same(proxy: Proxy, seen: Scope, found: Explanation) -> bool:
    """Whether it is what was seen, or the same agents by another name where names are not found."""
    if found.value == (seen.kind, seen.who):
        return bool(seen.excluded)
    if seen.kind != "resolver":
        return False
    is_label = found.value.kind not in ("host", *OF_REQUESTS)
    return is_label and found.root == "dns" and members(proxy, found.value).keys() == seen.excluded
