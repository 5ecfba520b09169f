"""
A batch as the collector works with it: checked, with the collector's clock on it.

Knows nothing of msgpack or HTTP; `ingest.py` makes these, the store and the fleet take them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

SIGHTING_BYTES = 8 << 10
"""Measured: 4 kB of the longest names here, as much again where a group is added up."""
SKETCH_BYTES = 200
"""Measured: what a sketch takes beside its bytes, which are the body's."""
PART_BYTES = 1_000
"""What a part takes with a few classes of failures, beside its sketch."""
ALL = -1
"""Every bit."""
KNOWN = 1 << 32
"""The bit that says that the agent was known: a batch has at most 32 proxies."""


@dataclass(slots=True)
class Counts:
    """Outcomes of some requests, and of the handshakes they needed."""

    ok: int = 0
    misses: int = 0
    """Ordinary ones: 404 and 410 that are the protocol's normal answer."""
    suspects: int = 0
    """Misses that may be an outage in disguise."""
    failures: dict[str, int] = field(default_factory=dict)
    handshakes: int = 0
    """Finished ones, good and bad."""
    bad_certificates: dict[str, int] = field(default_factory=dict)
    """Handshakes by the class of what was wrong with the certificate."""
    small: int = 0
    """Answers with status 200 of list, info and mod whose time to first byte is known; counted when
    sketches are added up, of all agents together."""
    windows: int = 0
    """Windows of agents added up here."""
    lossy: int = 0
    """Of these, windows that lost events."""

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return sum(self.failures.values())

    @property
    def served(self) -> int:
        """Proof of life: a 200 or an ordinary miss."""
        return self.ok + self.misses

    @property
    def requests(self) -> int:
        """Every outcome."""
        return self.ok + self.misses + self.suspects + self.failed

    def add(self, other: "Counts") -> None:
        """Add the other's counts."""
        self.ok += other.ok
        self.misses += other.misses
        self.suspects += other.suspects
        self.handshakes += other.handshakes
        self.small += other.small
        self.windows += other.windows
        self.lossy += other.lossy
        # Most have neither, and this is done for each proxy of each batch, twice.
        if other.failures:
            _add_all(self.failures, other.failures)
        if other.bad_certificates:
            _add_all(self.bad_certificates, other.bad_certificates)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The certificate a proxy showed."""

    not_before_s: int
    """Seconds since 1970, UTC."""
    not_after_s: int
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a sighting was at one endpoint or address, or paid a lookup at one resolver."""

    name: str
    counts: Counts
    sketch: bytes = b""
    """As it came: times to first byte; of a resolver, times of lookups."""


@dataclass(slots=True, kw_only=True)
class Sighting:
    """What one agent saw of one proxy in one window."""

    proxy: str
    counts: Counts
    sketches: Mapping[str, bytes] = field(default_factory=dict)
    """By phase, as they came: modpulse.agent.batch.sketch."""
    served_at_ns: int | None = None
    """When the last 200 or ordinary miss was known; None when none is told."""
    failed_at_ns: tuple[int, ...] = ()
    """When the latest failures were known, in any order."""
    body_bytes: int = 0
    fallbacks: int = 0
    """Requests after which the next entry of GOPROXY was asked."""
    fallback_ms: int = 0
    """Time that these took."""
    certificate: Leaf | None = None
    """None when no handshake showed one."""
    resolvers: frozenset[str] = frozenset()
    min_ttl_s: int | None = None
    """The smallest of DNS; None: no answer was seen."""
    by_endpoint: tuple[Part, ...] = ()
    by_address: tuple[Part, ...] = ()
    by_resolver: tuple[Part, ...] = ()
    circumstances: bytes = b""
    """What there was beside requests, as it came; read where it is rolled up."""
    by_circumstance: tuple[Part, ...] = ()
    """The same, where it was read."""
    by_module: tuple[Part, ...] = ()
    """Failures and suspect misses only, as the worst requests tell: a sample, made as many as there
    were. Empty where none failed, or only one module was asked for."""
    failed_ms: int = 0
    """Time that failures took after which no other entry was asked."""
    commands_stopped: int = 0
    """Commands that ended with an error and were stopped here last."""
    asked: bytes = b""
    """What was asked for, as it came: it is read later."""
    exemplars: bytes = b""
    """The worst requests, the same way."""


@dataclass(slots=True, kw_only=True)
class Arrival:
    """One batch; (agent_id, run_id, seq) is its identity."""

    agent_id: str
    run_id: bytes
    seq: int
    end_ns: int
    """End of its window on the collector's clock, nanoseconds since 1970."""
    arrived_ns: int
    """When the collector had it, nanoseconds since 1970."""
    skew_ns: int = 0
    """Added to the agent's clock to get the collector's."""
    lost: int = 0
    """Events the agent lost in the window."""
    unprobed: int = 0
    """Binaries of `go` that it could not probe since its run began."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Of the agent, as configured: site, pool."""
    commands: int = 0
    """Processes of `go` that ended in the window."""
    commands_failed: int = 0
    agent_version: str = ""
    """Empty where it does not say, as the two that follow."""
    kernel: str = ""
    links: str = ""
    """How its probes are attached."""
    caller: str = ""
    """Which token or certificate shipped it; empty where nobody is asked, or it is read back."""
    sightings: tuple[Sighting, ...] = ()
    body: bytes = b""
    """As received, for the log."""
    is_known: bool = True
    """The agent has been heard for a while; who asked is kept of these only."""
    taken: int = ALL
    """Which of its sightings are left, as bits by their places in the batch, and KNOWN."""
    overflow: Mapping[str, int] = field(default_factory=dict)
    """What of it is not kept as it came, by the bound's name."""
    chains: bytes = b""
    """GOPROXY of the commands, as they came: read later."""

    @property
    def size_bytes(self) -> int:
        """About what is held for it until it is written, beside its body; never much more."""
        sketches = parts = asked_bytes = 0
        for one in self.sightings:
            sketches += len(one.sketches)
            parts += len(one.by_endpoint) + len(one.by_address) + len(one.by_resolver)
            parts += len(one.by_module)
            asked_bytes += len(one.asked) + len(one.exemplars) + len(one.circumstances)
        held = SIGHTING_BYTES * len(self.sightings) + SKETCH_BYTES * sketches
        return held + PART_BYTES * parts + asked_bytes + len(self.chains) + len(self.body)


def _add_all(into: dict[str, int], other: Mapping[str, int]) -> None:
    for name, count in other.items():
        if count:
            into[name] = into.get(name, 0) + count
