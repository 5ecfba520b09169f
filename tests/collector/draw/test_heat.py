"""Rules of a row of the heat map."""

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, links, names, numbers

from modpulse.collector.draw.heat import MOST_CELLS, STEP, Cell, row, shade

cells = st.builds(Cell, st.one_of(st.none(), numbers), names, links)


@given(names, st.lists(cells, max_size=30))
def test_any_cells(title: str, drawn: list[Cell]) -> None:
    """Whatever the cells say, boxes follow each other and are as wide as the picture."""
    root = checked(row(title, drawn))
    boxes = [(float(b.get("x", 0)), float(b.get("width", 0))) for b in root.iter(f"{SVG}rect")]
    ends = [0.0] + [x + width + 1 for x, width in boxes]

    assert [x for x, _ in boxes] == ends[:-1]
    assert ends[-1] == STEP * len(drawn)


def test_nothing_to_see_is_one_box() -> None:
    """What did not fail for long is one, with its first and last period; a failure is its own."""
    drawn = [Cell(share, str(n)) for n, share in enumerate((0.0, 0.0, 0.0, 0.1, 0.1, None, None))]
    titles = [title.text for title in checked(row("x", drawn)).iter(f"{SVG}title")]

    assert titles[1:] == ["0 … 2", "3", "4", "5 … 6"]


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
    drawn = [Cell(1.0, str(number)) for number in range(MOST_CELLS + 1)]

    assert [t.text for t in checked(row("x", drawn)).iter(f"{SVG}title")][1] == "1"
