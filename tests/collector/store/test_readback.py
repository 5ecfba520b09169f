"""Rules of reading back: a real collector with a long log, and the replay by itself."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from collectors import Collector, batch_bytes, call, post
from sightings import GOOD, SICK, arrival, sighting
from stored import append

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.errors import StoreGoneError
from modpulse.collector.health.gates import Finding
from modpulse.collector.health.reason import plain
from modpulse.collector.intake.arrival import Arrival
from modpulse.collector.store.database import Store
from modpulse.collector.store.readback import ReadBack
from modpulse.collector.store.recall import SavedState

MANY = 150_000
NS = 1_000_000_000
OLD_NS = 3600 * NS


def write_log(path: Path, *rows: tuple[int, object]) -> None:
    """Append (arrived_ns, batch) to the log of a database as it is after a stop."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO log (arrived_ns, skew_ns, batch) VALUES (?, 0, ?)", rows)
        db.execute("UPDATE rolled SET log_id = (SELECT MAX(id) FROM log)")


def logged(path: Path, before_ns: int) -> int:
    """How many batches of the log are older."""
    with closing(sqlite3.connect(path, 30)) as db:
        row = db.execute("SELECT COUNT(*) FROM log WHERE arrived_ns < ?", (before_ns,)).fetchone()
        return int(row[0])


def database(collector: Collector) -> Path:
    """Make its database."""
    path = Path(str(collector.keys["database"]))
    Store.open(path).close()
    return path


def reading(collector: Collector) -> Any:
    """What `/readyz` says of reading back; it is ready all the while."""
    ready = call(collector, "GET", "/readyz")
    assert ready.body["reason"] is None
    return ready.body["reading_back"]


def await_all(collector: Collector) -> None:
    """Wait until it has read everything back."""
    while reading(collector):
        threading.Event().wait(0.05)


def found(collector: Collector) -> dict[str, Any]:
    """The proxies of the document, by name."""
    document = call(collector, "GET", "/api/v1/proxies").body
    return {proxy["proxy"]: proxy for proxy in document["proxies"]}


def test_a_long_log_holds_nobody_up(collector: Collector) -> None:
    """
    With 150,000 batches to read back it is ready at once, answers and takes batches meanwhile,
    lets the states of before stand, and in the end has each batch exactly once.
    """
    path, now_ns = database(collector), time.time_ns()
    failing = batch_bytes(
        windows=(ProxyWindow(proxy=GOOD, requests=9, failures={"dns.servfail": 9}),)
    )
    write_log(path, *((now_ns, failing) for _ in range(100)))
    write_log(path, *((now_ns, batch_bytes(ok=1)) for _ in range(MANY - 100)))
    held = SavedState("down", now_ns - 90 * NS, (Finding("outage", plain("9 failures")),))
    with closing(Store.open(path)) as store:
        store.save({SICK: held})
    collector.keys["window_seconds"] = 0.1
    collector.start()
    during, sent = [], 0
    while (document := call(collector, "GET", "/api/v1/proxies").body)["reading_back"]:
        during.append({proxy["proxy"]: proxy for proxy in document["proxies"]})
        assert document["reading_back"]["of"] == MANY
        assert call(collector, "GET", "/readyz").status == 200
        assert post(collector, batch_bytes(seq=sent, ok=1)).status == 202
        sent += 1
    post(collector, batch_bytes(seq=sent, ok=1))
    while found(collector)[GOOD]["ok"] < MANY - 100 + sent + 1:
        threading.Event().wait(0.05)
    after = found(collector)[GOOD]

    assert len(during) >= 5
    assert {proxy["state"] for said in during for proxy in [said[SICK]]} == {"down"}
    assert during[0][SICK]["gates"][0]["evidence"] == "9 failures"
    assert {name for said in during for name in said} == {SICK}
    assert (after["ok"], after["failures"]) == (MANY - 100 + sent + 1, {"dns.servfail": 900})
    assert found(collector)[SICK]["state"] == "unknown"


def test_kill_while_reading_back(collector: Collector) -> None:
    """After `kill -9` in the middle of it, all is read again and what came meanwhile is there."""
    path = database(collector)
    write_log(path, *((time.time_ns(), batch_bytes(ok=1)) for _ in range(20_000)))
    collector.keys["window_seconds"] = 0.1
    sent = 0
    for _ in range(3):
        collector.start()
        assert post(collector, batch_bytes(seq=sent, ok=1)).status == 202
        sent += 1
        assert reading(collector)
        collector.kill()
    collector.start()
    again = [post(collector, batch_bytes(seq=seq, ok=1)).status for seq in range(sent)]
    await_all(collector)

    assert again == [200] * sent
    assert found(collector)[GOOD]["ok"] == 20_000 + sent


