"""
The way of a question for what was seen: rows in slices from the writer's thread.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from .alerts.kept import past_of
from .alerts.past import Stretch, Transition
from .history import READ_ROWS, Ask
from .store.database import Store

MAX_PAST_PAGE = 3_000
"""Rows of one answer; the next ones are asked for."""


@dataclass(frozen=True, slots=True)
class PastAsked:
    """What is wanted; times in ns of the collector's clock."""

    from_ns: int
    until_ns: int
    after: int = 0
    """The last row of the page before."""


@dataclass(frozen=True, slots=True)
class PastPage:
    """Some of it."""

    rows: tuple[Transition | Stretch, ...]
    next_after: int | None
    """Of the next page; None: this was the last."""
    kept_from_ns: int | None
    """The oldest that is kept; None: nothing is."""
    unreadable: int


async def read_past(ask: Ask, asked: PastAsked) -> PastPage:
    """
    Return a page.

    Args:
        ask: Runs a job on the thread that has the store.
        asked: What is wanted.

    Raises:
        StoreUnavailableError: the database cannot be read.
    """
    kept_from_ns = await ask(Store.past_from_ns)
    found: list[Transition | Stretch] = []
    after, unreadable = asked.after, 0
    while len(found) < MAX_PAST_PAGE:
        rows = await ask(partial(_slice, asked=asked, after=after))
        for number, text in rows:
            # In a damaged tree rows may go back, without end.
            if number <= after:
                return PastPage(tuple(found), None, kept_from_ns, unreadable + 1)
            after = number
            try:
                found.append(past_of(text))
            except ValueError:
                unreadable += 1
        if len(rows) < READ_ROWS:
            return PastPage(tuple(found), None, kept_from_ns, unreadable)
        await asyncio.sleep(0)
    return PastPage(tuple(found), after, kept_from_ns, unreadable)


def _slice(store: Store, asked: PastAsked, after: int) -> Any:
    return store.past(after, asked.from_ns, asked.until_ns, READ_ROWS)
