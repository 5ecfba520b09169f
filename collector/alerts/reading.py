"""
What each rule says of this moment: it holds, it is proven not to hold, or nobody knows.

A proof is an answer that somebody got. That failures are no longer seen is none: who saw them may
have stopped asking.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from modpulse.agent.service.units import NS

from ..health.beta import Beta
from ..health.evidence import Evidence
from ..health.report import Report
from ..health.scope import Scope
from ..health.score import CERTIFICATE_LOW
from .lifecycle import Alert, Key
from .rules import DAY_S, Alerting, RuleName

_NETWORK = ("dns", "tcp", "http.stalled", "tls.timeout")
"""What one sick network shows as, here or there."""
_RULES: Mapping[str, RuleName] = {"host": "host", "resolver": "resolver"}
"""By the kind of a scope: of others the proxy itself is degraded, or nobody is to be woken."""
_PROVEN_NS = 60 * NS
"""An answer that is older proves nothing of now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a person is told of one alert; words that others wrote are not said yet."""

    requests: int = 0
    """With an outcome: of the last minute where that has failures, else of ten."""
    failed: int = 0
    """Of these, suspect misses included."""
    agents: int = 0
    """That asked within the hour."""
    failure: str | None = None
    """The most frequent failure class; None without any."""
    is_only_failure: bool = False
    """There is no other class."""
    gates: tuple[str, ...] = ()
    """What holds the state, by the gates' names."""
    evidence: tuple[str, ...] = ()
    """Of each gate, in words."""
    only: str | None = None
    """The only host that asks; None where there are more, or that is not the point."""
    site: str = ""
    """The only one that sees it; empty: more than one does, or it is not known."""
    part_kind: str = ""
    """What most failures have in common, where others are served: `address`, `site`; else empty."""
    part_who: str = ""
    """Which of these."""
    part_share: float = 0.0
    """Of the failures, 0…1; 0: it was not counted."""
    first_byte_ms: float | None = None
    """p95 of list, info and mod."""
    left_s: float | None = None
    """Until the certificate ends."""
    hours: int = 0
    """In which `requests` were asked; 0: minutes, or it is not the point."""
    others: int = 0
    """Other proxies of which something is known."""
    others_fine: int = 0
    """Of these, healthy ones."""
    dns_fine: bool = False
    """Nobody's lookup failed within ten minutes."""


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
Residue = Literal["well", "silent"]
"""`well`: the last minute alone is proof that enough succeeds; `silent`: nothing failed in it."""


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
    counted: "Mapping[Key, Reading]" = field(default_factory=dict)
    """What the rules say that count, see counted.py."""
    window_ns: int = 10 * NS
    """Between two observations."""
    wall_offset_ns: int = 0
    """Added to these times to show them."""


def read(
    observation: Observation, kept: Mapping[Key, Alert], alerting: Alerting, now_ns: int
) -> dict[Key, Reading]:
    """
    Return every condition of which something is known.

    Args:
        observation: Of this moment.
        kept: Alerts that there are: what is not found of these is looked for.
        alerting: The numbers.
        now_ns: The collector's time.
    """
    found: dict[Key, Reading] = {}
    surroundings = _Surroundings(observation.reports)
    for report in observation.reports:
        degraded = kept.get(Key("degraded", report.proxy))
        is_told = degraded is not None and degraded.is_firing
        down = kept.get(Key("down", report.proxy))
        was_sick = is_told or (down is not None and down.phase != "pending")
        residue = _residue(report, observation) if was_sick else None
        site = _site_of(report.scope, observation.sites)
        found.update(_of_proxy(report, surroundings, is_told, residue, site))
        found.update(_of_certificate(report, surroundings, alerting))
        found.update(_of_some(report, surroundings, site))
    for key in kept:
        if key.rule in ("host", "resolver") and key not in found:
            served_ns = observation.served_ns.get(key, 0)
            found[key] = Reading(holds=False if now_ns - served_ns < _PROVEN_NS else None)
    found.update(_of_agents(observation, kept, alerting, now_ns))
    found.update(_of_duplicates(observation, kept, now_ns))
    for channel, dead_ns in observation.dead_ns.items():
        key = Key("channel_dead", "", channel)
        found[key] = Reading(holds=dead_ns is not None, since_ns=dead_ns, cause=channel)
    return found


