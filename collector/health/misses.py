"""
Misses for what a proxy served before: real proxies answer 404 when their upstream is down.

Each agent marks what it sees of that itself; here is what only the fleet knows, for a host that is
new. Ordinary misses are never doubted: prefixes that `go` asks for and names that are private were
never served by this proxy. Nor is what one host may have and another may not, as long as the others
are served. Pure: times are the collector's, in nanoseconds; names are kept as hashes of 64 bits.
"""

from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from modpulse.agent.batch.batch import MISS, OK, SUSPECT
from modpulse.agent.service.units import NS

from ..intake import wire
from ..shares import Shares
from .asked import Waiting
from .evidence import HORIZON_NS

MAX_SERVED = 300_000
"""Things that proxies served: 40 MB."""
DAY_NS = 86_400 * NS
KEPT_DAYS = 7
"""After the last day on which it was served a thing is forgotten."""
MAX_DOUBTS = 1_000
"""Of one proxy, within HORIZON_NS."""
ENOUGH_MODULES = 3
"""That are missed although they were served: fewer were taken away by somebody."""


class Served:
    """What each proxy served, by the last day on which it did."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        self._overflow = overflow
        self._days: dict[int, dict[int, str]] = {}
        """Day to things, each with who told of it first."""
        self._room = Shares(MAX_SERVED)

    def serve(self, thing: int, caller: str, at_ns: int) -> None:
        """Remember that something was served."""
        day = at_ns // DAY_NS
        today = self._days.get(day)
        if today is None:
            today = self._days[day] = {}
            self._expire(max(self._days))
            if day not in self._days:
                return  # longer ago than is remembered
        if thing in today:
            return
        for number, others in self._days.items():
            if thing in others:
                if number < day:
                    today[thing] = others.pop(thing)
                return
        if not self._room.has_room(caller, 1):
            self._overflow["MAX_SERVED"] += 1
            return
        self._room.take(caller, 1)
        today[thing] = caller

    def on(self, at_ns: int) -> Container[int]:
        """Return what was served last on that day."""
        return self._days.get(at_ns // DAY_NS, ())

    def __contains__(self, thing: int) -> bool:
        """Whether it was served within KEPT_DAYS."""
        return any(thing in things for things in self._days.values())

    def _expire(self, today: int) -> None:
        for day in [day for day in self._days if day <= today - KEPT_DAYS]:
            for caller in self._days.pop(day).values():
                self._room.give(caller, 1)


class Doubt(NamedTuple):
    """One miss for something that was served."""

    at_ns: int
    agent_id: str
    module: int


@dataclass(slots=True)
class Doubts:
    """Of one proxy."""

    pending: deque[Doubt] = field(default_factory=deque)
    told: deque[Doubt] = field(default_factory=deque)
    proven_ns: int = 0
    """When a host last missed what it was served itself."""

    def expire(self, now_ns: int) -> None:
        """Forget what is no evidence any more."""
        for doubts in (self.pending, self.told):
            while doubts and doubts[0].at_ns <= now_ns - HORIZON_NS:
                doubts.popleft()

    @property
    def modules(self) -> int:
        """How many different modules were missed."""
        return len({doubt.module for doubts in (self.pending, self.told) for doubt in doubts})


class Misses:
    """Of one fleet."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        self._overflow = overflow
        self._served = Served(overflow)
        self._doubts: dict[str, Doubts] = {}

    def note(self, one: Waiting, rows: Iterable[wire.Asked]) -> None:
        """Take answers for what has a name."""
        # This is done for each thing that a fleet asks for: nearly all were served today.
        proxy, today = one.proxy, self._served.on(one.end_ns)
        for row in rows:
            if row.module is None:
                continue
            thing = hash((proxy, row.module, row.version, row.endpoint))
            if row.outcome != OK:
                self._miss(one, row, thing)
            elif thing not in today:
                self._served.serve(thing, one.caller, one.end_ns)

    def _miss(self, one: Waiting, row: wire.Asked, thing: int) -> None:
        if row.outcome not in (MISS, SUSPECT) or thing not in self._served:
            return
        doubts = self._doubts.setdefault(one.proxy, Doubts())
        if row.outcome == SUSPECT:
            doubts.proven_ns = max(doubts.proven_ns, one.end_ns)
        elif len(doubts.pending) < MAX_DOUBTS:
            doubts.pending.append(Doubt(one.end_ns, one.agent_id, hash(row.module)))
        else:
            self._overflow["MAX_DOUBTS"] += 1

    def doubted(self, now_ns: int) -> Iterator[tuple[str, Doubts]]:
        """Return the proxies that missed what they served; once more when none is left."""
        for proxy, doubts in list(self._doubts.items()):
            doubts.expire(now_ns)
            yield proxy, doubts
            if not (doubts.pending or doubts.told):
                del self._doubts[proxy]


def settle(doubts: Doubts, now_ns: int, is_serving: bool) -> list[Doubt]:
    """
    Return the misses that count as suspect from now on.

    Args:
        doubts: Of one proxy, which are changed.
        now_ns: The collector's time.
        is_serving: Whether somebody got something from it within the last minute.
    """
    is_proven = now_ns - doubts.proven_ns < HORIZON_NS or not is_serving
    if not is_proven or doubts.modules < ENOUGH_MODULES:
        return []
    settled = list(doubts.pending)
    doubts.pending.clear()
    doubts.told.extend(settled)
    while len(doubts.told) > MAX_DOUBTS:
        doubts.told.popleft()
    return settled
