"""The page of one host: its agent, and what it sees, as values. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.incident import Incident
from ..draw.svg import Picture
from ..health.agents import AgentReport
from ..health.gates import State
from ..health.hosts import AgentAsk
from ..health.report import Report
from ..health.worst import WorstRequest
from ..insight.history import History
from .grid import strip
from .headline import short
from .links import proxy_page
from .span import Span

MOST_PICTURES = 8
"""Proxies whose last day is drawn; a host asks two to four."""
MOST_REQUESTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """How an agent does."""

    ailments: tuple[tuple[str, str], ...]
    """State and why, gravest first; English."""
    heard_for_s: float
    """How long ago it was heard."""
    heard_ns: int
    """Of the wall."""
    labels: Mapping[str, str]
    version: str
    kernel: str
    links: str
    skew_s: float | None
    windows: int
    lossy: int
    lost: int
    unprobed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskLine:
    """One proxy that it asks."""

    name: str
    page: str
    state: State
    """Of the proxy, whoever asks it."""
    asked_ns: int
    """When it asked last, of the wall."""
    requests: int
    """Of the last ten minutes, as the others."""
    failed: int
    misses: int
    cause: str | None
    resolvers: tuple[str, ...]
    picture: Picture | None
    """Its last day; None: it is one of too many."""
    day_requests: int | None
    day_failure_ratio: float | None
    day_p95_ms: float | None


def agent_facts(report: AgentReport, now_ns: int, wall_offset_ns: int) -> AgentFacts:
    """Return what is shown of an agent."""
    return AgentFacts(
        ailments=tuple((one.trouble, say(one.words)) for one in report.ailments),
        heard_for_s=max(0, now_ns - report.heard_ns) / NS,
        heard_ns=report.heard_ns + wall_offset_ns,
        labels={say(name): say(value) for name, value in sorted(report.labels.items())},
        version=say(report.version),
        kernel=say(report.kernel),
        links=say(report.links),
        skew_s=None if report.skew_ns is None else report.skew_ns / NS,
        windows=report.windows,
        lossy=report.lossy,
        lost=report.lost,
        unprobed=report.unprobed,
    )


def ask_line(
    ask: AgentAsk,
    state: State,
    by_agent: History | None,
    agent_id: str,
    span: Span,
    wall_offset_ns: int,
) -> AskLine:
    """
    Return what a host sees of one proxy.

    Args:
        ask: Lately.
        state: Of the proxy.
        by_agent: The proxy's last day, by agent; None: it is not drawn.
        agent_id: Which of these it is.
        span: That day.
        wall_offset_ns: Added to the collector's times to show them.
    """
    series = by_agent.series if by_agent else ()
    own = next((one for one in series if one.name == agent_id), None)
    name = short(ask.proxy)
    return AskLine(
        name=name,
        page=proxy_page(ask.proxy),
        state=state,
        asked_ns=ask.asked_ns + wall_offset_ns,
        requests=ask.seen.requests,
        failed=ask.seen.failed,
        misses=ask.seen.misses + ask.seen.suspects,
        cause=ask.cause,
        resolvers=tuple(say(resolver) for resolver in ask.resolvers),
        picture=strip(name, own, span, wall_offset_ns) if by_agent else None,
        day_requests=own.total.requests if own else None,
        day_failure_ratio=own.total.failure_ratio if own else None,
        day_p95_ms=own.total.p95_ms if own else None,
    )


def worst_of(agent_id: str, reports: Iterable[Report]) -> list[WorstRequest]:
    """Return what is known of its worst requests: failures, the newest first, then slow ones."""
    found = [one for report in reports for one in report.worst if one.agent_id == agent_id]
    found.sort(
        key=lambda one: (not one.is_failure, -(one.at_ns if one.is_failure else one.elapsed_ns))
    )
    return found[:MOST_REQUESTS]


def is_about(incident: Incident, agent_id: str) -> bool:
    """Whether an incident names an agent."""
    return any(member.key.who == agent_id for member in incident.members)
