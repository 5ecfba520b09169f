"""Rules of the formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.health.beta import Beta
from modpulse.collector.health.score import (
    DAY_S,
    Formula,
    certificate_part,
    combine,
    latency_part,
    score,
    success_part,
)

FORMULA = Formula()


@pytest.mark.parametrize(
    ("latency_ms", "ratio", "days", "expected"),
    [(500, 0.95, 31, 0.825), (800, 0.90, 10, 0.4805), (2001, 0.80, 3, 0.05)],
)
def test_golden(latency_ms: float, ratio: float, days: float, expected: float) -> None:
    """The formula as founded, on raw ratios, gives the three values of the founding text."""
    actual = combine(
        success_part(ratio, FORMULA),
        latency_part(latency_ms, FORMULA),
        certificate_part(days * DAY_S, None, FORMULA),
        FORMULA,
    )

    assert expected == pytest.approx(actual, abs=5e-5)


@pytest.mark.parametrize(
    ("left_days", "lifetime_days", "expected"),
    [
        (31, 365, 1.0),  # by days
        (17, 47, 1.0),  # by share: 36 %
        (8, 47, 0.6),  # 17 % and more than 7 days
        (3, 6, 1.0),  # a 6-day certificate in mid-life is fine
        (1.5, 6, 0.6),
        (0.5, 6, 0.2),
        (31, 3650, 1.0),  # long ones: days decide
        (7, 90, 0.2),
        (-1, 90, 0.2),
    ],
)
def test_certificate_takes_the_better_rule(
    left_days: float, lifetime_days: float, expected: float
) -> None:
    """C is the better of days left and of the share of the lifetime left."""

    assert expected == certificate_part(left_days * DAY_S, lifetime_days * DAY_S, FORMULA)


def test_unknown_parts_are_left_out() -> None:
    """What is not known does not count, and the weights of the rest are renormalised."""

    assert pytest.approx((0.40 * 1.0 + 0.35 * 0.5) / 0.75) == combine(1.0, 0.5, None, FORMULA)
    assert combine(0.7, None, None, FORMULA) == pytest.approx(0.7)


def test_an_outage_still_scores_in_the_middle() -> None:
    """Everything refused in 5 ms scores 0.57: why the state is not decided by the sum."""

    assert pytest.approx(0.573, abs=0.001) == combine(0.0, latency_part(5, FORMULA), 1.0, FORMULA)


def test_interval_of_three_good_requests() -> None:
    """Three good requests on the prior are neither 0 nor 1, and the interval surrounds H."""
    actual = score(Beta(9.9, 0.1).after(3, 0), 100, 1.0, FORMULA)

    assert actual.low <= actual.h <= actual.high
    assert actual.label == "Healthy"


@given(
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.none() | st.floats(0, 1e6),
    st.none() | st.sampled_from([0.2, 0.6, 1.0]),
)
def test_score_stays_in_range(
    successes: float, failures: float, latency_ms: float | None, certificate: float | None
) -> None:
    """H and its interval stay in 0...1 and in order, whatever was seen."""
    actual = score(Beta(9.9, 0.1).after(successes, failures), latency_ms, certificate, FORMULA)

    assert 0 <= actual.low <= actual.high <= 1
    assert 0 <= actual.h <= 1


@given(st.floats(0, 5000), st.floats(0, 5000), st.floats(0, 1), st.floats(0, 1))
def test_score_is_monotone(x: float, y: float, p: float, q: float) -> None:
    """Slower is never better, and more success is never worse."""
    (fast, slow), (poor, good) = sorted((x, y)), sorted((p, q))

    assert latency_part(fast, FORMULA) >= latency_part(slow, FORMULA)
    assert success_part(poor, FORMULA) <= success_part(good, FORMULA)
