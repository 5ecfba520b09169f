"""Rules of a difference with its interval."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, names, numbers

from modpulse.collector.draw.interval import WIDTH, Tone, interval

maybe = st.one_of(st.none(), numbers)


@given(names, numbers, maybe, maybe, st.sampled_from(get_args(Tone)))
def test_any_difference(
    title: str, value: float, low: float | None, high: float | None, tone: Tone
) -> None:
    """Whatever it is, it stays within the picture."""
    checked(interval(title, value, low, high, tone))


def test_no_difference_is_in_the_middle() -> None:
    """Its interval goes to both sides alike; without one there is the point alone."""
    boxes = list(checked(interval("x", 0, -0.5, 0.5, "chance")).iter(f"{SVG}rect"))
    starts = [float(box.get("x", 0)) for box in boxes]

    assert starts == [WIDTH / 2 - 1, WIDTH / 4, WIDTH / 2 - 2]
    assert float(boxes[1].get("width", 0)) == WIDTH / 2
    assert len(list(checked(interval("x", 0, None, 0.5, "chance")).iter(f"{SVG}rect"))) == 2
