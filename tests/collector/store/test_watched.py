"""What happens to the files of a running database: harm is noticed, and a touch is none."""

import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from collectors import Collector, batch_bytes, call, post
from failing_disk import fill
from sightings import arrival, sighting
from stored import append

from modpulse.collector.errors import StoreError, StoreUnavailableError
from modpulse.collector.store.database import Store

FRAME_BYTES = 24 + 4096
"""Of the log: https://www.sqlite.org/fileformat2.html section 4.1."""


def deleted(path: Path) -> None:
    path.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("moved"))


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def written_over(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"\xff" * 100)


def without_log(path: Path) -> None:
    log_of(path).unlink()


def with_moved_log(path: Path) -> None:
    log_of(path).rename(path.with_name("moved"))


def with_empty_log(path: Path) -> None:
    # SQLite writes its next frames behind the hole; no start would find them.
    os.truncate(log_of(path), 0)


def with_half_a_log(path: Path) -> None:
    os.truncate(log_of(path), log_of(path).stat().st_size // 2)


def with_noise_for_a_log(path: Path) -> None:
    log_of(path).write_bytes(random.Random(1).randbytes(log_of(path).stat().st_size))


def with_a_log_of_before(path: Path) -> None:
    # As a restored copy is: its beginning is right, and is of the same log.
    log_of(path).write_bytes(log_of(path).read_bytes()[: 32 + 3 * FRAME_BYTES])


def with_noise_in_the_log(path: Path) -> None:
    with open(log_of(path), "r+b") as file:
        file.seek(32 + 3 * FRAME_BYTES)
        file.write(b"\xff" * FRAME_BYTES)


def without_directory(path: Path) -> None:
    shutil.rmtree(path.parent)


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


OF_THE_DATABASE = [
    deleted,
    moved,
    replaced,
    emptied,
    halved,
    written_over,
    without_directory,
]
OF_THE_LOG = [
    with_empty_log,
    with_half_a_log,
    with_noise_for_a_log,
    with_a_log_of_before,
    with_noise_in_the_log,
]
NAMES_OF_THE_LOG = [without_log, with_moved_log]


def work(store: Store, first: int, count: int) -> None:
    """Take some batches, a commit each."""
    for seq in range(first, first + count):
        append(store, [arrival(sighting(ok=1), seq=seq, body=b"x" * 5000)])


def known(path: Path) -> int:
    """How many batches are known, in a database that nothing is wrong with."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(db.execute("SELECT SUM(last_seq - first_seq + 1) FROM seen").fetchone()[0])


@pytest.mark.parametrize(
    "harm", [*OF_THE_DATABASE, *OF_THE_LOG, *NAMES_OF_THE_LOG], ids=lambda harm: harm.__name__
)
def test_files_that_change_under_it(path: Path, harm: Callable[[Path], None]) -> None:
    """Once a file is gone, replaced, cut or written over nothing is taken, and that is said."""
    with closing(Store.open(path)) as store:
        append(store, [arrival(sighting(ok=1))])
        store._db.execute("PRAGMA wal_checkpoint")
        store._place.leave()
        append(store, [arrival(sighting(ok=1), seq=7)])
        harm(path)
        for seq in (1, 1, 2):
            with pytest.raises(StoreUnavailableError, match="while the collector ran"):
                append(store, [arrival(sighting(ok=1), seq=seq)])


@pytest.mark.parametrize("harm", OF_THE_LOG, ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("is_noticed", [True, False])
def test_a_stop_after_harm_to_the_log(
    path: Path, harm: Callable[[Path], None], is_noticed: bool
) -> None:
    """A stop writes nothing of what others put into the log: what was copied before is sound."""
    with closing(Store.open(path)) as store:
        work(store, 0, 20)
        store._db.execute("PRAGMA wal_checkpoint")
        store._place.leave()
        work(store, 20, 60)
        harm(path)
        if is_noticed:
            with pytest.raises(StoreUnavailableError, match="answered of late may be lost"):
                work(store, 80, 1)

    assert known(path) >= 20


@pytest.mark.parametrize("harm", NAMES_OF_THE_LOG, ids=lambda harm: harm.__name__)
def test_a_stop_after_the_log_is_gone(path: Path, harm: Callable[[Path], None]) -> None:
    """A log that was deleted or moved is still open: a stop saves all that was answered."""
    with closing(Store.open(path)) as store:
        work(store, 0, 80)
        harm(path)
        with pytest.raises(StoreUnavailableError):
            work(store, 80, 1)

    assert known(path) == 80


def moved_over(good: Path, path: Path) -> None:
    shutil.copy(good, path.with_name("copy"))
    path.with_name("copy").replace(path)


def copied_over(good: Path, path: Path) -> None:
    shutil.copy(good, path)


@pytest.mark.parametrize("restore", [moved_over, copied_over], ids=lambda how: how.__name__)
def test_a_copy_that_is_restored_while_it_runs(
    tmp_path: Path, path: Path, restore: Callable[[Path, Path], None]
) -> None:
    """After a stop the copy is as it was: the log of the old database is put aside."""
    good = tmp_path / "good.db"
    with closing(Store.open(good)) as store:
        work(store, 0, 30)
    with closing(Store.open(path)) as store:
        work(store, 100, 400)
        restore(good, path)
        with pytest.raises(StoreUnavailableError):
            work(store, 500, 1)

    assert path.read_bytes() == good.read_bytes()
    assert path.with_name("c.db-wal.old").stat().st_size > 32
    assert known(path) == 30


def test_a_touch_is_no_harm(path: Path, store: Store) -> None:
    """Owner, mode and time of the database are people's business."""
    os.utime(path)
    path.chmod(0o640)
    log_of(path).chmod(0o640)

    assert append(store, [arrival(sighting(ok=1), seq=1)]) == [True]


def test_a_touch_of_the_log(path: Path) -> None:
    """Its time tells every write of others, so a touch is taken for one until a restart."""
    with closing(Store.open(path)) as store:
        append(store, [arrival(sighting(ok=1))])
        os.utime(log_of(path))
        with pytest.raises(StoreUnavailableError, match="restart the collector"):
            append(store, [arrival(sighting(ok=1), seq=1)])
    with closing(Store.open(path)) as again:
        assert append(again, [arrival(sighting(ok=1), seq=1)]) == [True]


def test_a_hard_link_made_meanwhile(path: Path) -> None:
    """It harms nothing while the collector runs; the next start says so."""
    with closing(Store.open(path)) as store:
        os.link(path, path.with_name("other"))

        assert append(store, [arrival(sighting(ok=1), seq=1)]) == [True]
    with pytest.raises(StoreError, match="2 names"):
        Store.open(path)


def test_a_disk_that_is_full_when_it_starts_again(small_disk: Path) -> None:
    """A database that is there needs no room to start: batches are refused until there is some."""
    collector = Collector(small_disk, database=small_disk / "c.db")
    Store.open(small_disk / "c.db").close()
    fill(small_disk)
    collector.start()
    try:
        assert post(collector, batch_bytes(seq=1)).status == 503
        (small_disk / "ballast").unlink()
        assert post(collector, batch_bytes(seq=1)).status == 202
        assert collector.stop() == 0
    finally:
        collector.end()


def test_a_file_that_is_put_back(path: Path, store: Store) -> None:
    """When the file is back where it was, batches are taken again, and are new."""
    path.rename(path.with_name("moved"))
    with pytest.raises(StoreUnavailableError):
        append(store, [arrival(sighting(ok=1), seq=1)])
    path.with_name("moved").rename(path)

    assert append(store, [arrival(sighting(ok=1), seq=1)]) == [True]


@pytest.mark.parametrize(
    "harm",
    [deleted, replaced, emptied, without_log, with_half_a_log, without_directory],
    ids=lambda harm: harm.__name__,
)
def test_a_collector_whose_file_is_gone(collector: Collector, harm: Callable[[Path], None]) -> None:
    """The process answers 503 and says why, and what it answered before it was gone is all."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    taken = post(collector, batch_bytes(seq=0))
    harm(Path(str(collector.keys["database"])))
    refused = [post(collector, batch_bytes(seq=seq)) for seq in (0, 1, 1)]
    threading.Event().wait(0.5)  # some judgements later it is still so
    ready = call(collector, "GET", "/readyz")

    assert (taken.status, [reply.status for reply in refused]) == (202, [503] * 3)
    assert "while the collector ran" in refused[0].body["error"]
    assert (ready.status, ready.body["ready"]) == (503, False)
    assert "restart the collector" in ready.body["reason"]
    assert call(collector, "GET", "/healthz").status == 200
    assert collector.stop() == 0
    assert not [line for line in collector.log if "Traceback" in line]
