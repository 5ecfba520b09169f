"""Rows in columns: aligned, and as wide as the terminal."""

import pytest
import stories

from modpulse.agent.screen.style import Style
from modpulse.agent.waterfall.rows import fold, rows_of
from modpulse.agent.waterfall.table import table


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
@pytest.mark.parametrize("name", ["fall-through", "failures", "many", "replay"])
def test_bars_begin_in_one_column(name, columns):
    """The axis is at the same place in every row: times and bars are aligned."""
    rows = rows_of(stories.STORIES[name]())
    heading, *lines = table(fold(rows), Style(columns=columns))
    start = heading.index("0 ┈")

    assert all(line[start - 1] == " " for line in lines if len(line) >= start)
    assert any(line[start:].startswith(tuple("░▒▓█▄·┈")) for line in lines)


def test_headings_are_whole_or_absent():
    """A narrow column has no cut heading."""
    headings = [table(rows_of(stories.fall_through()), Style(columns=c))[0] for c in (60, 80, 100)]

    assert not any("…" in heading for heading in headings)
    assert "module@version" in headings[2]
    assert "endpoint" in headings[2]
