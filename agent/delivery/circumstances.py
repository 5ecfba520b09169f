"""
Requests of one proxy and window by what there was beside them: how many were in flight when each
began, and whether the same had been asked for before.

Knows nothing of records or of the wire's other rows. Pure.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from ..batch.batch import (
    FETCH_AGAIN,
    FETCH_FIRST,
    IN_FLIGHT,
    MAX_CIRCUMSTANCES,
    Outcomes,
)
from ..batch.shares import Shares


class Beside(NamedTuple):
    """One request."""

    at_ns: int
    end_ns: int
    """Not of it."""
    outcome: str
    bucket: int | None
    """Of its time to first byte, of an answer with 200."""
    is_again: bool | None
    """Whether it was answered with the same before; None: the URL names no module."""


_ALONE = IN_FLIGHT[1]


def _among(running: int) -> str:
    return next(name for least, name in IN_FLIGHT.items() if running >= least)


def by_circumstance(requests: Sequence[Beside]) -> tuple[Outcomes, ...]:
    """Return the rows; those that ended in another window are in flight in none of these."""
    shares = Shares(MAX_CIRCUMSTANCES)
    begins = sorted(one.at_ns for one in requests)
    ends = sorted(one.end_ns for one in requests)
    for one in requests:
        running = bisect_right(begins, one.at_ns) - bisect_right(ends, one.at_ns)
        # One that took no time has ended when it began.
        name = _ALONE if running <= 1 else _among(running)
        shares.count(name, one.outcome, one.bucket)
        if one.is_again is not None:
            again = FETCH_AGAIN if one.is_again else FETCH_FIRST
            shares.count(again, one.outcome, one.bucket)
    return shares.rows()
