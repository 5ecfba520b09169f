"""What is said about one proxy: the value that pages, metrics and alerts are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..intake.arrival import Counts
from .causes import Cause
from .confidence import Confidence
from .consistency import ContentFinding
from .evidence import Evidence
from .memory import ShownCertificate
from .scope import Scope
from .score import Score
from .state import Track
from .worst import WorstRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said about one proxy; times in ns since 1970, latencies in ms."""

    proxy: str
    track: Track
    scope: Scope
    score: Score | None
    """None without requests."""
    evidence: Evidence
    """Without the agents whose failures are their own."""
    seen: Evidence
    """With everybody's."""
    agents: int
    """That asked within the last hour."""
    own: Evidence | None = None
    """Of those whose failures are not held against it; None where nobody's are."""
    quantiles_ms: Mapping[str, Mapping[str, float]]
    """Phase to p50, p95, p99; phases that were not seen lately are left out."""
    certificate_left_s: float | None
    certificate_part: float | None
    """C of the score, also where there is no score."""
    last_seen_ns: int | None
    confidence: Confidence | None = None
    """None without requests."""
    settled: tuple[tuple[int, Counts], ...] = ()
    """What it is held responsible for, by slots that are newly complete, oldest first."""
    failing: int = 0
    """Agents that saw what counts against it, within ten minutes."""
    causes: tuple[Cause, ...] = ()
    """Failure classes that have a scope of their own, beside the scope of all."""
    contents: tuple[ContentFinding, ...] = ()
    """Versions of modules that it does not serve as others do; nothing of its state."""
    worst: tuple[WorstRequest, ...] = ()
    """Failures of the last day, the newest first, then what took longest: examples."""
    certificates: tuple[ShownCertificate, ...] = ()
    """As far as they are remembered, in the order in which they were seen first."""
