"""Rules of how rows become a history."""

from collections import Counter

import pytest

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.insight.history import Asked, Builder, History, TooFineError, step_of
from modpulse.collector.intake.cells import Cell, pack

HOUR_S, DAY_S = 3600, 86_400
T0_S = 1_800_000_000 // DAY_S * DAY_S


def cell(ok: int, failed: int = 0, buckets: dict[int, int] | None = None) -> Cell:
    """Return outcomes and times to first byte."""
    sketches = [(FIRST_BYTE, Sketch(buckets).to_bytes())] if buckets else []
    return Cell(+Counter({"ok": ok, "http.5xx": failed}), sketches)


def built(*rows: tuple[int, int, object], by: str = "", period_s: int = HOUR_S) -> History:
    """Make a history of (start, period, row)."""
    builder = Builder(Asked("https://a", by, period_s, T0_S, T0_S + DAY_S))  # type: ignore[arg-type]
    for row in rows:
        builder.take(*row)
    assert len(list(builder.finish())) >= 0
    return builder.history()


def test_minutes_are_part_of_their_hour() -> None:
    """What is finer than was asked for is added up, counts and latencies."""
    rows = [
        (T0_S + 60 * minute, 60, pack({"": cell(2, 1, {minute: 1})})) for minute in range(0, 120, 2)
    ]
    (series,) = built(*rows).series
    first, second = series.points

    assert [(point.start_s, point.period_s) for point in series.points] == [
        (T0_S, HOUR_S),
        (T0_S + HOUR_S, HOUR_S),
    ]
    assert (first.ok, first.failed, first.requests, second.ok) == (60, 30, 90, 60)
    assert (first.p50_ms or 0) < (first.p95_ms or 0) < (first.p99_ms or 0) < (second.p50_ms or 0)
    assert (series.total.ok, series.total.failures) == (120, {"http.5xx": 60})


def test_what_is_coarser_stays_so() -> None:
    """A day of which no hours are kept is one point that says how long it is."""
    row = pack({"": cell(5)})
    (series,) = built((T0_S - DAY_S, DAY_S, row), (T0_S, HOUR_S, row)).series

    assert [point.period_s for point in series.points] == [DAY_S, HOUR_S]
    assert series.points[0].p95_ms is None


def test_those_asked_most_come_first() -> None:
    """Each value is a series, whatever the order in its rows."""
    rows = (T0_S, HOUR_S, pack({"a": cell(1), "b": cell(9), "c": cell(1)}))

    assert [series.name for series in built(rows, by="site").series] == ["b", "a", "c"]


@pytest.mark.parametrize("row", [None, b"", b"\x01\xff", "words"])
def test_a_row_that_makes_no_sense(row: object) -> None:
    """It is left out and counted."""
    builder = Builder(Asked("https://a", "", HOUR_S, T0_S, T0_S + DAY_S))
    builder.take(T0_S, HOUR_S, row)

    assert list(builder.finish()) == []
    assert (builder.unreadable, builder.history().series) == (1, ())


def test_steps() -> None:
    """Without a wish the finest step is taken that makes not too many points."""
    spans = (HOUR_S, 2 * DAY_S, 90 * DAY_S, 365 * DAY_S)

    assert [step_of(span_s, "", "") for span_s in spans] == [60, HOUR_S, HOUR_S, DAY_S]
    assert [step_of(span_s, "site", "") for span_s in spans] == [60, HOUR_S, DAY_S, DAY_S]
    with pytest.raises(TooFineError, match="2500 points"):
        step_of(2 * DAY_S, "", "minute")


def test_phases_that_are_asked_for() -> None:
    """Each has its own quantiles, in each period and in all; one that was not seen is left out."""
    held = cell(1, buckets={100: 1})
    held.sketches += [("tls", Sketch({0: 99, 64: 1}).to_bytes())]
    phases = ("connect", "tls")
    builder = Builder(Asked("https://a", "", HOUR_S, T0_S, T0_S + DAY_S, phases))
    for hour in range(2):
        builder.take(T0_S + hour * HOUR_S, HOUR_S, pack({"": held}))
    assert len(list(builder.finish())) > 0
    (series,) = builder.history().series
    p50_ms, p95_ms, p99_ms = series.total.phases_ms["tls"]

    assert [list(point.phases_ms) for point in series.points] == [["tls"], ["tls"]]
    assert p50_ms == p95_ms == p99_ms == series.points[0].phases_ms["tls"][0]
    assert series.total.p50_ms != p50_ms
    assert built((T0_S, HOUR_S, pack({"": held}))).series[0].total.phases_ms == {}
