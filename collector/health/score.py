"""
The formula of docs/health.md: H = 0.40 S + 0.35 R + 0.25 C, each part and H in 0...1.

Knows nothing of windows, gates or where the numbers come from.
"""

import math
from dataclasses import dataclass

from modpulse.agent.service.keys import number

from .beta import Beta

DAY_S = 86_400
INTERVAL_LOW, INTERVAL_HIGH = 0.05, 0.95
"""The central 90 %."""
MAX_STEPS = 700.0
"""Widths above the middle: R is below 1e-300 there, and a little further exp() overflows."""
CERTIFICATE_GOOD, CERTIFICATE_SOON, CERTIFICATE_LOW = 1.0, 0.6, 0.2
LIFETIME_GOOD, LIFETIME_SOON = 1 / 3, 1 / 6
"""Shares of a certificate's lifetime left; ACME clients renew with a third left."""


LATENCIES_S = (0.001, 600)
"""What a latency may be."""


@dataclass(frozen=True, slots=True)
class Formula:
    """Weights and knees of the formula."""

    weight_success: float = number(0.40, 0.01, 1)
    weight_latency: float = number(0.35, 0, 1)
    weight_certificate: float = number(0.25, 0, 1)
    success_zero: float = number(0.80, 0, 0.99)
    """Success ratio at which S is 0."""
    success_one: float = number(0.95, 0.01, 1)
    """Success ratio from which S is 1."""
    latency_middle_seconds: float = number(0.5, *LATENCIES_S)
    """Latency at which R is 0.5."""
    latency_width_seconds: float = number(0.2, *LATENCIES_S)
    latency_limit_seconds: float = number(2.0, *LATENCIES_S)
    """Above it R is 0."""
    certificate_good_days: float = number(30.0, 0.01, 3660)
    certificate_soon_days: float = number(7.0, 0.01, 3660)


@dataclass(frozen=True, slots=True)
class Score:
    """The headline of one proxy; a part that is not known is None and left out of H."""

    h: float
    low: float
    """H at the 5 % quantile of the success ratio."""
    high: float
    """H at the 95 % quantile."""
    s: float
    r: float | None
    c: float | None

    @property
    def label(self) -> str | None:
        """`Healthy` above 0.85, else None."""
        return "Healthy" if self.h > 0.85 else None


def success_part(ratio: float, formula: Formula) -> float:
    """Return S: linear between the two knees."""
    span = formula.success_one - formula.success_zero
    return min(1.0, max(0.0, (ratio - formula.success_zero) / span))


def latency_part(latency_ms: float, formula: Formula) -> float:
    """Return R: a logistic curve, 0 above the limit."""
    latency_s = latency_ms / 1000
    if latency_s > formula.latency_limit_seconds:
        return 0.0
    steps = (latency_s - formula.latency_middle_seconds) / formula.latency_width_seconds
    return 1 / (1 + math.exp(min(steps, MAX_STEPS)))


def certificate_part(left_s: float, lifetime_s: float | None, formula: Formula) -> float:
    """
    Return C: the better of fixed days left and of the share of the lifetime left.

    Args:
        left_s: Seconds until the certificate expires; negative when it has.
        lifetime_s: From not_before to not_after; None when only the end is known.
    """
    days = left_s / DAY_S
    share = left_s / lifetime_s if lifetime_s and lifetime_s > 0 else 0.0
    if days > formula.certificate_good_days or share > LIFETIME_GOOD:
        return CERTIFICATE_GOOD
    if days > formula.certificate_soon_days or share > LIFETIME_SOON:
        return CERTIFICATE_SOON
    return CERTIFICATE_LOW


def combine(s: float, r: float | None, c: float | None, formula: Formula) -> float:
    """Return H: the weighted mean of the parts that are known."""
    parts = (
        (s, formula.weight_success),
        (r, formula.weight_latency),
        (c, formula.weight_certificate),
    )
    known = [(part, weight) for part, weight in parts if part is not None]
    return sum(part * weight for part, weight in known) / sum(weight for _, weight in known)


def score(
    success: Beta, latency_ms: float | None, certificate: float | None, formula: Formula
) -> Score:
    """
    Score one proxy, with the 90 % interval of its success ratio carried through the formula.

    Args:
        success: The belief about its success ratio.
        latency_ms: p95 time to first byte of small endpoints; None when none was answered 200.
        certificate: C; None when no certificate was seen.
    """
    r = None if latency_ms is None else latency_part(latency_ms, formula)

    def at(ratio: float) -> float:
        return combine(success_part(ratio, formula), r, certificate, formula)

    return Score(
        h=at(success.mean),
        low=at(success.quantile(INTERVAL_LOW)),
        high=at(success.quantile(INTERVAL_HIGH)),
        s=success_part(success.mean, formula),
        r=r,
        c=certificate,
    )
