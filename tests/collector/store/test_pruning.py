"""Rules of what is forgotten when, on real SQLite files."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting
from stored import append

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.collector.errors import StoreUnavailableError
from modpulse.collector.health.gates import Finding
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.store.database import Store
from modpulse.collector.store.pruning import Cuts
from modpulse.collector.store.recall import History, SavedState
from modpulse.collector.store.rows import MOST_COUNT

T0_S = T0_NS // S
HOUR_S = 3600
NEW = "https://new.example"
TABLES = ("proxies", "counts", "sketches", "asks", "certificates", "states", "log", "seen")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with closing(Store.open(tmp_path / "c.db")) as opened:
        yield opened


def prune(
    store: Store, asks_until_ns: int = 0, minutes_until_s: int = 0, hours_until_s: int = 0
) -> int:
    """Prune at T0 until nothing is left to do; returns how many slices it took."""
    cuts = Cuts(T0_S, asks_until_ns, minutes_until_s, hours_until_s)
    slices = 1
    while store.prune(cuts):
        slices += 1
    return slices


def rows(store: Store, table: str) -> int:
    """Rows of one table."""
    return int(store._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def test_minutes_merge_and_fold_into_hours(store: Store) -> None:
    """Counts and buckets are added per minute, later per hour, and nothing is lost or doubled."""
    early = T0_NS - 30 * HOUR_S * S
    for seq, end_ns in enumerate((early, early + 61 * S, T0_NS)):
        seen = sighting(ok=4, failures={"http.5xx": 1}, first_byte={160: 2, 170: 1})
        append(store, [arrival(seen, seq=seq, end_ns=end_ns)])
    before = store.history([SICK], FIRST_BYTE, 0, T0_S + 1)
    for _ in range(2):
        prune(store, minutes_until_s=T0_S - 24 * HOUR_S)

    assert before == {SICK: History(12, 3, {160: 6, 170: 3})}
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + 1) == before


def test_late_minutes_fold_into_an_hour_that_was_folded(store: Store) -> None:
    """A spooled batch of a folded hour is added to it at the next fold."""
    early = T0_NS - 30 * HOUR_S * S
    for seq in range(3):
        append(store, [arrival(sighting(ok=1), seq=seq, end_ns=early + seq * 60 * S)])
        prune(store, minutes_until_s=T0_S - 24 * HOUR_S)

    assert store.history([SICK], FIRST_BYTE, 0, T0_S)[SICK].ok == 3


def test_retention_is_bounded(store: Store) -> None:
    """What is older than its retention is gone, and what is known of a proxy goes with it."""
    append(store, [arrival(sighting(ok=1, certificate=Leaf(1, 2)))])
    store.save({SICK: SavedState("healthy", T0_NS, ())})
    prune(store, T0_NS + S, T0_S + HOUR_S, T0_S + HOUR_S)
    store.prune_log(T0_NS + S, 10)

    assert {table: rows(store, table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert append(store, [arrival(sighting(ok=1))]) == [True]


def test_seen_batches_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of agents that are invented the newest are remembered, and the rest is counted."""
    monkeypatch.setattr("modpulse.collector.store.pruning.MAX_RANGES", 3)
    for number in range(5):
        at_ns = T0_NS + number * 60 * S
        append(store, [arrival(agent_id=f"a{4 - number}", end_ns=at_ns)])
    prune(store)
    left = [row[0] for row in store._db.execute("SELECT agent_id FROM seen ORDER BY 1")]

    assert (left, store.overflow["MAX_RANGES"]) == (["a0", "a1", "a2"], 2)


