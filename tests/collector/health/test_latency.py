"""Rules of the fading sketch."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.sketch import MAX_BUCKET, ZERO_BUCKET
from modpulse.collector.health.latency import MAX_HELD_BUCKETS, FadingSketch, coarser

HALF_LIFE = 180


def test_no_samples() -> None:
    """Nothing seen has no quantile."""

    assert FadingSketch(HALF_LIFE).quantile(0.95, float) is None


def test_old_samples_fade() -> None:
    """After ten half-lives a thousand old samples weigh less than one new one."""
    sketch = FadingSketch(HALF_LIFE)
    sketch.add(0, {10: 1000})
    sketch.add(10 * HALF_LIFE, {20: 1})

    assert sketch.quantile(0.4, float) == 10
    assert sketch.quantile(0.6, float) == 20


def test_late_windows_count_by_their_own_time() -> None:
    """The order of arrival changes nothing."""
    forward, backward = FadingSketch(HALF_LIFE), FadingSketch(HALF_LIFE)
    windows = [(0, {1: 5}), (200, {2: 5}), (20_000, {3: 1, 4: 1})]
    for at, buckets in windows:
        forward.add(at, buckets)
    for at, buckets in reversed(windows):
        backward.add(at, buckets)

    assert [forward.quantile(q / 10, float) for q in range(1, 10)] == [
        backward.quantile(q / 10, float) for q in range(1, 10)
    ]


def test_years_do_not_overflow() -> None:
    """Weights are rebased long before they leave a double."""
    sketch = FadingSketch(HALF_LIFE)
    for day in range(1000):
        sketch.add(day * 86_400, {day: 1})

    assert sketch.quantile(0.5, float) == 999
    assert len(sketch._weights) == 1


@given(st.dictionaries(st.integers(-500, 1500), st.integers(1, 1000), min_size=1))
def test_quantiles_are_ordered(buckets: dict[int, int]) -> None:
    """A higher quantile is never lower, and none leaves the buckets."""
    sketch = FadingSketch(HALF_LIFE)
    sketch.add(7, buckets)
    found = [sketch.quantile(q / 20, float) or 0.0 for q in range(1, 21)]

    assert found == sorted(found)
    assert {int(value) for value in found} <= set(buckets)


def test_buckets_are_bounded() -> None:
    """Beyond the bound the sketch is coarser: no weight is lost, and it is off by a few percent."""
    sketch = FadingSketch(HALF_LIFE)
    for number in range(20):
        sketch.add(0, dict.fromkeys(range(ZERO_BUCKET + number, MAX_BUCKET, 7), 1))

    assert len(sketch._weights) <= MAX_HELD_BUCKETS
    assert sum(sketch._weights.values()) == sum(
        len(range(ZERO_BUCKET + n, MAX_BUCKET, 7)) for n in range(20)
    )
    median = sketch.quantile(0.5, float)
    assert median is not None
    assert abs(median - (ZERO_BUCKET + MAX_BUCKET) / 2) < 20


def test_coarser_buckets_hold_the_finer() -> None:
    """A merged bucket is named by its highest part, so a latency is never said to be lower."""
    merged = coarser({1: 1, 2: 2, 3: 4, 4: 8, 5: 16, -7: 32, MAX_BUCKET: 64}, 4)

    assert sum(merged.values()) == 127
    assert merged[MAX_BUCKET] == 64
    assert max(merged) <= MAX_BUCKET
    assert coarser({1: 1, 2: 2}, 2) == {1: 1, 2: 2}
