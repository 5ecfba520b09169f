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


BAR_CHARS = 40
MARKS = (("wait", "·"), ("processing", "▒"), ("transfer", "█"))


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


def only(document: Mapping[str, Any], wanted: str) -> dict[str, Any] | None:
    """
    Return the document with one incident alone; None where it is not there.

    Args:
        document: Of GET /api/v1/incidents.
        wanted: The id of one, or the number before its dash.
    """
    for item in map(mapping, items(document.get("incidents"))):
        name = word(item.get("id")) or ""
        if wanted in (name, name.partition("-")[0]):
            return {**document, "incidents": [item]}
    return None


def render_one(document: Mapping[str, Any], now: datetime, colour: bool) -> str:
    """Return the incident of such a document with all that happened and its worst requests."""
    listed = [mapping(item) for item in items(document.get("incidents"))]
    parts = [_incident(item, now, colour, is_whole=True) + _worst(item) for item in listed]
    return "\n".join(parts)


def _worst(item: Mapping[str, Any]) -> str:
    """The worst requests, each with its bar; the longest fills it."""
    listed = [mapping(one) for one in items(item.get("worst"))]
    longest_ms = max((number(one.get("elapsed_ms")) or 0.0 for one in listed), default=0.0)
    if not listed:
        return ""
    lines = ["  Worst requests: wait for a connection ·, processing ▒, transfer █, rest ░"]
    for one in listed:
        elapsed_ms = number(one.get("elapsed_ms")) or 0.0
        named = "@".join(filter(None, (text(one.get("module")), text(one.get("version")))))
        what = " ".join(filter(None, (named, word(one.get("endpoint")))))
        said = (word(one.get("outcome")), f"{elapsed_ms:,.0f} ms", text(one.get("agent")))
        lines.append(f"  |{_bar(one, elapsed_ms, longest_ms):<{BAR_CHARS}}| {what or ABSENT}")
        lines.append(f"   {'':<{BAR_CHARS}}  {', '.join(filter(None, said))}")
        evidence = text(one.get("evidence"))
        if evidence:
            lines.append(f"   {'':<{BAR_CHARS}}  {evidence}")
    return "\n".join(lines) + "\n"


def _bar(one: Mapping[str, Any], elapsed_ms: float, longest_ms: float) -> str:
    took_ms = mapping(one.get("phases_ms"))
    drawn, until_ms = "", 0.0
    for name, mark in MARKS:
        until_ms = min(until_ms + max(number(took_ms.get(name)) or 0.0, 0.0), elapsed_ms)
        drawn = drawn.ljust(_columns(until_ms, longest_ms), mark)
    return drawn.ljust(max(1, _columns(elapsed_ms, longest_ms)), "░")


def _columns(took_ms: float, longest_ms: float) -> int:
    return round(BAR_CHARS * took_ms / longest_ms) if longest_ms > 0 else 0


def _incident(item: Mapping[str, Any], now: datetime, colour: bool, is_whole: bool = False) -> str:
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
    if is_whole or word(item.get("state")) == "open":
        lines += _cost(item)
    lines += _happened(item, is_whole)
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


def _happened(item: Mapping[str, Any], is_whole: bool) -> list[str]:
    """What people wrote of it, or all that happened; oldest first."""
    lines = []
    for entry in map(mapping, items(item.get("timeline"))):
        at, who = moment(entry.get("at")), text(entry.get("who"))
        when = f"{at:%Y-%m-%d %H:%M} UTC" if at else ABSENT
        words = text(entry.get("words"))
        if entry.get("what") == "note":
            lines.append(f"  {when}, {who or ABSENT}: {words or ABSENT}")
        elif is_whole:
            about = (text(entry.get("proxy")), who, word(entry.get("rule")))
            told = " ".join(filter(None, (word(entry.get("what")), *about)))
            lines.append(f"  {when}  {': '.join(filter(None, (told, words)))}")
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
    begin = "so far" if word(item.get("state")) == "open" else "it cost"
    return [f"  {begin}: {', '.join(parts)}"] if parts else []


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
