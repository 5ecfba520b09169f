"""
Who saw it: is the proxy sick, or one host, or the users of one resolver?

Knows nothing of thresholds: it is told which agents see a failure gate, and may ask whether
the gates still fire without some of them (design.md section 5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

ScopeKind = Literal["host", "resolver"]
NAMED = 3
"""Agents named in words; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """One agent that asked the proxy lately."""

    agent_id: str
    sees: bool
    """A failure gate fires on its own evidence."""
    failed: int
    """Its failures and suspect misses within the horizon."""
    asked: bool
    """It has any outcome within the horizon."""
    served: bool
    """Some proxy answered it lately."""
    resolvers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose failure it is; kind None: everybody's, or there is none."""

    kind: ScopeKind | None = None
    words: str | None = None
    excluded: frozenset[str] = frozenset()
    """Agents whose evidence does not count against the proxy."""


def find_scope(
    vantages: Sequence[Vantage], fires_without: Callable[[frozenset[str]], bool]
) -> Scope:
    """
    Attribute the failures seen to the proxy, to one host or to one resolver.

    Args:
        vantages: Every agent that asked the proxy within the hour.
        fires_without: Whether a failure gate fires on everybody's evidence without these.
    """
    if len(vantages) == 1:
        return _single(vantages[0], fires_without)
    seers = [vantage for vantage in vantages if vantage.sees]
    if len(seers) >= 2:
        return _one_resolver(vantages, seers) or Scope()
    suspects = seers or sorted(vantages, key=lambda vantage: -vantage.failed)[:1]
    if not suspects or not suspects[0].failed:
        return Scope()
    alone = frozenset({suspects[0].agent_id})
    # Many agents with a failure each see it together though none could alone.
    if fires_without(alone) or not (seers or fires_without(frozenset())):
        return Scope()
    return Scope("host", f"only {suspects[0].agent_id} sees failures", alone)


def seen_from_one(agent_id: str) -> Scope:
    """Return the scope of what counts but has a single witness."""
    return Scope("host", f"seen from one host only, {agent_id}")


def _single(vantage: Vantage, fires_without: Callable[[frozenset[str]], bool]) -> Scope:
    if not fires_without(frozenset()):
        return Scope()
    if vantage.served:
        return seen_from_one(vantage.agent_id)
    return Scope(
        "host",
        f"no proxy answers {vantage.agent_id}, the only host that asks: it may be the host",
        frozenset({vantage.agent_id}),
    )


def _one_resolver(vantages: Sequence[Vantage], seers: Sequence[Vantage]) -> Scope | None:
    """Return the scope `resolver` if all users of one see failures and the others do not."""
    common = frozenset.intersection(*(vantage.resolvers for vantage in seers))
    for resolver in sorted(common):
        users = [v for v in vantages if v.asked and resolver in v.resolvers]
        others = [v for v in vantages if v.asked and resolver not in v.resolvers]
        if others and all(v.sees for v in users) and not any(v.sees for v in others):
            names = ", ".join(v.agent_id for v in users[:NAMED])
            more = f" and {len(users) - NAMED} more" if len(users) > NAMED else ""
            words = f"only users of resolver {resolver} see failures: {names}{more}"
            return Scope("resolver", words, frozenset(v.agent_id for v in users))
    return None
