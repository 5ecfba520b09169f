"""Rules of what becomes of an older database's rows."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sightings import GOOD, T0_NS, S
from stored import cells

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.collector.intake.cells import buckets_of
from modpulse.collector.store.database import Store
from modpulse.collector.store.migrations import APPLICATION_ID, STEPS
from modpulse.collector.store.pruning import Cuts

HOUR_S = 3600
NOW_S = T0_NS // S // HOUR_S * HOUR_S
HOUR_AGO_S = NOW_S - HOUR_S
OLD_S = NOW_S - 40 * HOUR_S
"""Folded into hours; a minute came late."""
COUNTS = (
    (1, 60, HOUR_AGO_S, "ok", 3),
    (1, 60, HOUR_AGO_S, "http.5xx", 2),
    (1, 60, OLD_S + 60, "ok", 7),
    (1, 3600, OLD_S, "ok", 100),
    (1, 3600, OLD_S, "no such name", 5),
    (1, 3600, OLD_S, "miss", "words"),
    (1, 3600, -7, "ok", 1000),
    (1, 77, OLD_S, "ok", 1000),
    (-1, 60, OLD_S, "ok", 1000),
)
BUCKETS = (
    (1, 60, HOUR_AGO_S, FIRST_BYTE, 5, 3),
    (1, 60, OLD_S + 60, FIRST_BYTE, 5, 7),
    (1, 3600, OLD_S, FIRST_BYTE, 9, 1 << 40),
    (1, 3600, OLD_S, FIRST_BYTE, 100_000, 1),
)


def older(path: Path) -> None:
    """Write a database of layout 4 with history in rows of counts and buckets."""
    with closing(sqlite3.connect(path)) as db, db:
        for step in STEPS[:4]:
            db.executescript(step)
        db.execute("PRAGMA user_version = 4")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("INSERT INTO proxies VALUES (1, ?)", (GOOD,))
        db.executemany("INSERT INTO counts VALUES (?, ?, ?, ?, ?)", COUNTS)
        db.executemany("INSERT INTO sketches VALUES (?, ?, ?, ?, ?, ?)", BUCKETS)


def test_rows_become_cells(tmp_path: Path) -> None:
    """Each fact that makes sense is there once, by minute, by hour and by day."""
    path = tmp_path / "c.db"
    older(path)
    with closing(Store.open(path)) as store:
        cuts = Cuts(NOW_S + HOUR_S, 0, NOW_S - 24 * HOUR_S, 0)
        while store.prune(cuts):
            pass
        for period_s in (60, 3600, 86_400):
            cell = cells(store, GOOD, period_s=period_s)[""]
            buckets = buckets_of(cell, FIRST_BYTE)

            assert cell.counts == {"ok": 110, "http.5xx": 2}
            assert set(buckets) == {5, 9}
            assert buckets[9] > 1000 * buckets[5]  # a count beyond the wire's is a share
        assert store.unreadable == {}


def test_an_older_database_has_no_more_tables(tmp_path: Path) -> None:
    """What was moved is gone, also of a database that had none of it."""
    path = tmp_path / "c.db"
    older(path)
    Store.open(path).close()
    with closing(sqlite3.connect(path)) as db:
        left = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}

    assert not left & {"counts", "sketches"}
