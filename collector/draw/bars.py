"""One bar for each day: what it was like, and the way to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .svg import Picture, linked, stretched, tag

Level = Literal["unseen", "good", "fair", "poor", "bad"]
"""What a day was like, as a colour says it."""
MOST_BARS = 400
STEP, WIDTH, HEIGHT = 4, 3, 32


@dataclass(frozen=True, slots=True)
class Bar:
    """One day."""

    level: Level
    label: str
    """Which day, and what it was like."""
    link: str | None = None
    """To it, within this site."""


def bars(title: str, days: Sequence[Bar]) -> Picture:
    """
    Return the bars, the newest at the right.

    Args:
        title: What they are together, in words.
        days: Oldest first; of very many the newest.
    """
    kept = days[-MOST_BARS:]
    drawn = (_bar(index, day) for index, day in enumerate(kept))
    return stretched(max(1, len(kept)) * STEP - 1, HEIGHT, title, drawn, kind="bars")


def _bar(index: int, day: Bar) -> Picture:
    # A day without requests is low: it is told from a bad one also without colours.
    height = HEIGHT / 4 if day.level == "unseen" else HEIGHT
    box = tag(
        "rect", x=index * STEP, y=HEIGHT - height, width=WIDTH, height=height,
        class_=f"level-{day.level}",
    )  # fmt: skip
    return linked(day.link, day.label, box)
