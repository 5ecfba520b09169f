"""One row of a heat map: how much of something there was, by time."""

from collections.abc import Sequence
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
        cells: Oldest first; of very many the newest.
    """
    kept = cells[-MOST_CELLS:]
    drawn = []
    for index, cell in enumerate(kept):
        box = tag(
            "rect", x=index * STEP, y=0, width=STEP - 1, height=HEIGHT, class_=shade(cell.share)
        )
        drawn.append(linked(cell.link, cell.label, box))
    return stretched(max(1, len(kept)) * STEP - 1, HEIGHT, title, drawn, kind="heat")
