"""The page of one proxy, as values. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..health.gates import State
from ..health.reason import Language, sentence, sentences
from ..health.report import Report
from ..health.score import DAY_S, Score
from ..insight.history import History, Point
from .charts import PHASES
from .headline import part_of, short
from .links import proxy_page
from .parts import top_cause
from .span import Span, ns

MOST_PERIODS = 400
"""Rows of the table of periods."""
YEAR_1_S, YEAR_9999_S = -62_135_596_800, 253_402_300_799
"""From when to when a calendar goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """How the proxy is now."""

    state: State
    for_s: float | None
    """How long it has been so."""
    score: Score | None
    requests: int
    """Of the last ten minutes, as the others."""
    failed: int
    agents: int
    cause: str | None
    part: tuple[str, str] | None
    evidence: tuple[str, ...]
    """Why it is in its state, gravest first; English."""
    scope: str
    """Who sees it, in words; English."""
    doubts: str
    """What lowers confidence, in words; English."""
    first_byte_ms: float | None
    """p95."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """One certificate that it showed; times of the wall in ns."""

    begins_ns: int
    ends_ns: int
    first_ns: int
    last_ns: int
    left_days: float
    lifetime_days: float
    used: float
    """Share of its lifetime, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLine:
    """Latencies of one phase in the time that is shown."""

    phase: str
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLine:
    """One class of failures."""

    name: str
    count: int
    share: float
    """Of all failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodLine:
    """One hour or day."""

    start_ns: int
    """Of the wall."""
    page: str | None
    """Where a day is shown by hours; None of an hour."""
    point: Point
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What it did in the time that is shown."""

    total: Point
    phases: tuple[PhaseLine, ...]
    longest_ms: float
    """The longest p95 of a phase."""
    failures: tuple[FailureLine, ...]
    """The most frequent first."""
    periods: tuple[PeriodLine, ...]
    """The newest first."""


def name_of(proxy: str) -> str:
    """Return a proxy as people call it."""
    return short(proxy)


def now_of(report: Report, at_ns: int, language: Language) -> Now:
    """Return how a proxy is; `at_ns` is when the report was made."""
    since_ns, held = report.track.since_ns, report.confidence
    reasons = [reason for finding in report.track.findings for reason in finding.reasons]
    scope = [reason for reason in report.scope.reasons if reason not in reasons]
    # Of a part of a proxy a gate says it.
    own = (cause.scope for cause in report.causes if not cause.scope.is_part)
    reasons += [reason for one in own for reason in one.reasons]
    return Now(
        state=report.track.state,
        for_s=None if since_ns is None else (at_ns - since_ns) / NS,
        score=report.score,
        requests=report.seen.total.requests,
        failed=report.seen.total.failed,
        agents=report.agents,
        cause=report.seen.cause,
        part=part_of(report),
        evidence=tuple(say(sentence(reason, language)) for reason in reasons),
        scope=say(sentences(scope, language)),
        doubts=say(held.words) if held else "",
        first_byte_ms=report.quantiles_ms.get(FIRST_BYTE, {}).get("p95"),
    )


def past_of(history: History | None, proxy: str, wall_offset_ns: int) -> Past | None:
    """
    Return what a proxy did; None where nothing is known.

    Args:
        history: As a whole, with charts.PHASES.
        proxy: Whose.
        wall_offset_ns: Added to the collector's times to show them.
    """
    if history is None or not history.series:
        return None
    series = history.series[0]
    total = series.total
    phases = [
        PhaseLine(phase=phase, p50_ms=ms[0], p95_ms=ms[1], p99_ms=ms[2])
        for phase in PHASES
        if (ms := total.phases_ms.get(phase))
    ]
    newest = series.points[: -MOST_PERIODS - 1 : -1]
    return Past(
        total=total,
        phases=tuple(phases),
        longest_ms=max((line.p95_ms for line in phases), default=0.0),
        failures=_failures(total.failures),
        periods=tuple(_period(point, proxy, wall_offset_ns) for point in newest),
    )


def certificates(report: Report | None, now_wall_ns: int, offset_ns: int) -> list[CertificateLine]:
    """Return the certificates that a proxy showed, the one seen last first."""
    shown = report.certificates if report else ()
    return [
        CertificateLine(
            begins_ns=_date_ns(one.leaf.not_before_s),
            ends_ns=_date_ns(one.leaf.not_after_s),
            first_ns=one.first_ns + offset_ns,
            last_ns=one.last_ns + offset_ns,
            left_days=(one.leaf.not_after_s - now_wall_ns / NS) / DAY_S,
            lifetime_days=(one.leaf.not_after_s - one.leaf.not_before_s) / DAY_S,
            used=_used(one.leaf.not_before_s, one.leaf.not_after_s, now_wall_ns / NS),
        )
        for one in sorted(shown, key=lambda one: -one.last_ns)
    ]


def span_links(page: str, span: Span, names: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Return name, address and whether it is shown, for each length of time."""
    return [(name, f"{page}&range={name}", name == span.name) for name in names]


def _period(point: Point, proxy: str, wall_offset_ns: int) -> PeriodLine:
    start_ns = ns(point.start_s, wall_offset_ns)
    end_ns = ns(point.start_s + point.period_s, wall_offset_ns)
    page = proxy_page(proxy, start_ns, end_ns) if point.period_s >= DAY_S else None
    return PeriodLine(start_ns=start_ns, page=page, point=point, cause=top_cause(point.failures))


def _failures(failures: Mapping[str, int]) -> tuple[FailureLine, ...]:
    whole = sum(failures.values()) or 1
    ranked = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    return tuple(FailureLine(name=name, count=n, share=n / whole) for name, n in ranked if n)


def _date_ns(at_s: int) -> int:
    """Return a time that can be shown: of hostile ones the nearest."""
    return min(max(at_s, YEAR_1_S), YEAR_9999_S) * NS


def _used(begins_s: int, ends_s: int, now_s: float) -> float:
    return min(1.0, max(0.0, (now_s - begins_s) / max(1, ends_s - begins_s)))
