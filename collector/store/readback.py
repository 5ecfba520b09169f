"""
The replay of the log after a start, in slices, between the requests that come meanwhile.

Batches that arrive after the start are none of its business: their ids lie behind the span's.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ..errors import RejectedError
from ..intake import ingest
from ..intake.arrival import Arrival
from . import rows
from .database import Store
from .recall import Span

log = logging.getLogger("modpulse.collector")

SLICE_BATCHES = 500
SLICE_BYTES = 4 << 20
"""Held at once; with the slowest disk and the largest batches still some slices a second."""

SWITCH_S = 0.000_2
"""
How long this thread may keep the interpreter from the writer's, which asks for it some hundred
times a commit: with Python's 5 ms a batch would wait half a second for its answer.
"""

Ask = Callable[[Callable[[Store], Any]], Awaitable[Any]]


class ReadBack:
    """How far the evidence of before the start is read."""

    def __init__(self, span: Span | None) -> None:
        self._span = span
        self.of = span.batches if span else 0
        """Batches that are to be read."""
        self._after = 0
        self.done = 0
        self.skipped = 0
        """Of these, batches that an older collector took and this one cannot read."""

    def document(self) -> dict[str, int]:
        """Return what `/readyz` and the API say of it."""
        return {"done": self.done, "of": self.of, "skipped": self.skipped}

    async def run(self, ask: Ask, merge: Callable[[Arrival], None]) -> None:
        """
        Read all of it; after an error from where it was.

        Args:
            ask: Runs a job on the thread that has the store.
            merge: Takes each batch, in the order in which they were logged.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            await self._run(ask, merge)
        finally:
            sys.setswitchinterval(usual_s)
        self.done = self.of
        if self.of:
            log.info("log.read_back batches=%d skipped=%d", self.of, self.skipped)

    async def _run(self, ask: Ask, merge: Callable[[Arrival], None]) -> None:
        # Counted, because in a damaged tree a next id may lie before the last one.
        while self._span and self.done < self.of:
            found = await ask(partial(_slice, self._span, self._after))
            if not found:
                break
            for row in found:
                self._read(row, merge)
                # One batch at a time, so that requests are answered in between.
                await asyncio.sleep(0)
            self._after = found[-1][0]

    def _read(self, row: rows.Row, merge: Callable[[Arrival], None]) -> None:
        self.done += 1
        try:
            _, arrived_ns, skew_ns, body = rows.read_log(row)
            arrival = ingest.reread(body, arrived_ns, skew_ns)
        except (RejectedError, ValueError) as error:
            if not self.skipped:
                log.warning("log.skipped first=%s", error)
            self.skipped += 1
            return
        merge(arrival)


def _slice(span: Span, after: int, store: Store) -> list[rows.Row]:
    return store.log(span, after, SLICE_BATCHES, SLICE_BYTES)
