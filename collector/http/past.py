"""
What GET /api/v1/alerts and GET /api/v1/alerts/past answer, as JSON values.

A public interface (docs/alerts.md): within schema 1 keys are only ever added. Pure.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NotRequired, TypedDict

from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..alerts.kept import past_value
from ..alerts.lifecycle import Alert, Key
from ..alerts.maintenance import Window
from ..alerts.past import Stretch, Transition
from ..alerts.reading import Residue, Says
from ..alerts.rules import Alerting, Rule, RuleName, Severity
from ..clock import Time, rfc3339
from .answers import Head
from .query import parameters, row_id, span_s

SCHEMA = 1
KEYS = ("since", "until", "after")
BEFORE_S = 86_400
"""What was before `since` is answered too: what was pending or firing then began earlier."""
MAX_ALERTS_SHOWN = 10_000
"""Of GET /api/v1/alerts; how many more there are is said."""


class WaitingAlertDocument(TypedDict):
    """An alert that waits or fires."""

    rule: RuleName
    severity: Severity
    proxy: str | None
    who: str | None
    state: Literal["pending", "firing"]
    since: Time
    fired: Time | None
    clear_since: Time | None
    fires_in_s: float | None
    incident: str | None


class AlertsHead(Head):
    """What is said beside the alerts."""

    alerts_more: int
    next: str | None


class AlertsDocument(AlertsHead):
    """What waits and what fires."""

    alerts: list[WaitingAlertDocument]


class FactsDocument(TypedDict):
    """What is known beside a condition."""

    site: NotRequired[str]
    failure: NotRequired[str]


class ConditionDocument(TypedDict):
    """What is seen; what is not said is not so."""

    says: Says
    is_served: NotRequired[bool]
    residue: NotRequired[Residue]
    at_ns: NotRequired[int]
    cause: NotRequired[str]
    facts: NotRequired[FactsDocument]


class TransitionDocument(TypedDict):
    """What is seen of a rule, a proxy and a who from a time on."""

    at_ns: int
    key: list[str]
    condition: ConditionDocument | None


class MomentDocument(TypedDict):
    """One judgement."""

    at_ns: int
    listening_ns: int
    window_ns: int
    wall_offset_ns: int
    silent_ns: int


class StretchDocument(TypedDict):
    """Judgements one after another."""

    last: MomentDocument
    before_ns: list[int]
    is_end: NotRequired[bool]


class PastDocument(Head):
    """What was seen of alerts' conditions; times are ns of the collector's clock."""

    from_ns: int
    until_ns: int
    kept_from_ns: int | None
    wall_offset_ns: int
    alerting: Alerting
    maintenance: list[Window]
    next: int | None
    past: list[TransitionDocument | StretchDocument]


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
    return Asked(*span_s(given, now_ns, wall_offset_ns), row_id(given.get("after", "0")))


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


def alert_name(alert: Alert) -> str:
    """Return where an alert comes in the list: those that fire before those that wait."""
    return " ".join(("0" if alert.is_firing else "1", *alert.key))


def alert_parts(
    alerts: Iterable[Alert],
    rules: Mapping[RuleName, Rule],
    of: Mapping[Key, str],
    now_ns: int,
    wall_offset_ns: int,
) -> Iterator[WaitingAlertDocument]:
    """
    Yield what waits and what fires.

    Args:
        alerts: None that is resolved.
        rules: By name.
        of: The incident of what fires.
        now_ns: Of the collector, as the alerts' times.
        wall_offset_ns: Added to these to show them.
    """
    for alert in alerts:
        key, rule, is_firing = alert.key, rules[alert.key.rule], alert.is_firing
        assert alert.phase != "resolved"
        left_ns = alert.pending_ns + rule.for_ns - now_ns
        told: WaitingAlertDocument = {
            "rule": key.rule,
            "severity": rule.severity,
            "proxy": key.proxy or None,
            "who": key.who or None,
            "state": alert.phase,
            "since": rfc3339(alert.pending_ns + wall_offset_ns),
            "fired": _shown(alert.fired_ns if is_firing else None, wall_offset_ns),
            "clear_since": _shown(alert.clear_ns if is_firing else None, wall_offset_ns),
            "fires_in_s": None if is_firing else max(0, round(left_ns / NS, 3)),
            "incident": of.get(key),
        }
        yield said(told)


def _shown(at_ns: int | None, wall_offset_ns: int) -> Time | None:
    return None if at_ns is None else rfc3339(at_ns + wall_offset_ns)
