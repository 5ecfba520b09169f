"""Rules of which time is shown."""

import pytest
from histories import DAY_S, HOUR_S, T0_S

from modpulse.collector.page.span import LENGTHS_S, MOST_CELLS, Span, span_of


@pytest.mark.parametrize("name", LENGTHS_S)
def test_each_length_ends_now(name: str) -> None:
    """The last second that has begun is in it, and each of its cells begins within it."""
    span = span_of(name, T0_S + 100)

    assert (span.name, span.until_s) == (name, T0_S + 101)
    assert span.starts[-1] <= T0_S + 100 < span.starts[-1] + span.cell_s
    assert len(span.starts) <= MOST_CELLS


def test_what_there_is_not_is_a_day() -> None:
    """Of any other name the first length is shown."""
    assert span_of("'><script>", T0_S) == span_of("24h", T0_S)


def test_a_day_has_hours_and_ninety_have_days() -> None:
    """Rows are few; cells are finer for a week."""
    spans = [Span("", T0_S, T0_S + days * DAY_S) for days in (1, 7, 90, 3650)]

    assert [span.period_s for span in spans] == [HOUR_S, DAY_S, DAY_S, DAY_S]
    assert [len(span.starts) for span in spans] == [24, 168, 90, MOST_CELLS]
