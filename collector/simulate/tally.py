"""
What one agent saw of one proxy in one window, added up as an agent does.

Pure; the agent's own (agent/delivery/window.py) reads records, of which there are none here.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modpulse.agent.batch.batch import (
    FIRST_BYTE,
    MAX_ADDRESSES,
    MAX_ENDPOINTS,
    MAX_EXEMPLARS,
    MAX_OUTCOMES,
    MISS,
    NOT_FAILURES,
    OK,
    SMALL_ENDPOINTS,
    SUSPECT,
    Asked,
    Exemplar,
    Happening,
    Leaf,
    ProxyWindow,
)
from modpulse.agent.batch.shares import Shares
from modpulse.agent.batch.sketch import Sketches, bucket_of

from .answers import BAD_LEAF, Answer, Setup
from .script import Proxy, module_name
from .traffic import DAY_S, Ask

VERIFY_PART = 4
"""One part of so many of a handshake is its certificate's verification."""
TTL_S = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """One request that is over."""

    at_ns: int
    """Since the beginning."""
    ask: Ask
    answer: Answer
    has_fallen: bool
    """The next entry was asked after it."""
    address: str | None
    """That answered or failed; None where it got none."""
    has_looked_up: bool

    @property
    def has_failed(self) -> bool:
        """Neither answered nor missed."""
        return self.answer.outcome not in NOT_FAILURES


@dataclass(slots=True)
class Commands:
    """Builds that ended in one window."""

    ended: int = 0
    failed: int = 0


