"""Rules of the Beta distribution, against values of the literature and of exact integrals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.health.beta import Beta, regularized_incomplete_beta


@pytest.mark.parametrize(
    ("a", "b", "x", "expected"),
    [
        (1, 1, 0.3, 0.3),  # uniform
        (2, 2, 0.5, 0.5),  # symmetric
        (2, 1, 0.7, 0.49),  # x^a
        (1, 3, 0.2, 1 - 0.8**3),  # 1 - (1-x)^b
        (5, 3, 0.6, 0.419904),  # P(Binomial(7, 0.6) >= 5)
        (0.5, 0.5, 0.25, 1 / 3),  # arcsine law: 2/pi asin(sqrt(x))
        (10, 0.5, 0.9, 0.15164090),  # Abramowitz and Stegun 26.5, by numeric integration
        (58, 1, 0.95, 0.95**58),
    ],
)
def test_cdf_known_values(a: float, b: float, x: float, expected: float) -> None:
    """The distribution function agrees with closed forms."""

    assert expected == pytest.approx(regularized_incomplete_beta(a, b, x), abs=1e-7)


def test_cdf_is_bounded_outside_the_unit_interval() -> None:
    """A ratio is never below 0 or above 1."""

    assert (Beta(2, 3).cdf(-1), Beta(2, 3).cdf(1.5)) == (0.0, 1.0)


def test_zero_failures_needed_for_95_percent() -> None:
    """58 good requests put the lower 5 % quantile of Beta(1, 1) above 0.95 (health.md)."""

    assert Beta(1, 1).after(58, 0).quantile(0.05) >= 0.95 > Beta(1, 1).after(57, 0).quantile(0.05)


@given(
    st.floats(0.05, 1e6),
    st.floats(0.05, 1e6),
    st.floats(0.001, 0.999),
)
def test_quantile_inverts_cdf(a: float, b: float, p: float) -> None:
    """The cdf at a quantile is its probability, unless the quantile is 0 or 1 in doubles."""
    x = Beta(a, b).quantile(p)

    assert x < 1e-12 or x > 1 - 1e-12 or abs(Beta(a, b).cdf(x) - p) < 1e-4


@given(st.floats(0.05, 1e5), st.floats(0.05, 1e5), st.floats(0, 1), st.floats(0, 1))
def test_cdf_is_monotone(a: float, b: float, x: float, y: float) -> None:
    """More ratio is never less probability."""
    low, high = sorted((x, y))

    assert Beta(a, b).cdf(low) <= Beta(a, b).cdf(high) + 1e-9
