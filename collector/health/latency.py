"""
Latencies of one phase, old ones fading: a sketch whose buckets weigh less with age.

Forward decay: a sample of time t weighs 2^((t - t0) / half-life), fixed once and for all; a
quantile needs only ratios, so nothing is touched as time passes.
Source: Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model for
Streaming Systems", ICDE 2009, section III.
"""

from collections.abc import Callable, Mapping

from modpulse.agent.batch.sketch import MAX_BUCKET

MAX_HELD_BUCKETS = 512
"""Of one proxy and phase: five orders of magnitude at full precision. Beyond it the sketch is made
coarser: half of them stay."""
REBASE_HALF_LIVES = 64
"""Weights stay below 2^64; what is so much older than the newest weighs nothing."""


class FadingSketch:
    """Decayed bucket weights of one phase; bounded by the number of buckets."""

    __slots__ = ("_half_life_ns", "_origin_ns", "_weights")

    def __init__(self, half_life_ns: int) -> None:
        self._half_life_ns = half_life_ns
        self._origin_ns: int | None = None
        self._weights: dict[int, float] = {}

    def add(self, at_ns: int, buckets: Mapping[int, int]) -> None:
        """Add the samples of a window that ended at `at_ns`."""
        if self._origin_ns is None:
            self._origin_ns = at_ns
        age = (at_ns - self._origin_ns) / self._half_life_ns
        if age > REBASE_HALF_LIVES:
            self._rebase(at_ns, age)
            age = 0.0
        if age < -REBASE_HALF_LIVES:
            return
        weight = 2.0**age
        for bucket, count in buckets.items():
            self._weights[bucket] = self._weights.get(bucket, 0.0) + weight * count
        if len(self._weights) > MAX_HELD_BUCKETS:
            self._weights = coarser(self._weights, MAX_HELD_BUCKETS // 2)

    def quantile(self, q: float, value_of: Callable[[int], float]) -> float | None:
        """Return the value of the bucket that holds the quantile; None without samples."""
        return quantile(self._weights, q, value_of)

    def _rebase(self, at_ns: int, age: float) -> None:
        scale = 2.0 ** -min(age, 1000.0)
        self._origin_ns = at_ns
        faded = ((bucket, weight * scale) for bucket, weight in self._weights.items())
        self._weights = {bucket: weight for bucket, weight in faded if weight > 1e-9}


def coarser(buckets: Mapping[int, float], allowed: int) -> dict[int, float]:
    """Merge neighbours where there are more buckets: no count is lost, the scale is halved."""
    if len(buckets) <= allowed:
        return dict(buckets)
    span, width = max(buckets) - min(buckets), 2
    while span // width + 2 > allowed:
        width *= 2
    merged: dict[int, float] = {}
    for bucket, count in buckets.items():
        # A bucket includes its upper bound, so a group is named by its last one.
        group = min(-(-bucket // width) * width, MAX_BUCKET)
        merged[group] = merged[group] + count if group in merged else count
    return merged


def quantile(
    weights: Mapping[int, float], q: float, value_of: Callable[[int], float]
) -> float | None:
    """Return the value of the bucket that holds the quantile; None without samples."""
    wanted = q * sum(weights.values())
    below = 0.0
    found = None
    for bucket in sorted(weights):
        below += weights[bucket]
        found = bucket
        if below >= wanted:
            break
    return None if found is None else value_of(found)
