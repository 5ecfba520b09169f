"""Rules of the badge."""

from hypothesis import given
from pictures import SVG, checked, names

from modpulse.collector.draw.badge import COLOURS, LEFT, badge


@given(names, names, names)
def test_any_words(left: str, right: str, state: str) -> None:
    """Whatever it says, it is a picture of two boxes."""
    assert len(list(checked(badge(left, right, state)).iter(f"{SVG}rect"))) == 2


def test_a_badge_says_both() -> None:
    """Who cannot see it hears it."""
    root = checked(badge("modpulse", "健康", "healthy"))

    assert root[0].text == root.get("aria-label") == "modpulse: 健康"
    assert [line.text for line in root.iter(f"{SVG}text")] == ["modpulse", "健康"]


def luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_white_is_read_on_every_colour() -> None:
    """The contrast is 4.5 to 1 at least."""
    assert min(1.05 / (luminance(c) + 0.05) for c in (LEFT, *COLOURS.values())) >= 4.5
