"""
From the bytes of a POST to an Arrival: decoded, attributed, bounded, on the collector's clock.

Knows nothing of HTTP or of the store. What is never acceptable is a RejectedError.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from modpulse.agent.batch.batch import MISS, OK, PHASES, SUSPECT, BatchError
from modpulse.agent.batch.proxies import proxy_name
from modpulse.agent.batch.sketch import estimate_ns
from modpulse.agent.records.failures import CLASSES

from ..errors import RejectedError
from . import wire
from .arrival import ALL, KNOWN, Arrival, Counts, Leaf, Part, Sighting

Identity = frozenset[str] | None
"""Names in the caller's certificate; None: a token, or nobody was asked."""

SKEW_IGNORED_NS = 2_000_000_000
"""`Date` has whole seconds, and a request some way to go."""


MAX_SKEW_NS = 100 * 366 * 86_400 * 1_000_000_000
"""A clock that starts in 1970 can be corrected; `Date` of the year 9999 is no clock."""
MAX_SEQ = (1 << 53) - 1
"""A batch a second for as long as there was life; seq + 1 must fit into SQLite's integers."""
MAX_FALLBACK_MS = 86_400_000
"""Of a window, in all: a day."""
MAX_BODY_BYTES = 1 << 40
"""Of one proxy in one window; sums over a fleet stay far below 2^63."""
MAX_SPELLINGS = 2_048
"""Spellings of proxies that are remembered: twice the proxies that are held."""
LEAST_MODULES = 2
"""Asked for in a window: where it is one the module cannot be told from the proxy."""
_PHASES = frozenset(PHASES)
_SERVED = frozenset({OK, MISS})
_NO_FAILURE = _SERVED | {SUSPECT}
OTHER = "other"
"""Failure classes that only a newer agent knows."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two clocks at one moment, ns since 1970."""

    arrived_ns: int
    """The collector's, when the request came."""
    sent_ns: int | None = None
    """The agent's, when it sent; None when it did not say."""

    @property
    def skew_ns(self) -> int:
        """What is added to the agent's clock; small differences are the way."""
        if self.sent_ns is None:
            return 0
        skew_ns = self.arrived_ns - self.sent_ns
        return skew_ns if SKEW_IGNORED_NS < abs(skew_ns) < MAX_SKEW_NS else 0


def read(body: bytes, identity: Identity, clocks: Clocks, caller: str = "") -> Arrival:
    """
    Check one batch.

    Raises:
        RejectedError: 400 not a batch, 403 of another agent than the caller.
    """
    batch = _decode(body)
    if identity is not None and batch.agent_id not in identity:
        names = ", ".join(sorted(identity))
        raise RejectedError(403, f"the certificate is of {names}, the batch of {batch.agent_id}")
    return _checked(batch, body, clocks.arrived_ns, clocks.skew_ns, caller)


def reread(body: bytes, arrived_ns: int, skew_ns: int, taken: int = ALL) -> Arrival:
    """
    Return the arrival of a logged batch, as it was.

    Args:
        body: As received.
        arrived_ns: As it was, as the others.
        skew_ns: See there.
        taken: Which of its proxies are left, see Arrival.

    Raises:
        RejectedError: a batch that an older collector took and this one does not.
    """
    arrival = _checked(_decode(body), body, arrived_ns, skew_ns)
    if taken != ALL:
        arrival.sightings = tuple(s for n, s in enumerate(arrival.sightings) if taken >> n & 1)
        arrival.is_known, arrival.taken = bool(taken & KNOWN), taken
    return arrival


def bucket_estimate_ms(bucket: int) -> float:
    """Return the latency that a sketch's bucket stands for, off by 1.09 % at most."""
    return estimate_ns(bucket) / 1e6


def _decode(body: bytes) -> wire.Batch:
    try:
        return wire.read(body)
    except BatchError as error:
        raise RejectedError(400, str(error)) from None


def _checked(
    batch: wire.Batch, body: bytes, arrived_ns: int, skew_ns: int, caller: str = ""
) -> Arrival:
    try:
        return _arrival(batch, body, arrived_ns, skew_ns, caller)
    except BatchError as error:
        raise RejectedError(400, str(error)) from None


