"""
One proxy in one window: what its records add up to, and that as a batch has it.

Knows nothing of other proxies, nor which records are this one's. What a server can make huge is
clamped: a batch never fails for what somebody sent.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from ..batch.batch import (
    FIRST_BYTE,
    MAX_ADDRESSES,
    MAX_ENDPOINTS,
    MAX_EXEMPLARS,
    MAX_NAME_BYTES,
    MAX_OUTCOMES,
    MAX_SECONDS,
    MAX_STATUSES,
    MAX_TEXT_BYTES,
    MIN_SECONDS,
    MISS,
    NOT_FAILURES,
    OK,
    SMALL_ENDPOINTS,
    SUSPECT,
    Asked,
    Happening,
    Leaf,
    ProxyWindow,
)
from ..batch.shares import OTHER, Shares
from ..batch.sketch import Sketches, bucket_of
from ..records.records import Certificate, Connection, Handshake, Lookup
from .attribution import Step
from .circumstances import Beside, by_circumstance
from .counted import Counted, bounded, cut

MAX_MODULES = 10_000
"""Distinct modules counted per proxy and window."""
MAX_TTL_S = (1 << 32) - 1
"""What a DNS record can say."""
MAX_INTERVALS = 10_000
"""Requests per proxy and window that the peak in flight is found from."""
_BADNESS, _END = attrgetter("badness"), attrgetter("end_ns")
BAD_CERTIFICATES = ("tls.expired", "tls.untrusted", "tls.hostname")


@dataclass(slots=True)
class Window:
    """What is counted of one proxy."""

    is_hashed: bool
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    endpoints: Counter[str] = field(default_factory=Counter)
    body_bytes: int = 0
    modules: set[str] = field(default_factory=set)
    sketches: Sketches = field(default_factory=Sketches)
    worst: list[Counted] = field(default_factory=list)
    least_badness: tuple[bool, int] = (False, 0)
    """Of the first of these."""
    latest: list[Counted] = field(default_factory=list)
    beside: list[Beside] = field(default_factory=list)
    certificate: Certificate | None = None
    handshakes: int = 0
    bad_certificates: Counter[str] = field(default_factory=Counter)
    resolvers: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    min_ttl_s: int | None = None
    fallbacks: int = 0
    fallback_ns: int = 0
    cancelled: int = 0
    via_failures: Counter[str] = field(default_factory=Counter)
    local_failures: Counter[str] = field(default_factory=Counter)
    asked: list[Asked] = field(default_factory=list)
    asked_dropped: int = 0
    by_endpoint: Shares = field(default_factory=lambda: Shares(MAX_ENDPOINTS))
    by_address: Shares = field(default_factory=lambda: Shares(MAX_ADDRESSES))
    by_resolver: Shares = field(default_factory=lambda: Shares(MAX_ADDRESSES))
    failed_ns: int = 0
    commands_stopped: int = 0

    def count(self, seen: Counted, is_again: bool | None = None) -> None:
        """
        Count a request for the first time.

        Args:
            seen: The request.
            is_again: Whether it was answered with the same before; None: it names no module.
        """
        request = seen.request
        self.outcomes[seen.outcome] += 1
        bucket = self._share(seen)
        if (status := seen.status) is not None:
            is_room = status in self.statuses or len(self.statuses) < MAX_STATUSES - 1
            self.statuses[status if is_room else 0] += 1
        self.body_bytes = bounded(self.body_bytes + (seen.body_bytes or 0))
        if seen.module is not None and len(self.modules) < MAX_MODULES:
            self.modules.add(seen.module)
        if request.failure is None:
            self.sketches.time("processing", request.processing_ns)
            self.sketches.time("transfer", request.transfer_ns)
        if len(self.beside) < MAX_INTERVALS:
            self.beside.append(Beside(request.at_ns, seen.end_ns, seen.outcome, bucket, is_again))
        if len(self.worst) < MAX_EXEMPLARS or seen.badness >= self.least_badness:
            insort(self.worst, seen, key=_BADNESS)
            if len(self.worst) > MAX_EXEMPLARS:
                del self.worst[0]
            self.least_badness = self.worst[0].badness
        # Nearly all are told in the order in which they ended.
        if not self.latest or seen.end_ns >= self.latest[-1].end_ns:
            self.latest.append(seen)
        else:
            insort(self.latest, seen, key=_END)
        if len(self.latest) > MAX_OUTCOMES:
            del self.latest[0]

    def _share(self, seen: Counted) -> int | None:
        """Count it by what it has in common with others; returns the bucket of its first byte."""
        request, outcome = seen.request, seen.outcome
        endpoint, bucket = request.endpoint or OTHER, None
        if request.status == 200 and (first_byte_ns := request.first_byte_ns) is not None:
            bucket = bucket_of(first_byte_ns)
            if endpoint in SMALL_ENDPOINTS:
                self.sketches.of(FIRST_BYTE).put(bucket)
        self.endpoints[endpoint] += 1
        self.by_endpoint.count(endpoint, outcome, bucket)
        if address := seen.address:
            self.by_address.count(cut(address, MAX_NAME_BYTES), outcome, bucket)
        if request.resolver:
            self.by_resolver.count(cut(request.resolver, MAX_NAME_BYTES), outcome)
        return bucket

    def conclude(self, seen: Counted) -> None:
        """Count what a request cost that was not answered, also one that was counted before."""
        if seen.request.final == "fell_through" and seen.outcome != MISS:
            self.fallbacks += 1
            self.fallback_ns = bounded(self.fallback_ns + seen.elapsed_ns)
        elif seen.request.final == "stopped" and seen.request.failure is not None:
            self.failed_ns = bounded(self.failed_ns + seen.elapsed_ns)

    def step(self, step: Step) -> None:
        """Count a lookup, connection or handshake."""
        if isinstance(step, Lookup):
            self._lookup(step)
        elif isinstance(step, Connection):
            self._connection(step)
        else:
            self._handshake(step)

    def _lookup(self, lookup: Lookup) -> None:
        if lookup.outcome == OK:
            self.sketches.time("resolve", lookup.lookup_ns)
            if lookup.resolver and lookup.lookup_ns is not None:
                self.by_resolver.time(cut(lookup.resolver, MAX_NAME_BYTES), lookup.lookup_ns)
        ttls = [query.min_ttl_s for query in lookup.queries if query.min_ttl_s is not None]
        known = [] if self.min_ttl_s is None else [self.min_ttl_s]
        smallest = min([*ttls, *known], default=None)
        self.min_ttl_s = None if smallest is None else min(max(smallest, 0), MAX_TTL_S)
        for query in lookup.queries:
            _put(self.resolvers, query.server)

    def _connection(self, connection: Connection) -> None:
        if connection.via is not None:
            return
        if connection.connect_ns is not None and connection.outcome in ("established", "reset"):
            self.sketches.time("connect", connection.connect_ns)
        _put(self.addresses, connection.address)

    def _handshake(self, handshake: Handshake) -> None:
        if handshake.outcome in (None, "cancelled"):
            return
        self.handshakes += 1
        if handshake.outcome == OK:
            self.sketches.time("tls", handshake.handshake_ns)
            self.sketches.time("verify", handshake.verify_ns)
        elif handshake.outcome in BAD_CERTIFICATES:
            self.bad_certificates[handshake.outcome] += 1
        shown = [leaf for leaf in (self.certificate, handshake.certificate) if leaf is not None]
        self.certificate = min(shown, key=lambda leaf: leaf.not_after, default=None)

    def part(self, proxy: str, wall_offset_ns: int) -> ProxyWindow:
        """Return it all as a batch has it."""
        return ProxyWindow(
            proxy=proxy,
            requests=self.outcomes.total(),
            misses=self.outcomes[MISS],
            suspect_misses=self.outcomes[SUSPECT],
            failures={cls: n for cls, n in self.outcomes.items() if cls not in NOT_FAILURES},
            statuses=dict(self.statuses),
            endpoints=dict(self.endpoints),
            body_bytes=self.body_bytes,
            modules=len(self.modules),
            sketches=self.sketches.to_bytes(),
            exemplars=tuple(
                seen.exemplar(wall_offset_ns, self.is_hashed) for seen in reversed(self.worst)
            ),
            certificate=None if self.certificate is None else _leaf(self.certificate),
            handshakes=self.handshakes,
            bad_certificates=dict(self.bad_certificates),
            resolvers=tuple(sorted(self.resolvers)),
            addresses=tuple(sorted(self.addresses)),
            min_ttl_s=self.min_ttl_s,
            peak_in_flight=peak((one.at_ns, one.end_ns) for one in self.beside),
            fallbacks=self.fallbacks,
            fallback_ns=self.fallback_ns,
            cancelled=self.cancelled,
            via_failures={cls: n for cls, n in self.via_failures.items() if n},
            happenings=tuple(
                Happening(at_ns=bounded(seen.end_ns + wall_offset_ns), outcome=seen.outcome)
                for seen in self.latest
            ),
            asked=tuple(self.asked),
            asked_dropped=self.asked_dropped,
            local_failures={cls: n for cls, n in self.local_failures.items() if n},
            by_endpoint=self.by_endpoint.rows(),
            by_address=self.by_address.rows(),
            by_resolver=self.by_resolver.rows(),
            failed_ns=self.failed_ns,
            commands_stopped=self.commands_stopped,
            by_circumstance=by_circumstance(self.beside),
        )


def peak(intervals: Iterable[tuple[int, int]]) -> int:
    """Return the most intervals that hold one moment; their ends are exclusive."""
    steps = sorted(step for start, end in intervals for step in ((start, 1), (end, -1)))
    running = highest = 0
    for _, change in steps:
        running += change
        highest = max(highest, running)
    return highest


def _put(names: set[str], name: str) -> None:
    if name and len(names) < MAX_ADDRESSES:
        names.add(cut(name, MAX_NAME_BYTES))


def _leaf(certificate: Certificate) -> Leaf:
    return Leaf(
        subject=cut(certificate.subject, MAX_TEXT_BYTES),
        issuer=cut(certificate.issuer, MAX_TEXT_BYTES),
        not_before_s=min(max(certificate.not_before, MIN_SECONDS), MAX_SECONDS),
        not_after_s=min(max(certificate.not_after, MIN_SECONDS), MAX_SECONDS),
        sha256=certificate.sha256,
    )
