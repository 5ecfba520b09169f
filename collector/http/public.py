"""
GET /api/v1/public: what anybody may know, for a status page. Pure.

Counts, states and times, and no name: of no host, proxy, agent, site, module, cause or person.
Within schema 1 keys are only ever added.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict, get_args

from modpulse.agent.service.foreign import said

from ..alerts.incident import Incident
from ..alerts.rules import Severity, Topic
from ..clock import Time, rfc3339
from ..health.gates import State
from ..health.report import Report
from ..page.public import MOST_PUBLIC, told_incidents, worst_state
from .answers import Head

SCHEMA = 1


class PublicIncidentDocument(TypedDict):
    """An incident without names."""

    severity: Severity
    topic: Topic
    state: Literal["open", "closed"]
    since: Time
    closed: Time | None
    proxies: int
    words: str | None


class PublicDocument(Head):
    """What anybody may know."""

    state: State
    proxies: dict[State, int]
    incidents: list[PublicIncidentDocument]


def public_document(
    reports: Iterable[Report],
    incidents: Iterable[Incident],
    at_ns: int,
    wall_offset_ns: int,
    words: Mapping[int, str],
) -> PublicDocument:
    """
    Return the document.

    Args:
        reports: Of every proxy.
        incidents: Open ones and the last closed ones, with those that nobody was told of.
        at_ns: When was judged.
        wall_offset_ns: Added to times to show them.
        words: That admins wrote for anybody, by incident.
    """
    states = Counter(report.track.state for report in reports)
    told = told_incidents(incidents)
    return {
        "schema": SCHEMA,
        "at": rfc3339(at_ns + wall_offset_ns),
        "state": worst_state(states),
        "proxies": {state: states[state] for state in get_args(State)},
        "incidents": [
            _incident(one, wall_offset_ns, words.get(one.id)) for one in told[:MOST_PUBLIC]
        ],
    }


def _incident(incident: Incident, wall_offset_ns: int, words: str | None) -> PublicIncidentDocument:
    closed_ns = incident.closed_ns
    return {
        "severity": incident.severity,
        "topic": incident.topic,
        "state": "open" if closed_ns is None else "closed",
        "since": rfc3339(incident.since_ns + wall_offset_ns),
        "closed": None if closed_ns is None else rfc3339(closed_ns + wall_offset_ns),
        "proxies": len(incident.proxies),
        "words": words and said(words),
    }
