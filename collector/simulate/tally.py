"""
What one agent saw of one proxy in one window, added up as an agent does.

Pure; the agent's own (agent/delivery/window.py) reads records, of which there are none here.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from modpulse.agent.batch.batch import (
    FIRST_BYTE,
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
from modpulse.agent.batch.sketch import Sketches

from .answers import BAD_LEAF, Answer, Setup
from .script import Proxy, module_name
from .traffic import DAY_S, Ask

VERIFY_PART = 4
"""One part of so many of a handshake is its certificate's verification."""
TTL_S = 60


@dataclass(slots=True)
class Tally:
    """Of one window."""

    proxy: Proxy
    resolver: str
    ended: list[tuple[int, Ask, Answer, bool]] = field(default_factory=list)
    """When each was over (ns since the beginning), what was asked, how it ended, and whether the
    next entry was asked after it."""
    sketches: Sketches = field(default_factory=Sketches)
    handshakes: int = 0
    bad_certificates: Counter[str] = field(default_factory=Counter)
    addresses: set[str] = field(default_factory=set)
    leaf_end_s: int | None = None
    has_looked_up: bool = False

    def set_up(self, setup: Setup, address: str) -> None:
        """Count a lookup, a connection and a handshake, as far as they came."""
        self.has_looked_up = True
        self.sketches.time("resolve", setup.resolve_ns)
        self.sketches.time("connect", setup.connect_ns)
        if setup.resolve_ns is not None:
            self.addresses.add(address)
        if setup.tls_ns is not None:
            self.handshakes += 1
            self.sketches.time("tls", setup.tls_ns)
            self.sketches.time("verify", setup.tls_ns // VERIFY_PART)
        elif setup.failure is not None and setup.connect_ns is not None:
            self.handshakes += 1
            self.bad_certificates[setup.failure] += setup.failure in BAD_LEAF
        if setup.leaf_end_s is not None:
            self.leaf_end_s = min(self.leaf_end_s or setup.leaf_end_s, setup.leaf_end_s)

    def end(self, at_ns: int, ask: Ask, answer: Answer, has_fallen: bool) -> None:
        """Count a request."""
        self.ended.append((at_ns, ask, answer, has_fallen))
        if answer.outcome in NOT_FAILURES:
            self.sketches.time("processing", answer.processing_ns)
            self.sketches.time("transfer", answer.transfer_ns)
        if answer.status == 200 and ask.endpoint in SMALL_ENDPOINTS:
            self.sketches.time(FIRST_BYTE, answer.processing_ns)

    def part(self, wall_ns: Callable[[int], int], room: int) -> ProxyWindow:
        """
        Return it as a batch has it.

        Args:
            wall_ns: From ns since the beginning to the agent's wall clock.
            room: For things that were asked.
        """
        self.ended.sort(key=lambda one: one[0])
        outcomes = Counter(answer.outcome for _, _, answer, _ in self.ended)
        fallen = [answer.elapsed_ns for _, _, answer, has_fallen in self.ended if has_fallen]
        return ProxyWindow(
            proxy=self.proxy.name,
            requests=len(self.ended),
            misses=outcomes[MISS],
            suspect_misses=outcomes[SUSPECT],
            failures={name: n for name, n in outcomes.items() if name not in NOT_FAILURES},
            statuses=Counter(a.status for _, _, a, _ in self.ended if a.status is not None),
            endpoints=Counter(ask.endpoint for _, ask, _, _ in self.ended),
            body_bytes=sum(answer.body_bytes or 0 for _, _, answer, _ in self.ended),
            modules=len({ask.module for _, ask, _, _ in self.ended}),
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
                Happening(at_ns=wall_ns(at_ns), outcome=answer.outcome)
                for at_ns, _, answer, _ in self.ended[-MAX_OUTCOMES:]
            ),
            asked=tuple(
                Asked(
                    module=module_name(ask.module),
                    version=ask.version,
                    endpoint=ask.endpoint,
                    outcome=answer.outcome,
                    body_bytes=answer.body_bytes,
                    h1=answer.h1,
                )
                for _, ask, answer, _ in self.ended[:room]
            ),
            asked_dropped=max(0, len(self.ended) - room),
        )

    def _exemplars(self, wall_ns: Callable[[int], int]) -> tuple[Exemplar, ...]:
        def badness(one: tuple[int, Ask, Answer, bool]) -> tuple[bool, int]:
            return one[2].outcome not in NOT_FAILURES, one[2].elapsed_ns

        worst = sorted(self.ended, key=badness, reverse=True)[:MAX_EXEMPLARS]
        return tuple(
            Exemplar(
                at_ns=wall_ns(at_ns - answer.elapsed_ns),
                endpoint=ask.endpoint,
                module=module_name(ask.module),
                version=ask.version,
                outcome=answer.outcome,
                final="fell_through" if has_fallen else "ok" if answer.outcome == OK else "stopped",
                status=answer.status,
                elapsed_ns=answer.elapsed_ns,
                phases={},
                evidence=None,
                host=None,
                address=None,
            )
            for at_ns, ask, answer, has_fallen in worst
        )

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
