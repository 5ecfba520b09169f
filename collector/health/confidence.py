"""
How sure what is said of a proxy is: it falls with losses, with few requests and with one witness.

Pure. A number to compare by, a word to act on, and the facts in words.
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["high", "medium", "low"]
HIGH, MEDIUM = 0.75, 0.5
"""At least."""
FEW_REQUESTS = 20
"""Told in words: fewer."""
HALF_REQUESTS = 5
"""As many requests make half of what is to be known."""
LOSS_WEIGHT = 0.8
"""Where every window lost events a fifth is left: failures are what is lost in a hurry."""
ALONE_WEIGHT = 0.8
"""Where a single host asks."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The facts."""

    requests: int
    windows: int
    lossy_windows: int
    """Of these, those that lost events."""
    hosts: int
    """That asked lately."""
    lossy_hosts: int
    """Of these, those that lost events."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """In what is said of one proxy."""

    value: float
    """0…1."""
    level: Level
    words: str
    """Why; empty where nothing speaks against it."""


def confidence(seen: Seen) -> Confidence | None:
    """Return how sure it is; None without requests."""
    if not seen.requests:
        return None
    lost = seen.lossy_windows / seen.windows if seen.windows else 0.0
    value = seen.requests / (seen.requests + HALF_REQUESTS) * (1 - LOSS_WEIGHT * lost)
    reasons = []
    if seen.lossy_hosts:
        reasons.append(f"{seen.lossy_hosts} of {_hosts(seen.hosts)} lost events")
    if seen.requests < FEW_REQUESTS:
        reasons.append(f"only {seen.requests} request{'s' * (seen.requests > 1)}")
    if seen.hosts == 1:
        value *= ALONE_WEIGHT
        reasons.append("one host alone asks")
    level: Level = "high" if value >= HIGH else "medium" if value >= MEDIUM else "low"
    words = f"confidence {level}: {'; '.join(reasons)}" if reasons else ""
    return Confidence(value, level, words)


def _hosts(count: int) -> str:
    return f"{count} host{'s' * (count != 1)}"
