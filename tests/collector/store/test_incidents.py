"""Rules of what is kept of incidents: with the state and the outbox, or not at all."""

import pytest
from alarms import T0_NS, Run, S, down
from sightings import SICK, arrival, sighting

from modpulse.collector.alerts.incident import Incident
from modpulse.collector.alerts.notice import Notice
from modpulse.collector.errors import StoreUnavailableError
from modpulse.collector.intake.rollup import roll_up
from modpulse.collector.store.database import Store
from modpulse.collector.store.recall import SavedState

FULL = (
    "CREATE TRIGGER full BEFORE INSERT ON outbox "
    "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
)


def story() -> Incident:
    """An outage that was told."""
    run = Run()
    run.steps(60, down(SICK))
    return run.told[0][2]


def lines(store: Store, table: str) -> int:
    """How many rows a table has."""
    count: int = store._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
    return count


def test_what_was_written_is_read(store: Store) -> None:
    """Open ones and closed ones, and an id that none has."""
    opened = story()
    assert store.incidents(9, 9) == ([], 1)
    store.save({}, [opened])

    assert store.incidents(9, 9) == ([opened], 2)


def test_state_incident_and_notice_are_one(store: Store) -> None:
    """Where the last of them finds no room, nothing of the others is there."""
    incident = story()
    notices = [("mail", Notice("opened", incident, 0))]
    states = {SICK: SavedState("down", T0_NS, ())}
    store.change(lambda db: db.execute(FULL))
    with pytest.raises(StoreUnavailableError):
        store.save(states, [incident], notices, T0_NS)
    assert (store.states(), lines(store, "incidents"), lines(store, "outbox")) == ({}, 0, 0)
    store.change(lambda db: db.execute("DROP TRIGGER full"))
    store.save(states, [incident], notices, T0_NS)

    assert (lines(store, "states"), lines(store, "incidents"), lines(store, "outbox")) == (1, 1, 1)


def test_the_cost_is_that_of_its_minutes(store: Store) -> None:
    """Failures of its proxies since it began; never less than was known before."""
    taken = [
        arrival(sighting(SICK, failures={"tcp.refused": 7, "http.5xx": 2}, ok=3),
                end_ns=T0_NS + 5 * S),
        arrival(sighting(SICK, failures={"tcp.refused": 99}), end_ns=T0_NS - 3600 * S),
        arrival(sighting("https://other.example", failures={"tcp.refused": 50}),
                end_ns=T0_NS + 5 * S),
    ]  # fmt: skip
    store.add(roll_up(taken), 99)
    (kept,) = store.save({}, [story()])
    assert kept.cost.failed == 9
    store.forget([SICK])
    (later,) = store.save({}, [kept])

    assert later.cost == kept.cost


def test_a_row_that_makes_no_sense_is_left_out(store: Store) -> None:
    """It is counted, its id is not given again, and the others are read."""
    store.save({}, [story()])
    store.change(lambda db: db.execute("INSERT INTO incidents VALUES (7, NULL, '{}')"))
    found, next_id = store.incidents(9, 9)

    assert ([incident.id for incident in found], next_id) == ([1], 8)
    assert store.unreadable["incidents"] == 1
