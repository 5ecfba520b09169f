"""A badge: two words side by side, as other projects show them. It stands alone, outside a page."""

from unicodedata import east_asian_width

from .svg import Picture, fixed, tag, words

HEIGHT, PAD, MOST_WORD_CHARS = 20, 6, 40
COLOURS = {"healthy": "#2b7a1f", "degraded": "#8a6100", "down": "#b3261e", "unknown": "#5c5c5c"}
"""Of the right side, by state; white is read on each (WCAG 2.1 AA, 4.5 to 1)."""
LEFT = "#3d3d3d"
_WIDTHS = {"iIjl.,:;|!'": 3.4, " tfr()[]/-": 4.6, "mMW%@": 10.2, "w": 9.0}
"""Of characters in 11 px, about."""
_OTHERS, _CAPITALS, _WIDE = 6.8, 7.6, 11.0


def badge(left: str, right: str, state: str) -> Picture:
    """
    Return the badge.

    Args:
        left: What it is about.
        right: What is said of it.
        state: Of that: `healthy`, `degraded`, `down`, else `unknown`.
    """
    sides = [side[:MOST_WORD_CHARS] for side in (left, right)]
    widths = [_width(side) for side in sides]
    whole = sum(widths) + 4 * PAD
    half = widths[0] + 2 * PAD
    drawn = (
        tag("rect", x=0, y=0, width=half, height=HEIGHT, fill=LEFT),
        tag(
            "rect", x=half, y=0, width=whole - half, height=HEIGHT,
            fill=COLOURS.get(state, COLOURS["unknown"]),
        ),
        _said(PAD, widths[0], sides[0]),
        _said(half + PAD, widths[1], sides[1]),
    )  # fmt: skip
    return fixed(whole, HEIGHT, f"{sides[0]}: {sides[1]}", drawn, kind="badge")


def _said(x: float, width: float, side: str) -> Picture:
    # Whatever font there is, it is as wide as its room.
    return tag(
        "text", words(side), x=x, y=14, fill="#ffffff", font_size=11,
        font_family="Verdana, DejaVu Sans, Noto Sans CJK SC, sans-serif",
        textLength=width if side else None, lengthAdjust="spacingAndGlyphs",
    )  # fmt: skip


def _width(side: str) -> float:
    """Return about how wide it is in 11 px."""
    return sum(_width_of(char) for char in side)


def _width_of(char: str) -> float:
    if east_asian_width(char) in "WF":
        return _WIDE
    known = (width for chars, width in _WIDTHS.items() if char in chars)
    return next(known, _CAPITALS if char.isupper() else _OTHERS)
