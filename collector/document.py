"""
The answer of GET /api/v1/proxies: reports as JSON values.

A public interface (docs/collector.md): within schema 1 keys are only ever added. Times are
RFC 3339 in UTC, latencies milliseconds, what is not known is null.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .fleet import Report
from .score import DAY_S

SCHEMA = 1
NS = 1_000_000_000


def proxies_document(reports: Iterable[Report], at_ns: int, window_s: float) -> dict[str, Any]:
    """Return the whole document; `at_ns` is when the reports were made."""
    return {
        "schema": SCHEMA,
        "at": rfc3339(at_ns),
        "window_s": window_s,
        "proxies": [proxy_document(report) for report in reports],
    }


def proxy_document(report: Report) -> dict[str, Any]:
    """Return one proxy's part."""
    seen = report.seen.total
    left_s = report.certificate_left_s
    answered = seen.ok + seen.failed
    return {
        "proxy": report.proxy,
        "state": report.track.state,
        "since": rfc3339(report.track.since_ns),
        "last_seen": rfc3339(report.last_seen_ns),
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
            {"gate": finding.gate, "state": finding.state, "evidence": finding.evidence}
            for finding in report.track.findings
        ],
        "scope": report.scope.kind,
        "scope_evidence": report.scope.words,
        "phases": {
            phase: {f"{name}_ms": round(value, 3) for name, value in quantiles.items()}
            for phase, quantiles in sorted(report.quantiles_ms.items())
        },
        "certificate_days_left": None if left_s is None else round(left_s / DAY_S, 3),
        "windows": seen.windows,
        "lossy_windows": seen.lossy,
    }


def _score(report: Report) -> dict[str, Any] | None:
    score = report.score
    if score is None:
        return None
    parts = {
        "h": score.h,
        "low": score.low,
        "high": score.high,
        "s": score.s,
        "r": score.r,
        "c": score.c,
    }
    rounded = {name: None if value is None else round(value, 4) for name, value in parts.items()}
    return {**rounded, "label": score.label}


def rfc3339(at_ns: int | None) -> str | None:
    """Return the time in UTC to the millisecond; None stays None."""
    if at_ns is None:
        return None
    moment = datetime.fromtimestamp(at_ns // NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns % NS // 1_000_000:03d}Z"
