"""
What batches add to all tables but the log, later than their answers: some seconds of them at once.

The log has them until then, and `rolled` says up to which: after a crash the rest is read from it.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ..errors import RejectedError, StoreUnavailableError
from ..health.evidence import SLOT_NS, SLOT_S
from ..intake import ingest
from ..intake.arrival import Arrival
from ..intake.fold import Key, Pile
from ..intake.rollup import LABELLED, Rollup, pile_parts, roll_up
from . import complaints, rows
from .database import Store

log = logging.getLogger("modpulse.collector")

ROLL_S = 2.0
"""How much later than its answer a batch is in the tables; a start reads so much of the log."""
ROLL_BATCHES = 20_000
"""Or so many."""
CAUGHT_UP = 2_000
"""Batches that a start adds up at once."""
STEP_S = 0.005
"""How long sketches are added up before others go first."""

Time = Callable[[Key, Mapping[int, int]], None]
Add = Callable[[Rollup, int], Awaitable[None]]


class Roll:
    """What is in the log and not yet in the tables; used on the loop's thread."""

    def __init__(self, time_: Time, add: Add) -> None:
        """
        Args:
            time_: Takes the latencies of a proxy, slot and phase.
            add: Writes a roll-up that ends with an id of the log.
        """
        self._time, self._add = time_, add
        self.pile = Pile()
        """By slots of SLOT_NS."""
        self.unreadable = 0
        """Sketches that were none."""
        self._rollup, self._log_id = Rollup(), 0
        self._unwritten: list[tuple[Rollup, int]] = []
        """Oldest first; more than one only where the disk failed."""
        self._turn = asyncio.Lock()
        self._running: asyncio.Task[None] | None = None
        self._written_s = time.monotonic()

    @property
    def proxies(self) -> set[str]:
        """What is named by batches whose rows are not written."""
        return self._rollup.proxies.union(*(rollup.proxies for rollup, _ in self._unwritten))

    def take(self, arrivals: Sequence[Arrival], log_id: int) -> None:
        """Add batches that are in the log up to an id, whose sketches are on the pile."""
        for arrival in arrivals:
            self._rollup.add(arrival)
            pile_parts(self.pile, arrival, arrival.end_ns // SLOT_NS)
        self._log_id = log_id
        if self._running is None and (self.pile.is_full or self._is_due):
            self._running = asyncio.get_running_loop().create_task(self._run())

    @property
    def _is_due(self) -> bool:
        is_late = time.monotonic() - self._written_s >= ROLL_S
        return is_late or self._rollup.batches >= ROLL_BATCHES

    async def write(self) -> None:
        """
        Let the tables know all that is in the log.

        Raises:
            OverloadedError, StoreUnavailableError: they will later.
        """
        async with self._turn:
            await self._write()

    async def _run(self) -> None:
        try:
            async with self._turn:
                if self._is_due:
                    await self._write()
                else:
                    await self._fold(self._rollup)
        except StoreUnavailableError as error:
            log.warning("roll.unavailable reason=%s", error)
        finally:
            self._running = None

    async def _write(self) -> None:
        self._written_s = time.monotonic()
        if self._rollup.batches:
            # From here on to the fold nothing may come between: what is on the pile belongs to it.
            rollup, self._rollup = self._rollup, Rollup()
            self._unwritten.append((rollup, self._log_id))
            await self._fold(rollup)
        while self._unwritten:
            await self._add(*self._unwritten[0])
            del self._unwritten[0]

    async def _fold(self, rollup: Rollup) -> None:
        pile, self.pile = self.pile, Pile()
        began_s = time.monotonic()
        for key, buckets in pile.fold():
            if LABELLED not in key.phase:
                self._time(key, buckets)
            rollup.add_buckets(key.proxy, key.slot * SLOT_S, key.phase, buckets)
            if time.monotonic() - began_s > STEP_S:
                await asyncio.sleep(0)
                began_s = time.monotonic()
        self.unreadable += pile.unreadable


def catch_up(store: Store) -> None:
    """
    Let the tables know what only the log does, before anything is taken.

    Raises:
        StoreUnavailableError: the database cannot be read or written.
    """
    done = -1
    while found := store.unrolled(CAUGHT_UP):
        last_id = max(row[0] for row in found)
        if last_id <= done:
            # In a damaged tree what comes after an id may lie before it, without end.
            error = sqlite3.DatabaseError("the log is out of order")
            raise complaints.later(error) from error
        arrivals = []
        for *row, taken in found:
            try:
                _, arrived_ns, skew_ns, body = rows.read_log(row)
                arrivals.append(
                    ingest.reread(body, arrived_ns, skew_ns, rows.read_int(taken, -1, rows.MOST))
                )
            except (RejectedError, ValueError):
                store.unreadable["log"] += 1
        store.remember(arrivals)
        store.add(roll_up(arrivals), last_id)
        done = last_id
        log.info("log.rolled batches=%d", len(arrivals))
