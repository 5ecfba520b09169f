"""
Group commit: one thread writes, batches that came together are committed together.

An fsync takes milliseconds and is shared by the whole group; an agent is answered only when
its batch is on disk. What comes while one group is on its way is the next: so a group has as many
as the disk is slow, and the loop and the thread hand over once for all of it.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from ..errors import OverloadedError, StoreUnavailableError
from ..intake.arrival import Arrival
from ..turns import Turns
from .database import Store

GROUP_BATCHES = 256
"""Batches of one commit: bounds what a failing disk refuses at once, and what is merged at once."""
GATHER_BATCHES, GATHER_S = 16, 0.010
"""Fewer wait so long for more: a commit and its hand-over cost as much as ten batches."""
GROUP_BYTES = 4 << 20
"""Of these, at most, and one more batch."""
MERGED = 8
"""Of these, so many are merged and answered at once: a millisecond of busy ones."""
MAX_JOBS = 1_000
"""Other uses of the store that may wait."""


class Writer:
    """The only user of the store once the service runs."""

    def __init__(self, store: Store, capacity: int = MAX_JOBS) -> None:
        """
        Args:
            store: Used by the writer's thread alone from `start` to `stop`.
            capacity: Jobs that may wait.
        """
        self._store = store
        self._queue: queue.Queue[_Work | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Do what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def call(self, job: Callable[[Store], Any]) -> "Future[Any]":
        """
        Queue a use of the store; they are done in the order in which they came.

        Raises:
            OverloadedError: too much waits already.
        """
        work = _Work(job)
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            raise OverloadedError("too much waits for the disk") from None
        return work.done

    def _run(self) -> None:
        while work := self._queue.get():
            self._do(work)

    def between(self) -> None:
        """
        Do what waits by now, in the middle of a long job of this thread.

        Raises:
            StoreUnavailableError: the thread is to end.
        """
        for _ in range(self._queue.qsize()):
            work = self._queue.get()
            if work is None:
                self._queue.put(None)
                raise StoreUnavailableError("the collector stops")
            self._do(work)

    def _do(self, work: "_Work") -> None:
        if work.done.set_running_or_notify_cancel():
            try:
                work.done.set_result(work.job(self._store))
            except Exception as error:  # noqa: BLE001  # whatever it is, who asked waits for it
                work.done.set_exception(error)


class _Work:
    """A job, and the future that who asked waits for."""

    __slots__ = ("done", "job")

    def __init__(self, job: Callable[[Store], Any]) -> None:
        self.job = job
        self.done: Future[Any] = Future()


class Log:
    """The loop's end of it: groups of batches, one on its way at a time."""

    def __init__(
        self, writer: Writer, merge: Callable[[list[Arrival], int], None], turns: Turns
    ) -> None:
        """
        Args:
            writer: Which commits.
            merge: Takes some that are new and durable, in the log's order, and the log's id of the
                last of them, before their senders are answered.
            turns: In which that is done.
        """
        self._writer, self._merge, self._turns = writer, merge, turns
        self._waiting: deque[_Waiting] = deque()
        self._group: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def append(self, arrival: Arrival) -> bool:
        """
        Wait until it is durable; returns whether it was new.

        Raises:
            OverloadedError, StoreUnavailableError: it is not kept.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((arrival, done))
        if self._running is None:
            self._running = loop.create_task(self._run())
        return await done

    @property
    def proxies(self) -> set[str]:
        """What is named by the batches that are not durable yet."""
        waiting = (*self._group, *self._waiting)
        return {sighting.proxy for arrival, _ in waiting for sighting in arrival.sightings}

    async def finish(self) -> None:
        """Wait until nothing is on its way."""
        while self._running:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while self._waiting:
                # What comes together goes together; where little does, what comes soon too.
                await asyncio.sleep(0 if len(self._waiting) >= GATHER_BATCHES else GATHER_S)
                self._group = self._next()
                await self._commit(self._group)
        finally:
            self._running, self._group = None, []

    def _next(self) -> "list[_Waiting]":
        group: list[_Waiting] = []
        size_bytes = 0
        while self._waiting and len(group) < GROUP_BATCHES and size_bytes < GROUP_BYTES:
            arrival, done = self._waiting.popleft()
            if not done.done():  # else its sender gave up: it will come again
                group.append((arrival, done))
                size_bytes += len(arrival.body)
        return group

    async def _commit(self, group: "list[_Waiting]") -> None:
        arrivals = [arrival for arrival, _ in group]
        try:
            fresh, last_id = await asyncio.wrap_future(
                self._writer.call(partial(_append, arrivals))
            )
            for taken in self._merged(group, fresh, last_id):
                await taken
        except Exception as error:  # noqa: BLE001  # whatever it is, the senders wait for it
            for _, done in group:
                if not done.done():
                    done.set_exception(error)

    def _merged(
        self, group: "list[_Waiting]", fresh: list[bool], last_id: int
    ) -> "list[asyncio.Future[None]]":
        """Have a group that is durable merged, some at a time."""
        steps = []
        left = sum(fresh)
        for first in range(0, len(group), MERGED):
            some, is_new = group[first : first + MERGED], fresh[first : first + MERGED]
            left -= sum(is_new)
            steps.append(self._turns.result(partial(self._taken, some, is_new, last_id - left)))
        return steps

    def _taken(self, some: "list[_Waiting]", fresh: list[bool], log_id: int) -> None:
        """Merge what is new of some batches that are durable, and tell who sent them."""
        new = [arrival for (arrival, _), is_new in zip(some, fresh, strict=True) if is_new]
        if new:
            self._merge(new, log_id)
        for (_, done), is_new in zip(some, fresh, strict=True):
            if not done.done():
                done.set_result(is_new)


_Waiting = tuple[Arrival, "asyncio.Future[bool]"]
"""A batch, and who waits for it to be durable."""


def _append(arrivals: list[Arrival], store: Store) -> tuple[list[bool], int]:
    return store.append(arrivals)
