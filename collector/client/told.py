"""
What a collector answered of the past, with a type for everything.

As `answer.py`: what has not the type it ought to have is absent. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .answer import counts, items, mapping, moment, number, text, word

MAX_LINES = 512
"""Of one answer: more than any dimension has."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One period, or all of them; None: not known."""

    at: datetime | None
    period_s: float | None
    requests: float | None
    ok: float | None
    misses: float | None
    suspects: float | None
    failed: float | None
    failure_ratio: float | None
    """0…1."""
    failures: Mapping[str, float]
    body_bytes: float | None
    fallbacks: float | None
    lost_ms: float | None
    commands_stopped: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One value of the dimension."""

    name: str | None
    """None: the proxy as a whole, or agents that say no value."""
    total: Dot
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The document."""

    proxy: str | None
    by: str | None
    step_s: float | None
    since: datetime | None
    until: datetime | None
    lines: tuple[Line, ...]


def read(document: Mapping[str, Any]) -> Told:
    """Return what any document says; never an error."""
    return Told(
        proxy=text(document.get("proxy")),
        by=word(document.get("by")),
        step_s=number(document.get("step_s")),
        since=moment(document.get("since")),
        until=moment(document.get("until")),
        lines=tuple(_line(mapping(one)) for one in items(document.get("history"))[:MAX_LINES]),
    )


def _line(line: Mapping[str, Any]) -> Line:
    dots = tuple(_dot(mapping(point)) for point in items(line.get("points")))
    return Line(text(line.get("name")), _dot(mapping(line.get("total"))), dots)


def _dot(point: Mapping[str, Any]) -> Dot:
    return Dot(
        at=moment(point.get("at")),
        period_s=number(point.get("period_s")),
        requests=number(point.get("requests")),
        ok=number(point.get("ok")),
        misses=number(point.get("misses")),
        suspects=number(point.get("suspect_misses")),
        failed=number(point.get("failed")),
        failure_ratio=number(point.get("failure_ratio")),
        failures=counts(point.get("failures")),
        body_bytes=number(point.get("bytes")),
        fallbacks=number(point.get("fallbacks")),
        lost_ms=number(point.get("lost_ms")),
        commands_stopped=number(point.get("commands_stopped")),
        p50_ms=number(point.get("p50_ms")),
        p95_ms=number(point.get("p95_ms")),
        p99_ms=number(point.get("p99_ms")),
    )


def name_of(told: Told, line: Line) -> str:
    """Return what a line is called."""
    return line.name or (f"(no {told.by})" if told.by else told.proxy or "-")
