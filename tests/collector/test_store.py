"""Rules of the embedded store, on real SQLite files."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.agent.batch import FIRST_BYTE
from modpulse.collector.arrival import Leaf
from modpulse.collector.errors import StoreError, StoreUnavailableError
from modpulse.collector.gates import Finding
from modpulse.collector.migrations import STEPS
from modpulse.collector.store import History, SavedState, Store

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
    return [store.append([arrival(sighting(ok=1), seq=n)])[0] for n in numbers]


def test_duplicates_in_any_order(store: Store) -> None:
    """A (agent_id, run_id, seq) is new once, whatever the order."""

    new = seqs(store, 0, 1, 1, 5, 3, 4, 5, 3, 2, 2, 0)

    assert new == [True, True, False, True, True, True, False, False, True, False, False]


def test_duplicate_within_a_group(store: Store) -> None:
    """Two copies that arrive together are one batch."""
    batch = arrival(sighting(ok=3))

    assert store.append([batch, batch]) == [True, False]
    assert store.history(FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 3


def test_seen_batches_cost_one_row_per_run(store: Store, path: Path) -> None:
    """Sequences in good order are kept as ranges, so dedup does not grow with time."""
    seqs(store, *range(50))
    with closing(sqlite3.connect(path)) as reader:
        rows = reader.execute("SELECT first_seq, last_seq FROM seen").fetchall()

    assert rows == [(0, 49)]


def test_same_seq_of_another_run_is_new(store: Store) -> None:
    """A reinstalled or restarted agent counts from 0 again under a new run_id."""
    new = store.append([arrival(run_id=b"one"), arrival(run_id=b"two"), arrival(agent_id="b")])

    assert new == [True, True, True]


def test_minutes_merge_and_fold_into_hours(store: Store) -> None:
    """Counts and buckets are added per minute, later per hour, and nothing is lost or doubled."""
    early = T0_NS - 30 * HOUR_S * S
    for seq, end_ns in enumerate((early, early + 61 * S, T0_NS)):
        seen = sighting(ok=4, failures={"http.5xx": 1}, first_byte={160: 2, 170: 1})
        store.append([arrival(seen, seq=seq, end_ns=end_ns)])
    before = store.history(FIRST_BYTE, 0, T0_S + 1)
    for _ in range(2):
        store.prune(0, 0, minutes_until_s=T0_S - 24 * HOUR_S, hours_until_s=0)

    assert before == {SICK: History(12, 3, {160: 6, 170: 3})}
    assert store.history(FIRST_BYTE, 0, T0_S + 1) == before


def test_late_minutes_fold_into_an_hour_that_was_folded(store: Store) -> None:
    """A spooled batch of a folded hour is added to it at the next fold."""
    early = T0_NS - 30 * HOUR_S * S
    for seq in range(3):
        store.append([arrival(sighting(ok=1), seq=seq, end_ns=early + seq * 60 * S)])
        store.prune(0, 0, minutes_until_s=T0_S - 24 * HOUR_S, hours_until_s=0)

    assert store.history(FIRST_BYTE, 0, T0_S)[SICK].ok == 3


def test_retention_is_bounded(store: Store) -> None:
    """What is older than its retention is gone, and what is known of a proxy goes with it."""
    store.append([arrival(sighting(ok=1, certificate=Leaf(1, 2)))])
    store.save_states({SICK: SavedState("healthy", T0_NS, ())})
    store.prune(T0_NS + S, T0_NS + S, T0_S + HOUR_S, T0_S + HOUR_S)

    assert (list(store.log()), store.asks()) == ([], [])
    assert (store.states(), store.certificates(), store.last_seen_s()) == ({}, {}, {})
    assert store.history(FIRST_BYTE, 0, T0_S + HOUR_S) == {}
    assert seqs(store, 0) == [True]


def test_what_survives_a_restart(path: Path) -> None:
    """States, certificates, who asked and the log are read back as they were written."""
    leaf = Leaf(1, 2)
    saved = SavedState("down", T0_NS, (Finding("outage", "9 failures"),))
    with closing(Store.open(path)) as store:
        store.append([arrival(sighting(GOOD, ok=1, certificate=leaf), body=b"wire")])
        store.append(
            [arrival(sighting(GOOD, failures={"dns.timeout": 1}), seq=1, end_ns=T0_NS + S)]
        )
        store.save_states({SICK: saved})
    with closing(Store.open(path)) as store:
        asks = store.asks()

        assert store.states() == {SICK: saved}
        assert store.certificates() == {GOOD: (leaf, T0_NS)}
        assert [body for _, _, body in store.log()] == [b"wire", b"body"]
        assert (asks[0].asked_ns, asks[0].served_ns) == (T0_NS + S, T0_NS)


def test_heartbeats_are_not_logged(store: Store) -> None:
    """An idle window is no evidence; its seq is remembered all the same."""
    store.append([arrival()])

    assert list(store.log()) == []
    assert store.append([arrival()]) == [False]


def test_disk_full_keeps_nothing_of_the_group(store: Store) -> None:
    """A full disk refuses the whole group, and the same batches are new when there is room."""
    store._db.execute("PRAGMA max_page_count = 1")  # the real SQLITE_FULL, without a full disk
    group = [arrival(sighting(ok=1), seq=n, body=b"x" * 5000) for n in range(20)]
    with pytest.raises(StoreUnavailableError, match="full"):
        store.append(group)
    store._db.execute("PRAGMA max_page_count = 100000")

    assert store.append(group) == [True] * 20
    assert store.history(FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 20


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
        store.append([arrival(sighting(ok=1), body=b"x" * 100_000)])
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
