"""Rules of group commit, with a real store and a real thread."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from sightings import arrival, sighting

from modpulse.collector.errors import OverloadedError, StoreUnavailableError
from modpulse.collector.store import Store
from modpulse.collector.writer import Writer

WAIT_S = 30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with closing(Store.open(tmp_path / "c.db")) as opened:
        yield opened


def test_each_sender_gets_its_own_answer(store: Store) -> None:
    """Batches of one group are answered one by one: new, new, duplicate."""
    writer = Writer(store, 10)
    futures = [writer.append(arrival(sighting(ok=1), seq=seq)) for seq in (0, 1, 1)]
    writer.start()
    answers = [future.result(WAIT_S) for future in futures]
    writer.stop()

    assert answers == [True, True, False]


def test_a_full_queue_is_refused(store: Store) -> None:
    """Beyond its capacity the queue refuses at once instead of growing."""
    writer = Writer(store, 2)
    for seq in range(2):
        writer.append(arrival(seq=seq))
    with pytest.raises(OverloadedError):
        writer.append(arrival(seq=2))


def test_stop_commits_what_waits(store: Store) -> None:
    """What was queued before the end is on disk after it."""
    writer = Writer(store, 1000)
    futures = [writer.append(arrival(sighting(ok=1), seq=seq)) for seq in range(900)]
    writer.start()
    writer.stop()

    assert all(future.result(0) for future in futures)
    assert len(list(store.log())) == 900


def test_a_failing_disk_fails_the_group_and_not_the_writer(store: Store) -> None:
    """Each sender of the group learns that nothing was kept; later batches are taken again."""
    store._db.execute("PRAGMA max_page_count = 1")  # the real SQLITE_FULL, without a full disk
    writer = Writer(store, 10)
    refused = [writer.append(arrival(sighting(ok=1), seq=n, body=b"x" * 9000)) for n in range(3)]
    writer.start()
    for future in refused:
        with pytest.raises(StoreUnavailableError):
            future.result(WAIT_S)
    writer.call(lambda store: store._db.execute("PRAGMA max_page_count = 9999")).result(WAIT_S)
    taken = writer.append(arrival(sighting(ok=1))).result(WAIT_S)
    writer.stop()

    assert taken


def test_a_sender_that_gave_up(store: Store) -> None:
    """A batch whose sender no longer waits is not kept: it will come again."""
    writer = Writer(store, 10)
    gone: Future[bool] = writer.append(arrival(sighting(ok=1)))
    gone.cancel()
    writer.start()
    again = writer.append(arrival(sighting(ok=1))).result(WAIT_S)
    writer.stop()

    assert again


def test_jobs_run_on_the_writers_thread(store: Store) -> None:
    """Other uses of the store wait their turn, and their errors reach who asked."""
    writer = Writer(store, 10)
    writer.start()
    ran = Event()
    result = writer.call(lambda store: (ran.set(), store.states())[1]).result(WAIT_S)
    with pytest.raises(ZeroDivisionError):
        writer.call(lambda _: 1 // 0).result(WAIT_S)
    writer.stop()

    assert (ran.is_set(), result) == (True, {})
