"""A chain of GOPROXY: who is asked in turn, and how much falls through to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from .svg import Picture, boxed, fixed, linked, tag, within

WIDTH = 320
"""Pixels: as wide as a phone leaves."""
BOX, GAP, EDGE, LINE = 52, 56, 1, 20
THICK = 24
"""Of an arrow through which everything falls."""
MOST_ENTRIES = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry."""

    name: str
    words: str
    """How much it was asked."""
    state: str = "unknown"
    """Of the proxy: a class of its own."""
    link: str | None = None
    is_here: bool = False
    """The one that the picture is about."""
    fall: float | None = None
    """Share of its requests that went on to the next; None where it is not known."""
    fall_words: str = ""
    """The same, and why."""


STATES = frozenset({"healthy", "degraded", "down", "unknown"})


def chain(title: str, entries: Sequence[Entry]) -> Picture:
    """
    Return the chain, from the first that is asked to the last.

    Args:
        title: What it shows, in words.
        entries: In their order; of very many the first.
    """
    kept = entries[:MOST_ENTRIES]
    drawn: list[Picture] = []
    for index, entry in enumerate(kept):
        top = EDGE + index * (BOX + GAP)
        drawn.append(_box(entry, top))
        if index < len(kept) - 1:
            drawn.append(_arrow(entry, top + BOX))
    height = max(1, len(kept)) * (BOX + GAP) - GAP + 2 * EDGE
    return fixed(WIDTH, height, title, drawn, kind="chain")


def _box(entry: Entry, top: float) -> Picture:
    state = entry.state if entry.state in STATES else "unknown"
    here = " here" if entry.is_here else ""
    frame = tag(
        "rect", x=EDGE, y=top, width=WIDTH - 2 * EDGE, height=BOX, rx=6,
        class_=f"entry state-{state}{here}",
    )  # fmt: skip
    name = boxed(14, top + 5, WIDTH - 28, LINE, entry.name, "entry-name")
    words = boxed(14, top + 27, WIDTH - 28, LINE, entry.words, "entry-words")
    return linked(entry.link, f"{entry.name}: {entry.words}", Picture(frame + name + words))


def _arrow(entry: Entry, top: float) -> Picture:
    share = within(entry.fall, 0, 1)
    width = 2 + (THICK - 2) * share
    middle, point, bottom = 32, 8, top + GAP - 2
    kind = "fall" if entry.fall else "fall no-fall"
    stem = tag(
        "rect", x=middle - width / 2, y=top + 2, width=width, height=GAP - 4 - point, class_=kind
    )
    wide = width / 2 + 5
    head = f"M{middle - wide:.1f} {bottom - point:.1f}h{2 * wide:.1f}L{middle} {bottom:.1f}z"
    words = boxed(64, top + GAP / 2 - LINE / 2, WIDTH - 70, LINE, entry.fall_words, "fall-words")
    return Picture(stem + tag("path", d=head, class_=kind) + words)
