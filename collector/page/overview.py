"""The first page: each proxy in a row, as values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.foreign import say

from ..health.gates import SEVERITY, State
from ..health.report import Report
from ..health.score import DAY_S, Score
from .headline import part_of, short

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
"""In the order of a request; `verify` is part of `tls`."""
BAR_WIDTH = 100.0
"""Of the widest stacked bar, in its own units."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One phase in a stacked bar."""

    phase: str
    x: float
    width: float
    p95_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One proxy."""

    proxy: str
    """Its full name, as may leave."""
    name: str
    """As people call it."""
    state: State
    since_ns: int | None
    """Of the wall."""
    for_s: float | None
    """How long it has been so."""
    score: Score | None
    requests: int
    agents: int
    cause: str | None
    evidence: tuple[str, ...]
    """Why it is in its state, gravest first; English."""
    part: tuple[str, str] | None
    """Kind and which, where it is so for a part of its users."""
    first_byte_ms: float | None
    """p95."""
    segments: tuple[Segment, ...]
    certificate_days: float | None


def rows(reports: list[Report], at_ns: int, wall_offset_ns: int) -> list[Row]:
    """
    Return a row for each proxy, the sickest first, then by name.

    Args:
        reports: Of every proxy.
        at_ns: When they were made.
        wall_offset_ns: Added to the collector's times to show them.
    """
    longest_ms = max((_sum_ms(report) for report in reports), default=0.0)
    ordered = sorted(reports, key=lambda report: (-SEVERITY[report.track.state], report.proxy))
    return [_row(report, longest_ms, at_ns, wall_offset_ns) for report in ordered]


def _row(report: Report, longest_ms: float, at_ns: int, wall_offset_ns: int) -> Row:
    since_ns, left_s = report.track.since_ns, report.certificate_left_s
    return Row(
        proxy=say(report.proxy),
        name=short(report.proxy),
        state=report.track.state,
        since_ns=None if since_ns is None else since_ns + wall_offset_ns,
        for_s=None if since_ns is None else (at_ns - since_ns) / 1e9,
        score=report.score,
        requests=report.seen.total.requests,
        agents=report.agents,
        cause=report.seen.cause,
        evidence=tuple(say(finding.evidence) for finding in report.track.findings),
        part=part_of(report),
        first_byte_ms=report.quantiles_ms.get(FIRST_BYTE, {}).get("p95"),
        segments=segments(report.quantiles_ms, longest_ms),
        certificate_days=None if left_s is None else left_s / DAY_S,
    )


def segments(
    quantiles_ms: Mapping[str, Mapping[str, float]], longest_ms: float
) -> tuple[Segment, ...]:
    """Return the p95 of each phase beside the other; a sum of `longest_ms` fills the bar."""
    found, x = [], 0.0
    for phase in PHASES:
        p95_ms = quantiles_ms.get(phase, {}).get("p95")
        if p95_ms is not None and longest_ms > 0:
            width = BAR_WIDTH * p95_ms / longest_ms
            found.append(Segment(phase, round(x, 2), round(width, 2), p95_ms))
            x += width
    return tuple(found)


def _sum_ms(report: Report) -> float:
    return sum(report.quantiles_ms.get(phase, {}).get("p95", 0.0) for phase in PHASES)
