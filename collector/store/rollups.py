"""
The history: rows of cells by minute, hour and day, written, folded, and read.

What was is in each tier whose period is over: minutes until they are old, hours until these are,
days for years. So a question reads few rows, whatever it asks for. Runs inside the store's
transactions, on its connection.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..intake.cells import Cell, Cells, added, appended, pack, sketch_of, unpack
from ..intake.dimensions import MOST_NAMED, Dimension
from ..intake.rollup import HOUR_S, Rollup
from . import tiers
from .insert import ROWS_AT_ONCE, put
from .rows import Row
from .tiers import PERIODS_S, Kept, Marks, Range

SETTLED_S = 120
"""So long after its end a period is added to the next tier; what comes later is written twice."""

Group = dict[int, tuple[Dimension, list[Cells]]]
"""What is added, by the key of its row."""


class Rollups:
    """All rows; of one store."""

    def __init__(
        self, db: sqlite3.Connection, unreadable: Counter[str], overflow: Counter[str]
    ) -> None:
        self._db, self._unreadable, self._overflow = db, unreadable, overflow
        self._marks: dict[int, Marks] = {}
        self._kept: Kept | None = None

    def let_go(self) -> None:
        """Hold nothing: a transaction was taken back, or rows went."""
        self._marks.clear()
        self._kept = None

    def add(self, rollup: Rollup, ids: Mapping[str, int]) -> None:
        """Add what batches say of proxies, by the id of each."""
        group: Group = {}
        self._overflow.update(rollup.overflow)
        for (proxy, start_s, dimension), cells in cells_of(rollup).items():
            try:
                series = tiers.series_of(ids[proxy], dimension)
            except ValueError:
                self._unreadable["proxies"] += not dimension
                continue
            for tier in tiers.tiers_of(start_s, self.marks(series), self.kept()):
                key = tiers.key_of(series, tier, start_s)
                group.setdefault(key, (dimension, []))[1].append(cells)
        self.write(group)

    def write(self, group: Group) -> None:
        """Add cells to rows."""
        keys = list(group)
        for first in range(0, len(keys), ROWS_AT_ONCE):
            some = keys[first : first + ROWS_AT_ONCE]
            places = ",".join("?" * len(some))
            held = dict(
                self._db.execute(f"SELECT key, cells FROM rollups WHERE key IN ({places})", some)
            )
            made = [(key, self._joined(held.get(key), *group[key])) for key in some]
            put(self._db, "INSERT OR REPLACE INTO rollups VALUES", made)

    def _joined(self, old: object, dimension: Dimension, new: list[Cells]) -> bytes:
        more = pack(new[0] if len(new) == 1 else self._added(new, dimension))
        if old is None:
            return more
        if isinstance(old, bytes) and old:
            longer = appended(old, more)
            if longer is not None:
                return longer
        return pack(self._added([*self._cells(old), *new], dimension))

    def _added(self, rows: Iterable[Cells], dimension: Dimension) -> Cells:
        cells, beyond, unreadable = added(rows, dimension)
        if beyond:
            self._overflow[MOST_NAMED[dimension][0]] += beyond
        if unreadable:
            self._overflow["unreadable_sketches"] += unreadable
        return cells

    def _cells(self, row: object) -> list[Cells]:
        """Return the cells of a row, none where it makes no sense; that is counted."""
        try:
            return [{name: cell} for name, cell in unpack(row)]
        except ValueError:
            self._unreadable["rollups"] += 1
            return []

    def kept(self) -> Kept:
        """Return from when on each tier is kept."""
        if self._kept is None:
            rows = dict(self._db.execute("SELECT period_s, from_s FROM tiers").fetchall())
            found = [rows.get(period_s) for period_s in PERIODS_S]
            self._kept = Kept(*(at if isinstance(at, int) and at > 0 else 0 for at in found))
        return self._kept

    def keep(self, wanted: Kept) -> None:
        """Keep no more than this from now on; what went does not come back."""
        kept = Kept(*(max(*pair) for pair in zip(self.kept(), wanted, strict=True)))
        self._db.executemany(
            "INSERT OR REPLACE INTO tiers VALUES (?, ?)", zip(PERIODS_S, kept, strict=True)
        )
        self._kept = kept

    def marks(self, series: int) -> Marks:
        """Return up to when all of a series is in its hours and days: the ends of the newest."""
        found = self._marks.get(series)
        if found is None:
            ends = []
            for tier in (tiers.HOURS, tiers.DAYS):
                newest = self._edge("MAX", tiers.whole(series, tier))
                ends.append(0 if newest is None else tiers.start_of(newest) + PERIODS_S[tier])
            found = self._marks[series] = Marks(*ends)
        return found

    def fold(self, series: int, dimension: Dimension, now_s: int) -> Iterator[None]:
        """Add the periods that are over to the next tier, one at a time."""
        for tier in (tiers.MINUTES, tiers.HOURS):
            period_s = PERIODS_S[tier + 1]
            until_s = (now_s - SETTLED_S) // period_s * period_s
            while True:
                mark_s = self.marks(series)[tier]
                first = self._edge("MIN", tiers.between(series, tier, mark_s, until_s))
                if first is None:
                    break
                start_s = tiers.start_of(first) // period_s * period_s
                self._fold(series, dimension, tier, start_s)
                _check(self.marks(series)[tier] == start_s + period_s)
                yield

    def _fold(self, series: int, dimension: Dimension, tier: int, start_s: int) -> None:
        upper = tier + 1
        rows = self.rows(tiers.between(series, tier, start_s, start_s + PERIODS_S[upper]))
        cells = self._added([c for _, row in rows for c in self._cells(row)], dimension)
        put(
            self._db,
            "INSERT OR REPLACE INTO rollups VALUES",
            [(tiers.key_of(series, upper, start_s), pack(cells))],
        )
        self._marks.pop(series, None)

    def settle(self, series: int, dimension: Dimension, now_s: int) -> Iterator[None]:
        """Take what is ahead of now for now: a clock was wrong."""
        # From the finest: whether a next tier has a row too is told by what is ahead in that one.
        for tier in (tiers.MINUTES, tiers.HOURS, tiers.DAYS):
            ahead = tiers.between(series, tier, now_s + HOUR_S, tiers.LATEST_START_S)
            while found := self.rows(ahead, 1):
                (key, row), before = found[0], self.marks(series)
                gone = self._db.execute("DELETE FROM rollups WHERE key = ?", (key,)).rowcount
                _check(gone == 1)
                self._marks.pop(series, None)
                cells, group = self._cells(row), Group()
                group[tiers.key_of(series, tier, now_s)] = (dimension, cells)
                if cells:
                    self.write(group)
                self._marks.pop(series, None)
                self._raise(series, dimension, (tier, key, now_s), before, cells)
                yield

    def _raise(
        self,
        series: int,
        dimension: Dimension,
        moved: tuple[int, int, int],
        before: Marks,
        cells: list[Cells],
    ) -> None:
        """Add what was moved to the next tiers, where these have what now is and had not it."""
        tier, key, now_s = moved
        start_s, after = tiers.start_of(key), self.marks(series)
        for upper in range(tier + 1, len(PERIODS_S)):
            was_there = start_s < before[upper - 1]
            if was_there or now_s >= after[upper - 1] or not cells:
                return
            self.write({tiers.key_of(series, upper, now_s): (dimension, cells)})

    def forget(self, series: int, most: int) -> Iterator[int]:
        """Delete what is no longer kept, and is in the next tier, some at a time; how many."""
        kept, marks = self.kept(), self.marks(series)
        ends = (min(kept.minutes, marks.hours), min(kept.hours, marks.days), 0)
        for tier, end_s in enumerate(ends):
            old = tiers.between(series, tier, 0, max(end_s, kept.days))
            while count := self._db.execute(
                "DELETE FROM rollups WHERE key IN "
                "(SELECT key FROM rollups WHERE key BETWEEN ? AND ? LIMIT ?)",
                (old.first, old.last, most),
            ).rowcount:
                self._marks.pop(series, None)
                yield count

    def plan(self, series: int, period_s: int, from_s: int, until_s: int) -> list[Range]:
        """Return which rows say what was between two times, as `tiers.ranges`."""
        return tiers.ranges(series, period_s, from_s, until_s, self.marks(series), self.kept())

    def rows(self, range_: Range, most: int = -1) -> Sequence[Row]:
        """Return (key, cells as bytes) of a range, oldest first."""
        return self._db.execute(
            "SELECT key, cells FROM rollups WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
            (range_.first, range_.last, most),
        ).fetchall()

    def total(self, proxy_id: int, from_s: int, until_s: int) -> Cell:
        """Return what a proxy as a whole did between two times, by few rows."""
        try:
            series = tiers.series_of(proxy_id, "")
        except ValueError:
            return Cell()
        hour_s = min(until_s, -(-from_s // HOUR_S) * HOUR_S)
        plan = self.plan(series, PERIODS_S[0], from_s, hour_s)
        plan += self.plan(series, HOUR_S, hour_s, until_s) if hour_s < until_s else []
        rows = [
            cells for range_ in plan for _, row in self.rows(range_) for cells in self._cells(row)
        ]
        return self._added(rows, "").get("", Cell())

    def _edge(self, which: str, range_: Range) -> int | None:
        sql = f"SELECT {which}(key) FROM rollups WHERE key BETWEEN ? AND ?"
        key: int | None = self._db.execute(sql, (range_.first, range_.last)).fetchone()[0]
        return key


def _check(is_so: bool) -> None:
    """Raise where the tree is damaged: a row that was read, or written, is not found."""
    if not is_so:
        raise sqlite3.DatabaseError("a row of the history is not where it ought to be")


def cells_of(rollup: Rollup) -> dict[tuple[str, int, Dimension], Cells]:
    """Return all that a roll-up says as cells, by (proxy, start of the minute, dimension)."""
    found: dict[tuple[str, int, Dimension], Cells] = {}
    for (proxy, start_s, name), count in rollup.counts.items():
        _whole(found, proxy, start_s).counts[name] += count
    for (proxy, start_s, phase), buckets in rollup.sketches.items():
        _whole(found, proxy, start_s).sketches.append((phase, sketch_of(buckets)))
    return found | rollup.parts


def _whole(found: dict[tuple[str, int, Dimension], Cells], proxy: str, start_s: int) -> Cell:
    return found.setdefault((proxy, start_s, ""), {"": Cell()})[""]
