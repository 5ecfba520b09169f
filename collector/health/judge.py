"""
The judge: what the evidence that is held of one proxy comes to, window by window.

Pure but for the proxy's own track, which it advances.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.units import NS

from .attribution import attribute, explaining
from .causes import Cause, finding_causes, rest_of, without
from .confidence import Confidence, Seen, confidence
from .evidence import SLOT_NS, Evidence, Timeline, weigh
from .explain import Explanation
from .gates import (
    FAILING,
    Certificate,
    Finding,
    Rules,
    belief,
    failure_findings,
    other_findings,
    slow_limit_ms,
)
from .held import Proxy
from .reason import Reason, Reasons
from .report import Report
from .scope import Run, Scope, Vantage, doubtful, elsewhere, seen_from_one, slow_for
from .score import Formula, certificate_part, score
from .settled import settled
from .slowness import slowness
from .state import refuted, step
from .witnessing import (
    Moment,
    is_lost,
    lacks_all,
    run_of,
    sample,
    steps,
    vantage_of,
)

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Judge:
    """The rules of one collector."""

    def __init__(self, formula: Formula, rules: Rules, bucket_ms: Callable[[int], float]) -> None:
        """
        Args:
            formula: Of the score.
            rules: Of the gates.
            bucket_ms: The latency that a sketch's bucket stands for.
        """
        self._formula, self._rules, self._bucket_ms = formula, rules, bucket_ms
        self._recent_ns = round(rules.recent_seconds * NS)
        self._second = replace(rules, outage_run=min(rules.outage_run, rules.outage_failures))
        """Of those who see an outage, too: fewer failures are enough."""

    def standing(self, name: str, proxy: Proxy, moment: Moment) -> Report:
        """Report the state as it was restored, without evidence and without a judgement."""
        nothing = self._sum(Timeline(), moment.now_ns)
        certificate = self._certificate(proxy, moment)
        return Report(
            proxy=name,
            track=proxy.track,
            scope=Scope(),
            score=None,
            evidence=nothing,
            seen=nothing,
            agents=len(proxy.witnesses),
            quantiles_ms={},
            certificate_left_s=None if certificate is None else certificate.left_s,
            certificate_part=None if certificate is None else certificate.part,
            last_seen_ns=proxy.last_seen_ns,
        )

    def judging(self, name: str, proxy: Proxy, moment: Moment) -> Iterator[Report | None]:
        """Advance a proxy by one window: None after some milliseconds, the report at the end."""
        vantages: list[Vantage] = []
        weighed = sample({a: w.timeline.troubles for a, w in proxy.witnesses.items()})
        # Where nobody saw trouble there is nothing to attribute.
        for few in steps(sorted(proxy.witnesses) if weighed else ()):
            vantages += [self._vantage(a, name, proxy, moment, a in weighed) for a in few]
            yield None
        found = None
        for explanation in self._explaining(proxy, vantages, moment):
            yield None
            found = explanation
        view, scope = proxy, self._attribute(proxy, vantages, moment, found)
        causes: tuple[Cause, ...] = ()
        fires, summed = self._fires(proxy, moment), partial(self._sum, now_ns=moment.now_ns)
        for some in finding_causes(proxy, vantages, fires, summed, scope):
            yield None
            causes = some or ()
        if any(not cause.scope.is_part for cause in causes):
            view = without(proxy, causes)
            if not scope.kind:
                others = [v for v in vantages if v.agent_id in view.witnesses]
                scope = self._attribute(view, others, moment, None)
                proxy.sick_resolver = view.sick_resolver
        runs: list[Run] = []
        for few in steps(view.witnesses if weighed else ()):
            runs += [run_of(agent_id, view.witnesses[agent_id]) for agent_id in few]
            yield None
        yield self._report(name, proxy, view, _Found(scope, found, causes), runs, moment)

    def _fires(self, proxy: Proxy, moment: Moment) -> Callable[[Timeline], bool]:
        """Return what says whether a failure gate fires on a timeline."""

        def fires(timeline: Timeline) -> bool:
            evidence = self._sum(timeline, moment.now_ns)
            return bool(failure_findings(evidence, proxy.past, self._rules))

        return fires

    def _explaining(
        self, proxy: Proxy, vantages: list[Vantage], moment: Moment
    ) -> Iterator[Explanation | None]:
        """Look for what explains the failures; the last is what is found."""
        if vantages:
            cause = self._sum(proxy.timeline, moment.now_ns).cause
            yield from explaining(proxy, vantages, self._fires(proxy, moment), cause)

    def _attribute(
        self,
        proxy: Proxy,
        vantages: list[Vantage],
        moment: Moment,
        found: Explanation | None,
    ) -> Scope:
        fires = self._fires(proxy, moment)
        return attribute(
            proxy,
            vantages,
            cache(lambda excluded: fires(_rest(proxy, excluded))),
            found,
            self._sum(proxy.timeline, moment.now_ns).cause,
        )

    def _report(
        self,
        name: str,
        proxy: Proxy,
        view: Proxy,
        whose: "_Found",
        runs: list[Run],
        moment: Moment,
    ) -> Report:
        resting = cache(lambda excluded: _rest(view, excluded))
        weighed = cache(lambda excluded: self._sum(resting(excluded), moment.now_ns))
        scope, found, causes = whose
        judged, evidence = resting(scope.excluded), weighed(scope.excluded)
        parts = [cause.scope for cause in causes if cause.scope.is_part]
        if parts and not scope.kind:
            is_whole = self._fires(proxy, moment)(rest_of(proxy, judged, causes))
            scope = scope if is_whole else parts[0]
        if scope.kind == "module" and found:
            judged = view.timeline.without([proxy.parts.of[found.value].timeline])
            evidence = self._sum(judged, moment.now_ns)
        quantiles = self._quantiles(proxy, evidence)
        first_byte = quantiles.get(FIRST_BYTE, {}).get("p95")
        certificate = self._certificate(proxy, moment)
        findings = self._findings(proxy, evidence, self._slowness(proxy, first_byte), certificate)
        if len(runs) > 1 and any(finding.state == "down" for finding in findings):
            rest = weighed(scope.excluded | doubtful(runs, self._recent_ns))
            still = {finding.gate for finding in failure_findings(rest, proxy.past, self._second)}
            findings = [f for f in findings if f.state != "down" or f.gate in still]
        others = elsewhere(runs, judged.failing_since_ns, moment.now_ns)
        findings = [f for f in findings if f.gate not in FAILING or not others.speaks(f.state)]
        findings = [_because(f, others.reasons) if f.state == "down" else f for f in findings]
        if scope.is_part:
            # For others it is not down.
            findings = [f for f in findings if f.state != "down"]
        of_parts = [part.reasons for part in (scope, *parts) if part.is_part]
        if of_parts:
            once = dict.fromkeys(itertools.chain.from_iterable(of_parts))
            findings.append(Finding("partial", tuple(once)))
        if not scope.kind and any(finding.gate == "slow" for finding in findings):
            scope, findings = self._whose_slowness(proxy, findings, moment.now_ns)
        own = None
        if scope.excluded and not scope.is_slow:
            own = self._sum(view.timeline.without([judged]), moment.now_ns)
            scope = replace(scope, failed_ns=_failed_ns(proxy, scope.excluded))
        track = refuted(proxy.track) if others.is_served else proxy.track
        proxy.track = step(track, findings, evidence.n, moment.now_ns, self._rules)
        if not scope.kind and len(proxy.witnesses) == 1 and proxy.track.findings:
            scope = seen_from_one(next(iter(proxy.witnesses)))
        part = None if certificate is None else certificate.part
        seen = self._sum(proxy.timeline, moment.now_ns)
        success = belief(evidence, proxy.past, self._rules)
        return Report(
            proxy=name,
            track=proxy.track,
            scope=scope,
            score=score(success, first_byte, part, self._formula) if evidence.n else None,
            evidence=evidence,
            seen=seen,
            agents=len(proxy.witnesses),
            own=own,
            quantiles_ms=quantiles,
            certificate_left_s=None if certificate is None else certificate.left_s,
            certificate_part=part,
            last_seen_ns=proxy.last_seen_ns,
            confidence=_confidence(proxy, seen),
            causes=tuple(cause for cause in causes if cause.scope is not scope),
            settled=settled(
                proxy,
                judged,
                scope.excluded,
                is_lost(name, proxy, moment, self._recent_ns),
                moment.now_ns,
            ),
            failing=_failing(view, scope.excluded) if evidence.total.failed else 0,
        )

    def _findings(
        self,
        proxy: Proxy,
        evidence: Evidence,
        first_byte_ms: float | None,
        certificate: Certificate | None,
    ) -> list[Finding]:
        failures = failure_findings(evidence, proxy.past, self._rules)
        return [
            *(_with_doubts(finding, proxy.doubted) for finding in failures),
            *other_findings(evidence, first_byte_ms, proxy.past, certificate, self._rules),
        ]

    def _vantage(
        self, agent_id: str, name: str, proxy: Proxy, moment: Moment, is_weighed: bool
    ) -> Vantage:
        timeline = proxy.witnesses[agent_id].timeline
        sees, failed = (None if timeline.troubles else False), 0
        if is_weighed:
            own = self._sum(timeline, moment.now_ns)
            sees = bool(failure_findings(own, proxy.past, self._rules))
            failed = own.total.failed + own.total.suspects
        is_lost = lacks_all(agent_id, name, proxy, moment, self._recent_ns)
        return vantage_of(agent_id, proxy, moment, is_lost, (sees, failed))

    def _sum(self, timeline: Timeline, now_ns: int) -> Evidence:
        rules = self._rules
        return weigh(
            timeline, now_ns, round(rules.half_life_seconds * NS), round(rules.recent_seconds * NS)
        )

    def _quantiles(self, proxy: Proxy, evidence: Evidence) -> dict[str, dict[str, float]]:
        if not evidence.n:
            return {}
        found: dict[str, dict[str, float]] = {}
        for phase, sketch in proxy.latencies.items():
            if phase == FIRST_BYTE and not evidence.total.small:
                continue
            for name, q in QUANTILES.items():
                value = sketch.quantile(q, self._bucket_ms)
                if value is not None:
                    found.setdefault(phase, {})[name] = value
        return found

    def _whose_slowness(
        self, proxy: Proxy, findings: list[Finding], now_ns: int
    ) -> tuple[Scope, list[Finding]]:
        """Say for whom it is slow: one host's is not the proxy's, others' is told as theirs."""
        rules = self._rules
        limit_ms = slow_limit_ms(proxy.past, rules)
        found = slowness(
            proxy.witnesses,
            proxy.timed,
            lambda bucket: self._bucket_ms(bucket) > limit_ms,
            now_ns - 2 * round(rules.recent_seconds * NS),
            rules.slow_requests,
        )
        if found is None:
            return Scope(), findings
        scope = slow_for(found)
        if not scope.is_part:
            return scope, [finding for finding in findings if finding.gate != "slow"]
        told = [_because(f, scope.reasons) if f.gate == "slow" else f for f in findings]
        return scope, told

    def _slowness(self, proxy: Proxy, first_byte_ms: float | None) -> float | None:
        """Return the p95 to judge by: it was so for a while, and is so yet."""
        lately = proxy.lately and proxy.lately.quantile(QUANTILES["p95"], self._bucket_ms)
        return None if None in (first_byte_ms, lately) else min(first_byte_ms or 0.0, lately or 0.0)

    def _certificate(self, proxy: Proxy, moment: Moment) -> Certificate | None:
        leaf = proxy.leaves.first_to_end
        if leaf is None:
            return None
        left_s = leaf.not_after_s - (moment.now_ns + moment.wall_offset_ns) / NS
        lifetime_s = float(leaf.not_after_s - leaf.not_before_s)
        return Certificate(left_s, certificate_part(left_s, lifetime_s, self._formula))


