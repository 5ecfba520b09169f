"""
The answer of GET /api/v1/proxies: reports as JSON values.

A public interface (docs/collector.md): within schema 1 keys are only ever added. Times are
RFC 3339 in UTC, latencies milliseconds, what is not known is null.
"""

from collections.abc import Iterable
from typing import get_args

from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..alerts.document import EntryDocument, incident_document, reason_document
from ..alerts.incident import Incident
from ..alerts.note import Note
from ..alerts.rules import SEVERITIES
from ..channels.render import spoken
from ..channels.sender import Line
from ..channels.story import now_story
from ..clock import Steady, rfc3339
from ..health.consistency import ContentFinding
from ..health.reason import Language
from ..health.report import Report
from ..health.score import DAY_S
from ..service import Service
from .answers import (
    ChannelDocument,
    ClockDocument,
    ConfidenceDocument,
    ContentDocument,
    IncidentsHead,
    JudgedDocument,
    ProxyDocument,
    ScoreDocument,
    ServiceDocument,
    ToldIncidentDocument,
    WordsDocument,
)

SCHEMA = 1


def service_document(service: Service) -> ServiceDocument:
    """Return what GET /api/v1/proxies answers of the service."""
    offset_ns = service.clock.wall_offset_ns
    window_s = service.config.window_seconds
    proxies = proxies_document(service.reports, service.reported_at_ns, window_s, offset_ns)
    return {**collector_document(service), **proxies}


def collector_document(service: Service) -> ServiceDocument:
    """Return the same without the proxies, which may be many."""
    clock = service.clock
    return {
        **proxies_document(
            (), service.reported_at_ns, service.config.window_seconds, clock.wall_offset_ns
        ),
        "clock": clock_document(clock),
        "overflow": dict(sorted(service.overflow.items())),
        "dropped_of": said(dict(sorted(service.fleet.dropped_of.items()))),
        "told_to_wait": service.pressure.told,
        "reading_back": service.reading_back.document() if service.reading_back else None,
        "unreadable": dict(sorted(service.unreadable.items())),
    }


def told_document(
    incident: Incident, wall_offset_ns: int, notes: Iterable[Note] = ()
) -> ToldIncidentDocument:
    """Return one incident, with what people wrote of it, and what is told in each language."""
    story = now_story(incident, wall_offset_ns)
    words = {language: spoken(story, language) for language in get_args(Language)}
    texts: dict[str, WordsDocument] = {
        language: {"title": each.title, "body": each.body} for language, each in words.items()
    }
    document: ToldIncidentDocument = {
        **incident_document(incident, wall_offset_ns),
        "text": said(texts),
    }
    document["timeline"] += [_noted(note, wall_offset_ns) for note in notes]
    document["timeline"].sort(key=lambda entry: entry["at"])
    return document


def _noted(note: Note, wall_offset_ns: int) -> EntryDocument:
    return {
        "at": rfc3339(note.at_ns + wall_offset_ns),
        "what": "note",
        "rule": None,
        "proxy": None,
        "who": said(note.who),
        "words": said(note.words),
    }


def incidents_document(service: Service) -> IncidentsHead:
    """Return what GET /api/v1/incidents answers, without the incidents, which may be large."""
    lines = service.sender.lines if service.sender else []
    return {
        "schema": SCHEMA,
        "at": rfc3339(service.reported_at_ns + service.clock.wall_offset_ns),
        "alerts_dropped": service.incidents.state.dropped,
        "channels": [_channel(line, service.clock) for line in lines],
    }


def _channel(line: Line, clock: Steady) -> ChannelDocument:
    """How one channel does, without its address, which may be a secret."""
    return {
        "name": line.channel.name,
        "kind": line.channel.is_a,
        "severities": [s for s in SEVERITIES if s in line.channel.takes()],
        "waiting": line.waiting,
        "dead_since": rfc3339(clock.shown_ns(line.dead_ns)),
        "error": line.error or None,
        "last_delivered": rfc3339(clock.shown_ns(line.delivered_ns)),
        "delivered": line.taken,
    }


