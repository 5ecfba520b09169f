"""
The list of `modpulse incidents`: the API's document as text.

Pure: colour and the time are arguments. What makes no sense in the document is absent.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from modpulse.agent.service.foreign import say

from .answer import items, mapping, moment, number, text, word
from .status import ABSENT, RESET

COLOURS = {"P0": "\x1b[1;31m", "P1": "\x1b[33m", "P2": "\x1b[36m"}


def render(document: Mapping[str, Any], now: datetime, colour: bool, is_all: bool) -> str:
    """
    Return the incidents, the newest first, and below them the channels that take nothing.

    Args:
        document: Of GET /api/v1/incidents, or any other.
        now: For how long they last.
        colour: Whether escape sequences are welcome.
        is_all: Also those that are over.
    """
    listed = [mapping(item) for item in items(document.get("incidents"))]
    shown = [item for item in listed if is_all or word(item.get("state")) == "open"]
    parts = [_incident(item, now, colour) for item in shown]
    if not parts:
        parts = ["No incidents.\n" if is_all else "No open incidents.\n"]
    return "\n".join([*parts, *_notes(document)])


def _incident(item: Mapping[str, Any], now: datetime, colour: bool) -> str:
    severity = word(item.get("severity")) or ABSENT
    begin, end = (colour and COLOURS.get(severity)) or "", RESET if colour else ""
    words = mapping(mapping(item.get("text")).get("en"))
    title = text(words.get("title")) or ABSENT
    lines = [
        f"{begin}{title}{end}",
        f"  incident {word(item.get('id')) or ABSENT}, {_when(item, now)}{_alerts(item)}",
    ]
    body = text(words.get("body"))
    if body:
        lines.append(f"  {body}")
    if word(item.get("state")) == "open":
        lines += _cost(item)
    lines += _written(item)
    return "\n".join(lines) + "\n"


def _when(item: Mapping[str, Any], now: datetime) -> str:
    since, closed = moment(item.get("since")), moment(item.get("closed"))
    if since is None:
        return "since when is not known"
    seconds = max(0.0, ((closed or now) - since).total_seconds())
    long = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"since {since:%Y-%m-%d %H:%M} UTC, {'lasted' if closed else 'for'} {long}"


def _alerts(item: Mapping[str, Any]) -> str:
    alerts, more = items(item.get("alerts")), number(item.get("alerts_more")) or 0
    firing = sum(mapping(alert).get("ended") is None for alert in alerts)
    count = len(alerts) + more
    return f", {firing} of {count:.0f} alerts fire" if count > 1 else ""


def _written(item: Mapping[str, Any]) -> list[str]:
    """What people wrote of it, oldest first."""
    lines = []
    for entry in map(mapping, items(item.get("timeline"))):
        if entry.get("what") == "note":
            at, who = moment(entry.get("at")), text(entry.get("who")) or ABSENT
            when = f"{at:%Y-%m-%d %H:%M} UTC" if at else ABSENT
            lines.append(f"  {when}, {who}: {text(entry.get('words')) or ABSENT}")
    return lines


def _cost(item: Mapping[str, Any]) -> list[str]:
    cost = mapping(item.get("cost"))
    named = (
        ("request# failed", number(cost.get("failed_requests"))),
        ("went on to the next entry", number(cost.get("fell_through"))),
        ("s lost by that", number(cost.get("lost_s"))),
        ("command# failed", number(cost.get("commands_failed"))),
        ("s lost by failures that ended it", number(cost.get("failed_s"))),
    )
    parts = [
        f"{value:,.0f} {name.replace('#', '' if round(value) == 1 else 's')}"
        for name, value in named
        if value and round(value)
    ]
    return [f"  so far: {', '.join(parts)}"] if parts else []


def _notes(document: Mapping[str, Any]) -> list[str]:
    notes = []
    for channel in map(mapping, items(document.get("channels"))):
        dead = text(channel.get("dead_since"))
        if dead:
            name, error = text(channel.get("name")), text(channel.get("error"))
            waiting = number(channel.get("waiting")) or 0
            waits = "1 notice waits" if waiting == 1 else f"{waiting:.0f} notices wait"
            notes.append(f"Channel {name} takes nothing since {dead}: {error}; {waits}.")
    dropped = number(document.get("alerts_dropped"))
    if dropped:
        notes.append(f"Alerts that found no room: {dropped:.0f}.")
    return [f"{say(note)}\n" for note in notes]
