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
BISECTIONS = 60
"""Halvings of [0, 1]: below the spacing of doubles near 1."""


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
        """Return the x with P(ratio < x) = p, by bisection: the cdf is monotone."""
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if self.cdf(middle) < p:
                low = middle
            else:
                high = middle
        return (low + high) / 2


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
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    front = math.exp(log_front)
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, 1 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Evaluate 1/(1+ d1/(1+ d2/(1+ ...))) by the modified Lentz method (DLMF 3.10(iii))."""
    c = 1.0
    d = 1 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _nonzero(1 + term * d)
            c = _nonzero(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < PRECISION:
            break
    return value


def _nonzero(x: float) -> float:
    return x if abs(x) > TINY else TINY
