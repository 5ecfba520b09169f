"""
Whatever became of the database file: it works, or it ends in one line that says what helps.

The whole way of a start runs in-process, hundreds of times; some of it in a real process.
"""

import asyncio
import errno
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from collectors import PROGRAM, Collector, batch_bytes, call, post
from damage import KINDS, PAGE_BYTES, copy_of, cut, make_good, put_strange
from failing_disk import FailingDisk
from sightings import T0_NS, S, arrival, sighting
from stored import append

from modpulse.collector.clock import Reading
from modpulse.collector.config import Config
from modpulse.collector.errors import BusyError, StoreError, StoreUnavailableError
from modpulse.collector.http.document import service_document
from modpulse.collector.service import Service
from modpulse.collector.store.database import Store

SEEDS = 50
"""Of each kind."""
NOW_NS = T0_NS + 5 * S
BOOT = "boot"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that nothing is wrong with."""
    path = tmp_path_factory.mktemp("good") / "c.db"
    make_good(path)
    return path


def said(error: Exception) -> str:
    """One line, of which every word is meant for the operator."""
    line = str(error)
    assert "\n" not in line
    assert "Error" not in line
    return line


def reading(after_s: int = 0) -> Reading:
    """The machine's clocks so long after the start."""
    return Reading(NOW_NS + after_s * S, after_s * S)


async def live(service: Service) -> str:
    """Take a batch and judge, as a collector does in its first seconds."""
    try:
        await service.read_back(lambda: NOW_NS)
        for seq in (1, 2, 1001):
            await service.accept(batch_bytes("build-1", seq, end_ns=NOW_NS), None, reading(), None)
        await service.tick(reading(10))
        await service.tick(reading(700))
    finally:
        await service.stop()
    service_document(service)
    return service.trouble or "works"


def outcome(path: Path) -> str:
    """Start on it and work a little; returns `works` or what was said."""
    try:
        store = Store.open(path)
    except (StoreError, BusyError) as error:
        return said(error)
    with closing(store):
        try:
            service = Service(Config(), store, reading(), BOOT)
            service.start(reading())
        except (StoreError, BusyError) as error:
            return said(error)
        try:
            return asyncio.run(live(service))
        except (StoreError, BusyError, StoreUnavailableError) as error:
            return said(error)


def known(path: Path) -> list[bool]:
    """Whether the batches that were answered are there at the next start."""
    with closing(sqlite3.connect(path)) as db:
        return [
            bool(
                db.execute(
                    "SELECT 1 FROM seen WHERE agent_id = 'build-1' AND run_id = ? "
                    "AND ? BETWEEN first_seq AND last_seq",
                    (b"run", seq),
                ).fetchone()
            )
            for seq in (1, 2, 1001)
        ]


