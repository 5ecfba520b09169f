"""Rules of the small line."""

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, names, numbers

from modpulse.collector.draw.sparkline import EDGE, HEIGHT, MOST_POINTS, sparkline


def path(values: list[float | None]) -> str:
    """What is drawn."""
    (line,) = checked(sparkline("x", values)).iter(f"{SVG}path")
    return line.get("d", "")


@given(names, st.lists(st.one_of(st.none(), numbers), max_size=50))
def test_any_values(title: str, values: list[float | None]) -> None:
    """Whatever the values are, the line stays within the picture."""
    checked(sparkline(title, values))


def test_a_line_breaks_where_nothing_is_known() -> None:
    """Two runs, of which one is a point alone."""
    assert path([1.0, 2.0, None, 2.0, float("nan")]).count("M") == 2


def test_nothing_known_is_no_line() -> None:
    """No value gives a picture without one, never a line at zero."""
    assert path([]) == path([None, None]) == ""


def test_zero_is_at_the_bottom() -> None:
    """The scale begins at zero, so that a change of a percent looks like one."""
    assert path([0.0, 8.0]).split("L") == [f"M{EDGE} {HEIGHT - EDGE:.1f}".replace("M3 ", "M3.0 "),
                                           f"197.0 {EDGE:.1f}"]  # fmt: skip


def test_peaks_stay() -> None:
    """Of more points than are seen each is the highest of those it stands for."""
    values: list[float | None] = [1.0] * (3 * MOST_POINTS)
    values[500] = 100.0

    assert path(values).count(f" {EDGE:.1f}") == 1
    assert path(values).count("L") == MOST_POINTS - 1
