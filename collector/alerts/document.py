"""
Incidents as JSON values, for the API and for programs that take notices.

A public interface (docs/alerts.md): within schema 1 keys are only ever added. Times are RFC 3339 in
UTC; what is not known is null. Every word of others passes `said`.
"""

from typing import Any

from modpulse.agent.service.foreign import said

from ..clock import rfc3339
from .incident import Entry, Incident, Member

SCHEMA = 1


def incident_document(incident: Incident, wall_offset_ns: int) -> dict[str, Any]:
    """
    Return one incident.

    Args:
        incident: Its times are the collector's.
        wall_offset_ns: Added to them to show them.
    """

    def shown(at_ns: int | None) -> str | None:
        return None if at_ns is None else rfc3339(at_ns + wall_offset_ns)

    until_ns = incident.closed_ns
    cost = incident.cost
    return said(
        {
            "id": incident.name,
            "topic": incident.topic,
            "severity": incident.severity,
            "state": "open" if until_ns is None else "closed",
            "cause": incident.cause,
            "since": shown(incident.since_ns),
            "opened": shown(incident.opened_ns),
            "closed": shown(until_ns),
            "duration_s": None
            if until_ns is None
            else round((until_ns - incident.since_ns) / 1e9, 3),
            "proxies": list(incident.proxies),
            "alerts": [_alert(member, shown) for member in incident.members],
            "alerts_more": incident.more,
            "cost": {
                "failed_requests": cost.failed,
                "fell_through": cost.fell_through,
                "lost_s": round(cost.lost_s, 3),
                "commands_failed": cost.commands_failed,
                "failed_s": round(cost.failed_s, 3),
            },
            "notices": incident.told.count if incident.told else 0,
            "timeline": [_entry(entry, shown) for entry in incident.timeline],
        }
    )


def _alert(member: Member, shown: Any) -> dict[str, Any]:
    facts = member.facts
    return {
        "rule": member.key.rule,
        "severity": member.severity,
        "proxy": member.key.proxy or None,
        "who": member.key.who or None,
        "since": shown(member.since_ns),
        "fired": shown(member.fired_ns),
        "ended": shown(member.ended_ns),
        "end": member.end,
        "requests": facts.requests,
        "failed": facts.failed,
        "agents": facts.agents,
        "failure": facts.failure,
        "evidence": list(facts.evidence),
    }


def _entry(entry: Entry, shown: Any) -> dict[str, Any]:
    return {
        "at": shown(entry.at_ns),
        "what": entry.what,
        "rule": entry.rule or None,
        "proxy": entry.proxy or None,
        "who": entry.who or None,
        "words": entry.words or None,
    }
