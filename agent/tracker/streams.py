"""
HTTP/2 streams of one round trip that gave no answer: net/http asks again, for a minute and more.

On one connection it waits twice as long each time, and gives up after the eighth; where the
connection ends, it begins anew on the next. Source: x/net/http2, Transport.RoundTripOpt.
"""

from dataclasses import dataclass

from ..events.events import GoError
from ..service.units import NS
from .cause import Cause
from .networkcause import network_cause

_JITTER = 1.1
_DOUBLINGS = 5
_MADE_WITHIN_NS = NS
"""To ask again takes so long, with a new connection, on a machine that is busy."""


@dataclass(slots=True)
class FailedStreams:
    """Those of one round trip."""

    since_ns: int
    """When it began."""
    at_ns: int = 0
    """When the latest failed."""
    error: GoError | None = None
    """What that failed with."""
    count: int = 0
    in_a_row: int = 0
    """On one connection."""

    def add(self, at_ns: int, error: GoError | None) -> None:
        """One more failed."""
        self.at_ns, self.error = at_ns, error
        self.count += 1
        self.in_a_row += 1

    def cause(self, at_ns: int) -> Cause | None:
        """Say what it fails with; None once it must have asked again, and waits for an answer."""
        doublings = min(self.in_a_row - 2, _DOUBLINGS)
        pause_ns = 0 if doublings < 0 else NS * _JITTER * (1 << doublings)
        if self.error is None or at_ns - self.at_ns > pause_ns + _MADE_WITHIN_NS:
            return None
        return self.counted(network_cause(self.error, from_peer=True), at_ns)

    def counted(self, cause: Cause, at_ns: int) -> Cause:
        """Add how often it was asked for; once goes without saying."""
        if self.count < 2:
            return cause
        seconds = (at_ns - self.since_ns) / NS
        words = f"{cause.words}; go asked again and again, {self.count} times in {seconds:.1f} s"
        return cause._replace(words=words)
