"""The first page: each proxy in a row, as values. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..draw.bars import Bar
from ..health.gates import SEVERITY, State
from ..health.reason import Language, sentences
from ..health.report import Report
from ..health.score import DAY_S, Score
from ..insight.recent import Recent
from .days import bars_of, served
from .headline import part_of, short
from .links import proxy_page

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
"""In the order of a request; `verify` is part of `tls`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One proxy."""

    proxy: str
    """Its full name, as may leave."""
    name: str
    """As people call it."""
    state: State
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
    phases_ms: tuple[tuple[str, float], ...]
    """p95 of each phase that was seen, in the order of PHASES."""
    together_ms: float
    """What all of them take together."""
    certificate_days: float | None
    page: str
    """Where its own page is."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a row shows of the past: new every few minutes, while the rest is new every time."""

    days: tuple[Bar, ...]
    served: float | None
    """Share of requests, in all of the days."""
    hours_ms: tuple[float | None, ...]
    """p95 of the time to first byte in each of the last hours; empty: not read yet."""


def ordered(reports: Iterable[Report]) -> list[Report]:
    """Return them as they are shown: the sickest first, then by name."""
    return sorted(reports, key=lambda report: (-SEVERITY[report.track.state], report.proxy))


def row_of(report: Report, at_ns: int, language: Language) -> Row:
    """
    Return a row.

    Args:
        report: Of its proxy.
        at_ns: When it was made.
        language: Of its reasons.
    """
    since_ns, left_s = report.track.since_ns, report.certificate_left_s
    return Row(
        proxy=say(report.proxy),
        name=short(report.proxy),
        state=report.track.state,
        for_s=None if since_ns is None else (at_ns - since_ns) / NS,
        score=report.score,
        requests=report.seen.total.requests,
        agents=report.agents,
        cause=report.seen.cause,
        evidence=tuple(
            say(sentences(finding.reasons, language)) for finding in report.track.findings
        ),
        part=part_of(report),
        first_byte_ms=report.quantiles_ms.get(FIRST_BYTE, {}).get("p95"),
        phases_ms=phases_ms(report),
        together_ms=sum(p95_ms for _, p95_ms in phases_ms(report)),
        certificate_days=None if left_s is None else left_s / DAY_S,
        page=proxy_page(report.proxy),
    )


def past_of(proxy: str, recent: Recent | None, objective: float, wall_offset_ns: int) -> Past:
    """
    Return the past of a row.

    Args:
        proxy: Whose.
        recent: Its last days and hours; None: not read yet.
        objective: Share of requests that are to be served.
        wall_offset_ns: Added to the collector's times to show them.
    """
    return Past(
        days=bars_of(proxy, recent, objective, wall_offset_ns),
        served=served(recent),
        hours_ms=recent.p95_ms if recent else (),
    )


def phases_ms(report: Report) -> tuple[tuple[str, float], ...]:
    """Return the p95 of each phase that was seen, in the order of PHASES."""
    found = ((phase, report.quantiles_ms.get(phase, {}).get("p95")) for phase in PHASES)
    return tuple((phase, p95_ms) for phase, p95_ms in found if p95_ms is not None)
