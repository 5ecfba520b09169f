"""
What GET /api/v1/alerts and GET /api/v1/alerts/past answer, as JSON values.

A public interface (docs/alerts.md): within schema 1 keys are only ever added. Pure.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..alerts.kept import past_value
from ..alerts.lifecycle import Alert, Key
from ..alerts.maintenance import Window
from ..alerts.past import Stretch, Transition
from ..alerts.rules import Alerting, Rule, RuleName
from ..clock import rfc3339
from ..errors import RejectedError
from .query import parameters, span_s

SCHEMA = 1
KEYS = ("since", "until", "after")
BEFORE_S = 86_400
"""What was before `since` is answered too: what was pending or firing then began earlier."""
MAX_ALERTS_SHOWN = 10_000
"""Of GET /api/v1/alerts; how many more there are is said."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for; s on the collector's clock."""

    from_s: int
    until_s: int
    after: int
    """The last row of the page before; 0: the first page."""


def span_of(query: bytes, now_ns: int, wall_offset_ns: int) -> Asked:
    """
    Read a query, see `span_s`.

    Raises:
        RejectedError: 400, with what is wrong.
    """
    given = parameters(query, KEYS)
    after = given.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise RejectedError(400, "after: expected next of the page before")
    return Asked(*span_s(given, now_ns, wall_offset_ns), int(after))


def past_head(
    span: Asked, kept_from_ns: int | None, alerting: Alerting, windows: Iterable[Window]
) -> dict[str, Any]:
    """Return the answer without its rows: numbers and windows are those of now."""
    return {
        "schema": SCHEMA,
        "from_ns": span.from_s * NS,
        "until_ns": (span.until_s + 1) * NS,  # the second in which it is asked is in it
        "kept_from_ns": kept_from_ns,
        "alerting": dataclasses.asdict(alerting),
        "maintenance": [said(dataclasses.asdict(window)) for window in windows],
    }


def past_parts(rows: Iterable[Transition | Stretch]) -> Iterator[dict[str, Any]]:
    """Yield each row."""
    for row in rows:
        yield said(past_value(row))


def alert_parts(
    alerts: Iterable[Alert],
    rules: Mapping[RuleName, Rule],
    of: Mapping[Key, str],
    now_ns: int,
    wall_offset_ns: int,
) -> Iterator[dict[str, Any]]:
    """
    Yield what waits and what fires.

    Args:
        alerts: Resolved ones are left out.
        rules: By name.
        of: The incident of what fires.
        now_ns: Of the collector, as the alerts' times.
        wall_offset_ns: Added to these to show them.
    """
    for alert in alerts:
        key, rule = alert.key, rules[alert.key.rule]
        if alert.phase == "resolved":
            continue
        left_ns = alert.pending_ns + rule.for_ns - now_ns
        shown = {
            name: None if at_ns is None else rfc3339(at_ns + wall_offset_ns)
            for name, at_ns in (
                ("since", alert.pending_ns),
                ("fired", alert.fired_ns if alert.is_firing else None),
                ("clear_since", alert.clear_ns if alert.is_firing else None),
            )
        }
        yield said(
            {
                "rule": key.rule,
                "severity": rule.severity,
                "proxy": key.proxy or None,
                "who": key.who or None,
                "state": alert.phase,
                **shown,
                "fires_in_s": None if alert.is_firing else max(0, round(left_ns / NS, 3)),
                "incident": of.get(key),
            }
        )
