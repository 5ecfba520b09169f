"""
The life of one alert: pending, firing, resolved.

Knows no reports: it is told whether the condition holds, is proven not to hold, or neither. What
nobody sees is neither: silence fires nothing and resolves nothing.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from modpulse.agent.service.units import NS

from .rules import Rule, RuleName

Phase = Literal["pending", "firing", "resolved"]
Event = Literal["fired", "resolved", "forgotten"]

MAX_KEEP_NS = 3600 * NS
"""An alert that flaps goes on for an hour at most before it is resolved."""
MAX_FLAPS = 16
"""More are not counted: the time to go on has met its bound long before."""


class Key(NamedTuple):
    """What an alert is about."""

    rule: RuleName
    proxy: str
    """Empty where it is about no proxy."""
    who: str = ""
    """The agent, the resolver or the channel; empty where it is about all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert; times in ns of the collector's clock."""

    key: Key
    phase: Phase
    pending_ns: int
    """Since when the condition held without a break, when it began to."""
    proven_ns: int
    """When it was last known whether it holds."""
    fired_ns: int | None = None
    """None before it fired."""
    clear_ns: int | None = None
    """Since when it is proven not to hold, or was when it ended; None while it holds."""
    resolved_ns: int | None = None
    """None until it is."""
    flaps: int = 0
    """How often it fired again soon after it was resolved."""

    @property
    def is_firing(self) -> bool:
        """Whether it fires."""
        return self.phase == "firing"


def advance(
    alert: Alert | None, key: Key, rule: Rule, holds: bool | None, now_ns: int, flap_ns: int
) -> tuple[Alert | None, Event | None]:
    """
    Take one step.

    Args:
        alert: As it is; None: there is none.
        key: Of the alert.
        rule: Its times.
        holds: Whether the condition holds; None: nobody knows.
        now_ns: The collector's time.
        flap_ns: A resolved alert is remembered for so long.

    Returns:
        The alert, None where it is to be forgotten, and what happened.
    """
    if alert and alert.phase == "firing":
        return _firing(alert, rule, holds, now_ns)
    is_pause = holds is None and alert is not None and alert.phase == "pending"
    # None that is as long as it would have had to hold.
    if is_pause and alert and now_ns - alert.proven_ns < rule.for_ns:
        return alert, None
    if not holds:
        return _remembered(alert, now_ns, flap_ns), None
    if alert is None or alert.phase == "resolved":
        remembered = _remembered(alert, now_ns, flap_ns)
        alert = remembered or Alert(key=key, phase="pending", pending_ns=now_ns, proven_ns=now_ns)
        alert = replace(alert, phase="pending", pending_ns=now_ns)
    alert = replace(alert, proven_ns=now_ns)
    if now_ns - alert.pending_ns < rule.for_ns:
        return alert, None
    flaps = alert.flaps + (alert.resolved_ns is not None)
    fired = replace(
        alert,
        phase="firing",
        fired_ns=now_ns,
        resolved_ns=None,
        clear_ns=None,
        flaps=min(flaps, MAX_FLAPS),
    )
    return fired, "fired"


def interrupted(alert: Alert) -> Alert | None:
    """Return the alert after a time in which nobody looked: what was pending begins anew."""
    return alert if alert.phase != "pending" else _remembered(alert, 0, 0)


def keep_firing_ns(alert: Alert, rule: Rule) -> int:
    """Return how long it must be clear: four times as long for each flap."""
    most = max(MAX_KEEP_NS, rule.keep_firing_for_ns)
    return min(max(rule.keep_firing_for_ns, NS * bool(alert.flaps)) << 2 * alert.flaps, most)


def _firing(
    alert: Alert, rule: Rule, holds: bool | None, now_ns: int
) -> tuple[Alert, Event | None]:
    if holds is None:
        if now_ns - alert.proven_ns < rule.forget_ns:
            return alert, None
        return replace(alert, phase="resolved", resolved_ns=now_ns), "forgotten"
    if holds:
        return replace(alert, clear_ns=None, proven_ns=now_ns), None
    clear_ns = now_ns if alert.clear_ns is None else alert.clear_ns
    alert = replace(alert, clear_ns=clear_ns, proven_ns=now_ns)
    if now_ns - clear_ns < keep_firing_ns(alert, rule):
        return alert, None
    return replace(alert, phase="resolved", resolved_ns=now_ns), "resolved"


def _remembered(alert: Alert | None, now_ns: int, flap_ns: int) -> Alert | None:
    """Return a resolved alert that may yet flap; None for any other."""
    if alert is None or alert.resolved_ns is None or now_ns - alert.resolved_ns > flap_ns:
        return None
    return replace(alert, phase="resolved")
