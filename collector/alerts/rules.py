"""
The rules of alerts: how grave each is, how long it waits, and how long it goes on.

Knows nothing of reports; each number is a configuration key. Waiting keeps a moment's trouble from
anybody's telephone; going on keeps a proxy that comes and goes one alert.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from modpulse.agent.service.keys import choice, number
from modpulse.agent.service.units import NS

Severity = Literal["P0", "P1", "P2"]
SEVERITIES: tuple[Severity, ...] = ("P0", "P1", "P2")
"""Gravest first."""
RuleName = Literal[
    "down", "degraded", "host", "resolver",
    "certificate_last", "certificate_near", "certificate_soon", "agent_silent", "agent_duplicate",
    "consistency", "moved_tag", "channel_dead", "burn_fast", "burn_slow", "early", "dynamic",
]  # fmt: skip
Topic = Literal["proxy", "certificate", "agent", "content", "channel"]
"""What an incident is about: those of different topics are never one."""

DAY_NS = 86_400 * NS
DAY_S = 86_400.0
WAIT_S = (0.0, DAY_S)
"""What a time to wait or to go on may be."""


@dataclass(frozen=True, slots=True)
class Alerting:
    """What the operator can choose of alerts; each field is a configuration key."""

    down_for_seconds: float = number(30.0, *WAIT_S)
    """A proxy is `down` for so long without a break: P0."""
    down_keep_firing_for_seconds: float = number(60.0, *WAIT_S)
    """It answers again for so long before the alert ends."""
    degraded_for_seconds: float = number(180.0, *WAIT_S)
    """Slow, failing more than promised, or suspect misses: P1."""
    degraded_keep_firing_for_seconds: float = number(120.0, *WAIT_S)
    scoped_for_seconds: float = number(180.0, *WAIT_S)
    """Only one host, or only the users of one resolver, see failures: P2."""
    scoped_keep_firing_for_seconds: float = number(120.0, *WAIT_S)
    certificate_for_seconds: float = number(60.0, *WAIT_S)
    """It ends soon (P2), in days (P1), or in less than `certificate_last_days` (P0)."""
    certificate_keep_firing_for_seconds: float = number(60.0, *WAIT_S)
    certificate_last_days: float = number(1.0, 0.01, 3660)
    agent_silent_for_seconds: float = number(300.0, 30.0, 3600)
    """No batch of an agent for so long, not even an idle one: P2."""
    agent_silent_keep_firing_for_seconds: float = number(30.0, *WAIT_S)
    consistency_for_seconds: float = number(60.0, *WAIT_S)
    """A proxy serves another content than others do (P1), or all do: a tag was moved (P2)."""
    consistency_keep_firing_for_seconds: float = number(300.0, *WAIT_S)
    channel_dead_for_seconds: float = number(300.0, *WAIT_S)
    """A channel takes no notice for so long: P1, told by the others."""
    channel_dead_keep_firing_for_seconds: float = number(0.0, *WAIT_S)
    objective: float = number(0.9995, 0.5, 0.999999)
    """Share of requests that are to succeed; what it leaves over is the budget for failures."""
    burn_for_seconds: float = number(300.0, *WAIT_S)
    """The budget burns (P1 by the hour, P2 by the day) for so long: longer than a state waits."""
    burn_keep_firing_for_seconds: float = number(300.0, *WAIT_S)
    early_for_seconds: float = number(60.0, *WAIT_S)
    """A failure class is more frequent than it was: P2."""
    early_keep_firing_for_seconds: float = number(300.0, *WAIT_S)
    dynamic: str = choice("off", "on")
    """Whether mean + 2 σ of a day is a rule too: P2."""
    dynamic_for_seconds: float = number(300.0, *WAIT_S)
    dynamic_keep_firing_for_seconds: float = number(300.0, *WAIT_S)
    join_seconds: float = number(300.0, *WAIT_S)
    """What fires so soon after another, for the same cause, is the same incident."""
    flap_seconds: float = number(900.0, *WAIT_S)
    """What fires again so soon is the same incident, and goes on four times as long each time."""
    update_seconds: float = number(300.0, 10.0, DAY_S)
    """That more is affected is told so often at most; that it got graver at once."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, times in ns."""

    name: RuleName
    severity: Severity
    topic: Topic
    for_ns: int
    """How long the condition holds without a break before it fires."""
    keep_firing_for_ns: int
    """How long it is proven not to hold before it is resolved."""
    forget_ns: int
    """After so long without any evidence it ends as forgotten, not as recovered."""


def rules_of(alerting: Alerting) -> Mapping[RuleName, Rule]:
    """Return every rule by its name."""
    week_ns = 7 * DAY_NS
    certificate = alerting.certificate_for_seconds, alerting.certificate_keep_firing_for_seconds
    scoped = alerting.scoped_for_seconds, alerting.scoped_keep_firing_for_seconds
    # How long an agent is silent is in its condition already.
    silent = 0.0, alerting.agent_silent_keep_firing_for_seconds
    content = alerting.consistency_for_seconds, alerting.consistency_keep_firing_for_seconds
    down = alerting.down_for_seconds, alerting.down_keep_firing_for_seconds
    degraded = alerting.degraded_for_seconds, alerting.degraded_keep_firing_for_seconds
    channel = alerting.channel_dead_for_seconds, alerting.channel_dead_keep_firing_for_seconds
    burn = alerting.burn_for_seconds, alerting.burn_keep_firing_for_seconds
    early = alerting.early_for_seconds, alerting.early_keep_firing_for_seconds
    dynamic = alerting.dynamic_for_seconds, alerting.dynamic_keep_firing_for_seconds
    rules = (
        _rule("down", "P0", "proxy", down, week_ns),
        _rule("degraded", "P1", "proxy", degraded, week_ns),
        _rule("host", "P2", "proxy", scoped, DAY_NS),
        _rule("resolver", "P2", "proxy", scoped, DAY_NS),
        _rule("certificate_last", "P0", "certificate", certificate, week_ns),
        _rule("certificate_near", "P1", "certificate", certificate, week_ns),
        _rule("certificate_soon", "P2", "certificate", certificate, week_ns),
        _rule("agent_silent", "P2", "agent", silent, DAY_NS),
        _rule("agent_duplicate", "P2", "agent", silent, DAY_NS),
        _rule("consistency", "P1", "content", content, DAY_NS),
        _rule("moved_tag", "P2", "content", content, DAY_NS),
        _rule("channel_dead", "P1", "channel", channel, DAY_NS),
        _rule("burn_fast", "P1", "proxy", burn, week_ns),
        _rule("burn_slow", "P2", "proxy", burn, week_ns),
        _rule("early", "P2", "proxy", early, DAY_NS),
        _rule("dynamic", "P2", "proxy", dynamic, DAY_NS),
    )
    return {rule.name: rule for rule in rules}


def worst(severities: "tuple[Severity, ...]") -> Severity:
    """Return the gravest of some."""
    return min(severities)


def _rule(
    name: RuleName, severity: Severity, topic: Topic, times_s: tuple[float, float], forget_ns: int
) -> Rule:
    for_s, keep_s = times_s
    return Rule(name, severity, topic, round(for_s * NS), round(keep_s * NS), forget_ns)
