"""Rules of what two mirrors differ in, at the same hours and sites."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.sketch import RELATIVE_ERROR, Sketch
from modpulse.collector.insight.matched import (
    LEAST_BLOCKS,
    Counted,
    Timed,
    percentiles,
    shares,
    student,
    timed_in,
)
from modpulse.collector.intake.fold import Stack

HOUR_S = 3600
BUCKETS = st.dictionaries(st.integers(-957, 640), st.integers(1, 1000), min_size=1, max_size=8)


def timed(strata: list[tuple[int, dict[int, int], dict[int, int]]]) -> Timed:
    """Return strata of (start, durations of A, of B)."""
    of_a, of_b = (Stack([[Sketch(each[side]).to_bytes()] for each in strata]) for side in (1, 2))
    return timed_in([start_s for start_s, _, _ in strata], of_a, of_b)


@pytest.mark.parametrize(
    ("freedom", "error", "expected"),
    [(1, 0.05, 12.706), (4, 0.05, 2.7764), (9, 0.001, 4.7809), (27, 0.01, 2.7707)],
)
def test_student(freedom: int, error: float, expected: float) -> None:
    """The values are those of any table of the t distribution."""
    assert student(freedom, error) == pytest.approx(expected, rel=1e-4)


@given(BUCKETS, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_that_of_the_sketch(buckets: dict[int, int], q: float) -> None:
    """Of one stratum it lies in the bucket that the sketch has it in, or at its border."""
    (pair,) = percentiles(timed([(0, buckets, {0: 1})]), [q], 0.05)
    by_rank = Sketch(buckets).quantile(q) or 0.0

    if by_rank:
        assert pair.a.value == pytest.approx(by_rank, rel=2.1 * RELATIVE_ERROR)


@given(st.lists(st.tuples(st.integers(0, 10**9), BUCKETS, BUCKETS), max_size=12))
def test_any_durations(strata: list[tuple[int, dict[int, int], dict[int, int]]]) -> None:
    """Whatever was seen, values lie in their intervals, and what is told agrees with these."""
    pairs = percentiles(timed(strata), [0.5, 0.95], 0.01)

    assert len(pairs) == 2 * bool(strata)
    for pair in pairs:
        for value, low, high in (
            (pair.a.value, pair.a.low, pair.a.high),
            (pair.b.value, pair.b.low, pair.b.high),
            (pair.difference, pair.low, pair.high),
        ):
            assert low is None or low <= value * 1.0001
            assert high is None or value <= high * 1.0001
        assert pair.verdict != "higher" or (pair.low or 0) > 1
        assert pair.verdict != "lower" or (pair.high or 2) < 1


COUNTED = st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)).map(
    lambda pair: (min(pair), max(pair))
)


@given(st.lists(st.tuples(st.integers(0, 10**9), COUNTED, COUNTED), max_size=12))
def test_any_counts(
    strata: list[tuple[int, tuple[int, int], tuple[int, int]]],
) -> None:
    """Whatever was counted, shares are from 0 to 1 and lie in their intervals."""
    pair = shares([Counted(at, *a, *b) for at, a, b in strata], 0.01)

    assert (pair is None) == (not strata)
    if pair is not None:
        for each in (pair.a, pair.b):
            assert -1e-9 <= each.value <= 1 + 1e-9
            assert each.low is None or each.low <= each.value + 1e-9
            assert each.high is None or each.value <= each.high + 1e-9
        assert pair.difference == pytest.approx(pair.b.value - pair.a.value)


def test_weights() -> None:
    """An hour counts by what both say of it: one in which B was hardly asked counts little."""
    busy, rare = Counted(0, 90, 100, 100, 100), Counted(HOUR_S, 0, 100, 1, 1)
    pair = shares([busy, rare], 0.05)

    assert pair is not None
    assert pair.a.value == pytest.approx((50 * 0.9 + 100 / 101 * 0.0) / (50 + 100 / 101))


def test_few_blocks_of_time() -> None:
    """However many requests there were, what happened at few times may not happen again."""
    strata = [Counted(n * HOUR_S, 10_000, 10_000, 5_000, 10_000) for n in range(LEAST_BLOCKS)]
    before, after = shares(strata[1:], 0.05), shares(strata, 0.05)

    assert before is not None
    assert after is not None
    assert (before.verdict, before.low, after.verdict) == ("unknown", None, "lower")


def test_what_was_not_seen_beyond_a_percentile() -> None:
    """Of 60 durations nobody knows how far the p99 may be above: too little, not alike."""
    strata = timed([(n * HOUR_S, {0: 6}, {0: 6}) for n in range(10)])
    pair, middle = percentiles(strata, [0.99, 0.5], 0.05)

    assert (pair.verdict, pair.high, middle.verdict) == ("unknown", None, "alike")


def test_neighbouring_buckets() -> None:
    """Less than a bucket apart is no difference, however often it was seen."""
    strata = timed([(n * HOUR_S, {0: 500, 1: 500}, {0: 300, 1: 700}) for n in range(24)])
    (pair,) = percentiles(strata, [0.5], 0.05)

    assert (pair.verdict, pair.difference > 1.002) == ("alike", True)
