"""
The embedded store: SQLite in WAL mode, written by one thread, durable at each commit.

Makes no decision about health. Every foreign error becomes StoreError or BusyError (at start) or
StoreUnavailableError (later: nothing of the group is kept, the agents come again). A row that
makes no sense is left out and counted.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..alerts.counted import Row
from ..alerts.incident import Incident
from ..alerts.notice import Notice
from ..alerts.past import Rows
from ..clock import Anchor
from ..errors import BusyError, StoreError, StoreUnavailableError
from ..health.memory import Memory
from ..health.versions import Lacked
from ..intake.arrival import Arrival
from ..intake.cells import Cell
from ..intake.rollup import Rollup
from . import complaints, incidents, keeping, memories, outbox, past, pruning, restore, rows, seen
from .insert import put
from .migrations import STEPS, prepare
from .place import Place
from .recall import Recall, SavedState, T
from .tiers import LAST_PROXY_ID

BUSY_TIMEOUT_S = 5.0
"""For a backup or a person with sqlite3 to end before a start; later nobody else may use it."""

LAST_LOG_ID = 1 << 62
"""No collector gives out so many: what is beyond it was put there by another hand."""

NEWER_CERTIFICATE = (
    "ON CONFLICT DO UPDATE SET not_before_s = excluded.not_before_s, "
    "not_after_s = excluded.not_after_s, seen_ns = excluded.seen_ns "
    "WHERE excluded.seen_ns >= seen_ns"
)
NEWER_ASK = (
    # As merge_asks does; what is of no sense here gives way to what is.
    "ON CONFLICT DO UPDATE SET "
    "served_ns = IIF(typeof(served_ns) = 'integer', "
    "MAX(IFNULL(excluded.served_ns, served_ns), served_ns), excluded.served_ns), "
    "resolvers = IIF(typeof(asked_ns) != 'integer' OR (excluded.resolvers != '[]' "
    "AND excluded.asked_ns >= asked_ns) OR resolvers = '[]', excluded.resolvers, resolvers), "
    "asked_ns = IIF(typeof(asked_ns) = 'integer', "
    "MAX(excluded.asked_ns, asked_ns), excluded.asked_ns)"
)


_END = object()


class Store(Recall):
    """One open database. Not for use by two threads at once."""

    def __init__(self, connection: sqlite3.Connection, place: Place) -> None:
        super().__init__(connection)
        self._place = place
        self._ids: dict[str, int] = {}
        self._seen = seen.Seen(connection)
        self._pruning: Iterator[None] | None = None

    @classmethod
    def open(cls, path: Path) -> "Store":
        """
        Open or create the database and bring its layout up to date.

        Raises:
            StoreError: not a database, damaged, of something else or of a newer version.
            BusyError: another collector has it, it is locked, or there is no room.
        """
        try:
            place = Place.take(path)
        except (StoreError, BusyError) as error:
            raise type(error)(f"{path}: {error}") from None
        try:
            return cls(_connect(place), place)
        except (StoreError, BusyError) as error:
            place.close()
            raise type(error)(f"{path}: {error}") from None

    def close(self) -> None:
        """Close the database; whatever was answered is on disk already."""
        self._place.spare()
        self._db.close()
        self._place.close()

    def append(self, arrivals: Sequence[Arrival]) -> tuple[list[bool], int]:
        """
        Commit a group of batches to the log; `add` lets the other tables know of it.

        Returns:
            For each whether it was new; a duplicate changes nothing. And the log's last id.

        Raises:
            StoreUnavailableError: nothing of the group was kept.
        """
        with self._transaction():
            fresh = self._seen.fresh(arrivals)
            taken = [arrival for arrival, new in zip(arrivals, fresh, strict=True) if new]
            last_id = self._last_id()
            rows = [
                (log_id, a.arrived_ns, a.skew_ns, a.body, a.taken)
                for log_id, a in enumerate(taken, last_id + 1)
            ]
            columns = "id, arrived_ns, skew_ns, batch, taken"
            put(self._db, f"INSERT INTO log ({columns}) VALUES", rows)
            last_id += len(rows)
        self._seen.take(taken)
        return fresh, last_id

    def _last_id(self) -> int:
        """Return the last id that was given: also where the log is empty none is given again."""
        last_id = self._db.execute(
            "SELECT MAX(id) FROM log WHERE id <= ?", (LAST_LOG_ID,)
        ).fetchone()[0]
        return max(last_id or 0, self._rolled())

    def _rolled(self) -> int:
        row = self._db.execute("SELECT log_id FROM rolled").fetchone()
        is_id = row and isinstance(row[0], int) and 0 <= row[0] <= LAST_LOG_ID
        return row[0] if is_id else 0

    def unrolled(self, most: int) -> list[rows.Row]:
        """Return (id, arrived_ns, skew_ns, body, taken) of logged batches that `add` waits for."""
        with self._reading():
            return self._db.execute(
                "SELECT id, arrived_ns, skew_ns, batch, taken FROM log "
                "WHERE id > (SELECT log_id FROM rolled) AND id <= ? ORDER BY id LIMIT ?",
                (LAST_LOG_ID, most),
            ).fetchall()

    def remember(self, arrivals: Iterable[Arrival]) -> None:
        """Take batches of the log for seen."""
        with self._reading():
            for arrival in arrivals:
                if self._seen.fresh([arrival]) == [True]:
                    self._seen.take([arrival])

    def add(self, rollup: Rollup, log_id: int) -> None:
        """
        Add up to all that is kept what batches of the log say, once.

        Args:
            rollup: What they say.
            log_id: The last of them.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            # Who asks again was not told that it is done.
            if log_id > self._rolled():
                self._add(rollup)
                self._db.execute("INSERT OR REPLACE INTO rolled VALUES (1, ?)", (log_id,))
            self._seen.write()
            keeping.advance(self._db, rollup.newest_ns)
        agents = self._seen.written()
        with self._transaction():
            for agent_id in keeping.too_many(self._db, agents):
                self.overflow["MAX_RANGES_PER_AGENT"] += keeping.trim_seen(self._db, agent_id)
                self._seen.forget(agent_id)

    def add_judged(self, judged: Iterable[Row]) -> None:
        """
        Add what proxies are held responsible for, by minute.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        rollup = Rollup()
        for row in judged:
            counts = Counter({"ok": row.good, **row.failures})
            rollup.parts[row.proxy, row.start_s, "judged"] = {"": Cell(counts)}
        with self._transaction():
            ids = {proxy: self._proxy_id(proxy) for proxy, _, _ in rollup.parts}
            self._rollups.add(rollup, ids)

    def time(self) -> tuple[Anchor | None, int]:
        """Return where the clock was, and the newest time that was kept (ns; 0 without any)."""
        with self._reading():
            return restore.anchor(self._db), restore.newest_ns(self._db)

    def correct(self, now_ns: int) -> Counter[str]:
        """
        Take times that are ahead of now for now, or for none; returns how many, by table.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            return restore.correct(self._db, now_ns)

    def forget(self, proxies: Iterable[str]) -> None:
        """Remove all that is kept of these proxies."""
        with self._transaction():
            for proxy in proxies:
                keeping.forget(self._db, proxy)
            self._ids.clear()
            self._rollups.let_go()

    def save_time(self, anchor: Anchor) -> None:
        """Keep where the clock is."""
        with self._transaction():
            keeping.keep(self._db, anchor)

    def save(
        self,
        states: Mapping[str, SavedState],
        changed: Iterable[Incident] = (),
        notices: Iterable[tuple[str, Notice]] = (),
        now_ns: int = 0,
        seen: Rows = (),
    ) -> tuple[Incident, ...]:
        """
        Write the states that changed, the incidents of that, and what is to be told: all or none.

        Args:
            states: By proxy.
            changed: Incidents; returned with their cost.
            notices: With the channel that each is for.
            now_ns: The collector's time.
            seen: What of it is to be remembered.
        """
        with self._transaction():
            past.add(self._db, seen)
            self._db.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)",
                [
                    (
                        self._proxy_id(proxy),
                        saved.state,
                        saved.since_ns,
                        json.dumps([[f.gate, f.reasons] for f in saved.findings]),
                    )
                    for proxy, saved in states.items()
                ],
            )
            keeping.advance(self._db, max((s.since_ns for s in states.values()), default=0))
            kept = incidents.keep(self._db, self._rollups, changed)
            with_cost = {incident.id: incident for incident in kept}
            outbox.add(
                self._db,
                [(to, replace(n, incident=with_cost[n.incident.id])) for to, n in notices],
                now_ns,
            )
        return kept

    def save_memories(self, known: Mapping[str, Memory], now_ns: int) -> None:
        """
        Write what is remembered of proxies beside their history.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            memories.keep(self._db, {self._proxy_id(p): m for p, m in known.items()}, now_ns)

    def save_lacked(self, rows: Iterable[Lacked | str]) -> None:
        """
        Write modules that some proxy lacks, and remove those of which only the name is given.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            memories.keep_lacked(self._db, rows)

    def prune_past(self, now_ns: int) -> None:
        """
        Forget what was seen long ago, or is too much.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            self.overflow["MAX_PAST"] += past.prune(self._db, now_ns)

    def change(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """
        Do a job of this room within a transaction.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            return job(self._db)

    def probe(self) -> None:
        """Write a page, to learn whether there is room on the disk again."""
        with self._transaction():
            self._db.execute(f"PRAGMA user_version = {len(STEPS)}")

    def prune_log(self, until_ns: int, most: int) -> int:
        """
        Forget logged batches that are no evidence, some at a time; returns how many.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        with self._transaction():
            return self._db.execute(
                "DELETE FROM log WHERE id IN "
                "(SELECT id FROM log WHERE arrived_ns < ? ORDER BY arrived_ns LIMIT ?) "
                "AND (id <= (SELECT log_id FROM rolled) OR id > ?)",
                (until_ns, most, LAST_LOG_ID),
            ).rowcount

    def prune(self, cuts: pruning.Cuts) -> bool:
        """
        Forget what is old, a slice at a time.

        Args:
            cuts: How old is old; of a first slice, those that follow go by the same.

        Returns:
            Whether there is more.

        Raises:
            StoreUnavailableError: the slice was taken back, and the next one is a first.
        """
        rest = self._pruning or pruning.slices(self._db, self._rollups, cuts, self.overflow)
        self._pruning = None
        with self._transaction():
            is_more = next(rest, _END) is not _END
        self._ids.clear()  # a proxy may have gone
        self._seen.let_go()
        self._pruning = rest if is_more else None
        return is_more

    def _add(self, rollup: Rollup) -> None:
        ids = {proxy: self._proxy_id(proxy) for proxy in rollup.proxies}
        self._rollups.add(rollup, ids)
        put(
            self._db,
            "INSERT INTO certificates VALUES",
            [
                (ids[proxy], leaf.not_before_s, leaf.not_after_s, seen_ns)
                for proxy, (leaf, seen_ns) in rollup.certificates.items()
            ],
            NEWER_CERTIFICATE,
        )
        texts = {ask.resolvers: json.dumps(sorted(ask.resolvers)) for ask in rollup.asks.values()}
        put(
            self._db,
            "INSERT INTO asks VALUES",
            [
                (ids[a.proxy], a.agent_id, a.asked_ns, a.served_ns, texts[a.resolvers])
                for a in rollup.asks.values()
            ],
            NEWER_ASK,
        )

    def _proxy_id(self, proxy: str) -> int:
        if proxy not in self._ids:
            self._db.execute(
                "INSERT OR IGNORE INTO proxies SELECT IFNULL(MAX(id), 0) + 1, ? FROM proxies "
                "WHERE id BETWEEN 1 AND ?",
                (proxy, LAST_PROXY_ID),
            )
            row = self._db.execute("SELECT id FROM proxies WHERE proxy = ?", (proxy,)).fetchone()
            if row is None:
                raise sqlite3.DatabaseError("a table and its index disagree")
            self._ids[proxy] = row[0]
        return self._ids[proxy]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._place.check()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            self._ids.clear()  # ids given inside the transaction are gone with it
            self._rollups.let_go()
            # SQLite rolls back by itself when the disk is full; a second ROLLBACK is an error.
            with suppress(*complaints.FAILURES):
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
            if isinstance(error, complaints.FAILURES):
                raise complaints.later(error) from error
            raise
        finally:
            self._place.leave()


def _connect(place: Place) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            place.path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise complaints.at_start(error) from None
    # Bytes that are no UTF-8 would otherwise fail the whole table for one row.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        prepare(connection)
        place.settle()
    except StoreError:
        connection.close()
        raise
    except (*complaints.FAILURES, OSError) as error:
        connection.close()
        raise complaints.at_start(error) from None
    except StoreUnavailableError:
        connection.close()
        raise complaints.at_start(sqlite3.DatabaseError("the file is cut short")) from None
    return connection
