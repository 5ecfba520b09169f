"""
A batch as the collector works with it: checked, with the collector's clock on it.

Knows nothing of msgpack or HTTP; `ingest.py` makes these, the store and the fleet take them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .evidence import Counts


@dataclass(frozen=True, slots=True)
class Leaf:
    """The certificate a proxy showed."""

    not_before_s: int
    """Seconds since 1970, UTC."""
    not_after_s: int
    """Seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one agent saw of one proxy in one window."""

    proxy: str
    counts: Counts
    sketches: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Phase to {bucket: count}, buckets as of modpulse.agent.sketch."""
    served_at_ns: int | None = None
    """When the last 200 or ordinary miss was known; None when none is told."""
    failed_at_ns: tuple[int, ...] = ()
    """When the latest failures were known, in any order."""
    body_bytes: int = 0
    certificate: Leaf | None = None
    """None when no handshake showed one."""
    resolvers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
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
    sightings: tuple[Sighting, ...] = ()
    body: bytes = b""
    """As received, for the log."""
