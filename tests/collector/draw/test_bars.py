"""Rules of the bars of days."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, links, names

from modpulse.collector.draw.bars import HEIGHT, MOST_BARS, Bar, Level, bars

days = st.builds(Bar, st.sampled_from(get_args(Level)), names, links)


@given(names, st.lists(days, max_size=30))
def test_any_days(title: str, drawn: list[Bar]) -> None:
    """Whatever the days say, there is one bar for each."""
    assert len(list(checked(bars(title, drawn)).iter(f"{SVG}rect"))) == len(drawn)


def test_the_newest_are_kept() -> None:
    """Of more days than there is room for the oldest are left out."""
    drawn = [Bar("good", str(number)) for number in range(MOST_BARS + 5)]
    titles = [title.text for title in checked(bars("x", drawn)).iter(f"{SVG}title")]

    assert titles[1:] == [str(number) for number in range(5, MOST_BARS + 5)]


def test_an_unseen_day_is_told_without_colour() -> None:
    """It is lower than a day of which something is known."""
    root = checked(bars("x", [Bar("unseen", "a"), Bar("bad", "b")]))
    heights = [float(box.get("height", 0)) for box in root.iter(f"{SVG}rect")]

    assert heights == [HEIGHT / 4, HEIGHT]
