"""
Two mirrors at the same hours and sites: a share or a percentile of each, and of their difference.

Each hour and site at which both were asked is a stratum; both are weighted alike, as Mantel and
Haenszel (1959) weight, so that a mirror used only at night is compared with the other's nights.
Intervals are Wilson's (1927) for shares, Woodruff's (1952) for percentiles: the interval of a share
carried through the distribution. That of the difference is made of both (MOVER; Zou and Donner
2008). All are widened by how much more blocks of time scatter than chance would: what lasts is one
piece of evidence, however many requests met it. Pure.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import exp, log, sqrt
from typing import Literal, NamedTuple

from modpulse.agent.batch.sketch import BUCKETS_PER_OCTAVE

from ..health.beta import Beta
from ..intake.fold import Stack

Verdict = Literal["higher", "lower", "alike", "unknown"]
"""Of B against A. `alike`: enough was seen, and it may be chance; `unknown`: too little was."""
MAX_BLOCKS = 28
"""Of time: a quarter of a day each, of a week."""
LEAST_BLOCKS = 5
"""Fewer do not tell how much they scatter."""
LEAST_REQUESTS = 30
"""Of each, at the same hours and sites."""
USUAL = 0.05
"""How often an interval of one value misses it."""
LEAST_BUCKETS = 1
"""Between two percentiles, 2.2 %: what is closer a sketch does not tell apart."""


class Counted(NamedTuple):
    """A share in one stratum: so many of so many, of A and of B. None of the totals is 0."""

    start_s: int
    a: int
    of_a: int
    b: int
    of_b: int


class Timed(NamedTuple):
    """Durations of A and of B in the strata in which both have any."""

    starts_s: list[int]
    a: Stack
    b: Stack


def timed_in(starts_s: Sequence[int], a: Stack, b: Stack) -> Timed:
    """Return the strata in which both were timed, of those that begin then."""
    both = zip(a.totals, b.totals, strict=True)
    picked = [n for n, (of_a, of_b) in enumerate(both) if of_a and of_b]
    return Timed([starts_s[n] for n in picked], a.picked(picked), b.picked(picked))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one mirror."""

    value: float
    low: float | None
    """95 % interval; None: too little was seen to say."""
    high: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Of both, at the same hours and sites."""

    a: Estimate
    b: Estimate
    difference: float
    """B less A of a share, B by A of a percentile."""
    low: float | None
    """Interval of the difference, so wide that of two equal mirrors most comparisons show no
    difference in any of their rows; None: too little was seen to say."""
    high: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Weighed:
    """How much the strata say."""

    weights: tuple[float, ...]
    total: float
    n_a: float
    """As many requests of one time and site would say as much of A."""
    n_b: float
    blocks: tuple[int, ...]
    """Of time, of each stratum."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """How sure blocks of time are."""

    freedom: int
    """Blocks less one; 0: there are too few to tell."""
    factor: float
    """How much more they scatter than a share of all requests would by chance."""


def shares(strata: Sequence[Counted], error: float) -> Pair | None:
    """
    Compare two shares.

    Args:
        strata: Those in which both were asked.
        error: How often the interval of the difference may miss it.

    Returns:
        None without a stratum.
    """
    if not strata:
        return None
    weighed = _weigh([(s.start_s, s.of_a, s.of_b) for s in strata])
    a = _mean(weighed, [s.a / s.of_a for s in strata])
    b = _mean(weighed, [s.b / s.of_b for s in strata])
    apart = [s.b / s.of_b - s.a / s.of_a for s in strata]
    spread = _spread(weighed, apart, _variance(a, weighed.n_a) + _variance(b, weighed.n_b))
    of_a, of_b = (
        Estimate(p, *_known(_wilson(p, n, spread, USUAL)))
        for p, n in ((a, weighed.n_a), (b, weighed.n_b))
    )
    wide_a = _known(_wilson(a, weighed.n_a, spread, error))
    wide_b = _known(_wilson(b, weighed.n_b, spread, error))
    low, high = _mover(a, wide_a, b, wide_b)
    enough = min(sum(s.of_a for s in strata), sum(s.of_b for s in strata)) >= LEAST_REQUESTS
    return Pair(of_a, of_b, b - a, low, high, _verdict(low, high, enough))


def percentiles(timed: Timed, quantiles: Sequence[float], error: float) -> list[Pair]:
    """
    Compare percentiles, in ns; none without a stratum.

    Args:
        timed: What of.
        quantiles: 0…1, each.
        error: How often the interval of a ratio may miss it.
    """
    if not timed.starts_s:
        return []
    totals = timed.a.totals, timed.b.totals
    weighed = _weigh(list(zip(timed.starts_s, *totals, strict=True)))
    of_a, of_b = (
        _Mixture(stack, [w / n for w, n in zip(weighed.weights, sizes, strict=True)])
        for stack, sizes in zip((timed.a, timed.b), totals, strict=True)
    )
    enough = min(map(sum, totals)) >= LEAST_REQUESTS
    found = []
    for q in quantiles:
        spread = _scatter(timed, totals, weighed, q, (of_a.place(q), of_b.place(q)))
        found.append(_percentile(of_a, of_b, weighed, spread, (q, error, enough)))
    return found


def _scatter(
    timed: Timed,
    totals: tuple[list[int], list[int]],
    weighed: _Weighed,
    q: float,
    at: tuple[float, float],
) -> _Spread:
    """Return how much the shares below a percentile scatter, of A's and of B's."""
    in_a, in_b = (
        [below / n for below, n in zip(stack.below(place), sizes, strict=True)]
        for stack, place, sizes in zip((timed.a, timed.b), at, totals, strict=True)
    )
    # Of a percentile chance within the strata counts: how these differ does not move it.
    chance = sum(
        w * w * (_within(a, n_a, q) + _within(b, n_b, q))
        for w, a, b, n_a, n_b in zip(weighed.weights, in_a, in_b, *totals, strict=True)
    )
    usual = _variance(q, weighed.n_a) + _variance(q, weighed.n_b)
    apart = [b - a for a, b in zip(in_a, in_b, strict=True)]
    return _spread(weighed, apart, usual, chance / weighed.total**2 / usual)


def _percentile(
    of_a: "_Mixture",
    of_b: "_Mixture",
    weighed: _Weighed,
    spread: _Spread,
    wanted: tuple[float, float, bool],
) -> Pair:
    """Return one; what is wanted: which, with what error, and whether there is enough."""
    q, error, enough = wanted
    estimates, wide = [], []
    for mixture, n in ((of_a, weighed.n_a), (of_b, weighed.n_b)):
        low, high = _woodruff(mixture, q, n, spread, USUAL)
        value = _ns(mixture.place(q))
        estimates.append(Estimate(value, *(None if x is None else _ns(x) for x in (low, high))))
        wide.append(_woodruff(mixture, q, n, spread, error))
    at_a, at_b = of_a.place(q), of_b.place(q)
    low, high = _mover(at_a, wide[0], at_b, wide[1])
    verdict = _verdict(low, high, enough)
    if verdict in ("higher", "lower") and abs(at_b - at_a) < LEAST_BUCKETS:
        verdict = "alike"
    ratios = [None if x is None else _ratio(x) for x in (low, high)]
    return Pair(estimates[0], estimates[1], _ratio(at_b - at_a), ratios[0], ratios[1], verdict)


class _Mixture:
    """The distribution of all strata, each with its weight."""

    def __init__(self, stack: Stack, weights: Sequence[float]) -> None:
        self._buckets, sums = stack.mixed(weights)
        self._below = list(accumulate(sums))

    def place(self, p: float) -> float:
        """Return where a share of it is below: buckets, with fractions within one."""
        wanted = p * self._below[-1]
        index = min(bisect_left(self._below, wanted), len(self._below) - 1)
        before = self._below[index - 1] if index else 0.0
        part = (wanted - before) / (self._below[index] - before)
        return self._buckets[index] - 1 + min(max(part, 0.0), 1.0)


def _weigh(sizes: Sequence[tuple[int, float, float]]) -> _Weighed:
    """Return what strata of (start, size of A, size of B) weigh."""
    weights = tuple(a * b / (a + b) for _, a, b in sizes)
    total = sum(weights)
    n_a = total**2 / sum(w * w / a for w, (_, a, _) in zip(weights, sizes, strict=True))
    n_b = total**2 / sum(w * w / b for w, (_, _, b) in zip(weights, sizes, strict=True))
    first = min(start_s for start_s, _, _ in sizes)
    span_s = max(start_s for start_s, _, _ in sizes) - first + 1
    blocks = tuple((start_s - first) * MAX_BLOCKS // span_s for start_s, _, _ in sizes)
    return _Weighed(weights, total, n_a, n_b, blocks)


def _mean(weighed: _Weighed, values: Sequence[float]) -> float:
    return sum(w * v for w, v in zip(weighed.weights, values, strict=True)) / weighed.total


def _variance(p: float, n: float) -> float:
    """Return that of a share by chance alone; never 0, for a share of 0 is not certain."""
    p = (p * n + 0.5) / (n + 1)
    return p * (1 - p) / n


def _within(share: float, n: float, q: float) -> float:
    """Return the variance of the share of a stratum that is below a percentile of all."""
    return share * (1 - share) / (n - 1) if n > 1 else q * (1 - q)


def _spread(
    weighed: _Weighed, apart: Sequence[float], by_chance: float, least: float = 1.0
) -> _Spread:
    mean = _mean(weighed, apart)
    sums: dict[int, float] = {}
    for block, weight, value in zip(weighed.blocks, weighed.weights, apart, strict=True):
        sums[block] = sums.get(block, 0.0) + weight * (value - mean)
    count = len(sums)
    if count < LEAST_BLOCKS:
        return _Spread(0, least)
    seen = count / (count - 1) * sum(value * value for value in sums.values()) / weighed.total**2
    return _Spread(count - 1, max(least, seen / by_chance))


def _wilson(p: float, n: float, spread: _Spread, error: float) -> tuple[float, float] | None:
    """Return the interval of a share; None where nothing tells how wide it is."""
    if not spread.freedom:
        return None
    n /= spread.factor
    t = student(spread.freedom, error)
    centre = (p + t * t / (2 * n)) / (1 + t * t / n)
    half = t / (1 + t * t / n) * sqrt(p * (1 - p) / n + t * t / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _woodruff(
    mixture: _Mixture, q: float, n: float, spread: _Spread, error: float
) -> tuple[float | None, float | None]:
    """Return where a percentile is, as a place; None where nothing was seen beyond it."""
    found = _wilson(q, n, spread, error)
    if found is None:
        return None, None
    low, high = found
    return (
        mixture.place(low) if low * n >= 1 else None,
        mixture.place(high) if (1 - high) * n >= 1 else None,
    )


def _known(interval: tuple[float, float] | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else interval


def _mover(
    a: float,
    of_a: tuple[float | None, float | None],
    b: float,
    of_b: tuple[float | None, float | None],
) -> tuple[float | None, float | None]:
    """Return the interval of b - a, from that of each."""
    (low_a, high_a), (low_b, high_b) = of_a, of_b
    low = high = None
    if low_b is not None and high_a is not None:
        low = b - a - sqrt((b - low_b) ** 2 + (high_a - a) ** 2)
    if high_b is not None and low_a is not None:
        high = b - a + sqrt((high_b - b) ** 2 + (a - low_a) ** 2)
    return low, high


def _verdict(low: float | None, high: float | None, enough: bool) -> Verdict:
    if enough and low is not None and low > 0:
        return "higher"
    if enough and high is not None and high < 0:
        return "lower"
    return "alike" if enough and low is not None and high is not None else "unknown"


@lru_cache(1024)
def student(freedom: int, error: float) -> float:
    """Return what |t| exceeds so often: Student's distribution, by the incomplete beta function."""
    x = Beta(freedom / 2, 0.5).quantile(error)
    return sqrt(freedom * (1 - x) / x)


def _ns(place: float) -> float:
    return 1e9 * exp(log(2) * place / BUCKETS_PER_OCTAVE)


def _ratio(places: float) -> float:
    return exp(log(2) * places / BUCKETS_PER_OCTAVE)