def test_a_restart_in_a_loop_forgets_too(collector: Collector) -> None:
    """A collector that is killed soon after each start still deletes what is no evidence."""
    path, now_ns = database(collector), time.time_ns()
    write_log(path, *((now_ns - OLD_NS, batch_bytes()) for _ in range(30_000)))
    write_log(path, *((now_ns, batch_bytes()) for _ in range(30_000)))
    starts = 0
    while logged(path, now_ns) and starts < 60:
        collector.start()
        threading.Event().wait(0.2)
        collector.kill()
        starts += 1

    assert logged(path, now_ns) == 0
    assert logged(path, now_ns + 1) == 30_000


def test_the_file_is_used_again(tmp_path: Path) -> None:
    """What is deleted leaves room for what comes: the file does not grow with the days."""
    path, sizes = tmp_path / "c.db", []
    with closing(Store.open(path)) as store:
        for day in range(6):
            start = day * 1000
            for seq in range(start, start + 1000, 100):
                group = [
                    arrival(sighting(ok=1), seq=n, end_ns=(day + 1) * OLD_NS, body=b"x" * 2000)
                    for n in range(seq, seq + 100)
                ]
                append(store, group)
            while store.prune_log((day + 2) * OLD_NS, 500):
                pass
            store._db.execute("PRAGMA wal_checkpoint")
            store._place.leave()
            sizes.append(path.stat().st_size)

    assert sizes[-1] <= sizes[0] * 1.1


def replay(store: Store, from_ns: int) -> tuple[ReadBack, list[Arrival]]:
    """Read a log back without a process around it."""
    read_back, merged = ReadBack(store.evidence(from_ns)), []

    async def ask(job: Callable[[Store], Any]) -> Any:
        return job(store)

    asyncio.run(read_back.run(ask, merged.append))
    return read_back, merged


def test_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose file is gone for a while reads the rest when it is back, and no batch twice."""
    monkeypatch.setattr("modpulse.collector.store.readback.SLICE_BATCHES", 3)
    path = tmp_path / "c.db"
    Store.open(path).close()
    write_log(path, *((NS, batch_bytes(seq=seq, end_ns=NS)) for seq in range(10)))
    merged: list[Arrival] = []
    asked = 0
    with closing(Store.open(path)) as store:
        read_back = ReadBack(store.evidence(0))

        async def ask(job: Callable[[Store], Any]) -> Any:
            nonlocal asked
            asked += 1
            if asked == 3:
                raise StoreGoneError("moved")
            return job(store)

        with pytest.raises(StoreGoneError):
            asyncio.run(read_back.run(ask, merged.append))
        before = [arrival.seq for arrival in merged]
        asyncio.run(read_back.run(ask, merged.append))

    assert before == [*range(6)]
    assert [arrival.seq for arrival in merged] == [*range(10)]


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", batch_bytes(end_ns=NS)[:-1], "text", 7, b"\x93\x01\x02"], ids=repr
)
def test_batches_that_cannot_be_read(tmp_path: Path, body: object) -> None:
    """A logged batch that no longer decodes, or is none, is left out and counted."""
    path, good = tmp_path / "c.db", batch_bytes()
    Store.open(path).close()
    write_log(path, (5, good), (5, body), (6, good))
    with closing(Store.open(path)) as store:
        read_back, merged = replay(store, 0)

    assert (len(merged), read_back.document()) == (2, {"done": 3, "of": 3, "skipped": 1})


def test_what_is_no_evidence_is_not_read(tmp_path: Path) -> None:
    """Only batches from the horizon on are read, wherever they lie; in the order of the log."""
    path = tmp_path / "c.db"
    Store.open(path).close()
    bodies = [batch_bytes(seq=seq) for seq in range(6)]
    write_log(path, *zip([5, 100, 120, 7, 110, 6], bodies, strict=True))
    with closing(Store.open(path)) as store:
        read_back, merged = replay(store, 100)

    assert [one.seq for one in merged] == [1, 2, 4]
    assert read_back.of == 3


def test_ids_are_not_given_twice(tmp_path: Path) -> None:
    """What arrives while the old log is deleted is not taken for a part of it."""
    path = tmp_path / "c.db"
    Store.open(path).close()
    write_log(path, (100, batch_bytes()), *((5, batch_bytes()) for _ in range(10)))
    with closing(Store.open(path)) as store:
        span = store.evidence(100)
        assert span is not None
        store.prune_log(100, 1000)
        append(store, [arrival(sighting(ok=1), body=batch_bytes())])

        assert len(store.log(span, 0, 100, 1 << 20)) == 1
        assert store.evidence(100).batches == 2  # type: ignore[union-attr]


def test_slices_are_bounded(tmp_path: Path) -> None:
    """A slice ends at its number of batches and soon after its bytes, and the next one goes on."""
    path = tmp_path / "c.db"
    Store.open(path).close()
    write_log(path, *((5, b"x" * 1000) for _ in range(10)))
    with closing(Store.open(path)) as store:
        span = store.evidence(0)
        assert span is not None
        first = store.log(span, 0, 4, 1 << 20)
        second = store.log(span, first[-1][0], 100, 2500)

    assert ([row[0] for row in first], [row[0] for row in second]) == ([1, 2, 3, 4], [5, 6, 7])
