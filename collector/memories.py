"""
What is remembered beside the history: read after a start and written now and then, in slices that
batches wait little for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from modpulse.agent.service.units import NS

from .health.fleet import Fleet
from .health.memory import Memory
from .health.versions import LACKED_KEPT_NS
from .store.database import Store

EVERY_NS = 60 * NS
"""How much of it a kill -9 may cost."""
PROXIES_AT_ONCE = 32
"""That are read or written in one slice: a few milliseconds."""
MODULES_AT_ONCE = 100

Ask = Callable[[Callable[[Store], Any]], Awaitable[Any]]


class Memories:
    """Of one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._written: dict[str, Memory] = {}
        self._written_ns = 0

    async def read(self, ask: Ask) -> None:
        """
        Take back what was remembered.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        after: int | None = 0
        while after is not None:
            page: tuple[list[tuple[str, Memory]], int | None] = await ask(
                partial(Store.memories, after=after, most=PROXIES_AT_ONCE)
            )
            found, after = page
            for name, memory in found:
                self._fleet.recall(name, memory)
        start, is_more = 0, True
        while is_more:
            rows, is_more = await ask(partial(Store.lacked, start=start, most=MODULES_AT_ONCE))
            start += MODULES_AT_ONCE
            for row in rows:
                self._fleet.versions.recall(row)

    async def write(self, ask: Ask, now_ns: int, is_last: bool = False) -> None:
        """
        Write what changed, if that is due.

        Args:
            ask: Runs a job on the thread that has the store.
            now_ns: The collector's time.
            is_last: It is due whenever it was written last.

        Raises:
            StoreUnavailableError: some of it is not written; it is due again.
        """
        if now_ns - self._written_ns < EVERY_NS and not is_last:
            return
        self._fleet.versions.forget(now_ns - LACKED_KEPT_NS)
        names = list(self._fleet.proxies)
        for first in range(0, len(names), PROXIES_AT_ONCE):
            known = self._changed(names[first : first + PROXIES_AT_ONCE])
            if known:
                await ask(partial(Store.save_memories, known=known, now_ns=now_ns))
                self._written |= known
            await asyncio.sleep(0)
        while rows := self._fleet.versions.due(MODULES_AT_ONCE):
            await ask(partial(Store.save_lacked, rows=rows))
            self._fleet.versions.written(rows)
        self._written_ns = now_ns

    def forget(self, proxies: Iterable[str]) -> None:
        """These are gone from the database too."""
        for proxy in proxies:
            self._written.pop(proxy, None)

    def _changed(self, names: Iterable[str]) -> dict[str, Memory]:
        held = (name for name in names if name in self._fleet.proxies)
        known = {name: self._fleet.memory(name) for name in held}
        empty = Memory()
        return {n: memory for n, memory in known.items() if memory != self._written.get(n, empty)}
