"""
What is remembered of one proxy beside its history, as a value: nothing of it is evidence. Pure.
"""

from dataclasses import dataclass

from ..intake.arrival import Leaf
from .worst import WorstRequest


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """One certificate that a proxy showed, and when it did first and last (ns since 1970)."""

    leaf: Leaf
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one proxy; times in ns of the collector's clock."""

    min_ttl_s: int | None = None
    """The smallest of DNS; None while no answer was seen."""
    certificates: tuple[ShownCertificate, ...] = ()
    """In the order in which they were seen first."""
    worst: tuple[WorstRequest, ...] = ()
    """Failures, the newest first, then what took longest."""
