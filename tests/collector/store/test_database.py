"""Rules of the embedded store, on real SQLite files."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting
from stored import append

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.collector.clock import Anchor
from modpulse.collector.errors import StoreError, StoreUnavailableError
from modpulse.collector.health.gates import Finding
from modpulse.collector.health.memory import Memory
from modpulse.collector.health.reason import plain
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.intake.rollup import roll_up
from modpulse.collector.store.database import Store
from modpulse.collector.store.migrations import APPLICATION_ID, STEPS
from modpulse.collector.store.packing import teach
from modpulse.collector.store.recall import SavedState

T0_S = T0_NS // S
HOUR_S = 3600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database goes."""
    return tmp_path / "state" / "collector.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with closing(Store.open(path)) as opened:
        yield opened


def seqs(store: Store, *numbers: int) -> list[bool]:
    """Append batches one by one."""
    return [append(store, [arrival(sighting(ok=1), seq=n)])[0] for n in numbers]


def bodies(store: Store) -> list[object]:
    """Every batch of the log."""
    span = store.evidence(0)
    return [row[3] for row in store.log(span, 0, 10_000, 1 << 30)] if span else []


def test_duplicates_in_any_order(store: Store) -> None:
    """A (agent_id, run_id, seq) is new once, whatever the order."""

    new = seqs(store, 0, 1, 1, 5, 3, 4, 5, 3, 2, 2, 0)

    assert new == [True, True, False, True, True, True, False, False, True, False, False]


def test_duplicate_within_a_group(store: Store) -> None:
    """Two copies that arrive together are one batch."""
    batch = arrival(sighting(ok=3))

    assert append(store, [batch, batch]) == [True, False]
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 3


def test_seen_batches_cost_one_row_per_run(store: Store) -> None:
    """Sequences in good order are kept as ranges, so dedup does not grow with time."""
    seqs(store, *range(50))
    rows = store._db.execute("SELECT first_seq, last_seq FROM seen").fetchall()

    assert rows == [(0, 49)]


def test_same_seq_of_another_run_is_new(store: Store) -> None:
    """A reinstalled or restarted agent counts from 0 again under a new run_id."""
    new = append(store, [arrival(run_id=b"one"), arrival(run_id=b"two"), arrival(agent_id="b")])

    assert new == [True, True, True]


def test_what_survives_a_restart(path: Path) -> None:
    """States, certificates, who asked and the log are read back as they were written."""
    leaf = Leaf(1, 2)
    saved = SavedState("down", T0_NS, (Finding("outage", plain("9 failures")),))
    with closing(Store.open(path)) as store:
        append(store, [arrival(sighting(GOOD, ok=1, certificate=leaf), body=b"wire")])
        append(
            store, [arrival(sighting(GOOD, failures={"dns.timeout": 1}), seq=1, end_ns=T0_NS + S)]
        )
        store.save({SICK: saved})
    with closing(Store.open(path)) as store:
        asks = store.asks()

        assert store.states() == {SICK: saved}
        assert store.certificates() == {GOOD: (leaf, T0_NS)}
        assert bodies(store) == [b"wire", b"body"]
        assert (asks[0].asked_ns, asks[0].served_ns) == (T0_NS + S, T0_NS)


def test_what_the_log_alone_knows(path: Path) -> None:
    """After a crash before the roll-up the log says what was taken; each is rolled up once."""
    group = [arrival(sighting(ok=1), seq=0), arrival(seq=1)]
    with closing(Store.open(path)) as store:
        store.append(group)
    with closing(Store.open(path)) as store:
        assert [row[0] for row in store.unrolled(9)] == [1, 2]
        store.remember(group)
        assert store.append(group)[0] == [False, False]
        store.add(roll_up(group), 2)
        assert store.unrolled(9) == []
    with closing(Store.open(path)) as store:
        assert store.append(group)[0] == [False, False]
        assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 1


def test_disk_full_keeps_nothing_of_the_group(store: Store) -> None:
    """A full disk refuses the whole group, and the same batches are new when there is room."""
    store._db.execute("PRAGMA max_page_count = 1")  # the real SQLITE_FULL, without a full disk
    group = [arrival(sighting(ok=1), seq=n, body=b"x" * 5000) for n in range(20)]
    with pytest.raises(StoreUnavailableError, match="full"):
        append(store, group)
    store._db.execute("PRAGMA max_page_count = 100000")

    assert append(store, group) == [True] * 20
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 20