class _Found(NamedTuple):
    """Whose failures they are."""

    scope: Scope
    explanation: Explanation | None
    causes: tuple[Cause, ...]


def _rest(proxy: Proxy, excluded: frozenset[str]) -> Timeline:
    """Return everybody's evidence but that of the excluded agents."""
    out = {agent: w.timeline for agent, w in proxy.witnesses.items() if agent in excluded}
    if not out:
        return proxy.timeline
    rest = proxy.timeline.without(out.values())
    rest.order_as(w.timeline for agent, w in proxy.witnesses.items() if agent not in out)
    return rest


def _failing(proxy: Proxy, excluded: frozenset[str]) -> int:
    seen = {agent for agent, witness in proxy.witnesses.items() if witness.timeline.troubles}
    return len(seen - excluded)


def _failed_ns(proxy: Proxy, agents: Iterable[str]) -> int:
    """Return the end of the last slot in which one of these agents saw a failure."""
    slots = (
        next((slot for slot, c in w.timeline.slots.newest_first() if c.failures or c.suspects), -1)
        for agent, w in proxy.witnesses.items()
        if agent in agents
    )
    return (max(slots, default=-1) + 1) * SLOT_NS


def _because(finding: Finding, reasons: Reasons) -> Finding:
    return replace(finding, reasons=(*finding.reasons, *reasons))


def _with_doubts(finding: Finding, modules: int) -> Finding:
    """Say why misses are suspect, as far as it is the fleet that knows."""
    if finding.gate != "suspect_misses" or not modules:
        return finding
    return _because(finding, (Reason("served_before", (modules,)),))


def _confidence(proxy: Proxy, seen: Evidence) -> Confidence | None:
    witnesses = proxy.witnesses.values()
    lossy = sum(w.timeline.lossy > 0 for w in witnesses) if proxy.timeline.lossy else 0
    total = seen.total
    return confidence(Seen(seen.n, total.windows, total.lossy, len(witnesses), lossy))
