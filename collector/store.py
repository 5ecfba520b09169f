"""
The embedded store: SQLite in WAL mode, written by one thread, durable at each commit.

Makes no decision about health. Every foreign error becomes StoreError (at start) or
StoreUnavailableError (later: nothing of the group is kept, the agents come again).
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .arrival import Arrival, Leaf
from .errors import StoreError, StoreUnavailableError
from .gates import Finding, State
from .migrations import STEPS, prepare
from .rollup import HOUR_S, MINUTE_S, NS, Ask, Rollup, merge_asks, roll_up

BUSY_TIMEOUT_S = 5.0
"""For a backup or a person with sqlite3; the collector itself writes from one thread."""

ADD_COUNTS = """
    INSERT INTO counts VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count"""
ADD_BUCKETS = """
    INSERT INTO sketches VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count"""
_JOIN = "JOIN proxies ON proxies.id = proxy_id "


@dataclass(frozen=True, slots=True)
class SavedState:
    """The state of one proxy as it was written last."""

    state: State
    since_ns: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class History:
    """One proxy over the days before: outcomes, and buckets of one phase."""

    ok: int
    failed: int
    buckets: Mapping[int, int]


class Store:
    """One open database. Not for use by two threads at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._ids: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path) -> "Store":
        """
        Open or create the database and bring its layout up to date.

        Raises:
            StoreError: not a database, damaged, of something else or of a newer version.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: cannot be opened: {error}") from None
        try:
            prepare(connection)
        except StoreError as error:
            connection.close()
            raise StoreError(f"{path}: {error}") from None
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(
                f"{path}: {error}; move the file away to start with an empty one"
            ) from None
        return cls(connection)

    def close(self) -> None:
        """Close the database; whatever was answered is on disk already."""
        self._db.close()

    def append(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """
        Commit a group of batches.

        Returns:
            For each whether it was new; a duplicate changes nothing.

        Raises:
            StoreUnavailableError: nothing of the group was kept.
        """
        with self._transaction():
            fresh = [self._is_new(arrival) for arrival in arrivals]
            taken = [arrival for arrival, new in zip(arrivals, fresh, strict=True) if new]
            self._db.executemany(
                "INSERT INTO log (arrived_ns, skew_ns, batch) VALUES (?, ?, ?)",
                [(a.arrived_ns, a.skew_ns, a.body) for a in taken if a.sightings],
            )
            self._add(roll_up(taken))
        return fresh

    def save_states(self, states: Mapping[str, SavedState]) -> None:
        """Write the states that changed."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)",
                [
                    (
                        self._proxy_id(proxy),
                        saved.state,
                        saved.since_ns,
                        json.dumps([[f.gate, f.evidence] for f in saved.findings]),
                    )
                    for proxy, saved in states.items()
                ],
            )

    def probe(self) -> None:
        """Write a page, to learn whether there is room on the disk again."""
        with self._transaction():
            self._db.execute(f"PRAGMA user_version = {len(STEPS)}")

    def log(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (arrived_ns, skew_ns, body) of the logged batches, oldest first."""
        yield from self._read("SELECT arrived_ns, skew_ns, batch FROM log ORDER BY id")

    def states(self) -> dict[str, SavedState]:
        """Return the saved state of each proxy."""
        rows = self._read("SELECT proxy, state, since_ns, findings FROM states " + _JOIN)
        return {
            proxy: SavedState(state, since_ns, tuple(Finding(*pair) for pair in json.loads(text)))
            for proxy, state, since_ns, text in rows
        }

    def last_seen_s(self) -> dict[str, int]:
        """Return when the newest minute or hour of each proxy began, seconds."""
        return dict(self._read("SELECT proxy, MAX(start_s) FROM counts " + _JOIN + "GROUP BY 1"))

    def asks(self) -> list[Ask]:
        """Return who asked which proxy lately."""
        rows = self._read(
            "SELECT proxy, agent_id, asked_ns, served_ns, resolvers FROM asks " + _JOIN
        )
        return [
            Ask(proxy, agent_id, asked_ns, served_ns, frozenset(json.loads(text)))
            for proxy, agent_id, asked_ns, served_ns, text in rows
        ]

    def certificates(self) -> dict[str, tuple[Leaf, int]]:
        """Return the newest certificate of each proxy and when it was seen (ns)."""
        rows = self._read(
            "SELECT proxy, not_before_s, not_after_s, seen_ns FROM certificates " + _JOIN
        )
        return {proxy: (Leaf(before, after), seen_ns) for proxy, before, after, seen_ns in rows}

    def history(self, phase: str, from_s: int, until_s: int) -> dict[str, History]:
        """Return what each proxy did between two times (seconds), hours and minutes added up."""
        counts = self._read(
            "SELECT proxy, name = 'ok', SUM(count) FROM counts "
            + _JOIN
            + "WHERE start_s >= ? AND start_s < ? AND (name = 'ok' OR name GLOB '*.*') "
            "GROUP BY 1, 2",
            (from_s, until_s),
        )
        buckets = self._read(
            "SELECT proxy, bucket, SUM(count) FROM sketches "
            + _JOIN
            + "WHERE phase = ? AND start_s >= ? AND start_s < ? GROUP BY 1, 2",
            (phase, from_s, until_s),
        )
        outcomes: dict[str, dict[int, int]] = {}
        for proxy, is_ok, count in counts:
            outcomes.setdefault(proxy, {})[is_ok] = count
        sketches: dict[str, dict[int, int]] = {}
        for proxy, bucket, count in buckets:
            sketches.setdefault(proxy, {})[bucket] = count
        return {
            proxy: History(by.get(1, 0), by.get(0, 0), sketches.get(proxy, {}))
            for proxy, by in outcomes.items()
        }

    def prune(
        self, log_until_ns: int, asks_until_ns: int, minutes_until_s: int, hours_until_s: int
    ) -> None:
        """
        Forget what is older than these times; minutes are added to their hours first.

        Raises:
            StoreUnavailableError: nothing changed.
        """
        # Only whole hours are folded: a late batch may still add minutes, folded next time.
        minutes_until_s -= minutes_until_s % HOUR_S
        with self._transaction():
            self._db.execute("DELETE FROM log WHERE arrived_ns < ?", (log_until_ns,))
            self._db.execute("DELETE FROM asks WHERE asked_ns < ?", (asks_until_ns,))
            for table, key in (("counts", "name"), ("sketches", "phase, bucket")):
                self._fold(table, key, minutes_until_s)
                self._db.execute(f"DELETE FROM {table} WHERE start_s < ?", (hours_until_s,))
            self._db.execute("DELETE FROM seen WHERE at_s < ?", (hours_until_s,))
            for table in ("states", "certificates"):
                self._db.execute(
                    f"DELETE FROM {table} WHERE proxy_id NOT IN (SELECT proxy_id FROM counts)"
                )

    def _fold(self, table: str, key: str, until_s: int) -> None:
        where = "WHERE period_s = ? AND start_s < ?"
        self._db.execute(
            f"INSERT INTO {table} SELECT proxy_id, {HOUR_S}, start_s - start_s % {HOUR_S}, {key}, "
            f"SUM(count) FROM {table} {where} GROUP BY 1, 2, 3, {key} "
            "ON CONFLICT DO UPDATE SET count = count + excluded.count",
            (MINUTE_S, until_s),
        )
        self._db.execute(f"DELETE FROM {table} {where}", (MINUTE_S, until_s))

    def _is_new(self, arrival: Arrival) -> bool:
        """Mark the batch as seen; False when it was."""
        run = (arrival.agent_id, arrival.run_id)
        at_s = arrival.arrived_ns // NS
        before = self._db.execute(
            "SELECT first_seq, last_seq FROM seen WHERE agent_id = ? AND run_id = ? "
            "AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (*run, arrival.seq),
        ).fetchone()
        if before and arrival.seq <= before[1]:
            return False
        first = before[0] if before and before[1] == arrival.seq - 1 else arrival.seq
        after = self._db.execute(
            "SELECT last_seq FROM seen WHERE agent_id = ? AND run_id = ? AND first_seq = ?",
            (*run, arrival.seq + 1),
        ).fetchone()
        if after:
            self._db.execute(
                "DELETE FROM seen WHERE agent_id = ? AND run_id = ? AND first_seq = ?",
                (*run, arrival.seq + 1),
            )
        self._db.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)",
            (*run, first, after[0] if after else arrival.seq, at_s),
        )
        return True

    def _add(self, rollup: Rollup) -> None:
        ids = {proxy: self._proxy_id(proxy) for proxy in rollup.proxies}
        self._db.executemany(
            ADD_COUNTS,
            [(ids[p], MINUTE_S, start, name, n) for (p, start, name), n in rollup.counts.items()],
        )
        self._db.executemany(
            ADD_BUCKETS,
            [(ids[p], MINUTE_S, *rest, n) for (p, *rest), n in rollup.sketches.items()],
        )
        self._db.executemany(
            "INSERT INTO certificates VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "not_before_s = excluded.not_before_s, not_after_s = excluded.not_after_s, "
            "seen_ns = excluded.seen_ns WHERE excluded.seen_ns >= seen_ns",
            [
                (ids[proxy], leaf.not_before_s, leaf.not_after_s, seen_ns)
                for proxy, (leaf, seen_ns) in rollup.certificates.items()
            ],
        )
        for ask in rollup.asks.values():
            self._add_ask(ids[ask.proxy], ask)

    def _add_ask(self, proxy_id: int, ask: Ask) -> None:
        row = self._db.execute(
            "SELECT asked_ns, served_ns, resolvers FROM asks WHERE proxy_id = ? AND agent_id = ?",
            (proxy_id, ask.agent_id),
        ).fetchone()
        if row:
            known = Ask(ask.proxy, ask.agent_id, row[0], row[1], frozenset(json.loads(row[2])))
            ask = merge_asks(known, ask)
        self._db.execute(
            "INSERT OR REPLACE INTO asks VALUES (?, ?, ?, ?, ?)",
            (
                proxy_id,
                ask.agent_id,
                ask.asked_ns,
                ask.served_ns,
                json.dumps(sorted(ask.resolvers)),
            ),
        )

    def _proxy_id(self, proxy: str) -> int:
        if proxy not in self._ids:
            self._db.execute("INSERT OR IGNORE INTO proxies (proxy) VALUES (?)", (proxy,))
            row = self._db.execute("SELECT id FROM proxies WHERE proxy = ?", (proxy,)).fetchone()
            self._ids[proxy] = row[0]
        return self._ids[proxy]

    def _read(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._db.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            self._ids.clear()  # ids given inside the transaction are gone with it
            # SQLite rolls back by itself when the disk is full; a second ROLLBACK is an error.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailableError(f"the database cannot be written: {error}") from error
            raise
