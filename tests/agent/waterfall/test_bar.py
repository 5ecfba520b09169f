"""Spans as characters: whole cells, at least one, never beyond the axis."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.records.phases import PHASES, Span
from modpulse.agent.screen.style import Style
from modpulse.agent.waterfall.bar import Axis, draw, draw_fold

STYLE = Style()
AXIS = Axis(0, 100, 10)


@pytest.mark.parametrize(
    ("spans", "failed", "expected"),
    [
        ([("resolve", 0, 20), ("tls", 20, 50), ("processing", 50, 100)], False, "░░▓▓▓█████"),
        ([("processing", 30, 40), ("transfer", 40, 60)], False, "   █▄▄"),
        ([("processing", 30, 40)], True, "   █✗"),
        ([("processing", 90, 100)], True, "         ✗"),
        ([("processing", 0, 100)], True, "█████████✗"),
        ([("resolve", 50, 51), ("transfer", 51, 54)], False, "     ▄"),
        ([("processing", 100, 100)], False, "         █"),
        ([], False, ""),
    ],
)
def test_draw(spans, failed, expected):
    """A cell shows the phase that took most of it; a failure ends in a cross."""
    assert draw([Span(*span) for span in spans], failed, AXIS, STYLE) == expected


def test_fold():
    """Folded rows show when they happened."""
    assert draw_fold(20, 60, AXIS, STYLE) == "  ┈┈┈┈"


def test_header():
    """The axis is labelled from 0 to the whole time."""
    assert Axis(0, 684_000_000, 24).header(STYLE) == "0 ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈ 684 ms"


@given(
    st.lists(st.integers(0, 10**9), min_size=2, max_size=8).map(sorted),
    st.booleans(),
    st.integers(8, 120),
    st.booleans(),
)
def test_a_bar_fits(points, failed, cells, colour):
    """Whatever the spans, a bar is within the axis and not empty."""
    spans = [
        Span(PHASES[i % 5], start, end) for i, (start, end) in enumerate(itertools.pairwise(points))
    ]
    drawn = draw(spans, failed, Axis(0, 10**9, cells), Style(colour=colour))
    plain = re.sub("\x1b\\[\\d+m", "", drawn)

    assert 1 <= len(plain) <= cells + failed * (cells == 1)
    assert plain.strip()
