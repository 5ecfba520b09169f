"""
The fleet in memory: merges what agents saw, and judges each proxy window by window.

Knows nothing of HTTP or of the database; whoever calls gives the time.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modpulse.agent.batch import FIRST_BYTE

from .arrival import Arrival, Leaf, Sighting
from .evidence import HORIZON_NS, NS, Evidence, Timeline, weigh
from .gates import (
    Certificate,
    Finding,
    Past,
    Rules,
    belief,
    failure_findings,
    other_findings,
)
from .latency import FadingSketch, quantile
from .rollup import Ask
from .scope import Scope, Vantage, find_scope, seen_from_one
from .score import Formula, Score, certificate_part, score
from .state import Track, step

MAX_PROXIES = 1_000
"""GOPROXY entries of one fleet; beyond it the sightings are counted and dropped."""
MAX_AGENTS_PER_PROXY = 20_000
"""Twice the design's fleet."""
PROXY_KEPT_NS = 7 * 86_400 * NS
"""A GOPROXY entry that nobody asked for a week is in use no more."""
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(slots=True)
class Witness:
    """One agent, as far as one proxy is concerned."""

    asked_ns: int
    resolvers: frozenset[str] = frozenset()
    timeline: Timeline = field(default_factory=Timeline)


@dataclass(slots=True)
class Proxy:
    """Everything held of one proxy."""

    timeline: Timeline = field(default_factory=Timeline)
    """All agents together."""
    witnesses: dict[str, Witness] = field(default_factory=dict)
    latencies: dict[str, FadingSketch] = field(default_factory=dict)
    certificate: Leaf | None = None
    certificate_seen_ns: int = 0
    last_seen_ns: int | None = None
    past: Past = field(default_factory=Past)
    track: Track = field(default_factory=Track)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said about one proxy; times in ns since 1970, latencies in ms."""

    proxy: str
    track: Track
    scope: Scope
    score: Score | None
    """None without requests."""
    evidence: Evidence
    """Without the agents whose failures are their own."""
    seen: Evidence
    """With everybody's."""
    agents: int
    """That asked within the last hour."""
    quantiles_ms: Mapping[str, Mapping[str, float]]
    """Phase to p50, p95, p99; phases that were not seen lately are left out."""
    certificate_left_s: float | None
    last_seen_ns: int | None


