"""
The early sign: a Bernoulli CUSUM for each failure class of a proxy.

Adds up, request by request, how much likelier what was seen is where the class has become frequent
than where it is as it was (Reynolds & Stoumbos, "A CUSUM chart for monitoring a proportion", 1999;
Page 1954). It needs no window, and weighs each failure by how rare it is. How high the sum must be
hangs on how many requests there are: so that chance alone reaches it once in ALARM_DAYS. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import NamedTuple

LEAST_USUAL, MOST_USUAL = 0.005, 0.2
"""What share of failures is taken for usual: a past without any is no proof, and a bad one ends."""
USUAL_TIMES = 2.0
"""Above its past by so much it is usual yet: days differ."""
LEAST_CHANGED, CHANGED_TIMES = 0.1, 4.0
"""What share is looked for: so large at least, and so many times the usual one."""
LEAST_HEIGHT = 8.2
"""Three failures in a row where none is usual."""
HEADROOM = 1.25
"""The sum grows no higher than so many heights, else it would hold long after the end."""
ALARM_DAYS = 90
MAX_CLASSES_WATCHED = 64
"""Of one proxy; there are thirty."""


class Odds(NamedTuple):
    """What a request adds, and how much is enough."""

    failure: float
    answer: float
    """Below 0."""
    height: float


def odds_of(usual: float, requests_a_day: float) -> Odds:
    """
    Return the weights of a class.

    Args:
        usual: Share of requests that failed so in the past.
        requests_a_day: That the proxy is asked.
    """
    before = min(max(USUAL_TIMES * usual, LEAST_USUAL), MOST_USUAL)
    after = max(LEAST_CHANGED, CHANGED_TIMES * before)
    failure, answer = log(after / before), log((1 - after) / (1 - before))
    # The run length until chance alone is as high: about e^height / drift (Page 1954; Siegmund).
    drift = -(before * failure + (1 - before) * answer)
    height = log(max(1.0, ALARM_DAYS * requests_a_day * drift))
    return Odds(failure, answer, max(LEAST_HEIGHT, height))


@dataclass(slots=True)
class Sum:
    """Of one class."""

    value: float = 0.0
    failed: int = 0
    """Since it was 0."""
    requests: int = 0

    def add(self, requests: int, failed: int, odds: Odds) -> None:
        """Add what was seen within some seconds, in whatever order it was."""
        self.requests += requests
        self.failed += failed
        self.value += failed * odds.failure + (requests - failed) * odds.answer
        self.value = min(self.value, HEADROOM * odds.height)
        if self.value <= 0:
            self.value, self.failed, self.requests = 0.0, 0, 0


class Cusums:
    """Of one proxy."""

    def __init__(self) -> None:
        self._sums: dict[str, Sum] = {}

    def reset(self) -> None:
        """Begin anew: people know."""
        self._sums.clear()

    def add(self, good: int, failures: Mapping[str, int], odds: Mapping[str, Odds]) -> None:
        """
        Add what was seen within some seconds.

        Args:
            good: Answers and ordinary misses.
            failures: By class.
            odds: Of each class that there is a sum of, or a failure.
        """
        total = good + sum(failures.values())
        for name in failures:
            if name not in self._sums and len(self._sums) < MAX_CLASSES_WATCHED:
                self._sums[name] = Sum()
        for name, held in list(self._sums.items()):
            held.add(total, failures.get(name, 0), odds[name])
            if not held.value:
                del self._sums[name]

    def classes(self) -> list[str]:
        """Return the classes of which there is a sum."""
        return list(self._sums)

    def highest(self, odds: Mapping[str, Odds]) -> tuple[str, Sum] | None:
        """Return the class that is highest beyond what is enough; None: none is."""
        beyond = {
            name: held.value / odds[name].height
            for name, held in self._sums.items()
            if held.value >= odds[name].height
        }
        if not beyond:
            return None
        name = max(beyond, key=lambda each: beyond[each])
        return name, self._sums[name]

    @property
    def is_quiet(self) -> bool:
        """Nothing adds up."""
        return not self._sums
