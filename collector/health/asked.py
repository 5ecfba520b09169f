"""
What was asked for, one thing after another: waits until a judgement, and is read then, in steps.

A batch's answer waits for none of it. What finds no room is not read, and counted: what is learnt
from it is a memory, which may have gaps, never a number that is shown.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from modpulse.agent.batch.batch import BatchError

from ..intake import wire
from ..shares import Shares

MAX_ASKED_BYTES = 4 << 20
"""That wait between two judgements, 65,000 requests: a third of a second to read. One caller has
half of it."""
STEP_ROWS = 500
"""Requests that are read before others go first: 2 ms, and as much again for the last window."""
SOON_BYTES = 64 << 10
"""So many are read at once where nobody waits: 2 ms."""


class Waiting(NamedTuple):
    """What one agent asked one proxy for in one window."""

    caller: str
    agent_id: str
    proxy: str
    end_ns: int
    data: bytes
    """As it came."""


class Asked:
    """Of one fleet."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        self._overflow = overflow
        self._waiting: list[Waiting] = []
        self._room = Shares(MAX_ASKED_BYTES)

    def take(self, waiting: Waiting) -> None:
        """Keep it until it is read."""
        if len(waiting.data) < 2:
            return  # nothing was
        if not self._room.has_room(waiting.caller, len(waiting.data)):
            self._overflow["MAX_ASKED_BYTES"] += 1
            return
        self._room.take(waiting.caller, len(waiting.data))
        self._waiting.append(waiting)

    @property
    def is_much(self) -> bool:
        """Whether so much waits that it is read now, where nobody waits for it."""
        return self._room.held >= SOON_BYTES

    def reading(self) -> Iterator[tuple[Waiting, list[wire.Asked]]]:
        """Return all that waits, oldest first, and hold none of it any more."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            self._room.give(one.caller, len(one.data))
            try:
                yield one, wire.asked(one.data)
            except BatchError:
                self._overflow["unreadable_asked"] += 1
