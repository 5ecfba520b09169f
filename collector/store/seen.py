"""
Which batches were taken: ranges of seq per run of an agent, so that order costs one row.

What was heard lately is held in memory, and its rows are written with the next roll-up: until then
the log knows it. Runs inside the store's transactions, on its connection.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import islice

from modpulse.agent.service.units import NS

from ..intake.arrival import Arrival
from .insert import put
from .rows import Row, read_range

MAX_HELD_RUNS = 50_000
"""In memory: twice the agents that are held; those of before are read again where they are asked
for."""

Run = tuple[str, bytes]


class Ranges:
    """The seqs of one run that were taken."""

    __slots__ = ("_firsts", "at_s", "changed", "gone", "lasts")

    def __init__(self, lasts: dict[int, int]) -> None:
        self.lasts = lasts
        """Last by first."""
        self._firsts = sorted(lasts)
        self.at_s = 0
        """When it was heard last."""
        self.gone: set[int] = set()
        """Firsts whose rows are part of another range now."""
        self.changed: set[int] = set()
        """Firsts whose rows are not written."""

    def holds(self, seq: int) -> bool:
        """Whether it was taken."""
        at = bisect_right(self._firsts, seq)
        return at > 0 and seq <= self.lasts[self._firsts[at - 1]]

    def take(self, seq: int) -> None:
        """Add one that is not held."""
        firsts, lasts = self._firsts, self.lasts
        at = bisect_right(firsts, seq)
        if at and lasts[firsts[at - 1]] == seq - 1:
            first = firsts[at - 1]
        else:
            first = seq
            firsts.insert(at, seq)
            at += 1
        lasts[first] = seq
        if seq + 1 in lasts:
            lasts[first] = lasts.pop(seq + 1)
            del firsts[at]
            self.gone.add(seq + 1)
            self.changed.discard(seq + 1)
        self.gone.discard(first)
        self.changed.add(first)


class Seen:
    """All runs; of one store."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._runs: dict[Run, Ranges] = {}
        self._changed: dict[Run, None] = {}

    def fresh(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Return for each batch whether it is new; the second of two that are the same is not."""
        met: set[tuple[str, bytes, int]] = set()
        found = []
        for arrival in arrivals:
            key = (arrival.agent_id, arrival.run_id, arrival.seq)
            is_new = key not in met and not self._ranges(key[:2]).holds(arrival.seq)
            met.add(key)
            found.append(is_new)
        return found

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """Hold batches that are new and in the log."""
        for arrival in arrivals:
            run = (arrival.agent_id, arrival.run_id)
            ranges = self._ranges(run)
            ranges.take(arrival.seq)
            ranges.at_s = max(ranges.at_s, arrival.arrived_ns // NS)
            self._changed[run] = None

    def write(self) -> None:
        """Write what is not written, within the caller's transaction."""
        rows: list[Row] = []
        for run in self._changed:
            ranges = self._runs[run]
            for first in ranges.gone:
                self._db.execute(
                    "DELETE FROM seen WHERE agent_id = ? AND run_id = ? AND first_seq = ?",
                    (*run, first),
                )
            rows += [(*run, first, ranges.lasts[first], ranges.at_s) for first in ranges.changed]
        put(self._db, "INSERT OR REPLACE INTO seen VALUES", rows)

    def written(self) -> set[str]:
        """Forget that it was not, once it is durable; returns whose runs these are."""
        agents = {agent_id for agent_id, _ in self._changed}
        for run in self._changed:
            ranges = self._runs[run]
            ranges.gone.clear()
            ranges.changed.clear()
        self._changed.clear()
        for run in list(islice(self._runs, max(0, len(self._runs) - MAX_HELD_RUNS))):
            del self._runs[run]
        return agents

    def let_go(self) -> None:
        """Hold nothing that is written: rows may go that are too old."""
        self._runs = {run: self._runs[run] for run in self._changed}

    def forget(self, agent_id: str) -> None:
        """Hold nothing of an agent some of whose rows are gone."""
        for run in [run for run in self._runs if run[0] == agent_id]:
            del self._runs[run]

    def _ranges(self, run: Run) -> Ranges:
        ranges = self._runs.get(run)
        if ranges is None:
            rows = self._db.execute(
                "SELECT first_seq, last_seq FROM seen WHERE agent_id = ? AND run_id = ?", run
            )
            ranges = self._runs[run] = Ranges(dict(filter(None, map(read_range, rows))))
        return ranges
