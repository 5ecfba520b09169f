"""
What one proxy was held responsible for, by minute, for three days.

Only what the judge counts against it: failures of a host's or a resolver's own are not here. Pure;
minutes are of 60 s since 1970 by the collector's clock.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MINUTE_S = 60
HOUR_MINUTES = 60
MAX_LEDGER_MINUTES = 3 * 24 * HOUR_MINUTES
"""As long as the longest window of a rule; 8 bytes each."""
MAX_COUNTED = (1 << 32) - 1


class Sums(NamedTuple):
    """Of some minutes."""

    good: int
    """Answers and ordinary misses."""
    bad: int

    @property
    def total(self) -> int:
        """With an outcome."""
        return self.good + self.bad

    @property
    def ratio(self) -> float:
        """Of failures; 0 without any request."""
        return self.bad / self.total if self.total else 0.0


Span = tuple[int, int]
"""From a minute until another, which is not of it."""


class Ledger:
    """Of one proxy."""

    __slots__ = ("_bad", "_classes", "_first", "_good")

    def __init__(self) -> None:
        self._first = 0
        self._good, self._bad = array("I"), array("I")
        self._classes: dict[str, dict[int, int]] = {}
        """Failures by class and hour."""

    @property
    def first(self) -> int | None:
        """The oldest minute; None without any."""
        return self._first if self._good else None

    @property
    def last(self) -> int | None:
        """The newest."""
        return self._first + len(self._good) - 1 if self._good else None

    def add(self, minute: int, good: int, failures: Mapping[str, int]) -> None:
        """Add to a minute; one that is older than all that are held is left out."""
        if not self._good:
            self._first = minute
        at = minute - self._first
        if at < 0:
            return
        if at >= len(self._good) + MAX_LEDGER_MINUTES:
            del self._good[:], self._bad[:]
            self._first, at = minute, 0
        more = at + 1 - len(self._good)
        if more > 0:
            self._good.extend([0] * more)
            self._bad.extend([0] * more)
        self._good[at] = min(self._good[at] + good, MAX_COUNTED)
        self._bad[at] = min(self._bad[at] + sum(failures.values()), MAX_COUNTED)
        hour = minute // HOUR_MINUTES
        for name, count in failures.items():
            by_hour = self._classes.setdefault(name, {})
            by_hour[hour] = by_hour.get(hour, 0) + count
        self._trim()

    def _trim(self) -> None:
        beyond = len(self._good) - MAX_LEDGER_MINUTES
        if beyond <= 0:
            return
        del self._good[:beyond], self._bad[:beyond]
        self._first += beyond
        first_hour = self._first // HOUR_MINUTES
        for name, by_hour in list(self._classes.items()):
            for hour in [hour for hour in by_hour if hour < first_hour]:
                del by_hour[hour]
            if not by_hour:
                del self._classes[name]

    def sums(self, span: Span, told: Iterable[Span] = ()) -> Sums:
        """Add up a span, without what lies in others, which do not overlap."""
        good, bad = self._sums(span)
        for other in told:
            less = self._sums((max(span[0], other[0]), min(span[1], other[1])))
            good, bad = good - less[0], bad - less[1]
        return Sums(good, bad)

    def _sums(self, span: Span) -> tuple[int, int]:
        first, until = max(0, span[0] - self._first), max(0, span[1] - self._first)
        if first >= until:
            return 0, 0
        return sum(self._good[first:until]), sum(self._bad[first:until])

    def of_class(self, name: str, from_minute: int, until_minute: int) -> int:
        """Return failures of a class, by whole hours that begin in a span."""
        hours = range(-(-from_minute // HOUR_MINUTES), -(-until_minute // HOUR_MINUTES))
        return sum(self._classes.get(name, {}).get(hour, 0) for hour in hours)

    def top_class(self, from_minute: int) -> tuple[str | None, bool]:
        """Return the most frequent class since the hour of a minute, and whether it is the only."""
        hour = from_minute // HOUR_MINUTES
        counts = {
            name: sum(count for at, count in by_hour.items() if at >= hour)
            for name, by_hour in self._classes.items()
        }
        found = sorted((name for name in counts if counts[name]), key=lambda n: (-counts[n], n))
        return (found[0] if found else None), len(found) == 1


def apart(spans: Iterable[Span]) -> list[Span]:
    """Return what some spans cover, each minute once."""
    found: list[Span] = []
    for first, until in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], until)
        else:
            found.append((first, until))
    return found
