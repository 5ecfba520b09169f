"""
What is made once of a state of things, however many ask for it: a few at a time are kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MAX_MADE = 8
"""Of one kind, the latest: in each language for the judgement of now, and of before."""


class Once(Generic[T]):
    """By key; who asks while it is made waits for the same one."""

    def __init__(self) -> None:
        self._made: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return what `make` returned for this key."""
        task = self._made.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._made[key] = asyncio.create_task(_awaited(make))
            while len(self._made) > MAX_MADE:
                self._made.pop(next(iter(self._made)))
        # Who hangs up takes it from nobody else.
        return await asyncio.shield(task)


async def _awaited(make: Callable[[], Awaitable[Any]]) -> Any:
    return await make()