def proxies_document(
    reports: Iterable[Report], at_ns: int, window_s: float, wall_offset_ns: int = 0
) -> JudgedDocument:
    """
    Return what is said of the proxies.

    Args:
        reports: Of every proxy.
        at_ns: When they were made.
        window_s: How often they are.
        wall_offset_ns: What is added to the collector's times to show them.
    """
    return {
        "schema": SCHEMA,
        "at": rfc3339(at_ns + wall_offset_ns),
        "window_s": window_s,
        "proxies": [proxy_part(report, wall_offset_ns) for report in reports],
    }


def proxy_part(report: Report, wall_offset_ns: int = 0) -> ProxyDocument:
    """Return one proxy's part, as it may leave."""
    return said(proxy_document(report, wall_offset_ns))


def clock_document(clock: Steady) -> ClockDocument:
    """Return what is known of steps of the wall clock."""
    step_ns = clock.last_step_ns
    return {
        "steps": clock.steps,
        "last_step_s": None if step_ns is None else round(step_ns / NS, 3),
        "last_step_at": rfc3339(clock.shown_ns(clock.last_step_at_ns)),
    }


def proxy_document(report: Report, wall_offset_ns: int = 0) -> ProxyDocument:
    """Return one proxy's part."""
    seen = report.seen.total
    left_s = report.certificate_left_s
    answered = seen.ok + seen.failed
    return {
        "proxy": report.proxy,
        "state": report.track.state,
        "since": rfc3339(_shown(report.track.since_ns, wall_offset_ns)),
        "last_seen": rfc3339(_shown(report.last_seen_ns, wall_offset_ns)),
        "score": _score(report),
        "n": report.evidence.n,
        "agents": report.agents,
        "requests": seen.requests,
        "ok": seen.ok,
        "misses": seen.misses,
        "suspect_misses": seen.suspects,
        "failures": dict(sorted(seen.failures.items())),
        "failure_ratio": round(seen.failed / answered, 6) if answered else None,
        "consecutive_failures": report.seen.consecutive_failures,
        "top_cause": report.seen.cause,
        "gates": [
            {
                "gate": finding.gate,
                "state": finding.state,
                "evidence": finding.evidence,
                "reasons": [reason_document(reason) for reason in finding.reasons],
            }
            for finding in report.track.findings
        ],
        "scope": report.scope.kind,
        "scope_evidence": report.scope.words,
        "scope_who": report.scope.who,
        "scope_failures_share": _share(report.scope.share),
        "scope_requests_share": _share(report.scope.part),
        "scope_also": [{"scope": kind, "who": who} for kind, who in report.scope.also],
        "scope_causes": [
            {
                "failure": cause.failure,
                "scope": cause.scope.kind,
                "who": cause.scope.who,
                "evidence": cause.scope.words,
            }
            for cause in report.causes
        ],
        "confidence": _confidence(report),
        "phases": {
            phase: {f"{name}_ms": round(value, 3) for name, value in quantiles.items()}
            for phase, quantiles in sorted(report.quantiles_ms.items())
        },
        "certificate_days_left": None if left_s is None else round(left_s / DAY_S, 3),
        "contents": [_content(finding, wall_offset_ns) for finding in report.contents],
        "windows": seen.windows,
        "lossy_windows": seen.lossy,
    }


def _content(finding: ContentFinding, wall_offset_ns: int) -> ContentDocument:
    return {
        "name": finding.name,
        "kind": finding.kind,
        "evidence": finding.words,
        "since": rfc3339(finding.since_ns + wall_offset_ns),
        "proxies": list(finding.proxies),
        "hosts": list(finding.hosts),
        "refused": finding.refused,
        "accepted": finding.accepted,
        "is_now": finding.is_now,
    }


def _score(report: Report) -> ScoreDocument | None:
    score = report.score
    if score is None:
        return None
    return {
        "h": round(score.h, 4),
        "low": round(score.low, 4),
        "high": round(score.high, 4),
        "s": _share(score.s),
        "r": _share(score.r),
        "c": _share(score.c),
        "label": score.label,
    }


def _confidence(report: Report) -> ConfidenceDocument | None:
    held = report.confidence
    if held is None:
        return None
    return {"value": round(held.value, 4), "level": held.level, "evidence": held.words or None}


def _share(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _shown(at_ns: int | None, wall_offset_ns: int) -> int | None:
    return None if at_ns is None else at_ns + wall_offset_ns
