"""
What anybody may know, for the public page and its badges: counts, states and times, and no name of
a host, proxy, agent, site, module, cause or person. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.incident import Incident
from ..alerts.maintenance import Window
from ..alerts.rules import Severity, Topic
from ..draw.bars import Bar
from ..health.gates import SEVERITY, State
from ..health.report import Report
from ..insight.history import DAY_S
from ..insight.recent import Day, Recent
from .days import level
from .words import NOTHING, day, percent

MOST_PUBLIC = 20
"""Incidents, the newest."""
MOST_PLANNED = 5
"""Times of maintenance, those that come next."""
AHEAD_NS = 14 * DAY_S * NS
"""Maintenance that begins later is not told yet."""
TOPICS: tuple[Topic, ...] = ("proxy", "certificate")
"""What is of use to who only builds; agents and channels are the operator's."""
BADGES = ("status", "proxies", "incidents")
"""By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A time in which somebody works on it; of the wall."""

    begins_ns: int
    ends_ns: int
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicLine:
    """One incident; times of the wall."""

    severity: Severity
    topic: Topic
    is_open: bool
    since_ns: int
    for_s: float
    proxies: int
    words: str
    """That an admin wrote for anybody; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """All of it."""

    state: State
    total: int
    counts: tuple[tuple[State, int], ...]
    """How many proxies are in each state, the worst first; those that there are."""
    fine: int
    is_open: int
    """Open incidents."""
    days: tuple[Bar, ...]
    """Of all proxies together; empty: nothing is known."""
    served: float | None
    """Share of requests, in all of the days."""
    planned: tuple[Planned, ...]
    incidents: tuple[PublicLine, ...]


def worst_state(states: Iterable[State]) -> State:
    """Return the worst; `unknown` where nothing is known of any."""
    return max(states, key=SEVERITY.__getitem__, default="unknown")


def told_incidents(incidents: Iterable[Incident]) -> list[Incident]:
    """Return those of which anybody may know, the newest first: what nobody was told is none."""
    told = [one for one in incidents if one.told and one.topic in TOPICS]
    return sorted(told, key=lambda one: one.id, reverse=True)


def public(
    reports: Sequence[Report],
    recents: Iterable[Recent],
    incidents: Iterable[Incident],
    windows: Iterable[Window],
    objective: float,
    at_ns: int,
    wall_offset_ns: int,
    words: Mapping[int, str],
) -> Public:
    """
    Return what anybody may know.

    Args:
        reports: Of every proxy.
        recents: Their last days, as far as they were read.
        incidents: Open ones and the last closed ones.
        windows: Of maintenance.
        objective: Share of requests that are to be served.
        at_ns: When was judged.
        wall_offset_ns: Added to the collector's times to show them.
        words: That admins wrote for anybody, by incident.
    """
    states = Counter(report.track.state for report in reports)
    told = told_incidents(incidents)
    days = _together(recents)
    good, failed = sum(one.good for one in days), sum(one.failed for one in days)
    return Public(
        state=worst_state(states),
        total=len(reports),
        counts=tuple(sorted(states.items(), key=lambda item: -SEVERITY[item[0]])),
        fine=states["healthy"],
        is_open=sum(one.closed_ns is None for one in told),
        days=tuple(_bar(one, objective, wall_offset_ns) for one in days),
        served=good / (good + failed) if good + failed else None,
        planned=_planned(windows, at_ns + wall_offset_ns),
        incidents=tuple(
            _line(one, at_ns, wall_offset_ns, words.get(one.id, "")) for one in told[:MOST_PUBLIC]
        ),
    )


def _together(recents: Iterable[Recent]) -> list[Day]:
    good: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for recent in recents:
        for one in recent.days:
            good[one.start_s] += one.good
            failed[one.start_s] += one.failed
    return [Day(start_s, good[start_s], failed[start_s]) for start_s in sorted(good)]


def _bar(one: Day, objective: float, wall_offset_ns: int) -> Bar:
    asked = one.good + one.failed
    ratio = percent(one.good / asked, 2) if asked else NOTHING
    return Bar(level(one, objective), f"{day(one.start_s * NS + wall_offset_ns)}: {ratio}")


def _planned(windows: Iterable[Window], wall_ns: int) -> tuple[Planned, ...]:
    spans = {span for window in windows if (span := window.next_ns(wall_ns))}
    found = [
        Planned(begins_ns=begins_ns, ends_ns=ends_ns, is_on=begins_ns <= wall_ns)
        for begins_ns, ends_ns in sorted(spans)
        if begins_ns - wall_ns < AHEAD_NS
    ]
    return tuple(found[:MOST_PLANNED])


def _line(incident: Incident, at_ns: int, wall_offset_ns: int, words: str) -> PublicLine:
    return PublicLine(
        severity=incident.severity,
        topic=incident.topic,
        is_open=incident.closed_ns is None,
        since_ns=incident.since_ns + wall_offset_ns,
        for_s=max(0, (incident.closed_ns or at_ns) - incident.since_ns) / NS,
        proxies=len(incident.proxies),
        words=say(words),
    )
