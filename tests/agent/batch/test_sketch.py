"""Rules of the sketch."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.sketch import (
    MAX_BUCKET,
    MAX_COUNT,
    MAX_SKETCH_BYTES,
    RELATIVE_ERROR,
    ZERO_BUCKET,
    Sketch,
    SketchError,
    bucket_of,
    estimate_ns,
    upper_bound_ns,
)

S = 1_000_000_000
LONGEST_NS = 2**20 * S
DURATIONS = st.integers(-5, LONGEST_NS)
SKETCHES = st.dictionaries(
    st.integers(ZERO_BUCKET, MAX_BUCKET), st.integers(1, MAX_COUNT), max_size=40
).map(Sketch)


def of(*durations: int) -> Sketch:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    return sketch


def merged(*sketches: Sketch) -> Sketch:
    total = Sketch()
    for sketch in sketches:
        total.merge(sketch)
    return total


@pytest.mark.parametrize(
    ("bucket", "duration_ns"),
    [
        (0, S),
        (1, S + 1),
        (-32, S // 2),
        (-31, S // 2 + 1),
        (32, 2 * S),
        (33, 2 * S + 1),
        (-956, 1),
        (ZERO_BUCKET, 0),
        (ZERO_BUCKET, -1),
        (MAX_BUCKET, LONGEST_NS),
        (MAX_BUCKET, LONGEST_NS + 1),
        (MAX_BUCKET, 10**30),
    ],
)
def test_buckets_hold_their_upper_bound(bucket, duration_ns):
    """Bucket k ends with 2^(k/32) s, which belongs to it; what is out of range is at the ends."""
    assert bucket == bucket_of(duration_ns)


@given(st.integers(1, LONGEST_NS))
def test_a_duration_lies_between_the_bounds_of_its_bucket(duration_ns):
    """A bucket is (lower, upper], as in OpenTelemetry and Prometheus."""
    bucket = bucket_of(duration_ns)
    rounding = 1 + 1e-12

    assert duration_ns <= upper_bound_ns(bucket) * rounding
    assert upper_bound_ns(bucket - 1) < duration_ns * rounding


@given(st.integers(1, LONGEST_NS))
def test_the_estimate_is_near(duration_ns):
    """No duration is further than 1.09 % from what its bucket stands for."""
    estimate = estimate_ns(bucket_of(duration_ns))

    assert RELATIVE_ERROR < 0.0109
    assert abs(estimate - duration_ns) <= duration_ns * RELATIVE_ERROR * (1 + 1e-9)


@given(st.lists(st.integers(1, LONGEST_NS), min_size=1), st.floats(0, 1))
def test_quantiles_are_within_the_bound(durations, q):
    """A quantile is at most 1.09 % from the nearest-rank quantile of the durations."""
    exact = sorted(durations)[max(1, math.ceil(q * len(durations))) - 1]
    found = of(*durations).quantile(q)

    assert found is not None
    assert abs(found - exact) <= 0.0109 * exact


def test_nothing_has_no_quantile():
    """Without durations there is no quantile, rather than 0."""
    assert Sketch().quantile(0.5) is None


def test_what_is_not_positive_is_zero():
    """A quantile in the zero bucket is 0."""
    assert of(0, -3).quantile(0.5) == 0.0


@given(SKETCHES, SKETCHES, SKETCHES)
def test_merging_is_addition(one, two, three):
    """In any order and grouping, and with nothing, it is the same."""
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, Sketch()) == one
    assert merged(one, two).count == one.count + two.count


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_merged_sketches_are_the_sketch_of_all(some, others):
    """Nothing is lost by sketching apart."""
    assert of(*some, *others) == merged(of(*some), of(*others))


@given(SKETCHES)
def test_bytes_give_the_sketch_back(sketch):
    """What is written is read."""
    assert sketch == Sketch.from_bytes(sketch.to_bytes())


def test_the_wire_form():
    """First bucket in zigzag, counts in a row, a 0 and the number of empty buckets for a gap."""
    sketch = Sketch({-2: 1, -1: 300, 5: 2})

    assert bytes([3, 1, 0xAC, 2, 0, 5, 2]) == sketch.to_bytes()
    assert Sketch().to_bytes() == b""


def test_the_largest_sketch_fits():
    """Every bucket with the greatest count is within the bound of a batch."""
    largest = Sketch(dict.fromkeys(range(ZERO_BUCKET, MAX_BUCKET + 1), MAX_COUNT))

    assert len(largest.to_bytes()) <= MAX_SKETCH_BYTES
    assert largest == Sketch.from_bytes(largest.to_bytes())


def test_a_count_beyond_the_bound_is_not_written():
    """The reader would refuse it."""
    with pytest.raises(SketchError, match="at most 4294967295"):
        Sketch({0: MAX_COUNT + 1}).to_bytes()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00", "no count at the end"),
        (b"\x00\x01\x00", "no count at the end"),
        (b"\x00\x01\x00\x05", "no count at the end"),
        (b"\x80", "cut inside a number"),
        (b"\x00\x80", "cut inside a number"),
        (b"\x00\xff\xff\xff\xff\x1f", "a number above"),
        (b"\x00\x80\x80\x80\x80\x80\x01", "a number above"),
        (b"\x80" * 9000, "9000 bytes, at most 8192"),
        (b"\xff\x0e\x01", "bucket -960, not in -957..640"),
        (b"\x82\x0a\x01", "bucket 641, not in -957..640"),
        (b"\x80\x0a\x01\x01", "bucket 641, not in -957..640"),
        (b"\x00\x01\x00\xff\xff\xff\xff\x0f\x01", "bucket 4294967296, not in"),
    ],
)
def test_what_is_no_sketch_is_refused(data, reason):
    """With the reason."""
    with pytest.raises(SketchError, match=reason):
        Sketch.from_bytes(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sketch_or_an_error(data):
    """Only SketchError leaves, and what is read is within the bounds."""
    try:
        buckets = Sketch.from_bytes(data).buckets
    except SketchError:
        return
    assert all(ZERO_BUCKET <= bucket <= MAX_BUCKET for bucket in buckets)
    assert all(1 <= count <= MAX_COUNT for count in buckets.values())


def test_it_shows_its_buckets_in_order():
    """What a failed assertion prints can be read."""
    assert repr(Sketch({3: 1, -1: 2, 7: 0})) == "Sketch({-1: 2, 3: 1})"