class _Surroundings:
    """What is to be said of the rest of the fleet."""

    def __init__(self, reports: Sequence[Report]) -> None:
        self._known = sum(report.track.state != "unknown" for report in reports)
        self._fine = sum(report.track.state == "healthy" for report in reports)
        failures = {name for report in reports for name in report.seen.total.failures}
        self._dns_fine = not any(name.startswith("dns.") for name in failures)

    def beside(self, report: Report, facts: Facts) -> Facts:
        """Return the facts with those of the others."""
        state = report.track.state
        return replace(
            facts,
            others=self._known - (state != "unknown"),
            others_fine=self._fine - (state == "healthy"),
            dns_fine=self._dns_fine,
        )


def _residue(report: Report, observation: Observation) -> Residue | None:
    """
    Return what the last minute says where only the failures of before hold the state.

    None: it does not; there are failures yet, or another gate holds.
    """
    recent = report.evidence.recent
    gates = {finding.gate for finding in report.track.findings} - {"expiry"}
    if gates != {"slo"} or not recent.served:
        return None
    belief = Beta(1, 1).after(recent.ok, recent.failed)
    if belief.cdf(observation.slo_success) < 1 - observation.slo_confidence:
        return "well"
    return None if recent.failed else "silent"


def _of_proxy(
    report: Report, around: _Surroundings, is_told: bool, residue: Residue | None, site: str
) -> Iterator[tuple[Key, Reading]]:
    """
    The rules that read a proxy's state; that it is no longer down waits until that is told.

    What is left of an outage is not told as something new. Before anything fired it is no residue:
    it may as well be a proxy that fails in bursts.
    """
    track, evidence = report.track, report.evidence
    gates = tuple(finding.gate for finding in track.findings)
    is_sick = track.state == "degraded" and any(gate != "expiry" for gate in gates)
    proof = False if evidence.recent.served else None
    down: bool | None = None
    degraded: bool | None = None
    if track.state == "down":
        down = True
    elif is_sick and residue:
        down, degraded = False, False if residue == "well" else None
    elif is_sick:
        down, degraded = proof if is_told else None, True
    elif track.state != "unknown":
        down = degraded = proof
    if not (down or degraded):
        yield Key("down", report.proxy), Reading(holds=down)
        yield Key("degraded", report.proxy), Reading(holds=degraded)
        return
    is_alone = report.scope.kind == "host" and not report.scope.excluded
    facts = replace(
        _counted(evidence),
        part_kind=report.scope.kind or "" if report.scope.is_part else "",
        part_who=report.scope.who or "" if report.scope.is_part else "",
        part_share=report.scope.share or 0.0 if report.scope.is_part else 0.0,
        agents=report.agents,
        gates=gates,
        evidence=tuple(finding.evidence for finding in track.findings),
        only=report.scope.who if is_alone else None,
        site=site,
        first_byte_ms=report.quantiles_ms.get("first_byte_small", {}).get("p95"),
    )
    held = Reading(
        holds=True,
        since_ns=track.since_ns,
        cause=_cause(evidence.cause, gates),
        facts=around.beside(report, facts),
    )
    yield Key("down", report.proxy), held if down else Reading(holds=down)
    yield Key("degraded", report.proxy), held if degraded else Reading(holds=degraded)


def _site_of(scope: Scope, sites: Mapping[str, str]) -> str:
    """Return the only site that sees it; empty: more than one does, or it is not known."""
    if scope.kind == "site":
        return scope.who or ""
    return sites.get(scope.who or "", "") if scope.kind == "host" else ""


