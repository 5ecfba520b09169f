"""
From the bytes of a POST to an Arrival: decoded, attributed, bounded, on the collector's clock.

Knows nothing of HTTP or of the store. What is never acceptable is a RejectedError.
"""

from dataclasses import dataclass

from modpulse.agent.batch import (
    FIRST_BYTE,
    MISS,
    OK,
    SUSPECT,
    Batch,
    BatchError,
    ProxyWindow,
    decode,
)
from modpulse.agent.sketch import Sketch, SketchError, estimate_ns

from .arrival import Arrival, Leaf, Sighting
from .errors import RejectedError
from .evidence import Counts

Identity = frozenset[str] | None
"""Names in the caller's certificate; None: a token, or nobody was asked."""

SKEW_IGNORED_NS = 2_000_000_000
"""`Date` has whole seconds, and a request some way to go."""


MAX_SKEW_NS = 100 * 366 * 86_400 * 1_000_000_000
"""A clock that starts in 1970 can be corrected; `Date` of the year 9999 is no clock."""
MAX_SEQ = (1 << 53) - 1
"""A batch a second for as long as there was life; seq + 1 must fit into SQLite's integers."""
MAX_BODY_BYTES = 1 << 40
"""Of one proxy in one window; sums over a fleet stay far below 2^63."""


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


def read(body: bytes, identity: Identity, clocks: Clocks) -> Arrival:
    """
    Check one batch.

    Raises:
        RejectedError: 400 not a batch, 403 of another agent than the caller.
    """
    batch = _decode(body)
    if identity is not None and batch.agent_id not in identity:
        names = ", ".join(sorted(identity))
        raise RejectedError(403, f"the certificate is of {names}, the batch of {batch.agent_id}")
    return _checked(batch, body, clocks.arrived_ns, clocks.skew_ns)


def reread(body: bytes, arrived_ns: int, skew_ns: int) -> Arrival:
    """
    Return the arrival of a logged batch, as it was.

    Raises:
        RejectedError: a batch that an older collector took and this one does not.
    """
    return _checked(_decode(body), body, arrived_ns, skew_ns)


def bucket_estimate_ms(bucket: int) -> float:
    """Return the latency that a sketch's bucket stands for, off by 1.09 % at most."""
    return estimate_ns(bucket) / 1e6


def _decode(body: bytes) -> Batch:
    try:
        return decode(body)
    except BatchError as error:
        raise RejectedError(400, str(error)) from None


def _checked(batch: Batch, body: bytes, arrived_ns: int, skew_ns: int) -> Arrival:
    try:
        return _arrival(batch, body, arrived_ns, skew_ns)
    except BatchError as error:
        raise RejectedError(400, str(error)) from None


def _arrival(batch: Batch, body: bytes, arrived_ns: int, skew_ns: int) -> Arrival:
    if batch.seq > MAX_SEQ:
        raise BatchError(f"seq {batch.seq}, at most {MAX_SEQ}")
    clock = _Clock(skew_ns, arrived_ns)
    return Arrival(
        agent_id=batch.agent_id,
        run_id=batch.run_id,
        seq=batch.seq,
        end_ns=clock.of(batch.window_end_ns),
        arrived_ns=arrived_ns,
        skew_ns=skew_ns,
        lost=batch.lost,
        sightings=tuple(
            _sighting(window, lossy=batch.lost > 0, clock=clock) for window in batch.proxies
        ),
        body=body,
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """From the agent's clock to ours."""

    skew_ns: int
    latest_ns: int
    """When the batch came: nothing in it was later, whatever the agent's clock says."""

    def of(self, agent_ns: int) -> int:
        return max(0, min(agent_ns + self.skew_ns, self.latest_ns))


def _sighting(window: ProxyWindow, lossy: bool, clock: _Clock) -> Sighting:
    sketches = {}
    for phase, data in window.sketches.items():
        try:
            sketches[phase] = Sketch.from_bytes(data).buckets
        except SketchError as error:
            raise BatchError(f"{window.proxy}: sketch of {phase}: {error}") from None
    served_at = [clock.of(h.at_ns) for h in window.happenings if h.outcome in (OK, MISS)]
    failed_at = [
        clock.of(h.at_ns) for h in window.happenings if h.outcome not in (OK, MISS, SUSPECT)
    ]
    leaf = window.certificate
    return Sighting(
        proxy=window.proxy,
        counts=Counts(
            ok=window.ok,
            misses=window.misses,
            suspects=window.suspect_misses,
            failures=dict(window.failures),
            handshakes=window.handshakes,
            bad_certificates=dict(window.bad_certificates),
            small=sum(sketches.get(FIRST_BYTE, {}).values()),
            windows=1,
            lossy=int(lossy),
        ),
        sketches=sketches,
        served_at_ns=max(served_at, default=None),
        failed_at_ns=tuple(failed_at),
        body_bytes=min(window.body_bytes, MAX_BODY_BYTES),
        certificate=Leaf(leaf.not_before_s, leaf.not_after_s) if leaf else None,
        resolvers=frozenset(window.resolvers),
    )
