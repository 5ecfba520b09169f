"""
Group commit: one thread writes, batches that came together are committed together.

An fsync takes milliseconds and is shared by the whole group; an agent is answered only when
its batch is on disk.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from .arrival import Arrival
from .errors import OverloadedError
from .store import Store

GROUP_BATCHES = 512
"""Batches of one commit: bounds what a failing disk refuses at once."""


class Writer:
    """The only user of the store once the service runs."""

    def __init__(self, store: Store, capacity: int) -> None:
        """
        Args:
            store: Used by the writer's thread alone from `start` to `stop`.
            capacity: Batches and jobs that may wait.
        """
        self._store = store
        self._queue: queue.Queue[_Work | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def append(self, arrival: Arrival) -> "Future[bool]":
        """
        Queue a batch; the result, once it is durable, is whether it was new.

        Raises:
            OverloadedError: too many wait already.
        """
        return self._submit(_Work(arrival, None))

    def call(self, job: Callable[[Store], Any]) -> "Future[Any]":
        """
        Queue any other use of the store.

        Raises:
            OverloadedError: too much waits already.
        """
        return self._submit(_Work(None, job))

    def _submit(self, work: "_Work") -> "Future[Any]":
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            raise OverloadedError("too many batches wait for the disk") from None
        return work.done

    def _run(self) -> None:
        ended = False
        while not ended:
            works = [self._queue.get()]
            while len(works) < GROUP_BATCHES and not self._queue.empty():
                works.append(self._queue.get())
            ended = None in works
            wanted = [work for work in works if work and work.done.set_running_or_notify_cancel()]
            self._commit([work for work in wanted if work.arrival])
            for work in wanted:
                if work.job:
                    _finish([work], partial(_call, work.job, self._store))

    def _commit(self, group: "list[_Work]") -> None:
        if group:
            arrivals = [work.arrival for work in group if work.arrival]
            _finish(group, partial(self._store.append, arrivals))


class _Work:
    """A batch or a job, and the future its sender waits for."""

    __slots__ = ("arrival", "done", "job")

    def __init__(self, arrival: Arrival | None, job: Callable[[Store], Any] | None) -> None:
        self.arrival = arrival
        self.job = job
        self.done: Future[Any] = Future()


def _call(job: Callable[[Store], Any], store: Store) -> list[Any]:
    return [job(store)]


def _finish(works: list[_Work], run: Callable[[], list[Any]]) -> None:
    try:
        results = run()
    except Exception as error:  # noqa: BLE001  # whatever it is, the senders wait for it
        for work in works:
            work.done.set_exception(error)
        return
    for work, result in zip(works, results, strict=True):
        work.done.set_result(result)