def _of_some(report: Report, around: _Surroundings, site: str) -> Iterator[tuple[Key, Reading]]:
    """Failures that are one host's, or those of one resolver's users."""
    scope = report.scope
    rule = _RULES.get(scope.kind or "")
    if rule is None or scope.who is None or not scope.excluded:
        return
    facts = replace(
        _counted(report.seen),
        agents=len(scope.excluded),
        evidence=(scope.words,) if scope.words else (),
        site=site,
    )
    yield (
        Key(rule, report.proxy, scope.who),
        Reading(holds=True, cause=f"{scope.kind} {scope.who}", facts=around.beside(report, facts)),
    )


def _of_certificate(
    report: Report, around: _Surroundings, alerting: Alerting
) -> Iterator[tuple[Key, Reading]]:
    """The steps of C: a share of its life beside the days, for some live for six days only."""
    left_s, part = report.certificate_left_s, report.certificate_part
    if left_s is None or part is None:
        return
    reached: dict[RuleName, bool] = {
        "certificate_soon": part < 1,
        "certificate_near": part <= CERTIFICATE_LOW,
        "certificate_last": part <= CERTIFICATE_LOW
        and left_s < alerting.certificate_last_days * DAY_S,
    }
    facts = Facts()
    if part < 1:
        facts = around.beside(report, Facts(left_s=left_s, agents=report.agents))
    for rule, holds in reached.items():
        yield Key(rule, report.proxy), Reading(holds=holds, cause="certificate", facts=facts)


def _of_agents(
    observation: Observation, kept: Mapping[Key, Alert], alerting: Alerting, now_ns: int
) -> Iterator[tuple[Key, Reading]]:
    """Agents that are silent, and those with an alert that are heard again."""
    most_ns = round(alerting.agent_silent_for_seconds * NS)
    missed = {key.who for key in kept if key.rule == "agent_silent"}
    for agent_id, heard_ns in observation.heard_ns.items():
        is_silent = now_ns - max(heard_ns, observation.listening_ns) >= most_ns
        if is_silent or agent_id in missed:
            since_ns = heard_ns if is_silent else None
            facts = Facts(site=observation.sites.get(agent_id, ""))
            reading = Reading(holds=is_silent, since_ns=since_ns, cause="agents", facts=facts)
            yield Key("agent_silent", "", agent_id), reading


def _of_duplicates(
    observation: Observation, kept: Mapping[Key, Alert], now_ns: int
) -> Iterator[tuple[Key, Reading]]:
    """Ids that two hosts have, and those of an alert that only one has by now."""
    for agent_id, words in observation.duplicates.items():
        facts = Facts(evidence=(words,))
        yield (
            Key("agent_duplicate", "", agent_id),
            Reading(holds=True, cause="duplicate", facts=facts),
        )
    for key in kept:
        if key.rule == "agent_duplicate" and key.who not in observation.duplicates:
            is_heard = now_ns - observation.heard_ns.get(key.who, 0) < _PROVEN_NS
            yield key, Reading(holds=False if is_heard else None)


def _counted(evidence: Evidence) -> Facts:
    counts = evidence.recent if evidence.recent.failed else evidence.total
    return Facts(
        requests=counts.requests,
        failed=counts.failed + counts.suspects,
        failure=evidence.cause,
        is_only_failure=len(counts.failures) == 1 and not counts.suspects,
    )


def _cause(failure: str | None, gates: Sequence[str]) -> str:
    if "slow" in gates and not {"outage", "certificate", "slo", "partial"} & set(gates):
        return "slow"
    if "suspect_misses" in gates and "slo" not in gates:
        return "misses"
    if failure is None:
        return gates[0] if gates else ""
    return "network" if failure.startswith(_NETWORK) else failure.partition(".")[0]
