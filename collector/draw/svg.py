"""
What every picture is made of: elements whose words and numbers are harmless whatever they are.

Elements of SVG 1.1 for a page with a strict policy: no style, no script, no outside reference; how
it looks is said by classes. A picture that is stretched has no words in it.
"""

import math
import re
from collections.abc import Iterable
from html import escape

SVG = "http://www.w3.org/2000/svg"
MOST_CHARS = 300
"""Of one text in a picture; a longer one is cut."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 section 2.2 has not."""


class Picture(str):
    """Markup that is whole and harmless: templates take it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return it, as template engines ask."""
        return str(self)


def words(text: str) -> Picture:
    """Return a text as markup: escaped, cut, and without what XML cannot say."""
    return _escaped(_short(text))


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"


def _escaped(text: str) -> Picture:
    return Picture(escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)))


def within(value: float | None, low: float, high: float) -> float:
    """Return the nearest number of a range; the low end where it is none."""
    if value is None or math.isnan(value):
        return low
    return min(max(value, low), high)


def tag(name: str, *inside: Picture, **attributes: str | float | None) -> Picture:
    """
    Return an element.

    Args:
        name: Of the element; ours.
        inside: What is in it, in order.
        attributes: `class_` is `class`, `stroke_width` is `stroke-width`; None is left out.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not inside:
        return Picture(f"<{name}{said}/>")
    return Picture(f"<{name}{said}>{''.join(inside)}</{name}>")


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return _escaped(value)
    return f"{within(value, -1e6, 1e6):.2f}".rstrip("0").rstrip(".")


def stretched(
    width: float, height: float, title: str, inside: Iterable[Picture], *, kind: str
) -> Picture:
    """
    Return a picture that fills what room it is given; it is its title to who cannot see it.

    Args:
        width: Of the drawing, in its own units.
        height: Same.
        title: What it shows, in words.
        inside: The drawing.
        kind: Its class.
    """
    return _root((width, height), title, inside, kind, preserveAspectRatio="none")


def fixed(
    width: float, height: float, title: str, inside: Iterable[Picture], *, kind: str
) -> Picture:
    """Return a picture of a size in pixels; as `stretched`."""
    return _root((width, height), title, inside, kind, width=width, height=height)


def _root(
    size: tuple[float, float],
    title: str,
    inside: Iterable[Picture],
    kind: str,
    **more: str | float | None,
) -> Picture:
    drawn = Picture("".join(inside))
    # What can be followed is no part of an image: who cannot see it goes through it.
    role = "group" if "<a " in drawn else "img"
    box = f"0 0 {_value(size[0])} {_value(size[1])}"
    return tag(
        "svg", tag("title", words(title)), drawn,
        xmlns=SVG, viewBox=box, class_=kind, role=role, aria_label=_short(title), **more,
    )  # fmt: skip


def linked(link: str | None, title: str, inside: Picture) -> Picture:
    """
    Return what is drawn, with its title, as a link where there is one.

    Args:
        link: Within this site; any other is left out.
        title: Said of it when pointed at.
        inside: The drawing.
    """
    named = tag("title", words(title))
    if link is None or not _is_ours(link):
        return tag("g", named, inside)
    # By keyboard the same is reached through a table or a list: ninety stops are none.
    return tag("a", named, inside, href=link, tabindex="-1", aria_label=_short(title))


def _is_ours(link: str) -> bool:
    return link[:1] in ("?", "#") or (link[:1] == "/" and link[1:2] not in ("/", "\\"))


def boxed(x: float, y: float, width: float, height: float, text: str, kind: str) -> Picture:
    """Return a line of text that ends where its box does."""
    line = tag("text", words(text), x=0, y=height / 2, dominant_baseline="central", class_=kind)
    return tag("svg", line, x=x, y=y, width=width, height=height)
