"""A stop before the collector serves, by real signals to real processes."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from modpulse.collector.store.database import Store
from modpulse.collector.store.migrations import APPLICATION_ID, STEPS
from tests.collectors import PROGRAM

SIGNALS = [signal.SIGTERM, signal.SIGINT]
WHILE_IT_IMPORTS = """
import os, sys, time
class Held:
    def find_spec(self, name, *_):
        if name == "uvloop":
            os.write(1, b"here")
            time.sleep(60)
sys.meta_path.insert(0, Held())
"""
WHILE_IT_MIGRATES = """
from modpulse.collector.store import migrations
endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
migrations.STEPS += (f"DELETE FROM seen; CREATE TABLE more AS {endless};",)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.db"


@contextmanager
def started(path: Path, before: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A collector on that database, with something put before its program."""
    settings = {
        "MODPULSE_COLLECTOR_LISTEN": "127.0.0.1:0",
        "MODPULSE_COLLECTOR_DATABASE": str(path),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, "serve"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def until(happened: Callable[[], bool]) -> None:
    """Wait for it."""
    while not happened():
        time.sleep(0.01)


def stopped(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send it, and see a clean end: one line, and exit code 0."""
    process.send_signal(number)
    _, log = process.communicate(timeout=60)

    assert process.returncode == 0
    assert log.endswith(b" event=collector.stopped\n")
    assert log.count(b"\n") == 1


@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_imports(path: Path, number: signal.Signals) -> None:
    """Before there is a server a stop is one."""
    with started(path, WHILE_IT_IMPORTS) as process:
        assert process.stdout
        assert process.stdout.read(4) == b"here"
        stopped(process, number)

    assert not path.exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_waits_for_the_database(path: Path, number: signal.Signals) -> None:
    """SQLite waits for another program inside one call: a stop is not kept waiting by it."""
    Store.open(path).close()
    lock = path.with_name("c.db.lock")
    lock.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute(f"PRAGMA user_version = {len(STEPS)}")
        with started(path) as process:
            until(lock.exists)
            stopped(process, number)
        other.execute("COMMIT")

    Store.open(path).close()


@pytest.mark.parametrize("number", SIGNALS)
def test_while_it_migrates(path: Path, number: signal.Signals) -> None:
    """The step that runs is taken back, those before it stay, and no row is lost."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            f"{STEPS[0]} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;"
            "INSERT INTO seen VALUES ('a', x'00', 0, 9, 1);"
        )
    log = path.with_name("c.db-wal")
    last = re.findall(r"(?:CREATE \w+|ADD COLUMN) (\w+)", STEPS[-1])[-1].encode()
    with started(path, WHILE_IT_MIGRATES) as process:
        # All steps of ours are written, and the one behind them has no end.
        until(lambda: log.exists() and last in log.read_bytes())
        stopped(process, number)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT * FROM seen").fetchall()
        kept = (
            db.execute("PRAGMA user_version").fetchone()[0],
            db.execute("PRAGMA integrity_check").fetchone()[0],
        )

    assert rows == [("a", b"\0", 0, 9, 1)]
    assert kept == (len(STEPS), "ok")
    Store.open(path).close()


def test_again_while_it_stops(path: Path) -> None:
    """Whoever presses Ctrl-C twice does not break what the first one began."""
    with started(path) as process:
        assert process.stderr
        while b"collector.started" not in process.stderr.readline():
            pass
        for number in SIGNALS * 100:
            process.send_signal(number)
            time.sleep(0.002)
        log = process.stderr.read()

    assert process.returncode == 0
    assert log.endswith(b" event=collector.stopped\n")
    assert b"Traceback" not in log