def test_a_roll_up_counts_once(path: Path) -> None:
    """One that is added again, because its end was not told, changes nothing."""
    group = [arrival(sighting(ok=1))]
    with closing(Store.open(path)) as store:
        _, log_id = store.append(group)
        for _ in range(2):
            store.add(roll_up(group), log_id)

        assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 1


def test_an_empty_log_gives_no_id_again(path: Path) -> None:
    """What is taken after all of the log was forgotten is not held for rolled up."""
    with closing(Store.open(path)) as store:
        append(store, [arrival(sighting(ok=1), seq=n) for n in range(9)])
        assert store.prune_log(T0_NS + S, 100) == 9
        store.append([arrival(sighting(ok=1), seq=9)])
    with closing(Store.open(path)) as store:
        assert [row[0] for row in store.unrolled(99)] == [10]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"not a database at all, but long enough to be read as one" * 40, "not a database")],
)
def test_not_a_database(path: Path, content: bytes, words: str) -> None:
    """A file that is no database is a clear error and stays as it is."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreError, match=words):
        Store.open(path)

    assert path.read_bytes() == content


def test_damaged_database(path: Path) -> None:
    """A database whose pages were overwritten is a clear error at start."""
    with closing(Store.open(path)) as store:
        append(store, [arrival(sighting(ok=1), body=b"x" * 100_000)])
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)

    with pytest.raises(StoreError, match="malformed"):
        Store.open(path)


def test_newer_version(path: Path) -> None:
    """A database of a newer collector is not touched."""
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(StoreError, match=f"version {len(STEPS) + 1}"):
        Store.open(path)


def test_older_version(path: Path) -> None:
    """A database of each older layout is brought up to date, and what is in it stays."""
    path.parent.mkdir()
    for version in range(1, len(STEPS)):
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as db:
            teach(db)
            for step in STEPS[:version]:
                db.executescript(step)
            db.execute(f"PRAGMA user_version = {version}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute("INSERT INTO log (arrived_ns, skew_ns, batch) VALUES (5, 0, x'00')")
            db.commit()
        with closing(Store.open(path)) as store:
            assert bodies(store) == [b"\0"]
            assert seqs(store, 0) == [True]


def test_foreign_database(path: Path) -> None:
    """A database of another program is not touched."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="something else"):
        Store.open(path)


def test_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A path below a file is a clear error."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path / "file" / "collector.db")


def test_commits_are_synced(store: Store) -> None:
    """WAL with synchronous=FULL: what was answered survives a power cut."""
    mode = store._db.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = store._db.execute("PRAGMA synchronous").fetchone()[0]

    assert (mode, synchronous) == ("wal", 2)


def test_time_is_kept(store: Store) -> None:
    """The anchor comes back as it was written, and is no older than the newest batch."""
    store.save_time(Anchor("boot", 5, 6, T0_NS))
    append(store, [arrival(sighting(ok=1), end_ns=T0_NS + S)])

    assert store.time() == (Anchor("boot", 5, 6, T0_NS + S), T0_NS + S)


def test_what_was_pushed_is_forgotten(store: Store) -> None:
    """No row of a proxy is left, and it may come again."""
    seen = sighting(ok=1, first_byte={1: 1}, certificate=Leaf(1, 2))
    append(store, [arrival(seen)])
    store.save({SICK: SavedState("healthy", T0_NS, ())})
    store.save_memories({SICK: Memory(5)}, T0_NS)
    store.forget([SICK, GOOD])
    left = [
        store._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        for table in ("proxies", "rollups", "asks", "certificates", "states", "memories")
    ]
    append(store, [arrival(seen, seq=1)])

    assert left == [0] * 6
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 1


def test_shares_of_misses_by_hour_of_the_week(store: Store) -> None:
    """Of the same hour in each of four weeks, where enough was asked; other hours are none."""
    week_s, now_s = 7 * 86_400, T0_S + 100
    asked = [(1, 10, 90), (2, 30, 70), (3, 2, 8), (4, 0, 50), (5, 50, 50)]
    for seq, (weeks, missed, ok) in enumerate(asked):
        end_ns = (now_s - weeks * week_s) * S
        append(store, [arrival(sighting(SICK, ok=ok, misses=missed), end_ns=end_ns, seq=seq)])
    other_ns = (now_s - week_s + 2 * HOUR_S) * S
    append(store, [arrival(sighting(SICK, misses=500), end_ns=other_ns, seq=9)])

    assert store.miss_shares(SICK, now_s) == [0.1, 0.3, 0.0]
