"""
The list of `modpulse agents`: the API's document as text.

Pure: colour and the time are arguments. What makes no sense in the document is absent.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .answer import items, mapping, moment, text, word
from .columns import left, wide
from .status import ABSENT, COLOURS, GAP, RESET, ago

TITLES = ("AGENT", "STATE", "SITE", "VERSION", "LINKS", "HEARD")
WELL = "ok"
SHOWN = 6
"""States of one agent: there are no more."""


def render(document: Mapping[str, Any], now: datetime, colour: bool, is_all: bool) -> str:
    """
    Return a table of the agents, those with trouble first, each with its reasons below.

    Args:
        document: Of GET /api/v1/agents, or any other.
        now: For when they were heard.
        colour: Whether escape sequences are welcome.
        is_all: Also those that do well.
    """
    agents = [mapping(item) for item in items(document.get("agents"))]
    if not agents:
        return "No agent was heard yet.\n"
    ill = [agent for agent in agents if items(agent.get("states"))]
    well = len(agents) - len(ill)
    summary = f"{well} of {len(agents)} agents do well.\n"
    shown = sorted(agents, key=lambda one: not items(one.get("states"))) if is_all else ill
    if not shown:
        return summary
    rows = [TITLES, *(_cells(agent, now) for agent in shown)]
    widths = [max(wide(row[place]) for row in rows) for place in range(len(TITLES))]
    lines = [_line(TITLES, widths)]
    for agent, row in zip(shown, rows[1:], strict=True):
        lines.append(_line(row, widths, colour))
        lines += [f"{GAP}{reason}" for reason in _reasons(agent)]
    return "\n".join([*lines, "", summary])


def _cells(agent: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    states = [word(state) or ABSENT for state in items(agent.get("states"))[:SHOWN]]
    return (
        text(agent.get("agent_id")) or ABSENT,
        ",".join(states) or WELL,
        text(mapping(agent.get("labels")).get("site")) or ABSENT,
        word(agent.get("version")) or ABSENT,
        word(agent.get("links")) or ABSENT,
        ago(moment(agent.get("last_heard")), now),
    )


def _reasons(agent: Mapping[str, Any]) -> list[str]:
    found = (text(reason) for reason in items(agent.get("evidence"))[:SHOWN])
    return [reason for reason in found if reason]


def _line(row: tuple[str, ...], widths: list[int], colour: bool = False) -> str:
    cells = [left(cell, width) for cell, width in zip(row, widths, strict=True)]
    if colour:
        cells[1] = f"{COLOURS['healthy' if row[1] == WELL else 'degraded']}{cells[1]}{RESET}"
    return GAP.join(cells).rstrip()
