"""
The judge: what the evidence that is held of one proxy comes to, window by window.

Pure but for the proxy's own track, which it advances.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.units import NS

from .attribution import attribute, explaining
from .confidence import Confidence, Seen, confidence
from .evidence import SLOT_NS, Evidence, Timeline, weigh
from .explain import Explanation
from .gates import (
    Certificate,
    Finding,
    Rules,
    belief,
    failure_findings,
    other_findings,
    slow_limit_ms,
)
from .held import Proxy
from .reason import Reason
from .report import Report
from .scope import Run, Scope, Vantage, doubtful, seen_from_one, slow_for
from .score import Formula, certificate_part, score
from .settled import settled
from .slowness import slowness
from .state import step

STEP_WITNESSES = 64
"""Judged at once: 2 ms where all of them see failures."""
MAX_WEIGHED = 100
"""Agents of one proxy whose own evidence is weighed in a window, of those that saw trouble."""
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Moment(NamedTuple):
    """When, and what is known beside the proxy."""

    now_ns: int
    """Of the collector's clock."""
    wall_offset_ns: int
    """From it to the wall clock, by which certificates end."""
    served_ns: Collection[str]
    """Agents that some proxy has answered lately."""


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
        runs: list[Run] = []
        weighed = _sample({a: w.timeline.troubles for a, w in proxy.witnesses.items()})
        # Where nobody saw trouble there is nothing to attribute.
        for few in steps(sorted(proxy.witnesses) if weighed else ()):
            vantages += [self._vantage(a, proxy, moment, a in weighed) for a in few]
            runs += [_run(a, proxy.witnesses[a].timeline) for a in few]
            yield None
        found = None
        for explanation in self._explaining(proxy, vantages, moment):
            yield None
            found = explanation
        yield self._report(name, proxy, vantages, runs, moment, found)

    def _explaining(
        self, proxy: Proxy, vantages: list[Vantage], moment: Moment
    ) -> Iterator[Explanation | None]:
        """Look for what explains the failures; the last is what is found."""

        def fires(timeline: Timeline) -> bool:
            evidence = self._sum(timeline, moment.now_ns)
            return bool(failure_findings(evidence, proxy.past, self._rules))

        if vantages:
            cause = self._sum(proxy.timeline, moment.now_ns).cause
            yield from explaining(proxy, vantages, fires, cause)

    def _report(
        self,
        name: str,
        proxy: Proxy,
        vantages: list[Vantage],
        runs: list[Run],
        moment: Moment,
        found: Explanation | None,
    ) -> Report:
        resting = cache(lambda excluded: _rest(proxy, excluded))
        weighed = cache(lambda excluded: self._sum(resting(excluded), moment.now_ns))
        scope = attribute(
            proxy,
            vantages,
            lambda excluded: bool(failure_findings(weighed(excluded), proxy.past, self._rules)),
            found,
            weighed(frozenset()).cause,
        )
        judged, evidence = resting(scope.excluded), weighed(scope.excluded)
        if scope.kind == "module" and found:
            judged = proxy.timeline.without([proxy.parts.of[found.value].timeline])
            evidence = self._sum(judged, moment.now_ns)
        quantiles = self._quantiles(proxy, evidence)
        first_byte = quantiles.get(FIRST_BYTE, {}).get("p95")
        certificate = self._certificate(proxy, moment)
        findings = self._findings(proxy, evidence, self._slowness(proxy, first_byte), certificate)
        if len(runs) > 1 and any(finding.state == "down" for finding in findings):
            rest = weighed(scope.excluded | doubtful(runs, round(self._rules.recent_seconds * NS)))
            still = {finding.gate for finding in failure_findings(rest, proxy.past, self._second)}
            findings = [f for f in findings if f.state != "down" or f.gate in still]
        if scope.is_part:
            # For others it is not down.
            findings = [f for f in findings if f.state != "down"]
            findings.append(Finding("partial", scope.reasons))
        if not scope.kind and any(finding.gate == "slow" for finding in findings):
            scope, findings = self._whose_slowness(proxy, findings, moment.now_ns)
        if scope.excluded and not scope.is_slow:
            scope = replace(scope, failed_ns=_failed_ns(proxy, scope.excluded))
        proxy.track = step(proxy.track, findings, evidence.n, moment.now_ns, self._rules)
        if not scope.kind and len(proxy.witnesses) == 1 and proxy.track.findings:
            scope = seen_from_one(next(iter(proxy.witnesses)))
        part = None if certificate is None else certificate.part
        success = belief(evidence, proxy.past, self._rules)
        return Report(
            proxy=name,
            track=proxy.track,
            scope=scope,
            score=score(success, first_byte, part, self._formula) if evidence.n else None,
            evidence=evidence,
            seen=weighed(frozenset()),
            agents=len(proxy.witnesses),
            quantiles_ms=quantiles,
            certificate_left_s=None if certificate is None else certificate.left_s,
            certificate_part=part,
            last_seen_ns=proxy.last_seen_ns,
            confidence=_confidence(proxy, weighed(frozenset())),
            settled=settled(proxy, judged, scope.excluded, moment.now_ns),
            failing=_failing(proxy, scope.excluded) if evidence.total.failed else 0,
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

    def _vantage(self, agent_id: str, proxy: Proxy, moment: Moment, is_weighed: bool) -> Vantage:
        witness, now_ns = proxy.witnesses[agent_id], moment.now_ns
        timeline = witness.timeline
        sees, failed = (None if timeline.troubles else False), 0
        if is_weighed:
            own = self._sum(timeline, now_ns)
            sees = bool(failure_findings(own, proxy.past, self._rules))
            failed = own.total.failed + own.total.suspects
        return Vantage(
            agent_id,
            sees=sees,
            failed=failed,
            asked=bool(witness.timeline.slots),
            # What answers it by now proves nothing of the time when nothing did.
            served=agent_id in moment.served_ns
            and not witness.lacked_all(now_ns, round(self._rules.recent_seconds * NS)),
            resolvers=witness.resolvers,
            failing_ns=now_ns - timeline.failing_since_ns if timeline.failing_since_ns else 0,
            answered_ns=now_ns - timeline.served_at_ns if timeline.served_at_ns else None,
        )

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
            lambda bucket: self._bucket_ms(bucket) > limit_ms,
            now_ns - 2 * round(rules.recent_seconds * NS),
            rules.slow_requests,
        )
        if found is None:
            return Scope(), findings
        scope = slow_for(found)
        if not scope.is_part:
            return scope, [finding for finding in findings if finding.gate != "slow"]
        told = [
            replace(f, reasons=(*f.reasons, *scope.reasons)) if f.gate == "slow" else f
            for f in findings
        ]
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


