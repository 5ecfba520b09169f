"""
What is seen of each condition at this moment, before any number of `[alerting]` is applied to it.

A proof is an answer that somebody got. That failures are no longer seen is none: who saw them may
have stopped asking. What is seen is remembered (`past.py`), so that other numbers can be tried.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from modpulse.agent.service.units import NS

from ..health.beta import Beta
from ..health.chains import ChainReport
from ..health.evidence import Evidence
from ..health.gates import Gate
from ..health.reason import plain
from ..health.report import Report
from ..health.scope import Scope
from ..health.score import CERTIFICATE_LOW
from .facts import Facts, Surroundings, beyond, cause_of, counted, cut_off
from .lifecycle import Key
from .rules import RuleName

Says = Literal["down", "sick", "well", "soon", "near", "so", "not", "unknown"]
"""Of a proxy the first three; of a certificate by the steps of C, else `well`; of others `so` and
`not`. Unknown: nobody knows."""
HOLDING: frozenset[Says] = frozenset(("down", "sick", "soon", "near", "so"))
"""With some number it holds."""
_RULES: Mapping[str, RuleName] = {"host": "host", "resolver": "resolver"}
"""By the kind of a scope: of others the proxy itself is degraded, or nobody is to be woken."""
_CHANCE = 0.01
"""That nothing failed by chance alone is no more likely, where it is taken for over."""
_PROVEN_NS = 60 * NS
"""An answer that is older proves nothing of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is seen of one key; that of a proxy, for `down` and `degraded`, has the key `down`."""

    says: Says
    is_served: bool = False
    """Of a proxy: somebody was within the last minute."""
    residue: "Residue | None" = None
    """Of a proxy that is sick: what came since says, where only what was before holds that."""
    failed_ns: int = 0
    """Of one host or resolver: up to when it saw failures; 0: not known."""
    at_ns: int | None = None
    """Since when, as far as somebody else kept it; an agent: when it was heard last; a certificate:
    when it ends."""
    cause: str = ""
    """What other alerts with the same one may be the same incident."""
    facts: Facts = field(default_factory=Facts)


Residue = Literal["well", "silent"]
"""`well`: what came since is proof that it is over; `silent`: nothing failed in the last minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that alerts are made from, at one moment; times in ns of the collector's clock."""

    reports: Sequence[Report]
    heard_ns: Mapping[str, int] = field(default_factory=dict)
    """Agent to when its last batch came; of those heard for a while."""
    sites: Mapping[str, str] = field(default_factory=dict)
    """Agent to its label `site`, of those that have one."""
    duplicates: Mapping[str, str] = field(default_factory=dict)
    """Agent to why two hosts seem to have its id."""
    listening_ns: int = 0
    """Since when batches are taken: nobody was silent before."""
    served_ns: Mapping[Key, int] = field(default_factory=dict)
    """For each alert of a host or a resolver: when its proxy last answered that; 0: not lately."""
    dead_ns: Mapping[str, int | None] = field(default_factory=dict)
    """Channel to since when it takes nothing; None: it does."""
    slo_success: float = 0.95
    """What share of requests must succeed."""
    slo_confidence: float = 0.95
    """How sure it must be that they do, or do not."""
    chains: Sequence[ChainReport] = ()
    """In force."""
    counted: Mapping[Key, Condition] = field(default_factory=dict)
    """What is seen by what is counted, see counted.py."""
    window_ns: int = 10 * NS
    """Between two observations."""
    wall_offset_ns: int = 0
    """Added to these times to show them."""