def _arrival(batch: wire.Batch, body: bytes, arrived_ns: int, skew_ns: int, caller: str) -> Arrival:
    if batch.seq > MAX_SEQ:
        raise BatchError(f"seq {batch.seq}, at most {MAX_SEQ}")
    clock = _Clock(skew_ns, arrived_ns)
    overflow: dict[str, int] = defaultdict(int)
    sightings = tuple(
        _sighting(window, batch.lost > 0, clock, overflow) for window in batch.proxies
    )
    return Arrival(
        agent_id=batch.agent_id,
        run_id=batch.run_id,
        seq=batch.seq,
        end_ns=clock.of(batch.window_end_ns),
        arrived_ns=arrived_ns,
        skew_ns=skew_ns,
        lost=batch.lost,
        unprobed=wire.unprobed(batch),
        labels=batch.labels,
        commands=batch.commands,
        commands_failed=batch.commands_failed,
        agent_version=batch.agent_version,
        kernel=batch.kernel,
        links=batch.links,
        caller=caller,
        sightings=sightings,
        body=body,
        overflow=overflow,
        chains=bytes(batch.chains),
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """From the agent's clock to ours."""

    skew_ns: int
    latest_ns: int
    """When the batch came: nothing in it was later, whatever the agent's clock says."""

    def of(self, agent_ns: int) -> int:
        return max(0, min(agent_ns + self.skew_ns, self.latest_ns))


def _sketches(window: wire.ProxyWindow, overflow: dict[str, int]) -> Mapping[str, bytes]:
    """Leave out phases that are not known here; names cost memory and rows for days."""
    if window.sketches.keys() <= _PHASES:
        return window.sketches
    overflow["unknown_phases"] += len(window.sketches.keys() - _PHASES)
    return {phase: data for phase, data in window.sketches.items() if phase in _PHASES}


def _known(counts: Mapping[str, int], overflow: dict[str, int]) -> dict[str, int]:
    """Add up what is not known here: the numbers stay right, the names are a newer agent's."""
    if counts.keys() <= CLASSES.keys():
        return dict(counts)
    known: Counter[str] = Counter()
    for name, count in counts.items():
        known[name if name in CLASSES else OTHER] += count
        overflow["unknown_classes"] += name not in CLASSES
    return known


@lru_cache(MAX_SPELLINGS)
def _is_canonical(proxy: str) -> bool:
    return proxy_name(proxy) == proxy


def _sighting(
    window: wire.ProxyWindow, lossy: bool, clock: _Clock, overflow: dict[str, int]
) -> Sighting:
    if not _is_canonical(window.proxy):
        # Another spelling of a name would be a row that looks like its own.
        raise BatchError(f"proxy {window.proxy!r} is not canonical")
    happenings = window.happenings
    served_at = max([h.at_ns for h in happenings if h.outcome in _SERVED], default=None)
    failed_at = [clock.of(h.at_ns) for h in happenings if h.outcome not in _NO_FAILURE]
    failures = _known(window.failures, overflow) if window.failures else {}
    failed = sum(failures.values()) if failures else 0
    leaf = window.certificate
    return Sighting(
        proxy=window.proxy,
        counts=Counts(
            ok=window.requests - window.misses - window.suspect_misses - failed,
            misses=window.misses,
            suspects=window.suspect_misses,
            failures=failures,
            handshakes=window.handshakes,
            bad_certificates=(
                _known(window.bad_certificates, overflow) if window.bad_certificates else {}
            ),
            windows=1,
            lossy=int(lossy),
        ),
        sketches=_sketches(window, overflow),
        served_at_ns=None if served_at is None else clock.of(served_at),
        failed_at_ns=tuple(failed_at),
        body_bytes=min(window.body_bytes, MAX_BODY_BYTES),
        fallbacks=window.fallbacks,
        fallback_ms=min(window.fallback_ns // 1_000_000, MAX_FALLBACK_MS),
        certificate=Leaf(leaf.not_before_s, leaf.not_after_s) if leaf else None,
        resolvers=frozenset(window.resolvers),
        min_ttl_s=window.min_ttl_s,
        by_endpoint=_parts(window.by_endpoint, overflow),
        by_address=_parts(window.by_address, overflow),
        by_resolver=_parts(window.by_resolver, overflow),
        circumstances=bytes(window.by_circumstance),
        by_module=_by_module(window, failures) if failed or window.suspect_misses else (),
        failed_ms=min(window.failed_ns // 1_000_000, MAX_FALLBACK_MS),
        commands_stopped=window.commands_stopped,
        asked=bytes(window.asked),
        exemplars=bytes(window.exemplars),
    )


def _parts(found: list[wire.Outcomes], overflow: dict[str, int]) -> tuple[Part, ...]:
    if not found:
        return ()
    return tuple(
        Part(
            one.name,
            Counts(
                ok=one.ok,
                misses=one.misses,
                suspects=one.suspect_misses,
                failures=_known(one.failures, overflow) if one.failures else {},
            ),
            one.sketch,
        )
        for one in found
    )


def _by_module(window: wire.ProxyWindow, failures: dict[str, int]) -> tuple[Part, ...]:
    """Return the failures by module, as the worst requests tell: at most five of a window."""
    if window.modules < LEAST_MODULES:
        return ()
    worst = [
        one
        for one in wire.exemplars(window.exemplars)
        if one.outcome == SUSPECT or one.outcome in failures
    ]
    if not worst:
        return ()
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in worst:
        if one.module:
            found[one.module][one.outcome] += 1
    factor = (sum(failures.values()) + window.suspect_misses) / len(worst)
    return tuple(Part(name, _scaled(outcomes, factor)) for name, outcomes in found.items())


def _scaled(outcomes: Counter[str], factor: float) -> Counts:
    """Return the counts of a sample, made as many as there were; never fewer than there are."""
    counts = {name: max(count, int(count * factor)) for name, count in outcomes.items()}
    suspects = counts.pop(SUSPECT, 0)
    return Counts(suspects=suspects, failures=counts)
