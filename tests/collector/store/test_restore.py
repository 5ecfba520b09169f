"""Rules of what a start takes back, on real SQLite files."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting
from stored import append

from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.store.database import Store
from modpulse.collector.store.recall import LAST_SEEN, SavedState
from modpulse.collector.store.restore import restore

DAY_NS = 86_400 * S


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open, empty store."""
    with closing(Store.open(tmp_path / "c.db")) as opened:
        yield opened


@pytest.mark.parametrize("last", [-1, 1 << 62, (1 << 63) - 1, "soon", b"x", 1.5])
def test_a_time_that_is_damage(store: Store, last: object) -> None:
    """A kept time that is none is as if it was not kept."""
    store._db.execute("INSERT INTO clock VALUES (1, 'boot', 5, 6, ?)", (last,))
    store._db.execute("INSERT INTO log VALUES (1, ?, 0, x'', -1)", (last,))

    assert store.time() == (None, 0)


@pytest.mark.parametrize("offset", [-(1 << 63), 1 << 62, (1 << 63) - 1])
@pytest.mark.parametrize("column", ["boot_offset_ns", "wall_offset_ns"])
def test_an_offset_that_is_damage(store: Store, column: str, offset: int) -> None:
    """A clock that is not of this age is as if it was not kept: it would end the start."""
    store._db.execute("INSERT INTO clock VALUES (1, 'boot', 5, 6, 7)")
    store._db.execute(f"UPDATE clock SET {column} = ?", (offset,))

    assert store.time() == (None, 0)


@pytest.mark.parametrize("ahead_ns", [S, DAY_NS, 366 * DAY_NS])
def test_times_ahead_of_now(store: Store, ahead_ns: int) -> None:
    """A time that is ahead is now or none, of whatever table; the rest is as it was."""
    seen = {name: sighting(name, ok=1, certificate=Leaf(1, 2)) for name in (GOOD, SICK)}
    append(store, [arrival(seen[GOOD])])
    append(store, [arrival(seen[SICK], seq=1, end_ns=T0_NS + ahead_ns)])
    store.save(
        {GOOD: SavedState("healthy", T0_NS, ()), SICK: SavedState("down", T0_NS + ahead_ns, ())}
    )
    ahead = store.correct(T0_NS)
    fleet = Fleet(Formula(), Rules(), float)
    states = restore(store, fleet, T0_NS)

    assert ahead == {"states": 1, "certificates": 1, "asks": 1, "log": 1}
    assert store.correct(T0_NS) == {}
    assert store.evidence(T0_NS + 1) is None
    assert {name: saved.since_ns for name, saved in states.items()} == {GOOD: T0_NS, SICK: T0_NS}
    assert fleet.proxies[SICK].track.state == "down"
    for _ in range(7):
        fleet.proxies[SICK].leaves.note(Leaf(3, 4), T0_NS)
    assert fleet.proxies[SICK].leaves.first_to_end == Leaf(3, 4)
    assert (fleet.proxies[GOOD].last_seen_ns or 0) <= T0_NS
    assert (fleet.proxies[SICK].last_seen_ns or 0) <= T0_NS
    assert [ask.proxy for ask in store.asks()] == [GOOD]


def test_a_certificate_of_tomorrow_gives_way(store: Store) -> None:
    """After a certificate that was seen ahead of now the next one counts."""
    append(store, [arrival(sighting(certificate=Leaf(1, 2)), end_ns=T0_NS + DAY_NS)])
    store.correct(T0_NS)
    append(store, [arrival(sighting(certificate=Leaf(3, 4)), seq=1)])

    assert store.certificates() == {SICK: (Leaf(3, 4), T0_NS)}


def test_who_was_seen_last(store: Store) -> None:
    """The newest minute or hour of each proxy, at most now, without reading what is older."""
    for seq, (name, ago_s) in enumerate([(GOOD, 7200), (GOOD, 60), (SICK, 7200), (SICK, -9000)]):
        append(store, [arrival(sighting(name, ok=1), seq=seq, end_ns=T0_NS - ago_s * S)])
    plan = store._db.execute(f"EXPLAIN QUERY PLAN {LAST_SEEN}", (0,)).fetchall()

    assert store.last_seen_s(T0_NS // S) == {GOOD: T0_NS // S - 60, SICK: T0_NS // S}
    assert not [row[3] for row in plan if "SCAN rollups" in row[3]]
