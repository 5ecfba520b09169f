"""
Who saw it: is the proxy sick, or one host, or the users of one resolver, or is it a part of it?

Knows nothing of thresholds: it is told which agents see a failure gate, and may ask whether
the gates still fire without some of them. What explain.py finds becomes a reason here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from modpulse.agent.service.units import NS

from .explain import Explanation
from .gates import State
from .parts import Value
from .reason import Reason, Reasons, only_some, same_requests, sentences
from .slowness import Slowness

NOT_OF_PROXY = ("host", "resolver", "module")
"""Kinds whose failures are not the proxy's: it is as the rest says. By others it is degraded."""
STEADY_NS = 30 * NS
"""Three windows: after so long it is no accident that nobody who fails was answered."""
HEARING_NS = 20 * NS
"""So long others may take to say that they are served, before all fail: an outage is told within
30 s."""
HEARING_LONG_NS = 120 * NS
"""The same before it is degraded for all."""
ANSWERS_LATE_NS = 10 * NS
"""What was under way when it began is answered so much later."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """One agent that asked the proxy lately."""

    agent_id: str
    sees: bool | None
    """A failure gate fires on its own evidence; None: that was not weighed, others speak for it."""
    failed: int
    """Its failures and suspect misses within the horizon."""
    asked: bool
    """It has any outcome within the horizon."""
    served: bool
    """Some proxy answered it lately."""
    resolvers: frozenset[str]
    failing_ns: int = 0
    """For how long all that it asked this proxy has failed; 0: its last request was answered."""
    answered_ns: int | None = None
    """How long ago this proxy answered it; None within the horizon it did not."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose failure it is; kind None: everybody's, or there is none."""

    kind: str | None = None
    """`host`, `resolver`, `address`, `endpoint`, `module`, or a label of agents: `site`, `pool`."""
    reasons: Reasons = ()
    who: str | None = None
    """The agent, the resolver whose users see it, the address …; None without a kind."""
    excluded: frozenset[str] = frozenset()
    """Agents whose evidence does not count against the proxy."""
    share: float | None = None
    """Of the failures that it explains, 0…1; None where they were not counted against others."""
    part: float | None = None
    """Of the requests that it has, 0…1; None where that is not known."""
    failed_ns: int = 0
    """Up to when those saw failures whose evidence does not count; 0: there are none."""
    is_slow: bool = False
    """It is about slow answers, not about failures."""
    also: tuple[Value, ...] = ()
    """What has the same requests: it cannot be told which of them it is."""

    @property
    def words(self) -> str | None:
        """Why it is taken for that, in English; None without a kind."""
        return sentences(self.reasons) or None

    @property
    def value(self) -> Value:
        """What those have in common whose it is; of no kind: everybody."""
        return Value(self.kind or "", self.who or "")

    @property
    def is_part(self) -> bool:
        """Whether the proxy is sick for some of its requests, and not for others."""
        return self.kind is not None and self.kind not in NOT_OF_PROXY


@dataclass(frozen=True, slots=True)
class Run:
    """What one agent was last told by the proxy; times in ns."""

    agent_id: str
    served_ns: int
    """Its last answer; 0 within the horizon without any."""
    failing_since_ns: int
    """The first failure after it; 0 without any."""
    failures: int
    """Since then, the latest."""
    has_failed: bool = False
    """Of anything within the horizon."""
    common: frozenset[Value] = frozenset()
    """What it may have in common with others: labels, resolvers."""


def doubtful(runs: Sequence[Run], grace_ns: int) -> frozenset[str]:
    """
    Return the agents without whom an outage must still be seen: it is everybody's.

    Those that have failed while others were answered say that something is wrong for them. And of
    the rest one alone is not enough.

    Args:
        runs: Of every agent that asked.
        grace_ns: Answers that were under way come so much later than the first failures.
    """
    answered_ns = max((run.served_ns for run in runs), default=0) - grace_ns
    failing = [run for run in runs if run.failing_since_ns]
    partial = {run.agent_id for run in failing if run.failing_since_ns < answered_ns}
    rest = [run for run in failing if run.agent_id not in partial]
    most = max(rest, key=lambda run: run.failures, default=None)
    return frozenset(partial | ({most.agent_id} if most else set()))


