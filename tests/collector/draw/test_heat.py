"""Rules of a row of the heat map."""

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, links, names, numbers

from modpulse.collector.draw.heat import MOST_CELLS, Cell, row, shade

cells = st.builds(Cell, st.one_of(st.none(), numbers), names, links)


@given(names, st.lists(cells, max_size=30))
def test_any_cells(title: str, drawn: list[Cell]) -> None:
    """Whatever the cells say, there is one box for each."""
    assert len(list(checked(row(title, drawn)).iter(f"{SVG}rect"))) == len(drawn)


@given(numbers, numbers)
def test_more_is_no_lighter(one: float, other: float) -> None:
    """A larger share has the same shade or the next."""
    low, high = sorted((one, other)) if one == one and other == other else (0.0, 1.0)

    assert shade(low) <= shade(high)


def test_one_failure_of_many_shows() -> None:
    """None at all, not seen and a few are three shades."""
    assert len({shade(None), shade(0.0), shade(0.0001)}) == 3


def test_of_many_the_newest_are_kept() -> None:
    """As many boxes as there is room for."""
    drawn = [Cell(None, str(number)) for number in range(MOST_CELLS + 1)]

    assert [t.text for t in checked(row("x", drawn)).iter(f"{SVG}title")][1] == "1"
