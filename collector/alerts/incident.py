"""
An incident: what a person would call one, however many alerts are in it.

Knows no reports and sends nothing: alerts that fire join it, alerts that end leave it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from ..health.reason import Language, Reasons, sentences
from ..health.worst import WorstRequest
from .examples import Example, Sick, worst_of
from .facts import Facts
from .holding import Reading
from .lifecycle import Event, Key
from .rules import Rule, RuleName, Severity, Topic, worst

MAX_MEMBERS = 500
"""Alerts of one incident that are named; the others are counted."""
MAX_TIMELINE = 200
"""Entries of one incident: the first half and the newest are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One alert of an incident; times in ns of the collector's clock."""

    key: Key
    severity: Severity
    since_ns: int
    """Since when it was so, which is before it fired."""
    fired_ns: int
    ended_ns: int | None = None
    """None while it fires."""
    end: Event | None = None
    """`resolved` or `forgotten`: nobody asked any more; None while it fires."""
    facts: Facts = field(default_factory=Facts)
    """As they were last while it held."""


class Entry(NamedTuple):
    """One line of the timeline."""

    at_ns: int
    what: Event | Literal["told", "changed"]
    rule: str
    proxy: str
    who: str
    words: str | Reasons
    """Evidence, or what was told, or as an older collector wrote it; may hold words of others."""

    def said(self, language: Language = "en") -> str:
        """Return the words."""
        return self.words if isinstance(self.words, str) else sentences(self.words, language)


@dataclass(frozen=True, slots=True)
class Cost:
    """What it cost, as far as batches tell; whole minutes, of the proxies it names."""

    failed: int = 0
    """Requests that failed."""
    fell_through: int = 0
    """Requests after which the next entry of GOPROXY was asked."""
    lost_s: float = 0.0
    """What these took."""
    commands_failed: int = 0
    """`go` commands that ended with an error, and were stopped at one of these proxies last."""
    failed_s: float = 0.0
    """What failures took after which no other entry was asked."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of it last."""

    at_ns: int
    count: int
    """Notices so far."""
    severity: Severity
    members: int
    """How many it was about."""
    closed: bool
    severities: tuple[Severity, ...] = ()
    """Every one that was told of since it was opened, this notice included."""
    before: tuple[Severity, ...] = ()
    """The same without this notice."""
    sick: tuple[str, ...] = ()
    """Proxies of which something fired then; MAX_MEMBERS at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; times in ns of the collector's clock."""

    id: int
    """From 1, in the order in which they were opened."""
    topic: Topic
    cause: str
    severities: tuple[Severity, ...]
    """Every one that it had since it was opened last: who was told of one is told the end."""
    opened_ns: int
    """When its first alert fired."""
    joined_ns: int
    """When the last one did."""
    closed_ns: int | None = None
    """None while any of its alerts fires."""
    members: tuple[Member, ...] = ()
    """Each alert once, as it was last."""
    more: int = 0
    """Alerts beyond MAX_MEMBERS."""
    timeline: tuple[Entry, ...] = ()
    cost: Cost = Cost()
    worst: tuple[Example, ...] = ()
    """Of the requests that were seen while it was open."""
    told: Told | None = None
    """None before anybody was told."""
    begun_ns: int = 0
    """Since when the first that was ever of it was so; 0: an older collector did not say."""
    episode_ns: int = 0
    """The same since it was opened last: what was closed may come back."""

    @property
    def severity(self) -> Severity:
        """The gravest that it had since it was opened last."""
        return worst(self.severities)

    @property
    def gravest(self) -> Severity:
        """The gravest that it ever had."""
        return worst((*self.severities, *(member.severity for member in self.members)))

    @property
    def since_ns(self) -> int:
        """Since when the first of it was so."""
        known = [member.since_ns for member in self.members]
        return min(known + [self.begun_ns] * bool(self.begun_ns), default=self.opened_ns)

    @property
    def is_again(self) -> bool:
        """It was over before, and came back."""
        return self.begun_ns < self.episode_ns

    @property
    def firing(self) -> tuple[Member, ...]:
        """Those that fire now."""
        return tuple(member for member in self.members if member.ended_ns is None)

    @property
    def proxies(self) -> tuple[str, ...]:
        """Each proxy that it names, in order."""
        return tuple(sorted({member.key.proxy for member in self.members if member.key.proxy}))

    @property
    def affected(self) -> int:
        """How many alerts it has; what is counted of one proxy is one, whatever rules say so."""
        about = {
            member.key._replace(rule=COUNTING[0]) if member.key.rule in COUNTING else member.key
            for member in self.members
        }
        return len(about) + self.more

    @property
    def name(self) -> str:
        """What it is called outside: also a new database gives no name twice."""
        return f"{self.id}-{self.opened_ns // 1_000_000_000}"


