"""
What explains the failures of a proxy: of all sets of requests the smallest outside of which all is
well, found by one rule for addresses, endpoints, modules, resolvers, labels of agents and hosts.

A set explains them when the gates fire on what is inside and not on the rest, and two ratios tell
what was seen far better than one. Of several the likeliest does; sets of the same requests cannot
be told apart, and are told together. Pure; knows no agents: who asks says what else speaks against.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .contrast import Contrast, Series, begin_of, contrast, series_of
from .evidence import Timeline
from .parts import Value

LEAST_PART = 0.3
"""Of all trouble that there was: what has less is not looked at."""
MAX_TRIED = 8
"""Sets that are weighed by the gates: the likeliest."""
STEP_SETS = 4
"""Looked at at once: 1 ms."""
ALIKE = 0.02
"""Sets are of the same requests when they differ by so much."""
TOLD_EASE = 0.5
"""What was told in the window before needs half as much to be told again."""
_ORDER = ("host", "module", "address", "endpoint")
"""Of kinds with the same requests, the least general first; then resolvers and labels."""


class Candidate(NamedTuple):
    """A set of requests."""

    value: Value
    timeline: Timeline
    """Of the requests inside."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The set that explains the failures."""

    value: Value
    contrast: Contrast
    begin: int
    """The slot since when."""
    root: str
    """Of the most frequent failure."""
    also: tuple[Value, ...] = ()
    """Sets of the same requests."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What is known beyond counts."""

    is_sick: Callable[[Timeline, bool], bool]
    """Whether the gates fire on a timeline; True: on what is left of the proxy without it."""
    speaks_against: Callable[[Value, int, bool], bool]
    """Whether agents' own counts since a slot contradict it; True: it was told before."""


def explain(
    candidates: Sequence[Candidate],
    everything: Timeline,
    checks: Checks,
    before: Value | None,
    root: str,
) -> Iterator[Explanation | None]:
    """
    Find the set that explains the failures: None after some milliseconds, what is found at the end.

    Args:
        candidates: Sets that saw trouble.
        everything: That was seen of the proxy.
        checks: See there.
        before: What was told in the window before.
        root: Of the most frequent failure, `dns`: what sets of the same requests differ in.
    """
    total = series_of(everything)
    likely: list[tuple[Candidate, Series, Explanation]] = []
    for place, candidate in enumerate(candidates):
        if candidate.timeline.troubles >= LEAST_PART * everything.troubles:
            series = series_of(candidate.timeline)
            begin = begin_of(series)
            found = Explanation(candidate.value, contrast(series, total, begin), begin, root)
            if found.contrast.explains(_ease(candidate.value, before)):
                likely.append((candidate, series, found))
        if place % STEP_SETS == STEP_SETS - 1:
            yield None
    ranked = _ranked(likely, total, root)
    timelines = {candidate.value: candidate.timeline for candidate, _, _ in likely}
    for found in ranked[:MAX_TRIED]:
        timeline, value = timelines[found.value], found.value
        if checks.is_sick(timeline, False) and not checks.is_sick(timeline, True):
            yield None
            if not checks.speaks_against(value, found.begin, value == before):
                yield found
                return
        yield None


def _ranked(
    likely: Sequence[tuple[Candidate, Series, Explanation]], total: Series, root: str
) -> list[Explanation]:
    """Order sets by how well they explain what was seen since the likeliest one began to fail."""
    if not likely:
        return []
    begin = max((found for _, _, found in likely), key=lambda found: found.contrast.gain).begin
    again = [
        Explanation(found.value, contrast(series, total, begin), begin, root)
        for _, series, found in likely
    ]
    again.sort(key=lambda found: (-found.contrast.gain, _place(found.value, root)))
    ranked: list[Explanation] = []
    while again:
        alike = [one for one in again if _is_alike(again[0].contrast, one.contrast)]
        again = [one for one in again if one not in alike]
        alike.sort(key=lambda found: _place(found.value, root))
        for one in alike:
            others = tuple(other.value for other in alike if other is not one)
            ranked.append(Explanation(one.value, one.contrast, one.begin, root, others))
    return ranked


def _is_alike(one: Contrast, other: Contrast) -> bool:
    n, failed = abs(one.inside - other.inside), abs(one.inside_failed - other.inside_failed)
    return n <= ALIKE * max(one.inside, other.inside) and failed <= ALIKE * one.inside_failed


def _place(value: Value, root: str) -> tuple[int, str, str]:
    """Return where a value comes among those with the same requests: whose root it may be first."""
    if value.kind in _ORDER:
        place = _ORDER.index(value.kind)
    elif value.kind == "resolver":
        # A resolver cannot reset a connection, and a site does not answer SERVFAIL.
        place = len(_ORDER) if root == "dns" else len(_ORDER) + 3
    else:
        # Whom a proxy refuses by name is told by a credential, and by a place only in the end.
        place = len(_ORDER) + 1 + ((value.kind == "site") == (root == "auth"))
    return place, value.kind, value.who


def _ease(value: Value, before: Value | None) -> float:
    return TOLD_EASE if value == before else 1.0
