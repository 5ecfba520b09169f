"""
What GET /api/v1/compare is asked for, and its answer as JSON values.

A public interface (docs/compare.md): within schema 1 keys are only ever added. Pure.
"""

from typing import Literal, TypedDict

from modpulse.agent.batch.proxies import proxy_name
from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..clock import Time, rfc3339
from ..errors import RejectedError
from ..health.versions import Firsts
from ..insight.comparison import QUANTILES, Asked, Comparison, Row
from ..insight.comparison import Kind as Compared
from ..insight.matched import Estimate, Verdict
from ..insight.mirror import Mirror
from .answers import Head
from .query import parameters, span_s

SCHEMA = 1
KEYS = ("a", "b", "since", "until")
MAX_SITES_SHOWN = 32
"""Of a mirror, those that asked it most."""


class MirrorDocument(TypedDict):
    """One of two mirrors."""

    proxy: str
    requests: int
    ok: int
    misses: int
    failed: int
    failures: dict[str, int]
    periods: int
    sites: dict[str, int]
    addresses: list[str]
    certificate_not_after_s: int | None
    min_ttl_s: int | None
    serves_sumdb: bool | None
    bytes: int
    transfer_bytes_per_second: float | None
    most_bytes_per_second: float | None
    most_zips_per_second: float | None
    fallbacks: int
    fallback_ms: int
    failed_ms: int
    commands_stopped: int


class TogetherDocument(TypedDict):
    """Where and when both were asked."""

    period_s: int
    periods: int
    sites: list[str]
    requests_a: int
    requests_b: int
    sites_apart: float


class FirstsDocument(TypedDict):
    """Versions that one mirror had before the other."""

    since: Time
    versions_a: int
    versions_b: int
    modules_a: int
    modules_b: int


class EstimateDocument(TypedDict):
    """A figure and its interval."""

    value: float | None
    low: float | None
    high: float | None


class ComparedDocument(TypedDict):
    """One figure of both."""

    kind: Compared
    endpoint: str | None
    circumstance: str | None
    phase: str | None
    unit: Literal["ms", "ratio"]
    by_site: bool
    a: EstimateDocument | None
    b: EstimateDocument | None
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict


class ComparisonDocument(Head):
    """Two mirrors side by side."""

    since: Time
    until: Time
    a: MirrorDocument
    b: MirrorDocument
    together: TogetherDocument
    firsts: FirstsDocument | None
    notes: list[str]
    error: float
    compare: list[ComparedDocument]


def pair_of(query: bytes, now_ns: int, wall_offset_ns: int) -> Asked:
    """
    Read a query, see `span_s`.

    Raises:
        RejectedError: 400, with what is wrong.
    """
    given = parameters(query, KEYS)
    names = []
    for side in ("a", "b"):
        if not given.get(side):
            raise RejectedError(400, f"{side}: expected the entry of GOPROXY")
        names.append(proxy_name(given[side]) or given[side])
    if names[0] == names[1]:
        raise RejectedError(400, "a and b: expected two mirrors")
    return Asked(names[0], names[1], *span_s(given, now_ns, wall_offset_ns))


def compared(comparison: Comparison, at_ns: int, wall_offset_ns: int) -> ComparisonDocument:
    """Return the answer."""
    asked, together = comparison.asked, comparison.together
    return {
        "schema": SCHEMA,
        "at": rfc3339(at_ns + wall_offset_ns),
        "since": rfc3339(asked.from_s * NS + wall_offset_ns),
        "until": rfc3339(asked.until_s * NS + wall_offset_ns),
        "a": _mirror(comparison.a),
        "b": _mirror(comparison.b),
        "together": {
            "period_s": together.period_s,
            "periods": together.periods,
            "sites": said(list(together.sites)),
            "requests_a": together.requests_a,
            "requests_b": together.requests_b,
            "sites_apart": round(together.apart, 4),
        },
        "firsts": _firsts(comparison.firsts, wall_offset_ns),
        "notes": list(comparison.notes),
        "error": round(comparison.error, 6),
        "compare": [_row(row) for row in comparison.rows],
    }


def _mirror(mirror: Mirror) -> MirrorDocument:
    leaf = mirror.certificate
    sites = sorted(mirror.sites.items(), key=lambda item: (-item[1], item[0]))[:MAX_SITES_SHOWN]
    told: MirrorDocument = {
        "proxy": mirror.proxy,
        "requests": mirror.requests,
        "ok": mirror.ok,
        "misses": mirror.misses,
        "failed": mirror.failed,
        "failures": dict(sorted(mirror.failures.items(), key=lambda item: -item[1])),
        "periods": mirror.periods,
        "sites": dict(sites),
        "addresses": list(mirror.addresses),
        # Of X.509 also times of which datetime knows no year.
        "certificate_not_after_s": None if leaf is None else leaf.not_after_s,
        "min_ttl_s": mirror.min_ttl_s,
        "serves_sumdb": mirror.serves_sumdb,
        "bytes": mirror.body_bytes,
        "transfer_bytes_per_second": _rounded(mirror.transfer_bytes_per_s),
        "most_bytes_per_second": _rounded(mirror.most_bytes_per_s),
        "most_zips_per_second": _rounded(mirror.most_zips_per_s),
        "fallbacks": mirror.fallbacks,
        "fallback_ms": mirror.fallback_ms,
        "failed_ms": mirror.failed_ms,
        "commands_stopped": mirror.commands_stopped,
    }
    return said(told)


def _firsts(firsts: Firsts | None, wall_offset_ns: int) -> FirstsDocument | None:
    if firsts is None:
        return None
    return {
        "since": rfc3339(firsts.since_ns + wall_offset_ns),
        "versions_a": firsts.versions_a,
        "versions_b": firsts.versions_b,
        "modules_a": firsts.modules_a,
        "modules_b": firsts.modules_b,
    }


def _row(row: Row) -> ComparedDocument:
    pair, scale = row.pair, 1e-6 if row.kind in QUANTILES else 1.0
    unit: Literal["ms", "ratio"] = "ms" if row.kind in QUANTILES else "ratio"
    told: ComparedDocument = {
        "kind": row.kind,
        "endpoint": row.endpoint,
        "circumstance": row.circumstance,
        "phase": row.phase,
        "unit": unit,
        "by_site": row.by_site,
        "a": None if pair is None else _estimate(pair.a, scale),
        "b": None if pair is None else _estimate(pair.b, scale),
        "difference": None if pair is None else _rounded(pair.difference, 6),
        "low": None if pair is None else _rounded(pair.low, 6),
        "high": None if pair is None else _rounded(pair.high, 6),
        "verdict": "unknown" if pair is None else pair.verdict,
    }
    return said(told)


def _estimate(estimate: Estimate, scale: float) -> EstimateDocument:
    def shown(value: float | None) -> float | None:
        return None if value is None else _rounded(value * scale, 6)

    return {
        "value": shown(estimate.value),
        "low": shown(estimate.low),
        "high": shown(estimate.high),
    }


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
