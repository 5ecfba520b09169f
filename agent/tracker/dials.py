"""
Dials of a process: the addresses that were tried for a request, and what became of each.
"""

from dataclasses import dataclass

from ..events.events import GoError
from ..records.records import Outcome
from .cause import is_cancelled
from .networkcause import network_cause

_OUTCOMES: dict[str, Outcome] = {
    "tcp.refused": "refused",
    "tcp.timeout": "timeout",
    "tcp.reset": "reset",
    "tcp.unreachable": "unreachable",
}


@dataclass(slots=True, eq=False)
class Attempt:
    """One address that was tried for one hop of a request."""

    address: str | None
    port: int
    at_ns: int
    goid: int
    parent_goid: int | None
    """None where not known, and where it is the request's own goroutine."""
    end_ns: int | None = None
    cookie: int | None = None
    error: GoError | None = None
    """Of the dial; None while under way and when it was established."""

    @property
    def is_established(self) -> bool:
        """Whether the address was reached."""
        return self.end_ns is not None and self.error is None

    @property
    def outcome(self) -> Outcome | None:
        """What became of it; None while it is under way."""
        if self.end_ns is None:
            return None
        return "established" if self.error is None else outcome_of(self.error)

    @property
    def errno(self) -> int | None:
        """The number of the system call's error, where that ended it."""
        if self.error is None or self.error.types[-1] != "syscall.Errno":
            return None
        return int.from_bytes(self.error.leaf[:8], "little")


def outcome_of(error: GoError) -> Outcome:
    """Name what a dial failed with."""
    if is_cancelled(error):
        return "cancelled"
    return _OUTCOMES.get(network_cause(error)[0], "unreachable")


@dataclass(frozen=True, slots=True)
class Way:
    """What a dial is for, as the request says that caused it."""

    host: str
    """Whom the request asks, without the port."""
    via: str | None
    """`host:port` dialled, where that is not whom the request asks."""


@dataclass(slots=True)
class Dial:
    """One call of dialTCP under way."""

    host: str
    """As asked for, without the port."""
    port: int
    address: str | None
    at_ns: int
    lookup_at_ns: int | None
    paid_by: str | None
    """Id of the request that caused it."""
    attempt: Attempt | None = None
    way: Way | None = None
    cookie: int | None = None
