"""
What GET /api/v1/history is asked for, and its answer as JSON values.

A public interface (docs/history.md): within schema 1 keys are only ever added. Pure.
"""

from collections.abc import Iterator
from typing import TypedDict

from modpulse.agent.batch.proxies import proxy_name
from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..clock import Time, rfc3339
from ..errors import RejectedError
from ..insight.history import STEPS_S, Asked, History, Point, Series, TooFineError, step_of
from ..intake.dimensions import ASKED_BY, Dimension
from .answers import Head
from .query import parameters, span_s

SCHEMA = 1
KEYS = ("proxy", "since", "until", "by", "step")


class PointDocument(TypedDict):
    """One period of a proxy's past, or all of them together."""

    at: Time
    period_s: int
    requests: int
    ok: int
    misses: int
    suspect_misses: int
    failed: int
    failures: dict[str, int]
    failure_ratio: float | None
    bytes: int
    fallbacks: int
    lost_ms: int
    commands_stopped: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class SeriesDocument(TypedDict):
    """The whole, or one value of a dimension."""

    name: str | None
    total: PointDocument
    points: list[PointDocument]


class HistoryHead(Head):
    """What was asked for."""

    proxy: str
    by: str | None
    step_s: int
    since: Time
    until: Time


class HistoryDocument(HistoryHead):
    """One proxy's past."""

    history: list[SeriesDocument]


def asked_of(query: bytes, now_ns: int, wall_offset_ns: int) -> Asked:
    """
    Read a query.

    Args:
        query: Of the address, behind the `?`.
        now_ns: On the collector's clock, as the result.
        wall_offset_ns: From the collector's times to the wall's, which the query has.

    Raises:
        RejectedError: 400, with what is wrong.
    """
    said_ = parameters(query, KEYS)
    if not said_.get("proxy"):
        raise RejectedError(400, "proxy: expected the entry of GOPROXY")
    said_["proxy"] = proxy_name(said_["proxy"]) or said_["proxy"]
    from_s, until_s = span_s(said_, now_ns, wall_offset_ns)
    by, step = said_.get("by", ""), said_.get("step", "")
    if by not in ASKED_BY:
        raise RejectedError(400, f"by: expected one of {', '.join(ASKED_BY[1:])}")
    if step not in ("", *STEPS_S):
        raise RejectedError(400, f"step: expected one of {', '.join(STEPS_S)}")
    dimension: Dimension = by
    try:
        period_s = step_of(until_s - from_s, dimension, step)
    except TooFineError as error:
        raise RejectedError(400, f"step: {error}") from None
    return Asked(said_["proxy"], dimension, period_s, from_s, until_s)


def head_document(history: History, at_ns: int, wall_offset_ns: int) -> HistoryHead:
    """Return the answer without its series."""
    asked = history.asked
    return {
        "schema": SCHEMA,
        "at": rfc3339(at_ns + wall_offset_ns),
        "proxy": said(asked.proxy),
        "by": asked.by or None,
        "step_s": asked.period_s,
        "since": rfc3339(asked.from_s * NS + wall_offset_ns),
        "until": rfc3339(asked.until_s * NS + wall_offset_ns),
    }


def series_documents(history: History, wall_offset_ns: int) -> Iterator[SeriesDocument]:
    """Yield each series."""
    for series in history.series:
        yield _series(series, wall_offset_ns)


def _series(series: Series, wall_offset_ns: int) -> SeriesDocument:
    return {
        "name": said(series.name) or None,
        "total": _point(series.total, wall_offset_ns),
        "points": [_point(point, wall_offset_ns) for point in series.points],
    }


def _point(point: Point, wall_offset_ns: int) -> PointDocument:
    failures = dict(sorted(point.failures.items(), key=lambda item: (-item[1], item[0])))
    return {
        "at": rfc3339(point.start_s * NS + wall_offset_ns),
        "period_s": point.period_s,
        "requests": point.requests,
        "ok": point.ok,
        "misses": point.misses,
        "suspect_misses": point.suspects,
        "failed": point.failed,
        "failures": failures,
        "failure_ratio": _rounded(point.failure_ratio, 6),
        "bytes": point.body_bytes,
        "fallbacks": point.fallbacks,
        "lost_ms": point.lost_ms,
        "commands_stopped": point.commands_stopped,
        "p50_ms": _rounded(point.p50_ms),
        "p95_ms": _rounded(point.p95_ms),
        "p99_ms": _rounded(point.p99_ms),
    }


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