class Elsewhere(NamedTuple):
    """What is known of those who have nothing in common with who fails, as far as there are any."""

    silent_ns: int | None = None
    """They asked before it began and not since, so long ago; None: they did, or there are none."""
    is_served: bool = False
    """They were answered since."""
    has_failed: bool = False
    """They failed of something within the horizon."""
    reasons: Reasons = ()
    """Who alone asks since it began, where others asked before; empty: others do, or none are."""

    def speaks(self, state: State) -> bool:
        """Whether it is too early to say that a failure gate's state is everybody's, or wrong."""
        hearing_ns = HEARING_NS if state == "down" else HEARING_LONG_NS
        is_early = self.silent_ns is not None and self.silent_ns < hearing_ns
        is_early = is_early and (state == "down" or not self.has_failed)
        return is_early or (self.is_served and state == "down")


def elsewhere(runs: Sequence[Run], since_ns: int, now_ns: int) -> Elsewhere:
    """
    Say of an outage at a site, or of whatever its agents have in common, what others see of it.

    Args:
        runs: Of every agent that asked.
        since_ns: The first failure after the last answer to anybody; 0: not known.
        now_ns: The collector's time.
    """
    failing = [run for run in runs if run.failing_since_ns]
    if not failing:
        return Elsewhere()
    common = frozenset.intersection(*(run.common for run in failing))
    others = [run for run in runs if common - run.common]
    served_ns = max((run.served_ns for run in others), default=0)
    silent_ns = now_ns - since_ns if 0 < served_ns < since_ns else None
    # Some failed of something else long before, and have not asked since.
    began_ns = sorted(run.failing_since_ns for run in failing)[(len(failing) - 1) // 2]
    return Elsewhere(
        silent_ns=silent_ns,
        has_failed=any(run.has_failed for run in others),
        is_served=served_ns > began_ns + ANSWERS_LATE_NS,
        reasons=(Reason("only_they_ask", tuple(_plainest(common))),) if silent_ns else (),
    )


def _plainest(common: frozenset[Value]) -> Value:
    """Return what agents have in common as a person would say it: a place before a resolver."""
    return min(common, key=lambda value: (value.kind == "resolver", value.kind != "site", value))


def find_scope(
    vantages: Sequence[Vantage],
    fires_without: Callable[[frozenset[str]], bool],
    before: str | None = None,
) -> Scope:
    """
    Attribute the failures seen to the proxy, to one host or to one resolver.

    Args:
        vantages: Every agent that asked the proxy within the hour.
        fires_without: Whether a failure gate fires on everybody's evidence without these.
        before: The resolver whose users saw it in the window before.
    """
    if len(vantages) == 1:
        return _single(vantages[0], fires_without)
    seers = [vantage for vantage in vantages if vantage.sees]
    if len(seers) >= 2:
        return _one_resolver(vantages, seers, before) or Scope()
    suspects = _outstanding(seers, vantages)
    if not suspects:
        return Scope()
    alone = frozenset({suspects[0].agent_id})
    # Many agents with a failure each see it together though none could alone.
    if fires_without(alone) or not (seers or fires_without(frozenset())):
        return Scope()
    who = suspects[0].agent_id
    return Scope("host", (Reason("only_host", (who,)),), who, alone)


def _outstanding(seers: Sequence[Vantage], vantages: Sequence[Vantage]) -> list[Vantage]:
    """
    Return the only seer, or else the agent with most failures; none where another has half as many.

    Beside who sees it, only those count that fail now: what they failed of before was answered.
    """
    first = seers[0] if seers else max(vantages, key=lambda vantage: vantage.failed, default=None)
    if first is None or not first.failed:
        return []
    others = (v.failed for v in vantages if v is not first and (not seers or _fails_now(v)))
    return [first] if first.failed > 2 * max(others, default=0) else []


def _fails_now(vantage: Vantage) -> bool:
    """Whether nothing was answered since it began to fail."""
    answered_ns = vantage.answered_ns
    return vantage.failing_ns > 0 and (answered_ns is None or answered_ns > vantage.failing_ns)


def seen_from_one(agent_id: str) -> Scope:
    """Return the scope of what counts but has a single witness."""
    return Scope("host", (Reason("one_host", (agent_id,)),), who=agent_id)


def slow_for(found: Slowness) -> Scope:
    """Return the scope of slowness: that of a host or a resolver's users is not the proxy's."""
    kind, who = found.value
    reasons = (Reason("share_of_slow", (found.share, kind, who, found.part)),)
    excluded = found.agents if kind in NOT_OF_PROXY else frozenset[str]()
    return Scope(kind, reasons, who, excluded, found.share, found.part, is_slow=True)


def explained(found: Explanation, users: frozenset[str], failure: str | None = None) -> Scope:
    """
    Return the scope of what explains the failures.

    Args:
        found: The explanation.
        users: Agents of its resolver; else empty.
        failure: The class that it explains; None: all of them.
    """
    kind, who = found.value
    part = None if kind == "module" else found.contrast.part
    return Scope(
        kind,
        _reasons(found, part, failure),
        who,
        users,
        found.contrast.share,
        part,
        also=found.also,
    )


def counted(scope: Scope, found: Explanation) -> Scope:
    """Return a scope that was found by who saw it, with its share; of a host who says all."""
    share, part = found.contrast.share, found.contrast.part
    numbers = Reason("share_of_scope", (share, part))
    also = tuple(one for one in (found.value, *found.also) if one != (scope.kind, scope.who))
    more = () if scope.kind == "host" else (numbers, *same_requests(also))
    return replace(scope, reasons=(*scope.reasons, *more), share=share, part=part, also=also)


def of_label(scope: Scope, label: Value) -> Scope:
    """Return the scope of a resolver's users as that of a label that all of them have."""
    reasons = only_some(label.kind, label.who, sorted(scope.excluded))
    also = (Value("resolver", scope.who or ""),)
    return Scope(label.kind, reasons, label.who, also=also)


def also_alone(scope: Scope, agent_id: str) -> Scope:
    """Return the scope of what has a single witness."""
    return replace(scope, reasons=(*scope.reasons, Reason("one_host", (agent_id,))))


def _reasons(found: Explanation, part: float | None, failure: str | None) -> Reasons:
    share, (kind, who) = found.contrast.share, found.value
    if part is None:
        first = Reason("share_by_module", (share, kind, who))
    elif failure is not None:
        first = Reason("share_of_class", (share, kind, who, part, failure))
    else:
        first = Reason("share_of_failures", (share, kind, who, part))
    return (first, *same_requests(found.also))


def _single(vantage: Vantage, fires_without: Callable[[frozenset[str]], bool]) -> Scope:
    if not fires_without(frozenset()):
        return Scope()
    if vantage.served:
        return seen_from_one(vantage.agent_id)
    return Scope(
        "host",
        (Reason("host_unanswered", (vantage.agent_id,)),),
        vantage.agent_id,
        frozenset({vantage.agent_id}),
    )


def _one_resolver(
    vantages: Sequence[Vantage], seers: Sequence[Vantage], before: str | None
) -> Scope | None:
    """
    Return the scope `resolver` if all users of one see failures and the others do not.

    Users who have not asked since it began have no say. What was so stays so as long as nobody else
    sees any: the evidence of some users fades before that of others.
    """
    common = frozenset.intersection(*(vantage.resolvers for vantage in seers))
    # The newest of the seers: who has been answered since then does not share their trouble.
    began_ns = min((vantage.failing_ns for vantage in seers), default=0)
    since_ns = began_ns - ANSWERS_LATE_NS if began_ns > STEADY_NS else None
    for resolver in sorted(common):
        users = [v for v in vantages if v.asked and resolver in v.resolvers]
        others = [v for v in vantages if v.asked and resolver not in v.resolvers]
        is_whole = resolver == before or not any(_contradicts(v, since_ns) for v in users)
        # Others who have not been answered since either may not have asked, or fail as these do.
        is_apart = resolver == before or _is_answered(others, since_ns)
        if others and is_whole and is_apart and not any(v.sees for v in others):
            reasons = only_some("resolver", resolver, [v.agent_id for v in users])
            return Scope("resolver", reasons, resolver, frozenset(v.agent_id for v in users))
    return None


def _is_answered(others: Sequence[Vantage], since_ns: int | None) -> bool:
    """Whether one of these was answered since; before that is known they have the benefit."""
    if since_ns is None:
        return True
    return any(v.answered_ns is not None and v.answered_ns < since_ns for v in others)


def _contradicts(user: Vantage, since_ns: int | None) -> bool:
    """Whether it sees no failures though it asks; `since_ns`: ago, None: whenever it asked."""
    if user.sees is not False:
        return False
    return since_ns is None or (user.answered_ns is not None and user.answered_ns < since_ns)
