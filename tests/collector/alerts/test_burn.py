"""Rules of how fast a proxy spends its error budget."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.burn import FAST, SLOW, Burn, burning, by_chance, never
from modpulse.collector.alerts.ledger import Ledger

OBJECTIVE = 0.9995
NOW = 10_000
BOTH = (*FAST, *SLOW)


def ledger(*stretches: tuple[int, float, float]) -> Ledger:
    """Of (minutes, requests a minute, share that fails), up to NOW; counts are spread evenly."""
    held, at = Ledger(), NOW + 1 - sum(minutes for minutes, _, _ in stretches)
    good = bad = 0.0
    for minutes, requests, share in stretches:
        for _ in range(minutes):
            good, bad = good + requests * (1 - share), bad + requests * share
            held.add(at, int(good), {"http.5xx": int(bad)} if int(bad) else {})
            good, bad, at = good % 1, bad % 1, at + 1
    return held


def found(held: Ledger, pairs=FAST, told=()) -> Burn | bool | None:
    """What a rule says at NOW."""
    return burning(held, pairs, OBJECTIVE, told, NOW)


@pytest.mark.parametrize(
    ("share", "minutes", "fast", "slow"),
    [
        (0.0004, 1440, False, False),
        (0.02, 2, False, False),
        (0.02, 30, True, False),
        (0.0025, 60, False, False),
        (0.0025, 1200, False, True),
    ],
)
def test_how_much_for_how_long(share: float, minutes: int, fast: bool, slow: bool) -> None:
    """A failing share counts by how many times the budget it is, and for how long."""
    held = ledger((3 * 1440 - minutes, 100, 0), (minutes, 100, share))

    assert isinstance(found(held, FAST), Burn) is fast
    assert isinstance(found(held, SLOW), Burn) is slow


def test_what_is_over_burns_no_more() -> None:
    """The short window ends it; that nobody asks proves nothing."""
    over = ledger((1000, 100, 0), (30, 100, 0.02), (31, 100, 0))
    silent = ledger((1000, 100, 0), (30, 100, 0.02), (31, 0, 0))

    assert found(over) is False
    assert found(silent) is None
    assert found(Ledger()) is None


def test_an_outage_of_a_quiet_proxy_is_told() -> None:
    """One request in twenty minutes, all fail: no least traffic hides it."""
    held = Ledger()
    for minute in range(NOW - 3000, NOW + 1, 20):
        failing = minute > NOW - 70
        held.add(minute, not failing, {"tcp.refused": 1} if failing else {})

    assert isinstance(found(held), Burn)


@given(st.integers(0, 6 * 60), st.floats(0.05, 50))
def test_a_single_failure_tells_nobody(ago: int, requests: float) -> None:
    """Whenever it was, however few requests there are."""
    held = ledger((3000, requests, 0))
    held.add(NOW - ago, 0, {"http.5xx": 1})

    assert not isinstance(found(held, BOTH), Burn)


@given(st.integers(1, 400), st.floats(1, 200))
def test_an_outage_is_never_missed(minutes: int, requests: float) -> None:
    """Whoever asks a request a minute or more, and is served none for six minutes, is told."""
    held = ledger((3000, requests, 0), (minutes, requests, 1))

    assert isinstance(found(held), Burn) or minutes < 6


def test_what_was_told_does_not_burn() -> None:
    """An outage that was told by its state is not told again by what it cost."""
    held = ledger((3000, 100, 0), (20, 100, 1), (10, 100, 0))
    told = [(NOW - 30, NOW - 9)]

    assert isinstance(burning(held, BOTH, OBJECTIVE, (), NOW), Burn)
    assert burning(held, BOTH, OBJECTIVE, told, NOW) is False


@pytest.mark.parametrize(("objective", "pair"), [(0.9, FAST[0]), (0.93, FAST[0]), (0.94, None)])
def test_objectives_that_can_never_be_missed(objective: float, pair: object) -> None:
    """14.4 times 10 % are more failures than there are requests."""
    assert never(objective) == pair


@given(st.integers(0, 400), st.floats(0.001, 400))
def test_the_tail_of_poisson(count: int, mean: float) -> None:
    """As summed in logarithms."""
    below = sum(
        math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))
        for number in range(count)
    )

    assert by_chance(count, mean) == pytest.approx(max(0.0, 1 - below), abs=0.02)