def see(
    observation: Observation, kept: Collection[Key], silent_ns: int, now_ns: int
) -> dict[Key, Condition]:
    """
    Return what is seen of every condition of which something is known.

    Args:
        observation: Of this moment.
        kept: Alerts that there are, and what is watched: what is not found of these is looked for.
        silent_ns: An agent that is silent for less is not looked at.
        now_ns: The collector's time.
    """
    found: dict[Key, Condition] = {}
    surroundings = Surroundings(observation.reports, observation.chains)
    for report in observation.reports:
        site = _site_of(report.scope, observation.sites)
        found[Key("down", report.proxy)] = _of_proxy(report, surroundings, observation, site)
        found.update(_of_certificate(report, surroundings, now_ns))
        found.update(_of_some(report, surroundings, site))
        found.update(_of_causes(report, surroundings, observation.sites))
    for key in kept:
        if key.rule in ("host", "resolver") and key not in found:
            is_served = now_ns - observation.served_ns.get(key, 0) < _PROVEN_NS
            found[key] = Condition(says="not" if is_served else "unknown")
    found.update(_of_agents(observation, kept, silent_ns, now_ns))
    found.update(_of_duplicates(observation, kept, now_ns))
    for channel, dead_ns in observation.dead_ns.items():
        says: Says = "not" if dead_ns is None else "so"
        key = Key("channel_dead", "", channel)
        found[key] = Condition(says=says, at_ns=dead_ns, cause=channel)
    return found


def _residue(report: Report, observation: Observation) -> Residue | None:
    """
    Return what came since says where only what was before holds the state.

    None: it does not; there are failures yet, or another gate holds.
    """
    evidence = report.evidence
    gates = {finding.gate for finding in report.track.findings} - {"expiry"}
    if not gates or gates - OF_FAILURES or not evidence.recent.served:
        return None
    if _is_over(report, observation):
        return "well"
    return None if evidence.recent.failed + evidence.recent.suspects else "silent"


OF_FAILURES: frozenset[Gate] = frozenset(("slo", "partial", "suspect_misses"))
"""Gates that go on for a while after the last failure."""


def _is_over(report: Report, observation: Observation) -> bool:
    """Whether so much was served lately that what was before cannot go on."""
    recent = report.evidence.recent
    if not report.scope.is_part and not recent.suspects:
        known = Beta(1, 1).after(recent.ok, recent.failed)
        if known.cdf(observation.slo_success) < 1 - observation.slo_confidence:
            return True
    return _is_answered(report.evidence)


def _is_answered(evidence: Evidence) -> bool:
    """Whether so much was served since the last failure that it is no chance."""
    total = evidence.total
    bad = total.failed + total.suspects
    share = bad / (bad + total.served) if bad else 0.0
    return (1 - share) ** evidence.served_since < _CHANCE


def _of_proxy(
    report: Report, around: Surroundings, observation: Observation, site: str
) -> Condition:
    """What a proxy's state says."""
    track, evidence = report.track, report.evidence
    residue = _residue(report, observation)
    findings = list(track.findings)
    if residue is None and _is_over(report, observation):
        # What is over is not what it is sick of now.
        findings = [found for found in findings if found.gate not in OF_FAILURES]
    gates = tuple(finding.gate for finding in findings)
    is_sick = track.state == "degraded" and any(gate != "expiry" for gate in gates)
    is_served = bool(evidence.recent.served)
    if track.state != "down" and not is_sick:
        return Condition(
            says="unknown" if track.state == "unknown" else "well", is_served=is_served
        )
    is_alone = report.scope.kind == "host" and not report.scope.excluded
    facts = replace(
        cut_off(evidence) if track.state == "down" else counted(evidence),
        part_kind=report.scope.kind or "" if report.scope.is_part else "",
        part_who=report.scope.who or "" if report.scope.is_part else "",
        part_share=report.scope.share or 0.0 if report.scope.is_part else 0.0,
        agents=report.failing or report.agents,
        gates=gates,
        evidence=tuple(reason for finding in findings for reason in finding.reasons),
        only=report.scope.who if is_alone else None,
        site=site,
        first_byte_ms=report.quantiles_ms.get("first_byte_small", {}).get("p95"),
    )
    return Condition(
        says="sick" if is_sick else "down",
        is_served=is_served,
        residue=residue if is_sick else None,
        at_ns=track.since_ns,
        cause=cause_of(evidence.cause, gates),
        facts=around.beside(report, facts),
    )


