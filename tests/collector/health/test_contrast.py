"""Rules of what is inside and outside of a set."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.health.contrast import LATE_SLOTS, begin_of, contrast, gain_of

COUNTS = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(
    lambda pair: (max(pair), min(pair))
)


@given(COUNTS, COUNTS)
def test_two_ratios_never_explain_less_than_one(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    """The gain is never negative, and nothing where both ratios are the same."""
    assert gain_of(*one, *other) >= -1e-6
    assert gain_of(*one, *one) == pytest.approx(0, abs=1e-6)


def test_the_gain_is_a_likelihood_ratio() -> None:
    """Ten of ten against none of ten: the fair coin's 2^-20 against certainty."""
    assert gain_of(10, 10, 10, 0) == pytest.approx(20 * math.log(2))


@pytest.mark.parametrize(
    ("failed", "begin"),
    [([0, 0, 0, 9, 9], 3), ([0, 1, 0, 9, 9], 3), ([9, 9, 9], 0), ([0, 9, 9, 0, 0], 1),
     ([9, 9, 0, 0], 0), ([0, 0], 0), ([0, 0, 3, 2, 4, 3], 2)],
    ids=["at once", "after noise", "always", "and it ended", "it only ended", "never", "a third"],
)  # fmt: skip
def test_when_it_began(failed: list[int], begin: int) -> None:
    """The likeliest slot since when more fails than before."""
    assert begin_of({slot: (9, count) for slot, count in enumerate(failed)}) == begin


def test_what_came_before_says_nothing() -> None:
    """Requests are set against each other since it began; answers prove something still later."""
    inside = {0: (10, 0), 1: (10, 10), 2: (10, 10), 3: (10, 10)}
    everything = {slot: (n + 5, failed) for slot, (n, failed) in inside.items()}
    found = contrast(inside, everything, 1)

    assert LATE_SLOTS == 2
    assert (found.inside, found.inside_failed, found.outside, found.outside_failed) == (
        30,
        30,
        15,
        0,
    )
    assert (found.outside_served, found.share, found.part) == (5, 1.0, 30 / 45)


def test_requests_of_the_same_time() -> None:
    """What all met in one half minute tells nobody apart, whoever came before or after."""
    blip = contrast({0: (40, 20)}, {0: (42, 21), 3: (30, 0), 6: (30, 0)}, 0)
    fault = contrast({0: (20, 20), 3: (20, 20)}, {0: (40, 20), 3: (40, 20)}, 0)

    assert blip.gain > 8
    assert blip.together < 1
    assert fault.together > 70
    assert contrast({0: (20, 2)}, {0: (40, 20)}, 0).together == 0


def test_it_comes_back() -> None:
    """Where nobody asks at the same time it failed, others were answered, and it failed again."""
    inside = {0: (9, 9), 2: (9, 9), 9: (9, 9), 20: (9, 9)}
    others = {5: (9, 0), 12: (9, 0), 30: (9, 0)}

    assert contrast(inside, inside | others, 0).returns == 2
    assert contrast(inside, inside, 0).returns == 0
    assert contrast({}, others, 0).returns == 0