def test_slices_add_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the smallest slices, with batches in between, the same is left as in one."""
    monkeypatch.setattr("modpulse.collector.store.pruning.SLICE_S", 0)
    monkeypatch.setattr("modpulse.collector.store.pruning.STEP_ROWS", 3)
    rng = random.Random(1)
    for seq in range(300):
        seen = sighting(rng.choice([GOOD, SICK]), ok=2, first_byte={seq % 7: 2})
        ago_ns = rng.randrange(60) * HOUR_S * S
        append(store, [arrival(seen, agent_id=f"a{seq % 20}", seq=seq, end_ns=T0_NS - ago_ns)])
    cuts = Cuts(T0_S, 0, T0_S - 5 * HOUR_S, T0_S - 50 * HOUR_S)
    kept = store._db.execute(
        "SELECT SUM(count) FROM counts WHERE name = 'ok' AND start_s >= ?", (cuts.hours_until_s,)
    ).fetchone()
    slices = 0
    while store.prune(cuts):
        append(store, [arrival(sighting(NEW, ok=1), seq=1000 + slices)])
        slices += 1
    after = store.history([GOOD, SICK, NEW], FIRST_BYTE, cuts.hours_until_s, T0_S + 1)
    minutes = store._db.execute(
        "SELECT COUNT(*) FROM counts WHERE period_s = 60 AND start_s < ?",
        (cuts.minutes_until_s - cuts.minutes_until_s % HOUR_S,),
    ).fetchone()
    old = store._db.execute(
        "SELECT COUNT(*) FROM counts WHERE start_s < ?", (cuts.hours_until_s,)
    ).fetchone()

    assert slices > 100
    assert (after[GOOD].ok + after[SICK].ok,) == kept
    assert after[NEW].ok == slices
    assert (minutes, old) == ((0,), (0,))


def test_a_slice_that_fails_is_taken_back(store: Store) -> None:
    """On a disk that takes nothing nothing is lost, and the next time begins anew."""
    early = T0_NS - 30 * HOUR_S * S
    for seq in range(3):
        append(store, [arrival(sighting(ok=4), seq=seq, end_ns=early + seq * 60 * S)])
    before = store.history([SICK], FIRST_BYTE, 0, T0_S)
    store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreUnavailableError):
        prune(store, minutes_until_s=T0_S)
    store._db.execute("PRAGMA query_only = 0")
    refused = store.history([SICK], FIRST_BYTE, 0, T0_S)
    prune(store, minutes_until_s=T0_S)

    assert refused == before == store.history([SICK], FIRST_BYTE, 0, T0_S)
    assert rows(store, "counts") == 2  # ok and bytes, of an hour


HUGE = [(1 << 63) - 1, -(1 << 63), 1e308, float("inf"), "words", b"x"]


@pytest.mark.parametrize("count", HUGE, ids=repr)
def test_counts_that_are_too_large(store: Store, count: object) -> None:
    """Whatever stands for a count: batches add to it, it folds, and its sum ends at a bound."""
    early = T0_NS - 30 * HOUR_S * S
    for seq in range(3):
        seen = sighting(ok=1, first_byte={1: 1})
        append(store, [arrival(seen, seq=seq, end_ns=early + seq * 60 * S)])
    for table in ("counts", "sketches"):
        store._db.execute(f"UPDATE {table} SET count = ?", (count,))
    store._place.leave()
    again = append(store, [arrival(sighting(ok=1, first_byte={1: 1}), seq=9, end_ns=early)])
    prune(store, minutes_until_s=T0_S)
    left = store._db.execute("SELECT count FROM counts UNION SELECT count FROM sketches")
    history = store.history([SICK], FIRST_BYTE, 0, T0_S)

    assert again == [True]
    assert all(type(n) is int and 0 <= n <= MOST_COUNT for (n,) in left)
    assert 0 <= history[SICK].ok <= MOST_COUNT


def test_history_of_tomorrow(store: Store) -> None:
    """History that is ahead of now, by whatever clock, counts as of this hour; none is lost."""
    for seq, hours in enumerate((-1, 0, 30, 24 * 366)):
        at_ns = T0_NS + hours * HOUR_S * S
        append(store, [arrival(sighting(ok=4, first_byte={1: 2}), seq=seq, end_ns=at_ns)])
    prune(store, hours_until_s=T0_S - 2 * HOUR_S)

    assert store.history([SICK], FIRST_BYTE, 0, T0_S + 60) == {SICK: History(16, 0, {1: 8})}
    assert store.last_seen_s(T0_S) == {SICK: T0_S}


def test_a_proxy_that_is_gone(store: Store) -> None:
    """Of what nobody asked for so long not even the name is left; it may come again."""
    seen = sighting(ok=1, first_byte={1: 1}, certificate=Leaf(1, 2))
    append(store, [arrival(seen)])
    store.save({SICK: SavedState("down", T0_NS, (Finding("outage", "words"),))})
    prune(store, T0_NS + 1, T0_S + HOUR_S, T0_S + HOUR_S)
    left = {table: rows(store, table) for table in TABLES if table not in {"log", "seen"}}
    append(store, [arrival(seen, seq=1)])

    assert set(left.values()) == {0}
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 1
