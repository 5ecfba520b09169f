"""
The answer of GET /api/v1/agents: how each agent does, as JSON values.

A public interface (docs/collector.md): within schema 1 keys are only ever added. Times are RFC 3339
in UTC; what is not known is null. Every word of others passes `said`.
"""

from typing import TypedDict

from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..clock import Time, rfc3339
from ..health.agents import AgentReport, Trouble
from .answers import Head

SCHEMA = 1


class AgentDocument(TypedDict):
    """How one agent does."""

    agent_id: str
    states: list[Trouble]
    evidence: list[str]
    last_heard: Time
    labels: dict[str, str]
    version: str | None
    kernel: str | None
    links: str | None
    skew_s: float | None
    windows: int
    lossy_windows: int
    events_lost: int
    unprobed: int


class AgentsDocument(Head):
    """Every agent."""

    agents: list[AgentDocument]
    next: str | None


def agents_document(shown_ns: int) -> Head:
    """Return the answer without the agents, which may be many; `shown_ns` is the wall's time."""
    return {"schema": SCHEMA, "at": rfc3339(shown_ns)}


def agent_document(report: AgentReport, wall_offset_ns: int) -> AgentDocument:
    """
    Return one agent's part.

    Args:
        report: Its times are the collector's.
        wall_offset_ns: Added to them to show them.
    """
    told: AgentDocument = {
        "agent_id": report.agent_id,
        "states": [ailment.trouble for ailment in report.ailments],
        "evidence": [ailment.words for ailment in report.ailments],
        "last_heard": rfc3339(report.heard_ns + wall_offset_ns),
        "labels": dict(sorted(report.labels.items())),
        "version": report.version or None,
        "kernel": report.kernel or None,
        "links": report.links or None,
        "skew_s": None if report.skew_ns is None else round(report.skew_ns / NS, 3),
        "windows": report.windows,
        "lossy_windows": report.lossy,
        "events_lost": report.lost,
        "unprobed": report.unprobed,
    }
    return said(told)
