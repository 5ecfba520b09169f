"""Rules of `dynamic`: mean + 2 σ of a sliding window."""

from modpulse.collector.alerts.usual import LEAST_PERIODS, Odd, odd

CALM = [10.0, 12.0] * LEAST_PERIODS


def test_above_two_sigma_is_odd() -> None:
    """Of 10 and 12 the mean is 11 and σ 1: 13.1 is odd, 13 is not."""
    assert odd([*CALM, 13.1]) == Odd(13.1, 13.0)
    assert odd([*CALM, 13.0]) is False


def test_of_little_nothing_is_usual() -> None:
    """A young proxy, a period in which nobody asked, and no period at all: nobody knows."""
    assert odd([1.0] * LEAST_PERIODS) is None
    assert odd([None] * 100 + [1.0]) is None
    assert odd([*CALM, None]) is None
    assert odd([]) is None


def test_gaps_are_no_zeros() -> None:
    """Periods in which nobody asked do not count."""
    assert odd([*CALM, *[None] * 50, 13.1]) == Odd(13.1, 13.0)
