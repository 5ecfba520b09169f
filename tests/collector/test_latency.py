"""Rules of the fading sketch."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.latency import FadingSketch

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
