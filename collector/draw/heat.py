"""One row of a heat map: how much of something there was, by time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .svg import Picture, linked, stretched, tag, within

STEP, HEIGHT = 8, 20
MOST_CELLS = 400
SHADES = (0.0, 0.01, 0.05, 0.2, 0.5)
"""Shares from which on the next shade is used: a few failures must show, all of them stand out."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One period."""

    share: float | None
    """From 0 to 1; None where nothing was seen."""
    label: str
    """When, and how much."""
    link: str | None = None


def shade(share: float | None) -> str:
    """Return the class of a cell."""
    if share is None:
        return "shade-unseen"
    return f"shade-{sum(within(share, 0, 1) > least for least in SHADES)}"


def row(title: str, cells: Sequence[Cell]) -> Picture:
    """
    Return the row, the newest period at the right.

    Args:
        title: Whose it is, and what it comes to.
        cells: Oldest first; of very many the newest. Those that follow each other without a failure
            are one box, as are those of which nothing was seen.
    """
    kept = cells[-MOST_CELLS:]
    drawn = [_box(kept, first, end) for first, end in _runs(kept)]
    return stretched(max(1, len(kept)) * STEP - 1, HEIGHT, title, drawn, kind="heat")


def _runs(cells: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """Yield from where to where one box goes: nothing to see for long is one thing to draw."""
    first = 0
    for end in range(1, len(cells) + 1):
        if end == len(cells) or not _is_dull(cells[first], cells[end]):
            yield first, end
            first = end


def _is_dull(one: Cell, other: Cell) -> bool:
    return not one.share and one.share == other.share and one.link is other.link is None


def _box(cells: Sequence[Cell], first: int, end: int) -> Picture:
    width = (end - first) * STEP - 1
    kind = shade(cells[first].share)
    box = tag("rect", x=first * STEP, y=0, width=width, height=HEIGHT, class_=kind)
    label = cells[first].label
    if end - first > 1:
        label = f"{label} … {cells[end - 1].label}"
    return linked(cells[first].link, label, box)
