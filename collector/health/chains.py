"""
The chains of GOPROXY that are in force, and how many commands each was used by.

Read at a judgement, as what was asked for is. Pure: times are the collector's, in nanoseconds.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from modpulse.agent.batch.batch import BatchError
from modpulse.agent.service.units import NS

from ..intake import wire
from ..intake.arrival import Arrival
from ..shares import Shares

MAX_CHAINS_BYTES = 1 << 20
"""That wait between two judgements; one caller has half of it."""
MAX_CHAINS_HELD = 64
"""Different ones; a fleet has a few. One caller has half of them."""
HALF_NS = 43_200 * NS
"""Commands are counted in halves of a day: what is told is of the last 12 to 24 hours."""
STEP_WINDOWS = 200
"""Read before others go first: a millisecond."""
_ENTRY = re.compile(r"([^,|]+)([,|]?)")


class Link(NamedTuple):
    """One entry of a chain."""

    proxy: str
    separator: str
    """What follows it: `,` goes on after 404 and 410, `|` after any failure; empty: it is last."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """One chain."""

    links: tuple[Link, ...]
    commands: int
    """Processes of `go` that ended with it in the last 12 to 24 hours."""


@dataclass(slots=True)
class _Held:
    caller: str
    now: int = 0
    before: int = 0


class Chains:
    """Of one fleet."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        self._overflow = overflow
        self._waiting: list[tuple[str, bytes]] = []
        self._room = Shares(MAX_CHAINS_BYTES)
        self._places = Shares(MAX_CHAINS_HELD)
        self._held: dict[str, _Held] = {}
        self._half = 0

    def take(self, arrival: Arrival) -> None:
        """Let what a batch tells wait until it is read; strangers are not heard."""
        data = arrival.chains
        if len(data) < 2 or not arrival.is_known:
            return
        if not self._room.has_room(arrival.caller, len(data)):
            self._overflow["MAX_CHAINS_BYTES"] += 1
            return
        self._room.take(arrival.caller, len(data))
        self._waiting.append((arrival.caller, data))

    def reading(self, now_ns: int) -> Iterator[None]:
        """Read what waits, and forget what is old, in steps."""
        half = now_ns // HALF_NS
        if half > self._half:
            self._turn(keeps=half == self._half + 1)
            self._half = half
        waiting, self._waiting = self._waiting, []
        for number, (caller, data) in enumerate(waiting):
            self._room.give(caller, len(data))
            try:
                for chain in wire.chains(data):
                    self._count(caller, chain)
            except BatchError:
                self._overflow["unreadable_chains"] += 1
            if number % STEP_WINDOWS == STEP_WINDOWS - 1:
                yield None

    def reports(self) -> tuple[ChainReport, ...]:
        """Return the chains, the most used first."""
        found = [
            ChainReport(links_of(entries), held.now + held.before)
            for entries, held in self._held.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.commands, one.links)))

    def _count(self, caller: str, chain: wire.Chain) -> None:
        held = self._held.get(chain.entries)
        if held is None:
            if not self._places.has_room(caller, 1):
                self._overflow["MAX_CHAINS_HELD"] += 1
                return
            self._places.take(caller, 1)
            held = self._held[chain.entries] = _Held(caller)
        held.now += chain.commands

    def _turn(self, keeps: bool) -> None:
        for entries, held in list(self._held.items()):
            held.before, held.now = held.now if keeps else 0, 0
            if not held.before:
                self._places.give(held.caller, 1)
                del self._held[entries]


def links_of(entries: str) -> tuple[Link, ...]:
    """Return the entries of a chain as a batch has it."""
    return tuple(Link(name, separator) for name, separator in _ENTRY.findall(entries))
