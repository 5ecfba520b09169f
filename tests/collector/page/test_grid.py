"""Rules of hosts by time."""

from histories import DAY_S, HOUR_S, T0_S, history, point, series
from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, names

from modpulse.collector.draw.heat import STEP
from modpulse.collector.page.grid import grid, strip
from modpulse.collector.page.span import Span

DAY = Span("", T0_S, T0_S + DAY_S)
BAD = {"tcp.reset": 9}


def shades(picture: str) -> list[str]:
    """The class of each cell, those that are drawn together as well."""
    return [
        box.get("class", "")
        for box in checked(picture).iter(f"{SVG}rect")
        for _ in range(round((float(box.get("width", 0)) + 1) / STEP))
    ]


def test_each_hour_has_its_cell() -> None:
    """What was not seen is told from what did not fail."""
    seen = series(point(1), point(3, ok=1, failures=BAD))
    found = shades(strip("build-1", seen, DAY, 0))

    assert len(found) == 24
    assert found[:5] == ["shade-unseen", "shade-0", "shade-unseen", "shade-5", "shade-unseen"]


def test_a_longer_period_is_in_each_cell_of_its() -> None:
    """Of a day that is kept as a whole each hour says what the day does; no more than the day."""
    whole = series(point(-24, period_s=DAY_S, failures=BAD), point(0, period_s=DAY_S))

    assert set(shades(strip("x", whole, DAY, 0))) == {"shade-0"}


def test_who_fails_most_is_first() -> None:
    """Then who asks most; those that are not kept by name have no page."""
    found = list(
        grid(
            history(
                series(point(ok=9), name="other"), series(point(ok=5), name="b"),
                series(point(ok=1, failures=BAD), name="a"), by="agent",
            ),
            DAY, 0,
        )
    )  # fmt: skip

    assert [(row.name, row.page) for row in found] == [
        ("a", "/host?agent=a"), ("other", None), ("b", "/host?agent=b")
    ]  # fmt: skip
    assert found[0].failure_ratio == 0.9
    assert list(grid(None, DAY, 0)) == []


@given(names, st.integers(-90, 90), st.integers(1, 90), st.integers(0, 3))
def test_any_name_and_time(name: str, hour: int, hours: int, offset_s: int) -> None:
    """Whatever a host is called and whenever it asked, the picture is whole."""
    seen = series(point(hour, period_s=hours * HOUR_S), name=name)

    assert len(shades(strip(name, seen, DAY, offset_s * 10**9))) == 24
