"""
Reads batches without holding the event loop: some milliseconds of them, then others go first.

A batch costs less than its bytes suggest, whatever is in it: a MiB of anything is read or refused
within half a millisecond (`make bench ARGS=door`).
"""

import asyncio
import time

from . import ingest
from .arrival import Arrival

TURN_S = 0.005
"""How long batches are read one after the other."""
SWITCH_S = 0.000_5
"""How long a thread may keep the interpreter when another wants it; Python's own is 5 ms."""


class Reader:
    """Of one collector; used on the loop's thread."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self._waiting: list[asyncio.Future[None]] = []
        """For the turn that begins when others have been answered."""

    async def read(
        self, body: bytes, identity: ingest.Identity, clocks: ingest.Clocks, caller: str = ""
    ) -> Arrival:
        """
        Check a batch.

        Raises:
            RejectedError: it will never be accepted.
        """
        while time.monotonic() > self._until_s:
            loop = asyncio.get_running_loop()
            if not self._waiting:
                loop.call_soon(self._begin)
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
        return ingest.read(body, identity, clocks, caller)

    def _begin(self) -> None:
        self._until_s = time.monotonic() + TURN_S
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