def _with_doubts(finding: Finding, modules: int) -> Finding:
    """Say why misses are suspect, as far as it is the fleet that knows."""
    if finding.gate != "suspect_misses" or not modules:
        return finding
    before = Reason("served_before", (modules,))
    return replace(finding, reasons=(*finding.reasons, before))


def _run(agent_id: str, timeline: Timeline) -> Run:
    failures = len(timeline.failed_at_ns)
    return Run(agent_id, timeline.served_at_ns, timeline.failing_since_ns, failures)


def _confidence(proxy: Proxy, seen: Evidence) -> Confidence | None:
    witnesses = proxy.witnesses.values()
    lossy = sum(w.timeline.lossy > 0 for w in witnesses) if proxy.timeline.lossy else 0
    total = seen.total
    return confidence(Seen(seen.n, total.windows, total.lossy, len(witnesses), lossy))


def steps(agent_ids: Iterable[str]) -> Iterator[list[str]]:
    """Part what may be many."""
    held = list(agent_ids)
    for start in range(0, len(held), STEP_WITNESSES):
        yield held[start : start + STEP_WITNESSES]


def _sample(troubles: Mapping[str, int]) -> frozenset[str]:
    """Return whose own evidence is weighed: those with most troubles, and some from everywhere."""
    troubled = [agent_id for agent_id, count in troubles.items() if count]
    if len(troubled) <= MAX_WEIGHED:
        return frozenset(troubled)
    troubled.sort(key=lambda agent_id: -troubles[agent_id])
    half = MAX_WEIGHED // 2
    rest = troubled[half:]
    return frozenset((*troubled[:half], *rest[:: -(-len(rest) // half)]))
