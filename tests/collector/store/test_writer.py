"""Rules of group commit, with a real store and a real thread."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from sightings import arrival, sighting

from modpulse.collector.errors import OverloadedError, StoreUnavailableError
from modpulse.collector.intake.arrival import Arrival
from modpulse.collector.store.database import Store
from modpulse.collector.store.writer import GROUP_BATCHES, MERGED, Log, Writer
from modpulse.collector.turns import Turns

WAIT_S = 30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with closing(Store.open(tmp_path / "c.db")) as opened:
        yield opened


def appended(writer: Writer, *arrivals: Arrival) -> list[object]:
    """Let batches come together; returns the answer of each, or its error."""
    merged: list[Arrival] = []

    async def run() -> list[object]:
        log = Log(writer, lambda some, _: merged.extend(some), Turns())
        waiting = [asyncio.create_task(log.append(arrival)) for arrival in arrivals]
        await asyncio.sleep(0)
        if not writer.is_alive:
            writer.start()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        await log.finish()
        return list(answers)

    answers = asyncio.run(run())
    assert len(merged) == answers.count(True)
    return answers


def test_each_sender_gets_its_own_answer(store: Store) -> None:
    """Batches of one group are answered one by one: new, new, duplicate."""
    writer = Writer(store)
    answers = appended(writer, *(arrival(sighting(ok=1), seq=seq) for seq in (0, 1, 1)))
    writer.stop()

    assert answers == [True, True, False]


def test_a_full_queue_is_refused(store: Store) -> None:
    """Beyond its capacity the queue refuses at once instead of growing."""
    writer = Writer(store, 2)
    for _ in range(2):
        writer.call(lambda store: store.states())
    with pytest.raises(OverloadedError):
        writer.call(lambda store: store.states())


def test_many_groups_are_all_on_disk(store: Store) -> None:
    """More than fit into one group follow in the next."""
    writer = Writer(store)
    answers = appended(
        writer, *(arrival(sighting(ok=1), seq=seq) for seq in range(2 * GROUP_BATCHES + 9))
    )
    writer.stop()

    assert answers == [True] * (2 * GROUP_BATCHES + 9)
    assert store.evidence(0).batches == len(answers)  # type: ignore[union-attr]


def test_a_failing_disk_fails_the_group_and_not_the_writer(store: Store) -> None:
    """Each sender of the group learns that nothing was kept; later batches are taken again."""
    store._db.execute("PRAGMA max_page_count = 1")  # the real SQLITE_FULL, without a full disk
    writer = Writer(store)
    group = [arrival(sighting(ok=1), seq=n, body=b"x" * 9000) for n in range(3)]
    refused = appended(writer, *group)
    writer.call(lambda store: store._db.execute("PRAGMA max_page_count = 9999")).result(WAIT_S)
    taken = appended(writer, *group)
    writer.stop()

    assert [type(error) for error in refused] == [StoreUnavailableError] * 3
    assert taken == [True] * 3


def test_a_sender_that_gave_up(store: Store) -> None:
    """A batch whose sender no longer waits is not kept: it will come again."""

    async def run() -> bool:
        log = Log(writer, lambda *_: None, Turns())
        gone = asyncio.create_task(log.append(arrival(sighting(ok=1))))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        again = await log.append(arrival(sighting(ok=1)))
        await log.finish()
        return again

    writer = Writer(store)
    writer.start()
    taken = asyncio.run(run())
    writer.stop()

    assert taken


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


def test_what_is_merged_is_named_by_its_last_id(store: Store) -> None:
    """A group is merged in steps, each told the log's id of its last new batch: a crash between
    two of them counts none twice."""
    steps: list[tuple[list[int], int]] = []

    async def run() -> None:
        log = Log(writer, lambda some, last: steps.append(([a.seq for a in some], last)), Turns())
        seqs = (*range(MERGED - 1), 0, *range(MERGED - 1, MERGED + 3))
        await asyncio.gather(*(log.append(arrival(sighting(ok=1), seq=seq)) for seq in seqs))
        await log.finish()

    writer = Writer(store)
    writer.start()
    asyncio.run(run())
    writer.stop()

    assert steps == [
        (list(range(MERGED - 1)), MERGED - 1),
        (list(range(MERGED - 1, MERGED + 3)), MERGED + 3),
    ]
    assert store.evidence(0).batches == MERGED + 3  # type: ignore[union-attr]
