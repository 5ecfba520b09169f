"""
The way of a question for the past: rows in slices from the writer's thread, a point at a time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from .errors import RejectedError
from .insight import comparing, comparison
from .insight.comparing import Comparing
from .insight.history import Asked, Builder, History
from .intake.arrival import Leaf
from .store.database import Store
from .store.tiers import PERIODS_S, Range, start_of

READ_ROWS = 300
"""Of one slice: batches that come meanwhile wait some milliseconds."""
STEP_S = 0.005
"""How long points are made before others go first."""

Ask = Callable[[Callable[[Store], Any]], Awaitable[Any]]


async def read(ask: Ask, asked: Asked) -> tuple[History, int] | None:
    """
    Return the history, and how many rows made no sense; None of a proxy that is not known.

    Args:
        ask: Runs a job on the thread that has the store.
        asked: What is wanted.

    Raises:
        StoreUnavailableError: the database cannot be read.
    """
    builder = Builder(asked)
    span = (asked.proxy, asked.by, asked.period_s, asked.from_s, asked.until_s)
    ranges = await ask(lambda store: store.plan(*span))
    async for row in _rows(ask, ranges):
        builder.take(*row)
    began_s = time.monotonic()
    for _ in builder.finish():
        began_s = await _pause(began_s)
    return (builder.history(), builder.unreadable) if ranges else None


async def compare(ask: Ask, asked: comparison.Asked) -> tuple[Comparing, dict[str, Leaf]]:
    """
    Return two mirrors side by side, and the newest certificate of each proxy.

    Args:
        ask: As of `read`.
        asked: What is wanted.

    Raises:
        RejectedError: 404, nothing is known of one of them; 400, it is too much at once.
        StoreUnavailableError: the database cannot be read.
    """
    found = Comparing(asked)
    for side, proxy in zip(comparing.SIDES, (asked.a, asked.b), strict=True):
        for dimension, period_s in comparing.READ.items():
            span = (proxy, dimension, period_s or asked.period_s, asked.from_s, asked.until_s)
            ranges = await ask(partial(_planned, span))
            if not ranges:
                raise RejectedError(404, f"{side}: no history of such a proxy")
            async for row in _rows(ask, ranges):
                try:
                    found.take(side, dimension, *row)
                except comparing.TooMuchError as error:
                    raise RejectedError(400, f"since: {error}") from None
    # Its steps are longer the more hours there are; beside the loop each waits for others anyway.
    await asyncio.to_thread(_finish, found)
    leaves = await ask(lambda store: store.certificates())
    return found, {name: leaf for name, (leaf, _) in leaves.items()}


async def _rows(ask: Ask, ranges: Sequence[Range]) -> AsyncIterator[tuple[int, int, object]]:
    """Yield the start and length of each row's period, and the row; others go first at times."""
    began_s = time.monotonic()
    for range_ in ranges:
        left = range_
        while rows := await ask(partial(_slice, left)):
            for key, row in rows:
                yield start_of(key), PERIODS_S[left.tier], row
                began_s = await _pause(began_s)
            # In a damaged tree the rows of a range may go back, without end.
            if len(rows) < READ_ROWS or rows[-1][0] < left.first:
                break
            left = Range(left.tier, rows[-1][0] + 1, left.last)


async def _pause(began_s: float) -> float:
    """Let others go first where it was long enough; returns since when it is not."""
    if time.monotonic() - began_s < STEP_S:
        return began_s
    await asyncio.sleep(0)
    return time.monotonic()


def _finish(found: Comparing) -> None:
    for _ in found.finish():
        time.sleep(0)  # whoever waits for the interpreter has it first


def _planned(span: tuple[Any, ...], store: Store) -> Any:
    return store.plan(*span)


def _slice(range_: Range, store: Store) -> Any:
    return store.rollups(range_, READ_ROWS)
