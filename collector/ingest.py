"""
From the bytes of a POST to an Arrival: decoded, attributed, bounded, on the collector's clock.

Knows nothing of HTTP or of the store. What is never acceptable is a RejectedError.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modpulse.agent.batch import Batch, BatchError, ProxyWindow, decode
from modpulse.agent.sketch import Sketch

from .arrival import Arrival, Leaf, Sighting
from .errors import RejectedError
from .evidence import BAD_CERTIFICATE, NOT_THE_PROXY, Counts

Identity = frozenset[str] | None
"""Names in the caller's certificate; None: a token, or nobody was asked."""

SKEW_IGNORED_NS = 2_000_000_000
"""`Date` has whole seconds, and a request some way to go."""


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
        return skew_ns if abs(skew_ns) > SKEW_IGNORED_NS else 0
