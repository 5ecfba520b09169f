"""Rules of `modpulse-collector backup`: of no collector, one that works, one that is killed."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from collectors import PROGRAM, Collector, batch_bytes, call, post
from sightings import SICK, arrival, sighting
from stored import append, cells

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.client.backup import make
from modpulse.collector.errors import BusyError, StoreError
from modpulse.collector.store.backup import check
from modpulse.collector.store.database import Store
from modpulse.collector.store.place import Place

PROXY = "https://counted.example"
ENVIRONMENT = {name: value for name, value in os.environ.items() if "MODPULSE" not in name}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector that is to be started."""
    made = Collector(tmp_path, window_seconds=0.2)
    yield made
    made.end()


def asked(collector: Collector, target: Path) -> subprocess.Popen[str]:
    """Start the command."""
    database = {"MODPULSE_COLLECTOR_DATABASE": str(collector.keys["database"])}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "backup", str(target)],
        env=ENVIRONMENT | database,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fill(path: Path, batches: int, size_bytes: int) -> None:
    """Make a database large: each batch of the log has so many bytes."""
    path.parent.mkdir(exist_ok=True)
    rng = random.Random(3)
    with closing(Store.open(path)) as store:
        for seq in range(batches):
            seen = sighting(SICK, ok=1)
            append(store, [arrival(seen, seq=seq, body=rng.randbytes(size_bytes))])


def test_of_no_collector(tmp_path: Path) -> None:
    """The copy opens, has all that was there, and belongs to its owner alone."""
    fill(tmp_path / "db" / "c.db", 20, 5000)
    target = tmp_path / "copy.db"
    size_bytes = make(tmp_path / "db" / "c.db", target)

    assert (target.stat().st_size, target.stat().st_mode & 0o777) == (size_bytes, 0o600)
    assert check(target) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "db"]
    with closing(Store.open(target)) as store:
        assert cells(store, SICK)[""].counts["ok"] == 20


def test_of_an_older_layout(tmp_path: Path) -> None:
    """A copy brings nothing up to date, neither in itself nor in what it is of."""
    database = tmp_path / "c.db"
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("PRAGMA user_version = 1")
        db.execute("CREATE TABLE log (id)")
    make(database, tmp_path / "copy.db")
    for path in (database, tmp_path / "copy.db"):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_what_cannot_be_copied(tmp_path: Path) -> None:
    """No database, a damaged one, no folder, and another program's: each one line and no file."""
    database, target = tmp_path / "c.db", tmp_path / "copy.db"
    with pytest.raises(StoreError, match="there is no database"):
        make(database, target)
    assert not database.exists()
    fill(tmp_path / "db" / "c.db", 20, 5000)
    with pytest.raises(StoreError, match=r"No such file|cannot be"):
        make(tmp_path / "db" / "c.db", tmp_path / "nowhere" / "copy.db")
    place = Place.take(tmp_path / "db" / "c.db")
    with closing(place), pytest.raises(BusyError, match="in use by"):
        make(tmp_path / "db" / "c.db", target)
    data = bytearray((tmp_path / "db" / "c.db").read_bytes())
    data[3 * 4096 : 9 * 4096] = b"\xff" * 6 * 4096
    database.write_bytes(data)
    with pytest.raises(StoreError, match="not whole"):
        make(database, target)
    assert not target.exists()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock", ".sock"])
def test_onto_the_database_itself(collector: Collector, tmp_path: Path, suffix: str) -> None:
    """A copy never takes the place of what it is a copy of, however it is called."""
    database = Path(str(collector.keys["database"]))
    link = tmp_path / "link"
    link.symlink_to(database.with_name(database.name + suffix))
    for target in (database.with_name(database.name + suffix), link):
        with pytest.raises(StoreError, match="the database itself"):
            make(database, target)


def test_while_batches_come(collector: Collector, tmp_path: Path) -> None:
    """All that was answered before it began is in it, once; who ships meanwhile is answered."""
    path = Path(str(collector.keys["database"]))
    fill(path, 400, 100_000)
    collector.start()
    target, answered, slowest_s = tmp_path / "copy.db", 0, 0.0
    window = ProxyWindow(proxy=PROXY, requests=1)
    for _ in range(2):
        post(collector, batch_bytes("other", answered, windows=(window,)))
        answered += 1
    before = answered
    command = asked(collector, target)
    while command.poll() is None:
        began = time.monotonic()
        assert post(collector, batch_bytes("other", answered, windows=(window,))).status == 202
        slowest_s = max(slowest_s, time.monotonic() - began)
        answered += 1
    out, error = command.communicate()
    collector.stop()

    assert (command.returncode, error) == (0, "")
    assert "MiB, whole" in out
    assert slowest_s < 5
    assert not list(path.parent.glob("*.backup"))
    with closing(Store.open(target)) as store:
        logged = {row[3] for row in store.unrolled(10_000)}
        counted = cells(store, PROXY).get("")
        there = (counted.requests if counted else 0) + len(logged)
        assert before <= there <= answered


def test_a_kill_in_the_middle(collector: Collector, tmp_path: Path) -> None:
    """A collector that is killed while it copies leaves no file that looks like a copy."""
    path = Path(str(collector.keys["database"]))
    fill(path, 400, 100_000)
    for delay_s in (0.0, 0.2, 0.3, 0.4, 0.6):
        collector.start()
        target = tmp_path / f"copy-{delay_s}.db"
        command = asked(collector, target)
        time.sleep(delay_s)
        collector.kill()
        _, error = command.communicate()

        assert command.returncode in (0, 2, 75), error
        assert target.exists() == (command.returncode == 0)
        assert not list(tmp_path.glob("*.part"))
        if target.exists():
            assert check(target) is None
    collector.start()
    last = asked(collector, tmp_path / "last.db")
    assert (last.communicate()[1], last.returncode) == ("", 0)
    assert not list(path.parent.glob("*.backup"))


def test_two_at_a_time(collector: Collector, tmp_path: Path) -> None:
    """The second is told that another is on its way, or waits for none: each file is whole."""
    fill(Path(str(collector.keys["database"])), 300, 100_000)
    collector.start()
    commands = [asked(collector, tmp_path / f"{number}.db") for number in range(3)]
    said = [command.communicate()[1] for command in commands]

    assert 0 in [command.returncode for command in commands]
    for number, command in enumerate(commands):
        assert command.returncode == 0 or "another backup is on its way" in said[number]
        assert (tmp_path / f"{number}.db").exists() == (command.returncode == 0)
    assert call(collector, "GET", "/healthz").status == 200


def test_a_stop_in_the_middle(collector: Collector, tmp_path: Path) -> None:
    """A collector that is to stop does not wait for a copy."""
    fill(Path(str(collector.keys["database"])), 400, 100_000)
    collector.start()
    command = asked(collector, tmp_path / "copy.db")
    stopper = threading.Timer(0.3, lambda: codes.append(collector.stop()))
    codes: list[int] = []
    stopper.start()
    command.communicate()
    stopper.join()

    assert codes == [0]
    assert (tmp_path / "copy.db").exists() == (command.returncode == 0)
