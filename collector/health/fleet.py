"""
The fleet in memory: merges what agents saw, and has each proxy judged window by window.

Knows nothing of HTTP or of the database; whoever calls gives the time.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from modpulse.agent.batch.batch import FIRST_BYTE, OK
from modpulse.agent.service.units import NS

from ..intake.arrival import Arrival, Sighting
from ..intake.fold import Key, Pile
from ..intake.rollup import Ask
from .admission import Admission
from .agents import AgentReport, Agents
from .asked import STEP_ROWS, Asked, Waiting
from .chains import Chains
from .consistency import ContentFinding
from .contents import Contents, sight_of
from .evidence import HORIZON_NS, SLOT_NS
from .gates import Past, Rules
from .held import Held, Proxy, Witness
from .hosts import AgentAsk, asks_of
from .judge import Judge
from .latency import FadingSketch, quantile
from .memory import Memory, ShownCertificate
from .misses import Misses, settle
from .parts import label_values
from .report import Report
from .roster import BEFORE, KNOWN_AFTER_NS, Roster, Who
from .score import Formula
from .slowness import MAX_TIMES, timed_window
from .versions import Versions
from .witnessing import Moment, steps
from .worst import Worst

PROXY_KEPT_NS = 7 * 86_400 * NS
"""A GOPROXY entry that nobody asked for a week is in use no more."""
LATELY_OF = 6
"""What was lately slow weighs half after so small a part of the half-life: 30 s."""


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
        self.overflow: Counter[str] = Counter()
        """What was not kept as it came because a bound was reached, by the bound's name."""
        self.proxies = Held(self.overflow)
        self._bucket_ms = bucket_ms
        self._judge = Judge(formula, rules, bucket_ms)
        self._roster = Roster()
        self._agents = Agents()
        self._asked = Asked(self.overflow)
        self._contents = Contents(self.overflow)
        self._misses = Misses(self.overflow)
        self.versions = Versions(self.overflow)
        self._worst = Worst(self.overflow)
        self.chains = Chains(self.overflow)
        self._admission = Admission(self.proxies, self._roster, self.overflow)
        self.dropped_of = self._admission.dropped_of
        self._pile = Pile()
        self._served_ns: dict[str, int] = {}
        self._wall_offset_ns = 0

    def merge(self, arrival: Arrival, pile: Pile | None = None) -> None:
        """
        Add one batch that was not seen before, as far as it is admitted.

        Args:
            arrival: The batch.
            pile: Takes its sketches, by slots of SLOT_NS, for `time`; None: done here.
        """
        if arrival.overflow:
            self.overflow.update({name: n for name, n in arrival.overflow.items() if n})
        arrival, instead = self._admission.admit(arrival, kept_ns=arrival.arrived_ns)
        for sighting in arrival.sightings:
            proxy = self.proxies.take(sighting.proxy, instead.get(sighting.proxy))
            self._merge_one(proxy, arrival, sighting)
            (pile or self._pile).add(sighting.proxy, arrival.end_ns // SLOT_NS, sighting.sketches)
            self._asked.take(
                Waiting(
                    arrival.caller,
                    arrival.agent_id,
                    sighting.proxy,
                    arrival.end_ns,
                    sighting.asked,
                )
            )
            self._worst.take(arrival, sighting)
        self.chains.take(arrival)
        if self._pile.is_full:
            deque(self._fold(), maxlen=0)
        if pile is None and self._asked.is_much:
            deque(self._read_asked(), maxlen=0)
        names = [sighting.proxy for sighting in arrival.sightings]
        who, site = Who(arrival.caller, arrival.agent_id), arrival.labels.get("site", "")
        self._roster.note(who, names, arrival.arrived_ns, site)
        if who in self._roster:
            self._agents.note(arrival)

    def admit(self, arrival: Arrival, kept_ns: int = PROXY_KEPT_NS) -> Arrival:
        """
        Leave out the sightings that are beyond a bound, which are counted; returns the batch.

        Args:
            arrival: Which is changed.
            kept_ns: What is older when it comes is not taken.
        """
        return self._admission.admit(arrival, kept_ns)[0]

    def restore_ask(self, ask: Ask) -> None:
        """Remember who asked before a restart."""
        proxy = self.proxies.recall(ask.proxy)
        if proxy is not None:
            # Only agents that were known are kept.
            who = Who(BEFORE, ask.agent_id)
            self._roster.note(who, (), ask.asked_ns - KNOWN_AFTER_NS)
            self._roster.note(who, [ask.proxy], ask.asked_ns)
            _ask(proxy, who, ask.asked_ns, ask.resolvers).is_known = True
            proxy.last_seen_ns = max(proxy.last_seen_ns or 0, ask.asked_ns)
        if ask.served_ns is not None:
            self._serve(ask.agent_id, ask.served_ns)

    def heard_ns(self) -> dict[str, int]:
        """Return when each agent that is known was heard last."""
        return self._roster.heard_ns()

    def sites(self) -> dict[str, str]:
        """Return the label `site` of each agent that is known and has one."""
        return self._roster.sites()

    def agents(
        self, now_ns: int, listening_ns: int, silent_ns: int, version: str
    ) -> Iterator[AgentReport | None]:
        """Report on each agent that is known, see Agents.reporting."""
        heard_ns = self._roster.heard_ns()
        return self._agents.reporting(heard_ns, now_ns, listening_ns, silent_ns, version)

    def asks_of(self, agent_id: str, now_ns: int) -> tuple[AgentAsk, ...]:
        """Return what one agent sees of each proxy that it asks."""
        return asks_of(self.proxies, agent_id, now_ns)

    @property
    def held_agents(self) -> int:
        """How many agents something is remembered of."""
        return len(self._agents)

    def duplicates(self, now_ns: int) -> Mapping[str, str]:
        """Return why some ids of agents seem to be of two hosts, by id."""
        return self._agents.duplicates(now_ns)

    def served_ns(self, name: str, kind: str, who: str) -> int:
        """Return when a proxy last answered a `host` or a `resolver`'s users; 0: not lately."""
        proxy = self.proxies.get(name)
        return proxy.served_ns(kind, who) if proxy else 0

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
        proxy.past = Past(success, usual, proxy.past.miss_share)

    def learn_misses(self, name: str, share: float | None) -> None:
        """Take the share of misses that is usual for a proxy at this hour of the week."""
        proxy = self.proxies.get(name)
        if proxy is not None:
            proxy.past = replace(proxy.past, miss_share=share)

    def evaluate(self, now_ns: int, wall_offset_ns: int = 0) -> list[Report]:
        """
        Advance every proxy by one window and report on each, by name.

        Args:
            now_ns: Of the collector's clock.
            wall_offset_ns: From it to the wall clock, by which certificates end.
        """
        return [report for report in self.judging(now_ns, wall_offset_ns) if report]

    def judging(self, now_ns: int, wall_offset_ns: int = 0) -> Iterator[Report | None]:
        """
        Do as `evaluate` does, in steps of some milliseconds: None where others may go first.

        What is merged between two steps counts for what is not judged yet.
        """
        yield from self._fold()
        yield from self._read_asked()
        yield from self._worst.reading(now_ns, self.proxies)
        yield from self.chains.reading(now_ns)
        self._doubt(now_ns)
        contents: dict[str, list[ContentFinding]] = {}
        for finding in self._contents.finding(now_ns):
            for name in finding.proxies:
                contents.setdefault(name, []).append(finding)
            yield None
        served_after = now_ns - self.rules.served_seconds * NS
        self._served_ns = {a: t for a, t in self._served_ns.items() if t > served_after}
        yield from self._roster.expire(now_ns, self._asked_kept_ns)
        self._agents.keep({who.agent_id for who in self._roster.agents})
        self._wall_offset_ns = wall_offset_ns
        moment = Moment(now_ns, wall_offset_ns, self._served_ns, self._asks_another)
        for name in sorted(self.proxies):
            proxy = self.proxies.get(name)
            if proxy is None:
                continue  # pushed meanwhile
            if proxy.last_seen_ns is not None and proxy.last_seen_ns < now_ns - PROXY_KEPT_NS:
                self.proxies.drop(name)
                continue
            yield from self._expire_witnesses(proxy, now_ns)
            for report in self._judge.judging(name, proxy, moment):
                yield report and self._whole(report, contents.get(name, ()))

    def _whole(self, report: Report, contents: Sequence[ContentFinding]) -> Report:
        known = self.memory(report.proxy)
        return replace(
            report,
            contents=tuple(contents),
            worst=known.worst,
            certificates=known.certificates,
        )

    def memory(self, name: str) -> Memory:
        """Return what is remembered of a proxy that is held."""
        proxy = self.proxies[name]
        return Memory(
            proxy.min_ttl_s,
            tuple(ShownCertificate(leaf, *at_ns) for leaf, at_ns in proxy.certificates.items()),
            self._worst.of(name),
        )

    def recall(self, name: str, memory: Memory) -> None:
        """Take back what was remembered of a proxy, where that is held."""
        proxy = self.proxies.get(name)
        if proxy is not None:
            proxy.recall(memory)
            self._worst.recall(name, memory.worst)

    def standing(self, now_ns: int) -> list[Report]:
        """Report the states as they were restored, without evidence and without a judgement."""
        moment = Moment(now_ns, self._wall_offset_ns, self._served_ns, self._asks_another)
        held = sorted(self.proxies.items())
        return [self._judge.standing(name, proxy, moment) for name, proxy in held]

    def _merge_one(self, proxy: Proxy, arrival: Arrival, sighting: Sighting) -> None:
        end_ns, counts = arrival.end_ns, sighting.counts
        proxy.last_seen_ns = max(proxy.last_seen_ns or 0, end_ns)
        proxy.windows += 1
        who = Who(arrival.caller, arrival.agent_id)
        witness = _ask(proxy, who, end_ns, sighting.resolvers)
        witness.is_known |= arrival.is_known
        if end_ns >= witness.asked_ns:
            witness.labels = label_values(arrival.labels)
        witness.compare(end_ns, sighting, (s for s in arrival.sightings if s is not sighting))
        # What is older would only wait to be forgotten.
        if arrival.arrived_ns - end_ns <= HORIZON_NS:
            proxy.timeline.add(end_ns, counts)
            proxy.parts.add(arrival, sighting, witness.labels, witness.resolvers)
            if FIRST_BYTE in sighting.sketches:
                newest = end_ns, sighting.sketches[FIRST_BYTE]
                witness.times = (*witness.times[1 - MAX_TIMES :], newest)
                proxy.timed.append(timed_window(end_ns, arrival.agent_id, sighting))
            if not proxy.add(witness, end_ns, counts):
                self._admission.drop("MAX_EVIDENCE_BYTES", arrival.caller)
            for timeline in (proxy.timeline, witness.timeline):
                timeline.order(sighting.served_at_ns, sighting.failed_at_ns)
        if counts.served:
            self._serve(arrival.agent_id, sighting.served_at_ns or end_ns)
        if sighting.certificate:
            proxy.show(sighting.certificate, end_ns)
        if sighting.min_ttl_s is not None:
            ttl_s, known_s = sighting.min_ttl_s, proxy.min_ttl_s
            proxy.min_ttl_s = ttl_s if known_s is None else min(ttl_s, known_s)

    def _fold(self) -> Iterator[None]:
        """Add up the sketches that came since the last time, in steps."""
        for key, buckets in self._pile.fold():
            self.time(key, buckets)
            yield None
        if self._pile.unreadable:
            self.overflow["unreadable_sketches"] += self._pile.unreadable
            self._pile.unreadable = 0

    def _read_asked(self) -> Iterator[None]:
        """Learn from what was asked for since the last time, in steps."""
        read, lacked = 0, self.versions.held
        for one, rows in self._asked.reading():
            self._misses.note(one, rows)
            for row in rows:
                if row.outcome != OK or row.module in lacked:
                    self.versions.note(one, row)
            for row in self._contents.watched(rows):
                self._contents.note(sight_of(one, row))
            read += len(rows)
            if read >= STEP_ROWS:
                read = 0
                yield None

    def _doubt(self, now_ns: int) -> None:
        """Count misses as suspect ones that are for what their proxy served before."""
        for name, doubts in self._misses.doubted(now_ns):
            proxy = self.proxies.get(name)
            if proxy is None:
                continue  # pushed meanwhile
            recent_ns = round(self.rules.recent_seconds * NS)
            for doubt in settle(doubts, now_ns, proxy.timeline.has_ok(now_ns - recent_ns)):
                proxy.doubt(doubt.agent_id, doubt.at_ns)
            proxy.doubted = len({doubt.module for doubt in doubts.told})

    def time(self, key: Key, buckets: Mapping[int, int]) -> None:
        """Add latencies of one proxy, slot and phase."""
        proxy = self.proxies.get(key.proxy)
        if proxy is None:
            return  # pushed meanwhile
        if key.phase not in proxy.latencies:
            proxy.latencies[key.phase] = self._sketch()
        proxy.latencies[key.phase].add(key.slot * SLOT_NS, buckets)
        if key.phase == FIRST_BYTE:
            proxy.lately = proxy.lately or self._sketch(LATELY_OF)
            proxy.lately.add(key.slot * SLOT_NS, buckets)
            proxy.timeline.add_small(key.slot, sum(buckets.values()))

    def _sketch(self, of: int = 1) -> FadingSketch:
        return FadingSketch(round(self.rules.half_life_seconds * NS / of))

    def _serve(self, agent_id: str, at_ns: int) -> None:
        self._served_ns[agent_id] = max(self._served_ns.get(agent_id, 0), at_ns)

    def _asks_another(self, agent_id: str, name: str) -> bool:
        """Whether an agent asked another proxy than this one within the horizon."""
        return any(
            witness.timeline.slots
            for other, proxy in self.proxies.items()
            if other != name and (witness := proxy.witnesses.get(agent_id))
        )

    def _expire_witnesses(self, proxy: Proxy, now_ns: int) -> Iterator[None]:
        asked_after = now_ns - self._asked_kept_ns
        proxy.timeline.expire(now_ns)
        proxy.parts.expire(now_ns)
        for few in steps(proxy.witnesses):
            for agent_id in few:
                # Who came once is a witness of its evidence, and of nothing after it.
                witness = proxy.witnesses[agent_id]
                who = Who(witness.caller, agent_id)
                is_over = not (witness.is_known or witness.timeline.slots or who in self._roster)
                proxy.expire(agent_id, now_ns, now_ns if is_over else asked_after)
            yield None

    @property
    def _asked_kept_ns(self) -> int:
        return round(max(self.rules.asked_seconds * NS, HORIZON_NS))


def _ask(proxy: Proxy, who: Who, asked_ns: int, resolvers: frozenset[str]) -> Witness:
    """Remember that an agent asked; returns its part of the proxy."""
    witness = proxy.witness(who.agent_id, who.caller, asked_ns)
    if resolvers and asked_ns >= witness.asked_ns:
        witness.resolvers = resolvers
    witness.asked_ns = max(witness.asked_ns, asked_ns)
    return witness