@dataclass(slots=True)
class Tally:
    """Of one window."""

    proxy: Proxy
    resolver: str
    tells_shares: bool
    """Its batches have what schema 2 appended."""
    ended: list[Ended] = field(default_factory=list)
    sketches: Sketches = field(default_factory=Sketches)
    handshakes: int = 0
    bad_certificates: Counter[str] = field(default_factory=Counter)
    addresses: set[str] = field(default_factory=set)
    leaf_end_s: int | None = None
    lookups_ns: list[int] = field(default_factory=list)
    """How long those took that were answered."""
    has_looked_up: bool = False
    commands_stopped: int = 0

    def set_up(self, setup: Setup, address: str) -> None:
        """Count a lookup, a connection and a handshake, as far as they came."""
        self.has_looked_up = True
        self.sketches.time("resolve", setup.resolve_ns)
        self.sketches.time("connect", setup.connect_ns)
        if setup.resolve_ns is not None:
            self.addresses.add(address)
            self.lookups_ns.append(setup.resolve_ns)
        if setup.tls_ns is not None:
            self.handshakes += 1
            self.sketches.time("tls", setup.tls_ns)
            self.sketches.time("verify", setup.tls_ns // VERIFY_PART)
        elif setup.failure is not None and setup.connect_ns is not None:
            self.handshakes += 1
            self.bad_certificates[setup.failure] += setup.failure in BAD_LEAF
        if setup.leaf_end_s is not None:
            self.leaf_end_s = min(self.leaf_end_s or setup.leaf_end_s, setup.leaf_end_s)

    def end(self, one: Ended) -> None:
        """Count a request."""
        self.ended.append(one)
        answer = one.answer
        if not one.has_failed:
            self.sketches.time("processing", answer.processing_ns)
            self.sketches.time("transfer", answer.transfer_ns)
        if answer.status == 200 and one.ask.endpoint in SMALL_ENDPOINTS:
            self.sketches.time(FIRST_BYTE, answer.processing_ns)

    def part(self, wall_ns: Callable[[int], int], room: int) -> ProxyWindow:
        """
        Return it as a batch has it.

        Args:
            wall_ns: From ns since the beginning to the agent's wall clock.
            room: For things that were asked.
        """
        self.ended.sort(key=lambda one: one.at_ns)
        outcomes = Counter(one.answer.outcome for one in self.ended)
        answers = [one.answer for one in self.ended]
        fallen = [
            one.answer.elapsed_ns
            for one in self.ended
            if one.has_fallen and one.answer.outcome != MISS
        ]
        return ProxyWindow(
            proxy=self.proxy.name,
            requests=len(self.ended),
            misses=outcomes[MISS],
            suspect_misses=outcomes[SUSPECT],
            failures={name: n for name, n in outcomes.items() if name not in NOT_FAILURES},
            statuses=Counter(a.status for a in answers if a.status is not None),
            endpoints=Counter(one.ask.endpoint for one in self.ended),
            body_bytes=sum(answer.body_bytes or 0 for answer in answers),
            modules=len({one.ask.module for one in self.ended}),
            sketches=self.sketches.to_bytes(),
            exemplars=self._exemplars(wall_ns),
            certificate=self._leaf(),
            handshakes=self.handshakes,
            bad_certificates=+self.bad_certificates,
            resolvers=(self.resolver,) if self.has_looked_up else (),
            addresses=tuple(sorted(self.addresses)),
            min_ttl_s=TTL_S if self.addresses else None,
            peak_in_flight=min(len(self.ended), 1),
            fallbacks=len(fallen),
            fallback_ns=sum(fallen),
            happenings=tuple(
                Happening(at_ns=wall_ns(one.at_ns), outcome=one.answer.outcome)
                for one in self.ended[-MAX_OUTCOMES:]
            ),
            asked=tuple(_asked(one) for one in self.ended[:room]),
            asked_dropped=max(0, len(self.ended) - room),
            **(self._appended() if self.tells_shares else {}),
        )

    def _appended(self) -> dict[str, Any]:
        """Return the fields of schema 2."""
        endpoints, addresses = Shares(MAX_ENDPOINTS), Shares(MAX_ADDRESSES)
        resolvers = Shares(MAX_ADDRESSES)
        for one in self.ended:
            answer = one.answer
            took_ns = answer.processing_ns
            bucket = None if took_ns is None else bucket_of(took_ns)
            endpoints.count(one.ask.endpoint, answer.outcome, bucket)
            if one.address is not None:
                addresses.count(one.address, answer.outcome, bucket)
            if one.has_looked_up:
                resolvers.count(self.resolver, answer.outcome)
        for lookup_ns in self.lookups_ns:
            resolvers.time(self.resolver, lookup_ns)
        return {
            "by_endpoint": endpoints.rows(),
            "by_address": addresses.rows(),
            "by_resolver": resolvers.rows(),
            "failed_ns": sum(
                one.answer.elapsed_ns for one in self.ended if one.has_failed and not one.has_fallen
            ),
            "commands_stopped": self.commands_stopped,
        }

    def _exemplars(self, wall_ns: Callable[[int], int]) -> tuple[Exemplar, ...]:
        def badness(one: Ended) -> tuple[bool, int]:
            return one.has_failed, one.answer.elapsed_ns

        worst = sorted(self.ended, key=badness, reverse=True)[:MAX_EXEMPLARS]
        return tuple(_exemplar(one, wall_ns) for one in worst)

    def _leaf(self) -> Leaf | None:
        if self.leaf_end_s is None:
            return None
        lifetime_s = round(self.proxy.certificate_lifetime_days * DAY_S)
        return Leaf(
            subject="CN=proxy",
            issuer="CN=authority",
            not_before_s=self.leaf_end_s - lifetime_s,
            not_after_s=self.leaf_end_s,
            sha256=f"{self.leaf_end_s:064x}",
        )


def _exemplar(one: Ended, wall_ns: Callable[[int], int]) -> Exemplar:
    ask, answer = one.ask, one.answer
    final = "ok" if answer.outcome == OK else "stopped"
    return Exemplar(
        at_ns=wall_ns(one.at_ns - answer.elapsed_ns),
        endpoint=ask.endpoint,
        module=module_name(ask.module),
        version=ask.version,
        outcome=answer.outcome,
        final="fell_through" if one.has_fallen else final,
        status=answer.status,
        elapsed_ns=answer.elapsed_ns,
        phases={},
        evidence=None,
        host=None,
        address=None,
    )


def _asked(one: Ended) -> Asked:
    return Asked(
        module=module_name(one.ask.module),
        version=one.ask.version,
        endpoint=one.ask.endpoint,
        outcome=one.answer.outcome,
        body_bytes=one.answer.body_bytes,
        h1=one.answer.h1,
    )
