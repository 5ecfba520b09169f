"""
What is done for many peers is done in turns of some milliseconds, between which others go first:
who is new and has not said who it is, a question whether all is well, answers, the judge.

One queue for all of it, so that it is known how late the collector is. Work that was begun (a batch
to be read, one that is durable) goes before what a peer has sent and nobody has looked at.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

TURN_S = 0.005
"""How long batches are worked at, one after the other."""
SWITCH_S = 0.000_5
"""How long a thread may keep the interpreter when another wants it; Python's own is 5 ms."""

T = TypeVar("T")


class Turns:
    """Of one collector; used on the loop's thread."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self._is_open = False
        """A turn is under way, or what waits for the next one has it coming."""
        # Each with the moment at which it came.
        self._begun: deque[tuple[float, Callable[[], None]]] = deque()
        self._new: deque[tuple[float, Callable[[], None]]] = deque()

    def late_s(self) -> float:
        """Return for how long what waits longest has waited; 0 where nothing does."""
        came_s = min((queue[0][0] for queue in (self._begun, self._new) if queue), default=None)
        return 0.0 if came_s is None else time.monotonic() - came_s

    @property
    def is_over(self) -> bool:
        """Whether what is new is to wait for the next turn."""
        return bool(self._begun or self._new) or not self._has_time()

    def begin(self, job: Callable[[], None]) -> None:
        """Do what is new in the next turn, when all that was begun is done."""
        self._new.append((time.monotonic(), job))
        if not self._is_open:
            self._open()

    def go_on(self, job: Callable[[], None]) -> None:
        """Do a step of what was begun: at once if this turn is not over, else in the next one."""
        if self._begun or not self._has_time():
            self._begun.append((time.monotonic(), job))
        else:
            job()

    def result(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        """Do a step of what was begun; returns what comes of it, or what it raises."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def run() -> None:
            if done.done():
                return  # who wanted it has gone
            try:
                done.set_result(job())
            except Exception as error:  # noqa: BLE001  # whatever it is, who asked waits for it
                done.set_exception(error)

        self.go_on(run)
        return done

    def _has_time(self) -> bool:
        if not self._is_open:
            self._open()
        return time.monotonic() < self._until_s

    def _open(self) -> None:
        """Begin a turn; the next one begins when all others that can go on have done so."""
        self._is_open = True
        self._until_s = time.monotonic() + TURN_S
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_open = False
        if not (self._begun or self._new):
            return
        self._open()
        while (queue := self._begun or self._new) and time.monotonic() < self._until_s:
            queue.popleft()[1]()
