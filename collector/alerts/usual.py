"""
The founding rule, `dynamic`: a value is odd above mean + 2 σ of a sliding window.

By its nature it calls one ordinary period of forty odd, and learns an outage within the window that
it is in: it is there for who wants it, and off else. Pure.
"""

from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import NamedTuple

PERIOD_MINUTES = 5
MAX_PERIODS = 288
"""A day."""
LEAST_PERIODS = 24
"""Two hours: from fewer nothing is usual."""
TIMES = 2.0
"""How many σ above the mean."""


class Odd(NamedTuple):
    """A value that is too high."""

    value: float
    limit: float


def odd(values: Sequence[float | None]) -> Odd | bool | None:
    """
    Return whether the last value is odd by those before it.

    Args:
        values: Of periods, oldest first; None where nobody asked.

    Returns:
        False: it is not; None: nobody knows.
    """
    *past, last = values or (None,)
    known = [value for value in past[-MAX_PERIODS:] if value is not None]
    if last is None or len(known) < LEAST_PERIODS:
        return None
    limit = fmean(known) + TIMES * pstdev(known)
    return Odd(last, limit) if last > limit else False
