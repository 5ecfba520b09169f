"""
Whether each rule holds, by what is seen and the numbers of `[alerting]`.

The same for what is seen now and for what was seen then, which `modpulse alerts test` tries again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from modpulse.agent.service.units import NS

from .facts import Facts
from .lifecycle import Alert, Key
from .reading import Condition, Says
from .rules import DAY_S, Alerting, RuleName

_HOLDS: Mapping[Says, bool] = {"so": True, "not": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One condition at one moment."""

    holds: bool | None
    """None: nobody knows."""
    since_ns: int | None = None
    """Since when, as far as somebody else kept it; None: since it was read first."""
    cause: str = ""
    """What other alerts with the same one may be the same incident."""
    facts: Facts = field(default_factory=Facts)


UNKNOWN = Reading(holds=None)


def hold(
    seen: Mapping[Key, Condition],
    kept: Mapping[Key, Alert],
    alerting: Alerting,
    listening_ns: int,
    now_ns: int,
) -> dict[Key, Reading]:
    """
    Return whether each rule holds of which something is known.

    Args:
        seen: At this moment.
        kept: Alerts that there are: what is left of a trouble that was told is not told as new.
        alerting: The numbers.
        listening_ns: Since when batches are taken: nobody was silent before.
        now_ns: The collector's time.
    """
    found: dict[Key, Reading] = {}
    silent_ns = round(alerting.agent_silent_for_seconds * NS)
    for key, condition in seen.items():
        if key.rule in ("host", "resolver"):
            found[key] = _of_some(key.proxy, condition, kept)
        elif key.rule == "down":
            found.update(_of_proxy(key.proxy, condition, kept))
        elif key.rule == "certificate_soon":
            found.update(_of_certificate(key.proxy, condition, alerting, now_ns))
        elif key.rule == "agent_silent" and condition.at_ns is not None:
            is_silent = now_ns - max(condition.at_ns, listening_ns) >= silent_ns
            since_ns = condition.at_ns if is_silent else None
            found[key] = Reading(
                holds=is_silent, since_ns=since_ns, cause=condition.cause, facts=condition.facts
            )
        else:
            found[key] = _as_it_is(condition)
    return found


def _as_it_is(condition: Condition) -> Reading:
    return Reading(
        holds=_HOLDS.get(condition.says),
        since_ns=condition.at_ns,
        cause=condition.cause,
        facts=condition.facts,
    )


def _of_proxy(
    proxy: str, condition: Condition, kept: Mapping[Key, Alert]
) -> Iterator[tuple[Key, Reading]]:
    """
    The rules that read a proxy's state; that it is no longer down waits until that is told.

    What is left of a trouble is not told as something new, and ends what was told of it. It may as
    well be a pause of one that comes in bursts: what waits to be told waits on.
    """
    bad = kept.get(Key("degraded", proxy))
    is_told = bad is not None and bad.is_firing
    proof = False if condition.is_served else None
    down: bool | None = None
    degraded: bool | None = None
    if condition.says == "down":
        down = True
    elif condition.says == "sick" and condition.residue:
        is_over = is_told and condition.residue == "well"
        down, degraded = False, False if is_over else None
    elif condition.says == "sick":
        down, degraded = proof if is_told else None, True
    elif condition.says == "well":
        down = degraded = proof
    for rule, holds in zip(STATES, (down, degraded), strict=True):
        reading = Reading(holds=holds)
        if holds:
            since_ns = _since_ns(condition.at_ns, (kept.get(Key(r, proxy)) for r in STATES))
            reading = replace(_as_it_is(condition), holds=True, since_ns=since_ns)
        yield Key(rule, proxy), reading


def _since_ns(at_ns: int | None, alerts: Iterable[Alert | None]) -> int | None:
    """Return since when it is so: the state may go on over an end that was told."""
    ended = (alert.clear_ns or 0 for alert in alerts if alert and not alert.is_firing)
    return None if at_ns is not None and at_ns <= max(ended, default=0) else at_ns


def _of_some(proxy: str, condition: Condition, kept: Mapping[Key, Alert]) -> Reading:
    """One host or resolver: what it saw while all were in trouble is not its own."""
    ended = [
        alert.clear_ns or 0
        for rule in STATES
        if (alert := kept.get(Key(rule, proxy))) and alert.phase != "pending"
    ]
    reading = _as_it_is(condition)
    is_of_all = 0 < condition.failed_ns <= max(ended, default=0)
    return replace(reading, holds=None) if reading.holds and is_of_all else reading


STATES: tuple[RuleName, RuleName] = ("down", "degraded")


def _of_certificate(
    proxy: str, condition: Condition, alerting: Alerting, now_ns: int
) -> Iterator[tuple[Key, Reading]]:
    """The last step is days, whatever its life is."""
    if condition.at_ns is None:
        return
    left_s = (condition.at_ns - now_ns) / NS
    is_near = condition.says == "near"
    reached: dict[RuleName, bool] = {
        "certificate_soon": condition.says in ("soon", "near"),
        "certificate_near": is_near,
        "certificate_last": is_near and left_s < alerting.certificate_last_days * DAY_S,
    }
    facts = replace(condition.facts, left_s=left_s) if reached["certificate_soon"] else Facts()
    for rule, holds in reached.items():
        yield Key(rule, proxy), Reading(holds=holds, cause=condition.cause, facts=facts)