def _site_of(scope: Scope, sites: Mapping[str, str]) -> str:
    """Return the only site that sees it; empty: more than one does, or it is not known."""
    if scope.kind == "site":
        return scope.who or ""
    if scope.kind == "host":
        return sites.get(scope.who or "", "")
    theirs = {sites.get(agent, "") for agent in scope.excluded}
    if len(theirs) == 1:
        return theirs.pop()
    return next((value.who for value in scope.also if value.kind == "site"), "")


def _of_some(report: Report, around: Surroundings, site: str) -> Iterator[tuple[Key, Condition]]:
    """Failures that are one host's, or those of one resolver's users."""
    scope = report.scope
    rule = _RULES.get(scope.kind or "")
    if rule is None or scope.who is None or not scope.excluded:
        return
    facts = replace(
        beyond(report.seen, report.evidence),
        agents=len(scope.excluded),
        evidence=scope.reasons,
        gates=("slow",) if scope.is_slow else (),
        site=site,
    )
    yield (
        Key(rule, report.proxy, scope.who),
        Condition(
            says="not" if report.own and _is_answered(report.own) else "so",
            failed_ns=scope.failed_ns,
            cause=f"{scope.kind} {scope.who}",
            facts=around.beside(report, facts),
        ),
    )


def _of_causes(
    report: Report, around: Surroundings, sites: Mapping[str, str]
) -> Iterator[tuple[Key, Condition]]:
    """The same where it is not all that fails."""
    for cause in report.causes:
        scope = cause.scope
        rule = _RULES.get(scope.kind or "")
        if rule is None or scope.who is None:
            continue
        facts = replace(
            counted(cause.seen),
            agents=len(scope.excluded),
            evidence=scope.reasons,
            site=_site_of(scope, sites),
        )
        yield (
            Key(rule, report.proxy, scope.who),
            Condition(
                says="not" if _is_answered(cause.seen) else "so",
                cause=f"{scope.kind} {scope.who}",
                facts=around.beside(report, facts),
            ),
        )


def _of_certificate(
    report: Report, around: Surroundings, now_ns: int
) -> Iterator[tuple[Key, Condition]]:
    """The steps of C: a share of its life beside the days, for some live for six days only."""
    left_s, part = report.certificate_left_s, report.certificate_part
    if left_s is None or part is None:
        return
    says: Says = "near" if part <= CERTIFICATE_LOW else "soon" if part < 1 else "well"
    facts = Facts()
    if part < 1:
        facts = around.beside(report, Facts(left_s=left_s, agents=report.agents))
    # Whole seconds: it is the same time in each step.
    ends_ns = round(now_ns / NS + left_s) * NS
    found = Condition(says=says, at_ns=ends_ns, cause="certificate", facts=facts)
    yield Key("certificate_soon", report.proxy), found


def _of_agents(
    observation: Observation, kept: Collection[Key], silent_ns: int, now_ns: int
) -> Iterator[tuple[Key, Condition]]:
    """Agents that are silent, and those with an alert that are heard again."""
    missed = {key.who for key in kept if key.rule == "agent_silent"}
    for agent_id, heard_ns in observation.heard_ns.items():
        is_silent = now_ns - max(heard_ns, observation.listening_ns) >= silent_ns
        if is_silent or agent_id in missed:
            facts = Facts(site=observation.sites.get(agent_id, ""))
            at_ns, says = (heard_ns, "so") if is_silent else (None, "not")
            found = Condition(says=says, at_ns=at_ns, cause="agents", facts=facts)  # type: ignore[arg-type]
            yield Key("agent_silent", "", agent_id), found


def _of_duplicates(
    observation: Observation, kept: Collection[Key], now_ns: int
) -> Iterator[tuple[Key, Condition]]:
    """Ids that two hosts have, and those of an alert that only one has by now."""
    for agent_id, words in observation.duplicates.items():
        found = Condition(says="so", cause="duplicate", facts=Facts(evidence=plain(words)))
        yield Key("agent_duplicate", "", agent_id), found
    for key in kept:
        if key.rule == "agent_duplicate" and key.who not in observation.duplicates:
            is_heard = now_ns - observation.heard_ns.get(key.who, 0) < _PROVEN_NS
            yield key, Condition(says="not" if is_heard else "unknown")