def test_the_good_one_works(good: Path, tmp_path: Path) -> None:
    """What is damaged below is a database that works."""
    path = copy_of(good, tmp_path / "copy")

    assert outcome(path) == "works"
    assert known(path) == [True] * 3
    assert path.stat().st_size > 20 * PAGE_BYTES


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_damaged_files(good: Path, tmp_path: Path, kind: object) -> None:
    """A damaged file works all the same, or says so in one line; what was answered is there."""
    outcomes = []
    for seed in range(SEEDS):
        path = copy_of(good, tmp_path / "copy")
        data = bytearray(path.read_bytes())
        words = kind(random.Random(seed), data)  # type: ignore[operator]
        path.write_bytes(data)
        try:
            outcomes.append(outcome(path))
        except BaseException as error:
            error.add_note(f"seed {seed}: {words}")
            raise
        if outcomes[-1] == "works":
            try:
                there = known(path)
            except sqlite3.Error:
                continue
            assert there == [True] * 3, (seed, words)

    assert len(outcomes) == SEEDS


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as `kill -9` leaves it: much of it is in the write-ahead log alone."""
    folder = tmp_path_factory.mktemp("killed")
    copy = folder / "copy"
    copy.mkdir()
    make_good(folder / "c.db")
    with closing(Store.open(folder / "c.db")) as store:
        for number in range(50):
            append(store, [arrival(sighting(ok=1), seq=5000 + number, body=batch_bytes())])
        for side in ("", "-wal"):
            shutil.copy(folder / f"c.db{side}", copy / f"c.db{side}")
    return copy / "c.db"


def test_damaged_logs(killed: Path, tmp_path: Path) -> None:
    """So does one whose write-ahead log is damaged, cut, missing or another's."""
    stranger = tmp_path / "stranger.db"
    folder = tmp_path / "copy"
    with closing(sqlite3.connect(stranger)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE theirs (x)")
        foreign = Path(f"{stranger}-wal").read_bytes()
    outcomes = []
    for seed in range(SEEDS):
        rng = random.Random(seed)
        path = copy_of(killed, folder)
        harmed = Path(shutil.copy(f"{killed}-wal", f"{path}-wal"))
        data = bytearray(harmed.read_bytes())
        if seed == 0:
            harmed.unlink()
        elif seed == 1:
            harmed.write_bytes(foreign)
        else:
            rng.choice([kind for kind in KINDS if len(data) > 2 * PAGE_BYTES or kind is cut])(
                rng, data
            )
            harmed.write_bytes(data)
        outcomes.append(outcome(path))
        if outcomes[-1] == "works":
            assert known(path) == [True] * 3, seed

    assert outcomes.count("works") > SEEDS // 2


def test_strange_values(good: Path, tmp_path: Path) -> None:
    """A row with a value that makes no sense is left out; the collector works without it."""
    outcomes = {}
    for seed in range(2 * SEEDS):
        path = copy_of(good, tmp_path / "copy")
        words = put_strange(random.Random(seed), path)
        try:
            outcomes[seed, words] = outcome(path)
        except BaseException as error:
            error.add_note(f"seed {seed}: {words}")
            raise

    assert {key: said for key, said in outcomes.items() if said != "works"} == {}


@pytest.mark.parametrize("changed", ["log SET id", "rolled SET log_id"])
@pytest.mark.parametrize("value", [(1 << 63) - 1, -(1 << 63), -1])
def test_an_id_that_nobody_gave(good: Path, tmp_path: Path, changed: str, value: int) -> None:
    """Ids of the log that make no sense leave room for those that are given next."""
    path = copy_of(good, tmp_path / "copy")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE OR IGNORE {changed} = ?", (value,))

    assert outcome(path) == "works"
    assert known(path) == [True] * 3


def damage_seen(path: Path) -> None:
    """Put noise in the place of what is known of most agents, which a start does not read."""
    with closing(sqlite3.connect(path)) as db:
        db.executemany(
            "INSERT INTO seen VALUES (?, x'00', 0, 9, ?)",
            ((f"known-{number}", T0_NS // S) for number in range(2000)),
        )
        db.commit()
        leaves = db.execute(
            "SELECT pageno FROM dbstat WHERE name = 'seen' AND pagetype = 'leaf' ORDER BY path"
        ).fetchall()
    with open(path, "r+b") as file:
        for (page,) in leaves[2:]:
            file.seek((page - 1) * PAGE_BYTES)
            file.write(random.Random(page).randbytes(PAGE_BYTES))


def test_strange_values_are_counted(good: Path, tmp_path: Path) -> None:
    """What was left out is in the document, by table."""
    path = copy_of(good, tmp_path / "copy")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE states SET findings = '[' WHERE proxy_id < 4")
        db.execute("UPDATE asks SET resolvers = 'x' WHERE proxy_id = 1")
        db.execute("UPDATE certificates SET not_after_s = 'soon' WHERE proxy_id = 2")
    with closing(Store.open(path)) as store:
        service = Service(Config(), store, reading(), BOOT)
        service.start(reading())
        asyncio.run(live(service))

        assert service_document(service)["unreadable"] == {
            "asks": 4,
            "certificates": 1,
            "states": 3,
        }


def test_a_schema_that_is_not_ours(good: Path, tmp_path: Path) -> None:
    """Tables that say another layout than the version are told at start."""
    for sql in ("DROP TABLE asks", "ALTER TABLE log DROP COLUMN skew_ns", "DROP INDEX log_arrived"):
        path = copy_of(good, tmp_path / "copy")
        with closing(sqlite3.connect(path)) as db:
            db.execute(sql)

        assert "the tables are not those of layout version" in outcome(path)


def test_tables_of_others_are_left_alone(good: Path, tmp_path: Path) -> None:
    """What somebody added to the file does not matter."""
    path = copy_of(good, tmp_path / "copy")
    with closing(sqlite3.connect(path)) as db:
        db.execute('CREATE TABLE "my; own" (x)')
        db.execute("CREATE VIEW sick AS SELECT * FROM states")

    assert outcome(path) == "works"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_process_on_a_damaged_file(good: Path, tmp_path: Path, kind: object, seed: int) -> None:
    """The process works, refuses batches, or ends with exit code 2 and one line; no traceback."""
    path = copy_of(good, tmp_path / "copy")
    data = bytearray(path.read_bytes())
    kind(random.Random(seed), data)  # type: ignore[operator]
    path.write_bytes(data)
    collector = Collector(tmp_path, database=str(path))
    try:
        collector.start()
    except AssertionError:
        (line,) = collector.log
        assert line.startswith(f"modpulse collector: {path}: ")
        return
    try:
        with suppress(OSError):  # it may end while it reads back
            assert post(collector, batch_bytes(seq=1001)).status in {202, 503}
        collector.stop()
    finally:
        collector.end()

    assert not [line for line in collector.log if "Traceback" in line]


def test_a_log_that_cannot_be_read_back(collector: Collector) -> None:
    """Damage in the middle of the log ends the start as any other: exit code 2, one line."""
    path = Path(str(collector.keys["database"]))
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(
            "INSERT INTO log (arrived_ns, skew_ns, batch) VALUES (?, 0, ?)",
            ((1 << 62, batch_bytes(seq=seq)) for seq in range(2000)),
        )
        (page,) = db.execute(
            "SELECT pageno FROM dbstat WHERE name = 'log' AND pagetype = 'leaf' "
            "ORDER BY pageno LIMIT 1 OFFSET 20"
        ).fetchone()
    with open(path, "r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)
    settings = {f"MODPULSE_COLLECTOR_{k.upper()}": str(v) for k, v in collector.keys.items()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"modpulse collector: {path}: ")
    assert "malformed: move the file away" in last


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("sync", errno.EIO),
        ("write", errno.EIO),
        ("write", errno.ENOSPC),
        ("write", errno.EDQUOT),
        ("write", errno.EROFS),
        ("read", errno.EIO),
    ],
)
def test_a_disk_that_fails_for_a_while(
    what: str, error: int, collector: Collector, tmp_path: Path
) -> None:
    """Meanwhile nothing is acknowledged, and it says why; afterwards all goes on, and what was
    acknowledged is there, once."""
    disk = FailingDisk(tmp_path, "c.db")
    collector.start(**disk.environment)
    before = [post(collector, batch_bytes(seq=seq)).status for seq in range(3)]
    disk.fail(what, error)
    during = [post(collector, batch_bytes(seq=seq)) for seq in range(3, 6)]
    ready = call(collector, "GET", "/readyz")
    disk.heal()
    until = time.monotonic() + 20
    while call(collector, "GET", "/readyz").status != 200 and time.monotonic() < until:
        post(collector, batch_bytes(seq=6))
        time.sleep(0.1)
    after = [post(collector, batch_bytes(seq=seq)).status for seq in range(8)]
    code = collector.stop()
    with closing(sqlite3.connect(str(collector.keys["database"]))) as database:
        (kept,) = database.execute("SELECT sum(last_seq - first_seq + 1) FROM seen").fetchone()

    assert before == [202] * 3
    assert [reply.status for reply in during] == [503] * 3
    assert "disk" in during[0].body["error"].partition(": ")[2]
    assert (ready.status, ready.body["ready"]) == (503, False)
    assert (after[:6], code, kept) == ([200] * 3 + [202] * 3, 0, 8)
    assert not [line for line in collector.log if "Traceback" in line]


def test_damage_found_while_it_runs(collector: Collector) -> None:
    """A page that makes no sense in mid-service is 503 with the reason; the process answers on."""
    path = Path(str(collector.keys["database"]))
    path.parent.mkdir()
    make_good(path)
    damage_seen(path)
    collector.keys["window_seconds"] = 0.1
    collector.start()
    refused = [post(collector, batch_bytes(f"known-{n}", seq=1)).status for n in (7, 70, 700)]
    threading.Event().wait(0.5)  # some judgements later it is still not ready
    ready = call(collector, "GET", "/readyz")

    assert refused == [503] * 3
    assert (ready.status, ready.body["ready"]) == (503, False)
    assert "malformed: stop the collector and move the file away" in ready.body["reason"]
    assert call(collector, "GET", "/api/v1/proxies").status == 200
    assert collector.stop() == 0
    assert not [line for line in collector.log if "Traceback" in line]
