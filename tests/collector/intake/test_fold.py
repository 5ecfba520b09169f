"""Rules of adding up sketches: what many of them come to is what each says, whatever it is."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from itertools import accumulate
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.sketch import MAX_BUCKET, MAX_COUNT, ZERO_BUCKET, Sketch, SketchError
from modpulse.collector.intake.fold import FOLDED, Key, Pile, Stack, quantiles

COUNTS = st.integers(1, 300)
SKETCHES = st.dictionaries(st.integers(ZERO_BUCKET, MAX_BUCKET), COUNTS, max_size=40).map(
    lambda buckets: Sketch(buckets).to_bytes()
)
NEARLY = st.lists(st.sampled_from([0, 1, 2, 5, 127, 128, 200]), max_size=12).map(bytes)
"""Numbers whose order makes sense or not."""


def one_by_one(made: list[tuple[str, bytes]]) -> tuple[dict[str, Counter[int]], int]:
    """Return what the sketches of each phase say, and how many are none."""
    sums: dict[str, Counter[int]] = {}
    unreadable = 0
    for phase, data in made:
        try:
            buckets = Sketch.from_bytes(data).buckets
        except SketchError:
            unreadable += 1
            continue
        sums.setdefault(phase, Counter()).update(buckets)
    return {phase: found for phase, found in sums.items() if found}, unreadable


def folded(made: list[tuple[str, bytes]]) -> tuple[dict[str, Counter[int]], int]:
    """Return the same of a pile."""
    pile = Pile()
    for phase, data in made:
        pile.add("https://a", 7, {phase: data})
    found: dict[str, Counter[int]] = {}
    for key, buckets in pile.fold():
        found.setdefault(key.phase, Counter()).update(buckets)
    return found, pile.unreadable


@given(st.lists(st.tuples(st.sampled_from("abc"), SKETCHES | NEARLY | st.binary(max_size=30))))
def test_many_are_what_each_says(made: list[tuple[str, bytes]]) -> None:
    """Any bytes, together and one by one, come to the same buckets, and to the same unread."""
    assert folded(made) == one_by_one(made)


def test_what_is_none_spoils_no_other() -> None:
    """One that ends within a run, or begins where there are no buckets, is left out alone."""
    good = Sketch({3: 2, 9: 1}).to_bytes()
    outside = Sketch({MAX_BUCKET: 1}).to_bytes() + b"\x01"

    assert folded([("a", good), ("a", good[:-1]), ("a", outside), ("a", good)]) == (
        {"a": Counter({3: 4, 9: 2})},
        2,
    )


def test_keys_stay_apart() -> None:
    """Proxies, slots and phases are added up apart, and a pile that is folded is empty."""
    pile, data = Pile(), Sketch({1: 1}).to_bytes() + b"\x02"
    for slot in (1, 2):
        pile.add("https://a", slot, {"tls": data, "connect": data})
    found = dict(pile.fold())  # each key once: all are of a byte a number

    assert found[Key("https://a", 2, "tls")] == {1: 1, 2: 2}
    assert len(found) == 4
    assert list(pile.fold()) == []


def test_a_full_pile_says_so() -> None:
    """What waits is bounded by whoever looks."""
    pile, data = Pile(), Sketch({1: 1, 2: 2}).to_bytes()
    for _ in range(FOLDED - 1):
        pile.add("https://a", 1, {"tls": data})
    before = pile.is_full
    pile.add("https://a", 1, {"tls": data})

    assert (before, pile.is_full) == (False, True)


LARGE = st.dictionaries(
    st.integers(ZERO_BUCKET, MAX_BUCKET), st.integers(1, MAX_COUNT), min_size=1, max_size=40
).map(lambda buckets: Sketch(buckets).to_bytes())
CUT = LARGE.map(lambda data: data[:-1] or data)


def buckets_of(data: bytes) -> Mapping[int, int] | None:
    """Return the counts of one sketch; None: it is none."""
    with suppress(SketchError):
        return Sketch.from_bytes(data).buckets
    return None


def quantiles_of(data: bytes, of: tuple[float, ...]) -> tuple[int, ...] | None:
    """Return the buckets of quantiles of one sketch; None: it is none."""
    buckets = buckets_of(data)
    if buckets is None:
        return None
    ordered = sorted(buckets)
    upto = list(accumulate(buckets[bucket] for bucket in ordered))
    return tuple(ordered[bisect_left(upto, ceil(q * upto[-1]))] for q in of)


@given(
    st.lists(
        SKETCHES.filter(bool)
        | LARGE
        | CUT
        | NEARLY.filter(bool)
        | st.binary(min_size=1, max_size=30)
    )
)
def test_quantiles_of_many_are_those_of_each(made: list[bytes]) -> None:
    """Any bytes, together and one by one, have the same quantiles, or are no sketch."""
    of = (0.01, 0.5, 0.95, 1.0)

    assert quantiles(made, of) == [quantiles_of(data, of) for data in made]


PERIODS = st.lists(st.lists(SKETCHES | LARGE | CUT | st.binary(max_size=30), max_size=3))


@given(PERIODS, st.floats(-960, 650), st.data())
def test_a_stack_is_what_its_periods_are(
    periods: list[list[bytes]], place: float, data: st.DataObject
) -> None:
    """Totals, what is below a place and the mixture are those of each period, also if picked."""
    order = data.draw(st.permutations(range(len(periods))))[: len(periods) // 2 + 1]
    for stack, of in (
        (Stack(periods), periods),
        (Stack(periods).picked(order), [periods[n] for n in order]),
    ):
        sums = [sum((Counter(buckets_of(one) or {}) for one in each), Counter()) for each in of]
        mixed: Counter[int] = Counter()
        for number, buckets in enumerate(sums):
            mixed.update({bucket: count * (number + 1) for bucket, count in buckets.items()})

        assert stack.totals == [buckets.total() for buckets in sums]
        assert stack.below(place) == pytest.approx([below(buckets, place) for buckets in sums])
        assert stack.mixed(range(1, len(of) + 1)) == (
            sorted(mixed),
            pytest.approx([mixed[bucket] for bucket in sorted(mixed)]),
        )


def below(buckets: Mapping[int, int], place: float) -> float:
    """Return how many are at or below a place."""
    whole = floor(place)
    full = sum(count for bucket, count in buckets.items() if bucket <= whole)
    return full + (place - whole) * buckets.get(whole + 1, 0)
