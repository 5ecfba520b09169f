"""The outbox as the sender has it: jobs for the writer's thread, and what is open."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from .alerts.notice import Notice, Outcome, Waiting
from .incidents import Incidents
from .store import outbox
from .store.database import Store


class Outbox:
    """Of one service."""

    def __init__(
        self,
        call: Callable[[Callable[[Store], Any]], "Future[Any]"],
        now_ns: Callable[[], int],
    ) -> None:
        """
        Args:
            call: Has a job done on the writer's thread.
            now_ns: The collector's time.
        """
        self._call, self._now_ns = call, now_ns

    async def waiting(self, channel: str) -> list[Waiting]:
        """Return what waits for a channel, oldest first."""
        found: list[Waiting] = await self._do(lambda store: store.waiting(channel))
        return found

    async def postpone(self, number: int, attempts: int, next_ns: int) -> None:
        """Try a notice again later."""
        await self._change(
            partial(outbox.postpone, number=number, attempts=attempts, next_ns=next_ns)
        )

    async def settle(self, numbers: Sequence[int], outcome: Outcome) -> None:
        """Let notices wait no more."""
        now_ns = self._now_ns()
        await self._change(partial(outbox.settle, numbers=numbers, outcome=outcome, now_ns=now_ns))

    async def forget_unknown(self, channels: Sequence[str]) -> int:
        """Settle what waits for channels that are configured no more; returns how many."""
        now_ns = self._now_ns()
        forgotten: int = await self._change(
            partial(outbox.forget_unknown, channels=channels, now_ns=now_ns)
        )
        return forgotten

    async def _change(self, job: Callable[..., Any]) -> Any:
        return await self._do(lambda store: store.change(job))

    async def _do(self, job: Callable[[Store], Any]) -> Any:
        return await asyncio.wrap_future(self._call(job))


def open_notices(
    incidents: Incidents, wall_offset_ns: Callable[[], int], channel: str
) -> list[Notice]:
    """Return what is open and was told, as notices for a channel that is told again and again."""
    offset_ns = wall_offset_ns()
    notices = [
        Notice("updated", incident, offset_ns)
        for incident in incidents.state.incidents.values()
        if incident.closed_ns is None and incident.told and not incident.told.closed
    ]
    return [notice for to, notice in incidents.addressed(notices) if to == channel]
