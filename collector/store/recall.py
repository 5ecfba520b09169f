"""
What a collector remembers: the reading half of the store.

A row that makes no sense is left out and counted; what SQLite cannot read is a
StoreUnavailableError.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..access.audit import Act
from ..alerts.counted import Row
from ..alerts.incident import Incident
from ..alerts.maintenance import Announced
from ..alerts.note import MAX_NOTES, Note
from ..alerts.notice import Waiting
from ..alerts.past import Stretch, Transition
from ..health.gates import Finding, State
from ..health.memory import Memory
from ..health.versions import Lacked
from ..intake.arrival import Leaf
from ..intake.cells import FAILED, buckets_of, unpack
from ..intake.dimensions import Dimension
from ..intake.rollup import HOUR_S, MINUTE_S, Ask
from . import backup, complaints, incidents, memories, outbox, past, people, rows, tiers
from .rollups import Rollups
from .tiers import Range

T = TypeVar("T")

_JOIN = "JOIN proxies ON proxies.id = proxy_id "
_NEWEST = (
    "SELECT MAX(key) FROM rollups WHERE key BETWEEN ({0} << 3 << 2 | {1}) << 32 "
    "AND (({0} << 3 << 2 | {1}) << 32) + 4294967295"
)
LAST_SEEN = " UNION ALL ".join(
    f"SELECT proxy, MIN((({_NEWEST.format('id', tier)}) & 4294967295) * {MINUTE_S}, ?1) AS start_s "
    f"FROM proxies WHERE id BETWEEN 1 AND {tiers.LAST_PROXY_ID}"
    for tier in (tiers.MINUTES, tiers.HOURS, tiers.DAYS)
)
"""When the newest minute, hour and day of each proxy began, at most a time (s): a search each."""
PAST_WEEKS = 4
"""Whose hours are compared with this one."""
WEEK_S = 7 * 86_400
ENOUGH_REQUESTS = 50
"""Of an hour whose share of misses says something."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """The state of one proxy as it was written last."""

    state: State
    since_ns: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """One proxy over the days before: outcomes, and buckets of one phase."""

    ok: int
    failed: int
    buckets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """The logged batches that are evidence: their ids, and how many they are."""

    first: int
    last: int
    batches: int
    arrived_ns: int
    """Nothing older is in it."""


class Recall:
    """Questions to an open database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self.unreadable: Counter[str] = Counter()
        """Rows that made no sense, by table."""
        self.overflow: Counter[str] = Counter()
        """What was forgotten because a bound was reached, by the bound's name."""
        self._rollups = Rollups(connection, self.unreadable, self.overflow)

    def evidence(self, from_ns: int) -> Span | None:
        """Return which logged batches arrived since; None without any."""
        with self._reading():
            first, last, batches = self._db.execute(
                "SELECT MIN(id), MAX(id), COUNT(*) FROM log WHERE arrived_ns >= ?", (from_ns,)
            ).fetchone()
        return Span(first, last, batches, from_ns) if batches else None

    def log(self, span: Span, after: int, most: int, most_bytes: int) -> list[rows.Row]:
        """
        Return (id, arrived_ns, skew_ns, body) of the span's next batches, oldest first.

        Args:
            span: Of `evidence`.
            after: The last id that was read; 0 at first.
            most: How many are read at once.
            most_bytes: After so many bytes no further one is read.
        """
        found: list[rows.Row] = []
        # The + keeps the index on arrived_ns out: oldest first means by id.
        sql = (
            "SELECT id, arrived_ns, skew_ns, batch FROM log "
            "WHERE id > ? AND id BETWEEN ? AND ? AND +arrived_ns >= ? ORDER BY id LIMIT ?"
        )
        with self._reading():
            cursor = self._db.execute(sql, (after, span.first, span.last, span.arrived_ns, most))
            for row in cursor:
                found.append(row)
                most_bytes -= len(row[3]) if isinstance(row[3], bytes | str) else 0
                if most_bytes <= 0:
                    break
            cursor.close()
        return found

    def states(self) -> dict[str, SavedState]:
        """Return the saved state of each proxy."""
        sql = "SELECT proxy, state, since_ns, findings FROM states " + _JOIN
        found = self._read("states", rows.read_state, sql)
        return {
            proxy: SavedState(state, since_ns, findings)
            for proxy, state, since_ns, findings in found
        }

    def last_seen_s(self, until_s: int) -> dict[str, int]:
        """Return when the newest minute or hour of each proxy began, at most `until_s`; seconds."""
        sql = f"SELECT proxy, MAX(start_s) FROM ({LAST_SEEN}) WHERE start_s IS NOT NULL GROUP BY 1"
        return dict(self._read("rollups", rows.read_last_seen, sql, (until_s,)))

    def asks(self) -> list[Ask]:
        """Return who asked which proxy lately."""
        sql = "SELECT proxy, agent_id, asked_ns, served_ns, resolvers FROM asks " + _JOIN
        return self._read("asks", rows.read_ask, sql)

    def certificates(self) -> dict[str, tuple[Leaf, int]]:
        """Return the newest certificate of each proxy and when it was seen (ns)."""
        sql = "SELECT proxy, not_before_s, not_after_s, seen_ns FROM certificates " + _JOIN
        found = self._read("certificates", rows.read_certificate, sql)
        return {proxy: (leaf, seen_ns) for proxy, leaf, seen_ns in found}

    def memories(self, after: int, most: int) -> tuple[list[tuple[str, Memory]], int | None]:
        """
        Return what is remembered of the next proxies, and where to go on; None: that was all.

        Args:
            after: The last id that was read; 0 at first.
            most: How many are read at once.
        """
        with self._reading():
            found = self._db.execute(memories.MEMORIES, (after, most)).fetchall()
        sound = self._sound("memories", memories.read_memory, found)
        last = found[-1][0] if len(found) == most else None
        return [(proxy, memory) for _, proxy, memory in sound], last

    def lacked(self, start: int, most: int) -> tuple[list[Lacked], bool]:
        """Return the next modules that some proxy lacks, and whether there are more."""
        with self._reading():
            found = self._db.execute(memories.LACKED, (most, start)).fetchall()
        return self._sound("lacked", memories.read_lacked, found), len(found) == most

    def history(
        self, proxies: Iterable[str], phase: str, from_s: int, until_s: int
    ) -> dict[str, Before]:
        """
        Return what proxies did between two times, hours and minutes added up.

        Args:
            proxies: Each takes some milliseconds; those that did nothing are left out.
            phase: Whose buckets.
            from_s: Seconds, as `until_s`, which is not included.
            until_s: See there.
        """
        found = {}
        with self._reading():
            for proxy in proxies:
                cell = self._rollups.total(self._known_id(proxy) or 0, from_s, until_s)
                if cell.requests:
                    buckets = buckets_of(cell, phase)
                    found[proxy] = Before(cell.counts["ok"], cell.failed, buckets)
        return found

    def plan(
        self, proxy: str, dimension: Dimension, period_s: int, from_s: int, until_s: int
    ) -> list[Range]:
        """Return which rows say what a proxy did; none of a proxy that is not known."""
        with self._reading():
            try:
                series = tiers.series_of(self._known_id(proxy) or 0, dimension)
            except ValueError:
                return []
            return self._rollups.plan(series, period_s, from_s, until_s)

    def judged(self, proxy: str, period_s: int, from_s: int, until_s: int) -> list[Row]:
        """Return what a proxy was held responsible for, oldest first."""
        found: list[Row] = []
        for range_ in self.plan(proxy, "judged", period_s, from_s, until_s):
            for key, cells in self.rollups(range_, -1):
                counts: Counter[str] = Counter()
                try:
                    for _, cell in unpack(cells):
                        counts.update(cell.counts)
                except ValueError:
                    self.unreadable["rollups"] += 1
                    continue
                failures = {name: n for name, n in counts.items() if name in FAILED}
                found.append(Row(proxy, tiers.start_of(key), counts["ok"], failures))
        return sorted(found, key=lambda row: row.start_s)

    def rollups(self, range_: Range, most: int) -> Sequence[rows.Row]:
        """Return (key, cells as bytes) of the next rows of a plan."""
        with self._reading():
            return self._rollups.rows(range_, most)

    def _known_id(self, proxy: str) -> int | None:
        row = self._db.execute("SELECT id FROM proxies WHERE proxy = ?", (proxy,)).fetchone()
        return row[0] if row else None

    def miss_shares(self, proxy: str, now_s: int) -> list[float]:
        """Return the share of misses of each of the weeks before, at this hour of the week."""
        shares = []
        with self._reading():
            proxy_id = self._known_id(proxy) or 0
            for weeks in range(1, PAST_WEEKS + 1):
                start_s = now_s // HOUR_S * HOUR_S - weeks * WEEK_S
                cell = self._rollups.total(proxy_id, start_s, start_s + HOUR_S)
                if cell.requests >= ENOUGH_REQUESTS:
                    missed = cell.counts["miss"] + cell.counts["suspect"]
                    shares.append(missed / cell.requests)
        return shares

    def copy(self, target: Path, between: Callable[[], None]) -> None:
        """Write a copy of all of it, as `backup.copy`; `between` may use this as ever."""
        backup.copy(self._db, target, between)

    def incidents(self, most_open: int, most_closed: int) -> tuple[list[Incident], int]:
        """Return the open incidents and the last closed ones, and an id that none has."""
        found: list[Incident] = []
        for sql, most in ((incidents.OPEN, most_open), (incidents.CLOSED, most_closed)):
            found += self._read("incidents", incidents.read_incident, sql, (most,))
        with self._reading():
            return found, incidents.next_id(self._db)

    def earlier(self, before_id: int, from_ns: int, most: int) -> list[Incident]:
        """Return incidents below an id that were not closed before a time, newest first."""
        span = (before_id, from_ns, most)
        return self._read("incidents", incidents.read_incident, incidents.EARLIER, span)

    def waiting(self, channel: str) -> list[Waiting]:
        """Return what waits for a channel, oldest first."""
        return self._read("outbox", outbox.read_waiting, outbox.WAITING, (channel,))

    def latest_past(self) -> list[Transition | Stretch]:
        """Return the newest rows of the past, oldest first: all that is watched is in them."""
        return self._read("past", past.read_row, past.LATEST)[::-1]

    def past(self, after: int, from_ns: int, until_ns: int, most: int) -> list[rows.Row]:
        """Return (id, text) of the next rows of the past."""
        with self._reading():
            span = (after, from_ns, until_ns, most)
            return self._db.execute(past.PAGE, span).fetchall()

    def past_from_ns(self) -> int | None:
        """Return since when the past is kept; None: there is none."""
        with self._reading():
            from_ns = self._db.execute(past.BEGIN).fetchone()[0]
        return from_ns if isinstance(from_ns, int) else None

    def notes(self, incident_ids: Iterable[int]) -> list[Note]:
        """Return what people wrote of some incidents, oldest first."""
        found: list[Note] = []
        for number in incident_ids:
            found += self._read("notes", people.read_note, people.NOTES, (number, MAX_NOTES))
        return found

    def announced(self, most: int) -> list[Announced]:
        """Return the windows that were announced."""
        return self._read("maintenance", people.read_window, people.WINDOWS, (most,))

    def audit(self, most: int, before: int = rows.MOST) -> list[Act]:
        """Return the newest rows of the audit log below an id, newest first."""
        return self._read("audit", people.read_act, people.AUDIT, (before, most))

    def _read(
        self,
        table: str,
        reader: Callable[[rows.Row], T],
        sql: str,
        values: tuple[object, ...] = (),
    ) -> list[T]:
        with self._reading():
            return self._sound(table, reader, self._db.execute(sql, values))

    def _sound(
        self, table: str, reader: Callable[[rows.Row], T], found: Iterable[rows.Row]
    ) -> list[T]:
        """Return the rows that make sense, and count the others."""
        sound = []
        for row in found:
            try:
                sound.append(reader(row))
            except ValueError:
                self.unreadable[table] += 1
        return sound

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except complaints.FAILURES as error:
            raise complaints.later(error) from error