COUNTING: tuple[RuleName, ...] = ("burn_fast", "burn_slow", "early", "dynamic")
"""Rules beside the states."""
ANSWERING: frozenset[str] = frozenset(
    ("down", "degraded", "host", "resolver", "burn_fast", "burn_slow", "early")
)
"""Rules about requests: what these cost can be counted."""


class Joining(NamedTuple):
    """An alert that fires, on its way into an incident."""

    key: Key
    rule: Rule
    reading: Reading


class Ending(NamedTuple):
    """How an alert of an incident ended."""

    end: Event
    """`resolved` or `forgotten`."""
    at_ns: int
    """Since when it was so: proven not to hold, or not known."""


def opened(number: int, joining: Joining, now_ns: int) -> Incident:
    """Return a new incident for an alert, which is not in it yet."""
    return Incident(
        id=number,
        topic=joining.rule.topic,
        cause=joining.reading.cause,
        severities=(joining.rule.severity,),
        opened_ns=now_ns,
        joined_ns=now_ns,
    )


def joined(incident: Incident, joining: Iterable[Joining], now_ns: int) -> Incident:
    """Return the incident with alerts that fire, again or for the first time."""
    members = {member.key: member for member in incident.members}
    known_ns = incident.since_ns if members else 0
    is_new = incident.closed_ns is not None or not members
    episode_ns = now_ns if is_new else incident.episode_ns or incident.since_ns
    severities = set[Severity]() if is_new else {*incident.severities}
    entries, more = [], incident.more
    for key, rule, reading in joining:
        is_known = members.pop(key, None) is not None
        severities.add(rule.severity)
        entries.append(Entry(now_ns, "fired", *key, reading.facts.evidence))
        since_ns = now_ns if reading.since_ns is None else min(reading.since_ns, now_ns)
        episode_ns = min(episode_ns, since_ns)
        if not is_known and len(members) >= MAX_MEMBERS:
            more += 1
            continue
        members[key] = Member(
            key=key,
            severity=rule.severity,
            since_ns=since_ns,
            fired_ns=now_ns,
            facts=reading.facts,
        )
    return replace(
        incident,
        severities=tuple(sorted(severities)),
        joined_ns=now_ns,
        closed_ns=None,
        members=tuple(members.values()),
        more=more,
        timeline=_added(incident.timeline, entries),
        begun_ns=min(filter(None, (incident.begun_ns, episode_ns, known_ns)), default=0),
        episode_ns=episode_ns,
    )


def left(
    incident: Incident, ended: Mapping[Key, Ending], still_firing: bool, now_ns: int
) -> Incident:
    """
    Return the incident after some of its alerts have ended.

    Args:
        incident: Which is not changed.
        ended: How, by alert.
        still_firing: Whether another alert of it fires.
        now_ns: The collector's time.
    """
    entries = [Entry(now_ns, one.end, *key, "") for key, one in ended.items()]
    return replace(
        incident,
        closed_ns=None if still_firing else now_ns,
        members=tuple(
            replace(member, ended_ns=ended[member.key].at_ns, end=ended[member.key].end)
            if member.key in ended
            else member
            for member in incident.members
        ),
        timeline=_added(incident.timeline, entries),
    )


def refreshed(incident: Incident, facts: dict[Key, Facts], now_ns: int) -> Incident:
    """Return the incident with the facts of now of what still holds; a change of scope is told."""
    members = tuple(
        replace(member, facts=facts[member.key]) if member.key in facts else member
        for member in incident.members
    )
    if members == incident.members:
        return incident
    changes = [
        Entry(now_ns, "changed", *after.key, after.facts.evidence)
        for before, after in zip(incident.members, members, strict=True)
        if before.facts.scope != after.facts.scope
    ]
    return replace(incident, members=members, timeline=_added(incident.timeline, changes))


def exemplified(incident: Incident, told: Mapping[str, Sequence[WorstRequest]]) -> Incident:
    """Return the incident with the worst requests, as they are told of its proxies by now."""
    sick = [
        Sick(member.key, member.since_ns, member.facts.gates)
        for member in incident.firing
        if member.key.rule in ANSWERING and member.key.proxy in told
    ]
    return replace(incident, worst=worst_of(incident.worst, sick, told)) if sick else incident


def noted(incident: Incident, at_ns: int, words: str) -> Incident:
    """Return the incident with a notice on its timeline."""
    entry = Entry(at_ns, "told", "", "", "", words)
    return replace(incident, timeline=_added(incident.timeline, [entry]))


def _added(timeline: tuple[Entry, ...], entries: Sequence[Entry]) -> tuple[Entry, ...]:
    whole = (*timeline, *entries)
    half = MAX_TIMELINE // 2
    return whole if len(whole) <= MAX_TIMELINE else (*whole[:half], *whole[-half:])
