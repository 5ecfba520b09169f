"""Two mirrors side by side, as values. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log2

from modpulse.agent.batch.batch import CIRCUMSTANCES
from modpulse.agent.service.foreign import say

from ..draw.interval import Tone
from ..health.score import DAY_S
from ..insight.comparison import Comparison, Kind, Note, Row
from ..insight.matched import Estimate, Verdict
from ..insight.mirror import Mirror
from ..intake.rollup import MINUTE_S
from .charts import FIRST_BYTE, PHASES
from .headline import short
from .links import proxy_page

OUTCOMES, FIRST, ENDPOINT, CIRCUMSTANCE, PHASE = range(5)
"""Groups in their order."""
SHARES: tuple[Kind, ...] = ("success", "misses")
SHARE_SCALE = 0.1
"""Ten points are at the end of the scale."""
RATIO_SCALE = 4.0
"""The same of four times as slow, or as fast."""
NAMED = 4
"""Addresses, sites and classes that are named; how many more there are is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareLine:
    """One thing that is compared."""

    kind: Kind
    is_share: bool
    """Else a time, ms."""
    a: Estimate
    b: Estimate
    difference: float
    """B less A of a share, B by A of a time."""
    verdict: Verdict
    tone: Tone
    at: float
    """On a scale from -1 to 1, as the two that follow."""
    low: float | None
    high: float | None

    @property
    def is_slow(self) -> bool:
        """B takes so many times as long that per cent are hard to read."""
        return not self.is_share and self.difference >= 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareGroup:
    """Lines of all requests, of one endpoint or circumstance, or of one phase."""

    endpoint: str | None
    circumstance: str | None
    """Of CIRCUMSTANCES; at most one of the two is said."""
    phase: str | None
    """Of all requests; None as well: their outcomes."""
    lines: tuple[CompareLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What is known of one mirror alone."""

    name: str
    page: str
    requests: int
    periods: int
    sites: tuple[str, ...]
    """NAMED at most, as the two that follow; the empty name: agents without one."""
    sites_more: int
    addresses: tuple[str, ...]
    addresses_more: int
    failures: tuple[tuple[str, int], ...]
    certificate_days: float | None
    min_ttl_s: int | None
    serves_sumdb: bool | None
    transfer_bytes_per_s: float | None
    most_bytes_per_s: float | None
    most_zips_per_s: float | None
    fallbacks: int
    fallback_each_ms: float | None
    commands_stopped: int
    firsts: int | None
    """Versions that it had first; None: nothing was read."""
    alone: int | None
    """Modules that the other has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareView:
    """The page."""

    a: Side
    b: Side
    by_minute: bool
    periods: int
    requests_a: int
    requests_b: int
    sites: tuple[str, ...]
    speed: CompareLine | None
    """A percentile of the time to first byte of all; None: never both at the same hour and site."""
    success: CompareLine | None
    groups: tuple[CompareGroup, ...]
    notes: tuple[Note, ...]
    apart: float
    is_uncertain: bool
    """Of some lines too little was seen."""


def compare_view(comparison: Comparison, now_wall_ns: int) -> CompareView:
    """Return the page; `now_wall_ns` is for how long certificates last."""
    together, firsts = comparison.together, comparison.firsts
    known: tuple[int | None, ...] = (None,) * 4
    if firsts:
        known = firsts.versions_a, firsts.versions_b, firsts.modules_a, firsts.modules_b
    groups = _groups(comparison.rows)
    lines = [line for group in groups for line in group.lines]
    return CompareView(
        a=_side(comparison.a, known[0], known[2], now_wall_ns),
        b=_side(comparison.b, known[1], known[3], now_wall_ns),
        by_minute=together.period_s == MINUTE_S,
        periods=together.periods,
        requests_a=together.requests_a,
        requests_b=together.requests_b,
        sites=tuple(say(site) for site in together.sites[:NAMED]),
        speed=_line(comparison.speed),
        success=_line(comparison.row("success")),
        groups=groups,
        notes=comparison.notes,
        apart=together.apart,
        is_uncertain=any(line.verdict == "unknown" for line in lines),
    )


def _groups(rows: Iterable[Row]) -> tuple[CompareGroup, ...]:
    """Outcomes of all requests, time to first byte, endpoints, circumstances, phases."""
    found = []
    for (rank, _), some in groupby(sorted(rows, key=_order), key=_order):
        held = list(some)
        lines = tuple(line for row in held if (line := _line(row)))
        if lines:
            endpoint = held[0].endpoint
            found.append(
                CompareGroup(
                    endpoint=None if endpoint is None else say(endpoint),
                    circumstance=held[0].circumstance,
                    phase=held[0].phase if rank in (FIRST, PHASE) else None,
                    lines=lines,
                )
            )
    return tuple(found)


def _order(row: Row) -> tuple[int, str]:
    if row.endpoint is not None:
        return ENDPOINT, row.endpoint
    if row.circumstance is not None:
        return CIRCUMSTANCE, str(CIRCUMSTANCES.index(row.circumstance))
    if row.kind in SHARES:
        return OUTCOMES, ""
    if row.phase == FIRST_BYTE:
        return FIRST, ""
    return PHASE, str(PHASES.index(row.phase or PHASES[0]))


def _line(row: Row) -> CompareLine | None:
    pair = row.pair
    if pair is None:
        return None
    is_share = row.kind in SHARES
    return CompareLine(
        kind=row.kind,
        is_share=is_share,
        a=pair.a if is_share else _in_ms(pair.a),
        b=pair.b if is_share else _in_ms(pair.b),
        difference=pair.difference,
        verdict=pair.verdict,
        tone=_tone(row.kind, pair.verdict),
        at=_at(pair.difference, is_share) or 0.0,
        low=_at(pair.low, is_share),
        high=_at(pair.high, is_share),
    )


def _tone(kind: Kind, verdict: Verdict) -> Tone:
    if verdict not in ("higher", "lower"):
        return "chance"
    if kind == "misses":
        return "neutral"
    return "better" if (verdict == "higher") == (kind == "success") else "worse"


def _at(difference: float | None, is_share: bool) -> float | None:
    """Return where a difference is on the scale, to the right where B has more."""
    if difference is None:
        return None
    if is_share:
        return difference / SHARE_SCALE
    return log2(difference) / log2(RATIO_SCALE) if difference > 0 else -1.0


def _in_ms(estimate: Estimate) -> Estimate:
    low, high = estimate.low, estimate.high
    return Estimate(
        estimate.value / 1e6,
        None if low is None else low / 1e6,
        None if high is None else high / 1e6,
    )


def _side(mirror: Mirror, firsts: int | None, alone: int | None, now_wall_ns: int) -> Side:
    leaf, failures = mirror.certificate, mirror.failures
    ranked = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    sites = sorted(mirror.sites, key=lambda name: (-mirror.sites[name], name))
    return Side(
        name=short(mirror.proxy),
        page=proxy_page(mirror.proxy),
        requests=mirror.requests,
        periods=mirror.periods,
        sites=_said(sites),
        sites_more=max(0, len(sites) - NAMED),
        addresses=_said(mirror.addresses),
        addresses_more=max(0, len(mirror.addresses) - NAMED),
        failures=tuple(ranked[:NAMED]),
        certificate_days=None if leaf is None else (leaf.not_after_s - now_wall_ns / 1e9) / DAY_S,
        min_ttl_s=mirror.min_ttl_s,
        serves_sumdb=mirror.serves_sumdb,
        transfer_bytes_per_s=mirror.transfer_bytes_per_s,
        most_bytes_per_s=mirror.most_bytes_per_s,
        most_zips_per_s=mirror.most_zips_per_s,
        fallbacks=mirror.fallbacks,
        fallback_each_ms=mirror.fallback_ms / mirror.fallbacks if mirror.fallbacks else None,
        commands_stopped=mirror.commands_stopped,
        firsts=firsts,
        alone=alone,
    )


def _said(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(say(name) for name in names[:NAMED])
