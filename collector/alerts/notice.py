"""
Whether somebody is to be told something, by what was told last: the same step twice tells once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from modpulse.agent.service.units import NS

from .holding import STATES
from .incident import Incident, Told, noted
from .rules import Severity

TOGETHER_NS = 240 * NS
"""What is well again so much sooner than the rest is worth a notice of its own."""
Kind = Literal["opened", "updated", "closed"]
Outcome = Literal["delivered", "superseded", "expired"]
"""Superseded: a newer notice of the same incident waited too; expired: too old to be told."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told; as it was at that moment, whenever it arrives."""

    kind: Kind
    incident: Incident
    wall_offset_ns: int
    """Added to the incident's times to show them."""

    @property
    def count(self) -> int:
        """Which of its incident's notices it is, from 1."""
        return self.incident.told.count if self.incident.told else 0

    @property
    def id(self) -> str:
        """Its name, the same at each attempt: who gets it twice can tell."""
        return f"{self.incident.name}.{self.count}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notice that waits for one channel; times in ns of the collector's clock."""

    id: int
    incident_id: int
    attempts: int
    """That failed."""
    next_ns: int
    """Not before."""
    made_ns: int
    notice: Notice


def addressed(
    notices: Iterable[Notice], channels: Mapping[str, Collection[Severity]]
) -> list[tuple[str, Notice]]:
    """
    Return each notice with each channel that it is for.

    Args:
        notices: Of one step.
        channels: Channel to the severities that it takes. Who was told of an incident is told its
            end: every severity that it had counts. What is about a channel is for the others. For
            whom it gets grave enough later it is opened then; who was told nothing, is told no end.
    """
    return [
        (channel, for_it)
        for notice in notices
        for channel, severities in channels.items()
        if not (notice.incident.topic == "channel" and _is_about(notice.incident, channel))
        if (for_it := _for(notice, set(severities)))
    ]


def _for(notice: Notice, severities: set[Severity]) -> Notice | None:
    """Return the notice as one is to have it who takes these; None: it is not for that one."""
    told = notice.incident.told
    if not severities & set(notice.incident.severities):
        return None
    # Those of an older collector do not say who was told before.
    if notice.kind == "opened" or told is None or not told.severities:
        return notice
    if severities & set(told.before):
        return notice
    return None if notice.kind == "closed" else replace(notice, kind="opened")


def due(incident: Incident, is_muted: bool, update_ns: int, now_ns: int) -> Kind | None:
    """
    Return what is to be told now; None: nothing.

    Args:
        incident: As it is.
        is_muted: In maintenance: later, if there is still something to tell.
        update_ns: That more is affected, or less, is told so often at most.
        now_ns: The collector's time.
    """
    told, is_closed = incident.told, incident.closed_ns is not None
    if told is None or told.closed:
        return None if is_muted or is_closed else "opened"
    if is_closed:
        # Also in maintenance: who knows that it began wants to know that it is over.
        return "closed"
    if is_muted:
        return None
    if incident.severity < told.severity:
        return "updated"
    is_less = not set(told.sick) <= sick_of(incident, now_ns)
    is_other = is_less or incident.affected > told.members
    return "updated" if is_other and now_ns - told.at_ns >= update_ns else None


def tell(incident: Incident, kind: Kind, now_ns: int) -> Incident:
    """Return the incident with what is told of it now."""
    last = incident.told
    # An older collector told it to all of them.
    before = (last.severities or incident.severities) if last and not last.closed else ()
    told = Told(
        at_ns=now_ns,
        count=(incident.told.count if incident.told else 0) + 1,
        severity=incident.severity,
        members=incident.affected,
        closed=kind == "closed",
        severities=tuple(sorted({*before, *incident.severities})),
        before=before,
        sick=tuple(sorted(sick_of(incident, now_ns))),
    )
    return noted(replace(incident, told=told), now_ns, kind)


def sick_of(incident: Incident, now_ns: int) -> set[str]:
    """Return the proxies that are not well for a while; that one of them is again is told."""
    return {
        member.key.proxy
        for member in incident.members
        if member.key.rule in STATES
        and (member.ended_ns is None or now_ns - member.ended_ns < TOGETHER_NS)
    }


def _is_about(incident: Incident, channel: str) -> bool:
    return all(member.key.who == channel for member in incident.members)
