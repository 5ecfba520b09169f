"""
The Beta distribution: what is believed about a success ratio after some requests.

Knows nothing of proxies. Written out because two functions do not justify scipy.
"""

import math
from dataclasses import dataclass

TINY = 1e-300
"""Stands for zero in a denominator of the continued fraction."""
PRECISION = 1e-14
MAX_TERMS = 10_000
"""The fraction needs O(sqrt(max(a, b))) terms: enough for 10 million requests."""
QUANTILE_PRECISION, SMALLEST_STEP = 1e-9, 1e-16
"""How far from a quantile the search ends: of its distance from 0 and 1, near which the cdf can be
steep; and no less than doubles near 1 can tell."""
MAX_ROUNDS = 100
"""Of that search: it halves what is left at least in every second."""


@dataclass(frozen=True, slots=True)
class Beta:
    """A belief about a ratio; both parameters are positive."""

    a: float
    """Successes, counting the prior's."""
    b: float
    """Failures, counting the prior's."""

    @property
    def mean(self) -> float:
        """The expected ratio."""
        return self.a / (self.a + self.b)

    def after(self, successes: float, failures: float) -> "Beta":
        """Return the belief after more requests (conjugate update)."""
        return Beta(self.a + successes, self.b + failures)

    def cdf(self, x: float) -> float:
        """Return P(ratio < x)."""
        return regularized_incomplete_beta(self.a, self.b, x)

    def quantile(self, p: float) -> float:
        """
        Return the x with P(ratio < x) = p.

        By Newton's method on the cdf, whose slope costs nothing beside it; by bisection where a
        step would leave what is known to hold the quantile, or is no shorter than half of the last.
        """
        low, high, x, before = 0.0, 1.0, self.mean, 1.0
        for _ in range(MAX_ROUNDS):
            off = self.cdf(x) - p
            low, high = (x, high) if off < 0 else (low, x)
            slope = self._density(x)
            step = off / slope if slope > TINY else 1.0
            if not low < x - step < high or abs(step) > before / 2:
                step = x - (low + high) / 2
            x, before = x - step, abs(step)
            if before <= max(SMALLEST_STEP, QUANTILE_PRECISION * min(x, 1 - x)):
                break
        return x

    def _density(self, x: float) -> float:
        if not 0 < x < 1:
            return 0.0
        return math.exp(
            (self.a - 1) * math.log(x) + (self.b - 1) * math.log1p(-x) - _log_beta(self.a, self.b)
        )


def regularized_incomplete_beta(a: float, b: float, x: float) -> float:
    """
    Return I_x(a, b), the distribution function of Beta(a, b) at x.

    Source: DLMF 8.17.22 (the continued fraction) and 8.17.4 (the reflection, which keeps x on
    the side where the fraction converges fast).
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b))
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, 1 - x) / b


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Evaluate 1/(1+ d1/(1+ d2/(1+ ...))) by the modified Lentz method (DLMF 3.10(iii))."""
    c = 1.0
    d = 1 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            # A call for each would take a third of the time of judging a quiet proxy.
            d = 1 + term * d
            d = 1 / (TINY if -TINY <= d <= TINY else d)
            c = 1 + term / c
            c = TINY if -TINY <= c <= TINY else c
            value *= d * c
        if abs(d * c - 1) < PRECISION:
            break
    return value


def _nonzero(x: float) -> float:
    return x if abs(x) > TINY else TINY
