"""Rules of the bars of days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.insight.recent import DAYS, Day, Recent
from modpulse.collector.page.days import bars_of, level, served

T0_S = 1_800_000_000 // 86_400 * 86_400
OBJECTIVE = 0.999


@pytest.mark.parametrize(
    ("good", "failed", "expected"),
    [
        (0, 0, "unseen"), (100, 0, "good"), (99_900, 100, "good"), (99_000, 1_000, "fair"),
        (98_000, 2_000, "poor"), (90_000, 10_000, "poor"), (80_000, 20_000, "bad"), (0, 3, "bad"),
        (0, 2, "fair"), (7, 1, "fair"),
    ],
)  # fmt: skip
def test_a_day_by_its_budget(good: int, failed: int, expected: str) -> None:
    """A day is as bad as it used its budget; two failures make none a bad one."""
    assert level(Day(T0_S, good, failed), OBJECTIVE) == expected


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0.5, 0.9999))
def test_more_failures_are_never_better(good: int, failed: int, objective: float) -> None:
    """Whatever the numbers are."""
    order = ["good", "fair", "poor", "bad"]
    levels = [level(Day(T0_S, good + 1, failed + n), objective) for n in (0, 1, 1000)]

    assert levels == sorted(levels, key=order.index)


def test_what_was_not_read_says_nothing() -> None:
    """There are as many bars, without a way anywhere."""
    bars = bars_of("https://a", None, OBJECTIVE, 0)

    assert [(bar.level, bar.link) for bar in bars] == [("unseen", None)] * DAYS
    assert served(None) is None


def test_a_bar_leads_to_its_day() -> None:
    """Its label has the day, the share and the number; the link the proxy and the day."""
    recent = Recent((Day(T0_S, 999, 1), Day(T0_S + 86_400, 0, 0)), ())
    first, second = bars_of('https://a/"><b>', recent, OBJECTIVE, 0)

    assert first.label == "2027-01-15: 99.90 %, n = 1,000"
    assert first.link == (
        "/proxy?proxy=https%3A%2F%2Fa%2F%22%3E%3Cb%3E&since=2027-01-15&until=2027-01-16"
    )
    assert second.label == "2027-01-16: –"
    assert served(recent) == 0.999
