"""Rules of the last days and hours."""

from modpulse.collector.insight.history import Asked, History, Point, Series
from modpulse.collector.insight.recent import (
    DAYS,
    HOURS,
    days_from_s,
    hours_from_s,
    recent_of,
)

DAY_S, HOUR_S = 86_400, 3_600
NOW_S = 1_800_000_000


def history(*points: tuple[int, int, int, float | None], period_s: int = DAY_S) -> History:
    """Of (start, ok, failed, p95)."""
    made = tuple(
        Point(
            start_s=start_s, period_s=period_s, ok=ok, misses=1, suspects=0,
            failures={"http.5xx": failed}, body_bytes=0, fallbacks=0, lost_ms=0,
            commands_stopped=0, p50_ms=None, p95_ms=p95_ms, p99_ms=None,
        )
        for start_s, ok, failed, p95_ms in points
    )  # fmt: skip
    asked = Asked("p", "", period_s, 0, NOW_S)
    return History(asked, (Series("", made[0], made),))


def test_each_day_has_its_place() -> None:
    """Today is the last; of a day without any nothing is known; older ones are left out."""
    today_s = NOW_S - NOW_S % DAY_S
    recent = recent_of(
        history((today_s, 9, 2, None), (today_s - DAY_S, 5, 0, None), (0, 7, 7, None)), None, NOW_S
    )

    assert len(recent.days) == DAYS
    assert recent.days[0].start_s == days_from_s(NOW_S)
    assert (recent.days[-1].start_s, recent.days[-1].good, recent.days[-1].failed) == (
        today_s, 10, 2,
    )  # fmt: skip
    assert sum(day.good for day in recent.days) == 16
    assert recent.p95_ms == (None,) * HOURS


def test_each_hour_has_its_place() -> None:
    """What is told by the day says nothing of an hour."""
    hour_s = NOW_S - NOW_S % HOUR_S
    by_hour = recent_of(None, history((hour_s, 9, 0, 5.0), period_s=HOUR_S), NOW_S)
    by_day = recent_of(None, history((hour_s, 9, 0, 5.0)), NOW_S)

    assert by_hour.p95_ms[-1] == 5.0
    assert set(by_hour.p95_ms[:-1]) == {None} == set(by_day.p95_ms)
    assert hours_from_s(NOW_S) == hour_s - 23 * HOUR_S
