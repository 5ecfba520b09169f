"""Rules of how numbers look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.page.words import count, duration, milliseconds, moment, percent


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (None, "–"), (0.0, "0 %"), (1.0, "100 %"), (0.5, "50.0 %"), (0.99999, "99.9 %"),
        (0.00001, "0.1 %"),
    ],
)  # fmt: skip
def test_percent(ratio: float | None, shown: str) -> None:
    """All and none are said of what is all and none only."""
    assert percent(ratio) == shown


@given(st.floats(0, 1, exclude_min=True, exclude_max=True), st.integers(1, 3))
def test_a_part_is_never_all(ratio: float, digits: int) -> None:
    """However little is missing."""
    assert percent(ratio, digits) not in ("0 %", "100 %")
    assert percent(ratio, digits).strip("0. %")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (7_200, "2 h"),
        (90_061, "1 d 1 h"), (86_401, "1 d"), (-5, "0 s"),
    ],
)  # fmt: skip
def test_duration(seconds: float | None, shown: str) -> None:
    """Its two largest units, the smaller one only where it follows at once."""
    assert duration(seconds) == shown


def test_the_others() -> None:
    """With the unit that suits, and thousands apart."""
    shown = [milliseconds(value) for value in (None, 0.42, 9.99, 42.4, 999.0, 1_500.0, 12_345.0)]

    assert shown == ["–", "0.4 ms", "10.0 ms", "42 ms", "999 ms", "1.5 s", "12 s"]
    assert [count(number) for number in (None, 0, 1_234_567)] == ["–", "0", "1,234,567"]
    assert moment(1_800_000_000_000_000_000) == "2027-01-15 08:00"
