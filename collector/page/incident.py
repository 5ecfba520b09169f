"""One incident: what is told of it, its alerts, what happened when, as values. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.incident import Cost, Entry, Incident, Member
from ..alerts.note import Note
from ..alerts.rules import Severity, Topic
from ..health.reason import Language, sentence
from .headline import short
from .lines import title_of
from .links import host_page, proxy_page
from .requests import RequestLine, request_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLine:
    """One alert of it; times of the wall."""

    rule: str
    severity: Severity
    proxy: str
    """Empty: of no proxy."""
    page: str
    """Of the proxy, or of the host; empty: there is none."""
    who: str
    since_ns: int
    ended_ns: int | None
    is_forgotten: bool
    requests: int
    failed: int
    hosts: int
    failure: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline."""

    at_ns: int
    """Of the wall."""
    what: str
    """`fired`, `resolved`, `forgotten`, `changed`, `told` or `note`."""
    rule: str
    about: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The whole of it; times of the wall."""

    name: str
    severity: Severity
    gravest: Severity
    """That it ever had: what comes back may be less grave."""
    topic: Topic
    title: str
    told: str
    """Some sentences, in the reader's language."""
    is_open: bool
    since_ns: int
    opened_ns: int
    closed_ns: int | None
    for_s: float
    cost: Cost
    proxies: tuple[tuple[str, str], ...]
    """Name and page of each that it names."""
    alerts: tuple[AlertLine, ...]
    more: int
    """Further alerts."""
    timeline: tuple[Happening, ...]
    """Oldest first."""
    notices: int
    worst: tuple[RequestLine, ...]
    """Of the requests that were seen while it was open."""


def story(
    incident: Incident,
    notes: Iterable[Note],
    language: Language,
    at_ns: int,
    wall_offset_ns: int,
) -> Story:
    """
    Return what is shown of an incident.

    Args:
        incident: Its times are the collector's.
        notes: What people wrote of it.
        language: Of what is told.
        at_ns: Now, on the collector's clock.
        wall_offset_ns: Added to its times to show them.
    """
    words = title_of(incident, language, wall_offset_ns)
    closed_ns = incident.closed_ns
    happened = [_happening(entry, language, wall_offset_ns) for entry in incident.timeline]
    happened += [
        Happening(note.at_ns + wall_offset_ns, "note", "", say(note.who), say(note.words))
        for note in notes
    ]
    return Story(
        name=say(incident.name),
        severity=incident.severity,
        gravest=incident.gravest,
        topic=incident.topic,
        title=words.title,
        told=words.body,
        is_open=closed_ns is None,
        since_ns=incident.since_ns + wall_offset_ns,
        opened_ns=incident.opened_ns + wall_offset_ns,
        closed_ns=None if closed_ns is None else closed_ns + wall_offset_ns,
        for_s=max(0, (closed_ns or at_ns) - incident.since_ns) / NS,
        cost=incident.cost,
        proxies=tuple((short(proxy), proxy_page(proxy)) for proxy in incident.proxies),
        alerts=tuple(_alert(member, language, wall_offset_ns) for member in incident.members),
        more=incident.more,
        timeline=tuple(sorted(happened, key=lambda one: one.at_ns)),
        notices=incident.told.count if incident.told else 0,
        worst=tuple(request_lines((one.request for one in incident.worst), wall_offset_ns)),
    )


def _alert(member: Member, language: Language, wall_offset_ns: int) -> AlertLine:
    key, facts = member.key, member.facts
    page = proxy_page(key.proxy) if key.proxy else ""
    if not page and key.rule.startswith("agent_"):
        page = host_page(key.who)
    return AlertLine(
        rule=key.rule,
        severity=member.severity,
        proxy=short(key.proxy),
        page=page,
        who=say(key.who),
        since_ns=member.since_ns + wall_offset_ns,
        ended_ns=None if member.ended_ns is None else member.ended_ns + wall_offset_ns,
        is_forgotten=member.end == "forgotten",
        requests=facts.requests,
        failed=facts.failed,
        hosts=facts.agents,
        failure=facts.failure or "",
        evidence=tuple(say(sentence(reason, language)) for reason in facts.evidence),
    )


def _happening(entry: Entry, language: Language, wall_offset_ns: int) -> Happening:
    about = ", ".join(filter(None, (short(entry.proxy), say(entry.who))))
    return Happening(
        entry.at_ns + wall_offset_ns, entry.what, entry.rule, about, say(entry.said(language))
    )
