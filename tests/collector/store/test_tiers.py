"""Rules of where rows of the history are, and which of them say what."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.intake.dimensions import DIMENSIONS
from modpulse.collector.store.tiers import (
    DAY_S,
    HOURS,
    LAST_PROXY_ID,
    LATEST_START_S,
    LEAST_S,
    MINUTES,
    PERIODS_S,
    Kept,
    Marks,
    aligned,
    key_of,
    narrowed,
    of_proxy,
    ranges,
    series_of,
    start_of,
    tiers_of,
    whole,
)

NOW_S = 1_800_000_000
HOURS_AGO = st.integers(0, 24 * 200).map(lambda hours: (NOW_S // DAY_S * 24 - hours) * 3600)


@given(st.integers(1, LAST_PROXY_ID), st.sampled_from(DIMENSIONS), st.sampled_from(range(3)),
       st.integers(0, LATEST_START_S))  # fmt: skip
def test_keys(proxy_id: int, dimension: str, tier: int, at_s: int) -> None:
    """A key fits into SQLite's integers, is within its series and proxy, and says its start."""
    series = series_of(proxy_id, dimension)  # type: ignore[arg-type]
    key = key_of(series, tier, at_s)
    first, last = of_proxy(proxy_id)

    assert 0 < key < 1 << 63
    assert start_of(key) == at_s // PERIODS_S[tier] * PERIODS_S[tier]
    assert first <= whole(series, tier).first <= key <= whole(series, tier).last <= last


@given(HOURS_AGO, HOURS_AGO, HOURS_AGO, HOURS_AGO, st.integers(0, 200 * DAY_S),
       st.sampled_from(PERIODS_S))  # fmt: skip
def test_each_minute_is_told_once(
    hours_mark: int, days_mark: int, minutes_kept: int, hours_kept: int, ago_s: int, period_s: int
) -> None:
    """Whatever is folded and kept, a minute that was written is in one row of any question."""
    days_mark = days_mark // DAY_S * DAY_S
    marks = Marks(max(hours_mark, days_mark), days_mark)
    # What is forgotten is in the next tier.
    kept = aligned(Kept(min(minutes_kept, marks.hours), min(hours_kept, marks.days), 0))
    kept = Kept(min(kept.minutes, marks.hours), min(kept.hours, marks.days), 0)
    minute_s = (NOW_S - ago_s) // 60 * 60
    series = series_of(1, "")
    written = {key_of(series, tier, minute_s) for tier in tiers_of(minute_s, marks, kept)}
    asked = ranges(series, period_s, minute_s - 3 * DAY_S, NOW_S + DAY_S, marks, kept)
    found = [key for range_ in asked for key in written if range_.first <= key <= range_.last]

    assert len(found) == 1


def test_too_much_gives_way_in_order() -> None:
    """Minutes go first, then hours, then days; of each something stays."""
    kept = aligned(Kept(NOW_S - DAY_S, NOW_S - 90 * DAY_S, NOW_S - 730 * DAY_S))
    steps = []
    while (less := narrowed(kept, NOW_S)) is not None:
        steps.append(next(tier for tier in range(3) if less[tier] != kept[tier]))
        kept = less

    assert steps == sorted(steps)
    assert set(steps) == {0, 1, 2}
    assert all(NOW_S - at_s >= least_s for at_s, least_s in zip(kept, LEAST_S, strict=True))


def test_late_minutes() -> None:
    """A minute of an hour that is folded is written to both; of an hour long gone, to its day."""
    marks, kept = Marks(NOW_S, NOW_S - DAY_S), Kept(NOW_S - DAY_S, NOW_S - 9 * DAY_S, 0)

    assert list(tiers_of(NOW_S + 60, marks, kept)) == [MINUTES]
    assert list(tiers_of(NOW_S - 60, marks, kept)) == [MINUTES, HOURS]
    assert list(tiers_of(NOW_S - 2 * DAY_S, marks, kept)) == [HOURS, 2]
    assert list(tiers_of(NOW_S - 10 * DAY_S, marks, kept)) == [2]
