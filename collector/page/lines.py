"""Incidents in a list, a line each. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.incident import Incident
from ..alerts.rules import Severity, Topic
from ..channels.render import Words, spoken
from ..channels.story import now_story
from ..health.reason import Language
from .links import incident_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One incident."""

    name: str
    page: str
    severity: Severity
    topic: Topic
    title: str
    """What is wrong, or was, in the reader's language."""
    since_ns: int
    """Of the wall."""
    for_s: float
    """Until its end, or so far."""
    is_open: bool
    affected: int
    """How many alerts it has."""
    lost_s: float
    """Time that builds lost."""


def lines(
    incidents: Iterable[Incident], language: Language, at_ns: int, wall_offset_ns: int
) -> list[Line]:
    """
    Return a line for each incident.

    Args:
        incidents: In the order of the lines.
        language: Of the titles.
        at_ns: Now, on the collector's clock.
        wall_offset_ns: Added to the collector's times to show them.
    """
    return [
        Line(
            name=say(incident.name),
            page=incident_page(incident.name),
            severity=incident.severity,
            topic=incident.topic,
            title=title_of(incident, language, wall_offset_ns).title,
            since_ns=incident.since_ns + wall_offset_ns,
            for_s=max(0, (incident.closed_ns or at_ns) - incident.since_ns) / NS,
            is_open=incident.closed_ns is None,
            affected=incident.affected,
            lost_s=incident.cost.lost_s + incident.cost.failed_s,
        )
        for incident in incidents
    ]


def title_of(incident: Incident, language: Language, wall_offset_ns: int) -> Words:
    """Return what is told of an incident; its severity is told beside its title, not in it."""
    words = spoken(now_story(incident, wall_offset_ns), language)
    title = words.title.removeprefix(f"[{incident.severity}] ")
    return Words(title[:1].upper() + title[1:] if title.startswith(_OURS) else title, words.body)


_OURS = ("only ", "nothing ", "the ", "two ", "channel ", "certificates ")
"""What a title of our own begins with; a name stays as it is."""


def newest_first(incidents: Collection[Incident]) -> list[Incident]:
    """Return open ones, the gravest first, then closed ones, the newest first."""
    open_ = [incident for incident in incidents if incident.closed_ns is None]
    closed = [incident for incident in incidents if incident.closed_ns is not None]
    open_.sort(key=lambda incident: (incident.severity, -incident.id))
    closed.sort(key=lambda incident: -(incident.closed_ns or 0))
    return [*open_, *closed]