class Fleet:
    """All proxies; `merge` adds, `evaluate` judges."""

    def __init__(self, formula: Formula, rules: Rules, bucket_ms: Callable[[int], float]) -> None:
        """
        Args:
            formula: Of the score.
            rules: Of the gates.
            bucket_ms: The latency that a sketch's bucket stands for.
        """
        self.formula = formula
        self.rules = rules
        self.proxies: dict[str, Proxy] = {}
        self.overflow: Counter[str] = Counter()
        """What was dropped because a bound was reached, by the bound's name."""
        self._bucket_ms = bucket_ms
        self._served_ns: dict[str, int] = {}

    def merge(self, arrival: Arrival) -> None:
        """Add one batch that was not seen before."""
        for sighting in arrival.sightings:
            proxy = self.proxy(sighting.proxy)
            if proxy is not None:
                self._merge_one(proxy, arrival, sighting)

    def proxy(self, name: str) -> Proxy | None:
        """Return the proxy, made on first sight; None when there are too many."""
        if name not in self.proxies:
            if len(self.proxies) >= MAX_PROXIES:
                self.overflow["MAX_PROXIES"] += 1
                return None
            self.proxies[name] = Proxy()
        return self.proxies[name]

    def restore_ask(self, ask: Ask) -> None:
        """Remember who asked before a restart."""
        proxy = self.proxy(ask.proxy)
        if proxy is not None:
            self._witness(proxy, ask.agent_id, ask.asked_ns, ask.resolvers)
            proxy.last_seen_ns = max(proxy.last_seen_ns or 0, ask.asked_ns)
        if ask.served_ns is not None:
            self._serve(ask.agent_id, ask.served_ns)

    def learn(self, name: str, ok: int, failed: int, buckets: Mapping[int, int]) -> None:
        """Take what is usual for a proxy from its days before; too little is no past."""
        proxy = self.proxies.get(name)
        if proxy is None:
            return
        enough = self.rules.past_requests
        success = ok / (ok + failed) if ok + failed >= enough else None
        usual = (
            quantile(buckets, 0.95, self._bucket_ms) if sum(buckets.values()) >= enough else None
        )
        proxy.past = Past(success, usual)

    def evaluate(self, now_ns: int) -> list[Report]:
        """Advance every proxy by one window and report on each, by name."""
        self._expire(now_ns)
        return [self._judge(name, proxy, now_ns) for name, proxy in sorted(self.proxies.items())]

    def _merge_one(self, proxy: Proxy, arrival: Arrival, sighting: Sighting) -> None:
        end_ns, counts = arrival.end_ns, sighting.counts
        proxy.timeline.add(end_ns, counts)
        proxy.timeline.order(sighting.served_at_ns, sighting.failed_at_ns)
        proxy.last_seen_ns = max(proxy.last_seen_ns or 0, end_ns)
        witness = self._witness(proxy, arrival.agent_id, end_ns, sighting.resolvers)
        if witness is not None:
            witness.timeline.add(end_ns, counts)
            witness.timeline.order(sighting.served_at_ns, sighting.failed_at_ns)
        if counts.served:
            self._serve(arrival.agent_id, end_ns)
        for phase, buckets in sighting.sketches.items():
            if phase not in proxy.latencies:
                proxy.latencies[phase] = FadingSketch(round(self.rules.half_life_s * NS))
            proxy.latencies[phase].add(end_ns, buckets)
        if sighting.certificate and end_ns >= proxy.certificate_seen_ns:
            proxy.certificate, proxy.certificate_seen_ns = sighting.certificate, end_ns

    def _witness(
        self, proxy: Proxy, agent_id: str, asked_ns: int, resolvers: frozenset[str]
    ) -> Witness | None:
        witness = proxy.witnesses.get(agent_id)
        if witness is None:
            if len(proxy.witnesses) >= MAX_AGENTS_PER_PROXY:
                self.overflow["MAX_AGENTS_PER_PROXY"] += 1
                return None
            witness = proxy.witnesses[agent_id] = Witness(asked_ns)
        if resolvers and asked_ns >= witness.asked_ns:
            witness.resolvers = resolvers
        witness.asked_ns = max(witness.asked_ns, asked_ns)
        return witness

    def _serve(self, agent_id: str, at_ns: int) -> None:
        self._served_ns[agent_id] = max(self._served_ns.get(agent_id, 0), at_ns)

    def _expire(self, now_ns: int) -> None:
        served_after = now_ns - self.rules.served_s * NS
        self._served_ns = {a: t for a, t in self._served_ns.items() if t > served_after}
        asked_after = now_ns - max(self.rules.asked_s * NS, HORIZON_NS)
        for name, proxy in list(self.proxies.items()):
            if proxy.last_seen_ns is not None and proxy.last_seen_ns < now_ns - PROXY_KEPT_NS:
                del self.proxies[name]
                continue
            proxy.timeline.expire(now_ns)
            for agent_id, witness in list(proxy.witnesses.items()):
                witness.timeline.expire(now_ns)
                if witness.asked_ns <= asked_after:
                    del proxy.witnesses[agent_id]

    def _judge(self, name: str, proxy: Proxy, now_ns: int) -> Report:
        scope = find_scope(
            [self._vantage(agent_id, proxy, now_ns) for agent_id in sorted(proxy.witnesses)],
            lambda excluded: bool(
                failure_findings(self._weigh(proxy, excluded, now_ns), proxy.past, self.rules)
            ),
        )
        evidence = self._weigh(proxy, scope.excluded, now_ns)
        quantiles = self._quantiles(proxy, evidence)
        first_byte = quantiles.get(FIRST_BYTE, {}).get("p95")
        certificate = self._certificate(proxy, now_ns)
        findings = self._findings(proxy, evidence, first_byte, certificate)
        proxy.track = step(proxy.track, findings, evidence.n, now_ns, self.rules)
        if not scope.kind and len(proxy.witnesses) == 1 and proxy.track.findings:
            scope = seen_from_one(next(iter(proxy.witnesses)))
        part = None if certificate is None else certificate.part
        success = belief(evidence, proxy.past, self.rules)
        return Report(
            proxy=name,
            track=proxy.track,
            scope=scope,
            score=score(success, first_byte, part, self.formula) if evidence.n else None,
            evidence=evidence,
            seen=self._weigh(proxy, frozenset(), now_ns),
            agents=len(proxy.witnesses),
            quantiles_ms=quantiles,
            certificate_left_s=None if certificate is None else certificate.left_s,
            last_seen_ns=proxy.last_seen_ns,
        )

    def _findings(
        self,
        proxy: Proxy,
        evidence: Evidence,
        first_byte_ms: float | None,
        certificate: Certificate | None,
    ) -> list[Finding]:
        return [
            *failure_findings(evidence, proxy.past, self.rules),
            *other_findings(evidence, first_byte_ms, proxy.past, certificate, self.rules),
        ]

    def _vantage(self, agent_id: str, proxy: Proxy, now_ns: int) -> Vantage:
        witness = proxy.witnesses[agent_id]
        sees, failed = False, 0
        if witness.timeline.is_troubled:
            own = self._sum(witness.timeline, now_ns)
            sees = bool(failure_findings(own, proxy.past, self.rules))
            failed = own.total.failed + own.total.suspects
        return Vantage(
            agent_id,
            sees=sees,
            failed=failed,
            asked=bool(witness.timeline.slots),
            served=agent_id in self._served_ns,
            resolvers=witness.resolvers,
        )

    def _weigh(self, proxy: Proxy, excluded: frozenset[str], now_ns: int) -> Evidence:
        """Weigh everybody's evidence but that of the excluded agents."""
        out = {agent: w.timeline for agent, w in proxy.witnesses.items() if agent in excluded}
        if not out:
            return self._sum(proxy.timeline, now_ns)
        rest = proxy.timeline.without(out.values())
        for agent_id, witness in proxy.witnesses.items():
            if agent_id not in out:
                rest.order(witness.timeline.served_at_ns, witness.timeline.failed_at_ns)
        return self._sum(rest, now_ns)

    def _sum(self, timeline: Timeline, now_ns: int) -> Evidence:
        rules = self.rules
        return weigh(timeline, now_ns, round(rules.half_life_s * NS), round(rules.recent_s * NS))

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

    def _certificate(self, proxy: Proxy, now_ns: int) -> Certificate | None:
        leaf = proxy.certificate
        if leaf is None:
            return None
        left_s = leaf.not_after_s - now_ns / NS
        lifetime_s = float(leaf.not_after_s - leaf.not_before_s)
        return Certificate(left_s, certificate_part(left_s, lifetime_s, self.formula))
