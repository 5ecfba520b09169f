"""Rules of the early sign: how soon, and how seldom by chance."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.cusum import ALARM_DAYS, HEADROOM, Cusums, odds_of

NAME = "http.5xx"
DAY_MINUTES = 1440


def minutes_until(requests: int, share: float, seed: int, most: int = 10_000) -> int | None:
    """How many minutes it takes, of a proxy that never failed before."""
    chance, held = random.Random(seed), Cusums()
    odds = {NAME: odds_of(0.0, requests * DAY_MINUTES)}
    for minute in range(1, most):
        failed = sum(chance.random() < share for _ in range(requests))
        held.add(requests - failed, {NAME: failed} if failed else {}, odds)
        if held.highest(odds):
            return minute
    return None


@pytest.mark.parametrize(
    ("requests", "share", "most"),
    [(1, 1.0, 4), (1, 0.5, 9), (1, 0.2, 32), (5, 0.2, 7), (5, 0.08, 34), (100, 0.05, 6)],
)
def test_how_soon(requests: int, share: float, most: int) -> None:
    """Minutes until it is seen, the median of 99 runs."""
    times = [minutes_until(requests, share, seed) or 10_000 for seed in range(99)]

    assert median(times) <= most


@pytest.mark.parametrize("requests", [1, 20])
def test_how_seldom_by_chance(requests: int) -> None:
    """At the share that is taken for usual, an alarm in ALARM_DAYS; here four times as often."""
    seeds = range(8)
    days = [minutes_until(requests, 0.005, seed, DAY_MINUTES * 20) for seed in seeds]

    assert sum(found is not None for found in days) <= len(seeds) * 20 / ALARM_DAYS * 4


@given(st.floats(0, 1), st.floats(0, 1e8))
def test_odds_have_a_sense(usual: float, requests_a_day: float) -> None:
    """Failures speak for a change, answers against it, and usual requests let the sum fall."""
    odds = odds_of(usual, requests_a_day)

    assert odds.failure > 0 > odds.answer
    assert odds.height >= 8
    assert 0.005 * odds.failure + 0.995 * odds.answer < 0 or usual > 0.0025


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=50))
def test_the_sum_is_bounded(seen: list[tuple[int, int]]) -> None:
    """However long it goes on, it can come back; and it is never below 0."""
    odds, held = {NAME: odds_of(0.0, 1000)}, Cusums()
    for good, failed in seen:
        held.add(good, {NAME: failed} if failed else {}, odds)
        highest = held.highest(odds)
        assert highest is None or highest[1].value <= HEADROOM * odds[NAME].height

    held.add(10_000, {}, odds)
    assert held.is_quiet
