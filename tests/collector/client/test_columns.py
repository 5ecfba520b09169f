"""Columns of a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.client.columns import cut, left, right, wide


def test_east_asian_characters_take_two() -> None:
    """A Chinese site name moves no column."""
    assert (wide("上海-1"), left("上海", 6), right("上海", 6)) == (6, "上海  ", "  上海")


@given(st.text(max_size=40), st.integers(1, 20))
def test_what_is_cut_fits(text: str, width: int) -> None:
    """Whatever it is; and what fits stays as it is."""
    assert wide(cut(text, width)) <= width
    assert cut(text, None) == text
