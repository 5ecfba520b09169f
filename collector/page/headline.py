"""What is wrong now, in one sentence: its parts as values, for the templates to say. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from modpulse.agent.service.foreign import say_name

from ..health.gates import SEVERITY, State
from ..health.report import Report

NAMED = 3
"""Proxies in the sentence; the others are counted."""
MAX_NAME_CHARS = 120


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence."""

    state: State
    """The worst that a proxy has; `unknown` where no proxy is known well enough."""
    sick: tuple[str, ...] = ()
    """Those in that state if it is `degraded` or `down`, NAMED at most."""
    more: int = 0
    """Further ones."""
    part: tuple[str, str] | None = None
    """The only sick one is so for a part of its users: kind and which."""
    total: int = 0
    fine: int = 0


def headline(reports: Sequence[Report]) -> Headline:
    """Return what is to be said of these proxies."""
    total = len(reports)
    fine = sum(report.track.state == "healthy" for report in reports)
    worst: State = max(
        (report.track.state for report in reports), key=SEVERITY.__getitem__, default="unknown"
    )
    if worst in ("unknown", "healthy"):
        return Headline(worst, total=total, fine=fine)
    sick = [report for report in reports if report.track.state == worst]
    return Headline(
        worst,
        tuple(short(report.proxy) for report in sick[:NAMED]),
        max(0, len(sick) - NAMED),
        part_of(sick[0]) if len(sick) == 1 else None,
        total,
        fine,
    )


def short(proxy: str) -> str:
    """Return a proxy as people call it."""
    return say_name(proxy, MAX_NAME_CHARS).removeprefix("https://")


def part_of(report: Report) -> tuple[str, str] | None:
    """Return for what part of its requests a proxy is sick; None: for all."""
    scope = report.scope
    if scope.kind is None or scope.who is None:
        return None
    kind = scope.kind.removeprefix("label.")
    return say_name(kind, MAX_NAME_CHARS), say_name(scope.who, MAX_NAME_CHARS)
