"""A long list, a page at a time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

ROWS = 100
"""Of one page."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of how many; both from 1."""

    number: int
    pages: int
    total: int
    """Rows of all of them."""

    def part(self, whole: Sequence[T]) -> Sequence[T]:
        """Return the rows of this page."""
        return whole[(self.number - 1) * ROWS : self.number * ROWS]


def paging(asked: str, total: int) -> Paging:
    """Return the page that is asked for, or the nearest there is; else the first."""
    pages = max(1, -(-total // ROWS))
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 9
    return Paging(min(pages, max(1, int(asked))) if is_number else 1, pages, total)
