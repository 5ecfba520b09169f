"""One bar of parts that follow each other: the phases of a request, or of many."""

from collections.abc import Sequence
from dataclasses import dataclass

from .svg import Picture, linked, stretched, tag, within

WIDTH, HEIGHT = 1000, 12
MOST_PARTS = 16
PHASES = frozenset({
    "resolve", "connect", "tls", "verify", "wait", "processing", "transfer", "rest",
})  # fmt: skip
"""That have a colour."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part."""

    phase: str
    value: float
    """In any unit; what is no positive number takes no room."""
    label: str
    """Which, and how much."""


def stack(title: str, parts: Sequence[Part], whole: float, *, is_failed: bool = False) -> Picture:
    """
    Return the bar, of parts from left to right.

    Args:
        title: What it is, in words.
        parts: In their order.
        whole: The value that fills the width: the same for bars that are compared.
        is_failed: It ends in a failure: a mark at its end says so.
    """
    shown = parts[:MOST_PARTS]
    values = [within(part.value, 0, 1e18) for part in shown]
    most = max(within(whole, 0, 1e18), sum(values), 1e-9)
    drawn, at = [], 0.0
    for part, value in zip(shown, values, strict=True):
        width = WIDTH * value / most
        phase = part.phase if part.phase in PHASES else "rest"
        box = tag("rect", x=at, y=0, width=width, height=HEIGHT, class_=f"phase-{phase}")
        drawn.append(linked(None, part.label, box))
        at += width
    if is_failed:
        at = within(at, 0, WIDTH - 6)
        drawn.append(tag("rect", x=at, y=0, width=6, height=HEIGHT, class_="failed"))
    return stretched(WIDTH, HEIGHT, title, drawn, kind="stack")
