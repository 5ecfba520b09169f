"""
Incidents as JSON values, for the API and for programs that take notices.

A public interface (docs/alerts.md): within schema 1 keys are only ever added. Times are RFC 3339 in
UTC; what is not known is null. Every word of others passes `said`.
"""

from collections.abc import Callable
from typing import Literal, TypedDict

from modpulse.agent.service.foreign import said

from ..clock import Time, rfc3339
from ..health.reason import LANGUAGES, Reason, sentence
from .examples import Example
from .incident import Entry, Incident, Member
from .lifecycle import Event
from .rules import RuleName, Severity, Topic

SCHEMA = 1
Shown = Callable[[int], Time]


class ReasonDocument(TypedDict):
    """Why something is so: a code with numbers and names, and its sentence by language."""

    code: str
    values: list[str | float]
    text: dict[str, str]


class AlertDocument(TypedDict):
    """One alert of an incident."""

    rule: RuleName
    severity: Severity
    proxy: str | None
    who: str | None
    since: Time
    fired: Time
    ended: Time | None
    end: Event | None
    requests: int | None
    failed: int | None
    agents: int | None
    failure: str | None
    evidence: list[str]
    reasons: list[ReasonDocument]


class EntryDocument(TypedDict):
    """One line of an incident's timeline; of a note `who` is the person."""

    at: Time
    what: Event | Literal["told", "changed", "note"]
    rule: str | None
    proxy: str | None
    who: str | None
    words: str | None


class CostDocument(TypedDict):
    """What an incident cost, as far as batches tell."""

    failed_requests: int
    fell_through: int
    lost_s: float
    commands_failed: int
    failed_s: float


class WorstDocument(TypedDict):
    """One of the worst requests that were seen while an incident was open."""

    proxy: str
    agent: str
    at: Time
    endpoint: str | None
    module: str | None
    version: str | None
    outcome: str
    final: str | None
    status: int | None
    elapsed_ms: float
    phases_ms: dict[str, float]
    evidence: str | None
    host: str | None
    address: str | None


class IncidentDocument(TypedDict):
    """One incident."""

    id: str
    topic: Topic
    severity: Severity
    gravest: Severity
    state: Literal["open", "closed"]
    cause: str
    since: Time
    opened: Time
    closed: Time | None
    duration_s: float | None
    proxies: list[str]
    alerts: list[AlertDocument]
    alerts_more: int
    cost: CostDocument
    notices: int
    timeline: list[EntryDocument]
    worst: list[WorstDocument]


def incident_document(incident: Incident, wall_offset_ns: int) -> IncidentDocument:
    """
    Return one incident.

    Args:
        incident: Its times are the collector's.
        wall_offset_ns: Added to them to show them.
    """

    def shown(at_ns: int) -> Time:
        return rfc3339(at_ns + wall_offset_ns)

    until_ns = incident.closed_ns
    cost = incident.cost
    told: IncidentDocument = {
        "id": incident.name,
        "topic": incident.topic,
        "severity": incident.severity,
        "gravest": incident.gravest,
        "state": "open" if until_ns is None else "closed",
        "cause": incident.cause,
        "since": shown(incident.since_ns),
        "opened": shown(incident.opened_ns),
        "closed": None if until_ns is None else shown(until_ns),
        "duration_s": None if until_ns is None else round((until_ns - incident.since_ns) / 1e9, 3),
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
        "worst": [_worst(example, shown) for example in incident.worst],
    }
    return said(told)


def reason_document(reason: Reason) -> ReasonDocument:
    """Return one reason; its words are not said yet."""
    text: dict[str, str] = {word: sentence(reason, word) for word in LANGUAGES}
    return {"code": reason.code, "values": [*reason.values], "text": text}


def _alert(member: Member, shown: Shown) -> AlertDocument:
    facts, ended_ns = member.facts, member.ended_ns
    return {
        "rule": member.key.rule,
        "severity": member.severity,
        "proxy": member.key.proxy or None,
        "who": member.key.who or None,
        "since": shown(member.since_ns),
        "fired": shown(member.fired_ns),
        "ended": None if ended_ns is None else shown(ended_ns),
        "end": member.end,
        "requests": facts.requests,
        "failed": facts.failed,
        "agents": facts.agents,
        "failure": facts.failure,
        "evidence": [sentence(reason) for reason in facts.evidence],
        "reasons": [reason_document(reason) for reason in facts.evidence],
    }


def _entry(entry: Entry, shown: Shown) -> EntryDocument:
    return {
        "at": shown(entry.at_ns),
        "what": entry.what,
        "rule": entry.rule or None,
        "proxy": entry.proxy or None,
        "who": entry.who or None,
        "words": entry.said() or None,
    }


def _worst(example: Example, shown: Shown) -> WorstDocument:
    one = example.request
    return {
        "proxy": example.proxy,
        "agent": one.agent_id,
        "at": shown(one.at_ns),
        "endpoint": one.endpoint,
        "module": one.module,
        "version": one.version,
        "outcome": one.outcome,
        "final": one.final,
        "status": one.status,
        "elapsed_ms": one.elapsed_ns / 1e6,
        "phases_ms": {name: took_ns / 1e6 for name, took_ns in one.phases_ns.items()},
        "evidence": one.evidence,
        "host": one.host,
        "address": one.address,
    }
