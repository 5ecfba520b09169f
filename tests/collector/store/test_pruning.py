"""Rules of what is forgotten when, on real SQLite files."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting
from stored import append, cells, tier

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.collector.errors import StoreUnavailableError
from modpulse.collector.health.gates import Finding
from modpulse.collector.health.reason import plain
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.store.database import Store
from modpulse.collector.store.pruning import Cuts, used_bytes
from modpulse.collector.store.recall import Before, SavedState
from modpulse.collector.store.tiers import DAYS, HOURS, MINUTES

T0_S = T0_NS // S
HOUR_S = 3600
NEW = "https://new.example"
LATE = "https://late.example"
TABLES = ("proxies", "rollups", "asks", "certificates", "states", "log", "seen")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with closing(Store.open(tmp_path / "c.db")) as opened:
        yield opened


def prune(
    store: Store,
    asks_until_ns: int = 0,
    minutes_until_s: int = 0,
    hours_until_s: int = 0,
    days_until_s: int = 0,
    most_bytes: int | None = None,
) -> int:
    """Prune at T0 until nothing is left to do; returns how many slices it took."""
    cuts = Cuts(T0_S, asks_until_ns, minutes_until_s, hours_until_s, days_until_s, most_bytes)
    slices = 1
    while store.prune(cuts):
        slices += 1
    return slices


def rows(store: Store, table: str) -> int:
    """Rows of one table."""
    return int(store._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def test_minutes_merge_and_fold_into_hours(store: Store) -> None:
    """Minutes are added to hours, these to days, and nothing is lost or doubled."""
    early = T0_NS - 30 * HOUR_S * S
    for seq, end_ns in enumerate((early, early + 61 * S, T0_NS)):
        seen = sighting(ok=4, failures={"http.5xx": 1}, first_byte={160: 2, 170: 1})
        append(store, [arrival(seen, seq=seq, end_ns=end_ns)])
    before = store.history([SICK], FIRST_BYTE, 0, T0_S + 1)
    for _ in range(2):
        prune(store, minutes_until_s=T0_S - 24 * HOUR_S)

    assert before == {SICK: Before(12, 3, {160: 6, 170: 3})}
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + 1) == before
    for period_s in (60, 3600, 86_400):
        assert cells(store, SICK, "agent", period_s)["build-1"].counts["ok"] == 12
    # Of three series: the proxy, its site and its agent.
    assert [tier(store, number) for number in (MINUTES, HOURS, DAYS)] == [3, 3, 3]


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
    tomorrow_s = T0_S + 24 * HOUR_S
    prune(store, T0_NS + S, tomorrow_s, tomorrow_s, tomorrow_s)
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
    day_s, day_ns = 24 * HOUR_S, 24 * HOUR_S * S
    cuts = Cuts(T0_S, 0, T0_S - 5 * HOUR_S, T0_S - 50 * HOUR_S, T0_S - 50 * HOUR_S)
    kept_s = cuts.days_until_s // day_s * day_s
    before = store.history([GOOD, SICK], FIRST_BYTE, kept_s, T0_S + 1)
    slices = 0
    while store.prune(cuts):
        append(store, [arrival(sighting(NEW, ok=1), seq=1000 + slices)])
        # Late ones, also of periods that are folded already, or just being.
        late_ns = T0_NS - rng.randrange(2 * day_ns)
        append(store, [arrival(sighting(LATE, ok=1), seq=5000 + slices, end_ns=late_ns)])
        slices += 1
    after = store.history([GOOD, SICK], FIRST_BYTE, kept_s, T0_S + 1)

    assert slices > 100
    assert after == before
    assert store.history([GOOD, SICK], FIRST_BYTE, 0, kept_s) == {}
    for period_s in (60, 3600, 86_400):
        for dimension in ("", "site", "agent"):
            for proxy in (NEW, LATE):
                found = cells(store, proxy, dimension, period_s)
                assert sum(cell.counts["ok"] for cell in found.values()) == slices


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
    assert tier(store, MINUTES) == 0


@pytest.mark.parametrize("row", [b"", b"\x00", b"\x01\xff", b"\x01\x05", "words", 1e308, -1])
def test_rows_that_make_no_sense(store: Store, row: object) -> None:
    """Whatever stands for cells: batches add to it, it folds, and what it was is counted."""
    early = T0_NS - 30 * HOUR_S * S
    for seq in range(3):
        seen = sighting(ok=1, first_byte={1: 1})
        append(store, [arrival(seen, seq=seq, end_ns=early + seq * 60 * S)])
    store._db.execute("UPDATE rollups SET cells = ?", (row,))
    store._place.leave()
    again = append(store, [arrival(sighting(ok=1, first_byte={1: 1}), seq=9, end_ns=early)])
    prune(store, minutes_until_s=T0_S)

    assert again == [True]
    assert store.unreadable["rollups"] > 0
    assert store.history([SICK], FIRST_BYTE, 0, T0_S).get(SICK, Before(1, 0, {})).ok <= 1


def test_too_much_gives_way(store: Store) -> None:
    """Where the file is too large minutes go first, the oldest of them; days stay."""
    for hour in range(40):
        for minute in range(0, 60, 5):
            end_ns = T0_NS - (hour * HOUR_S + minute * 60) * S
            seen = [sighting(f"https://{n}.example", ok=1, first_byte={n: 1}) for n in range(9)]
            append(store, [arrival(*seen, seq=100 * hour + minute, end_ns=end_ns)])
    store.prune_log(T0_NS + S, 10_000)
    prune(store)
    before, used = tier(store, MINUTES), used_bytes(store._db)
    prune(store, most_bytes=used * 2 // 3)

    assert store.overflow["database_max_bytes"] > 0
    assert used_bytes(store._db) <= used * 2 // 3
    assert 0 < tier(store, MINUTES) < before
    for proxy in ("https://0.example", "https://8.example"):
        assert cells(store, proxy)[""].counts["ok"] == 40 * 12


def test_history_of_tomorrow(store: Store) -> None:
    """History that is ahead of now, by whatever clock, counts as of this hour; none is lost."""
    for seq, hours in enumerate((-1, 0, 30, 24 * 366)):
        at_ns = T0_NS + hours * HOUR_S * S
        append(store, [arrival(sighting(ok=4, first_byte={1: 2}), seq=seq, end_ns=at_ns)])
    prune(store, hours_until_s=T0_S - 2 * HOUR_S)

    assert store.history([SICK], FIRST_BYTE, 0, T0_S + 60) == {SICK: Before(16, 0, {1: 8})}
    assert store.last_seen_s(T0_S) == {SICK: T0_S}


def test_a_proxy_that_is_gone(store: Store) -> None:
    """Of what nobody asked for so long not even the name is left; it may come again."""
    seen = sighting(ok=1, first_byte={1: 1}, certificate=Leaf(1, 2))
    append(store, [arrival(seen)])
    store.save({SICK: SavedState("down", T0_NS, (Finding("outage", plain("words")),))})
    tomorrow_s = T0_S + 24 * HOUR_S
    prune(store, T0_NS + 1, tomorrow_s, tomorrow_s, tomorrow_s)
    left = {table: rows(store, table) for table in TABLES if table not in {"log", "seen"}}
    append(store, [arrival(seen, seq=1)])

    assert set(left.values()) == {0}
    assert store.history([SICK], FIRST_BYTE, 0, T0_S + HOUR_S)[SICK].ok == 1
