"""
The answer of GET /api/v1/agents: how each agent does, as JSON values.

A public interface (docs/collector.md): within schema 1 keys are only ever added. Times are RFC 3339
in UTC; what is not known is null. Every word of others passes `said`.
"""

from typing import Any

from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..clock import rfc3339
from ..health.agents import AgentReport

SCHEMA = 1


def agents_document(shown_ns: int) -> dict[str, Any]:
    """Return the answer without the agents, which may be many; `shown_ns` is the wall's time."""
    return {"schema": SCHEMA, "at": rfc3339(shown_ns)}


def agent_document(report: AgentReport, wall_offset_ns: int) -> dict[str, Any]:
    """
    Return one agent's part.

    Args:
        report: Its times are the collector's.
        wall_offset_ns: Added to them to show them.
    """
    return said(
        {
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
    )
