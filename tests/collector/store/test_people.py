"""Rules of the rows of notes, windows and the audit log."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from modpulse.collector.access.audit import Act, Outcome
from modpulse.collector.alerts.maintenance import Announced, Window
from modpulse.collector.alerts.note import Note
from modpulse.collector.store import people
from modpulse.collector.store.database import Store

WINDOW = Window("sat 02:00", 90.0, "https://a.example", "berlin")


def act(at_ns: int, outcome: Outcome = "done") -> Act:
    """One act."""
    return Act(at_ns, "token a", "note.add", "1-1", outcome, "::1")


def record(store: Store, *acts: Act) -> None:
    """Write acts."""
    store.change(partial(people.record, acts=acts))


def test_what_is_kept_is_read(path: Path) -> None:
    """Notes, windows and acts are the same after the database was closed."""
    note = Note(7, 5, "token a", "all is well", True)
    announced = Announced(0, WINDOW, "token a", 6)
    with closing(Store.open(path)) as store:
        store.change(partial(people.add_note, note=note, act=act(5)))
        kept = store.change(partial(people.announce, announced=announced, act=act(6)))
    with closing(Store.open(path)) as store:
        assert kept == Announced(1, WINDOW, "token a", 6)
        assert store.notes([6, 7]) == [note]
        assert store.announced(9) == [kept]
        assert [(row.at_ns, row.target) for row in store.audit(9)] == [(6, "1: 1-1"), (5, "1-1")]


def test_an_act_without_its_row_is_none(store: Store) -> None:
    """What cannot be written in the log is not done."""
    bad = Act(1, "x", "y", None, "done", "")  # type: ignore[arg-type]
    note = Note(1, 1, "x", "y")
    with pytest.raises(Exception, match="NOT NULL"):
        store.change(partial(people.add_note, note=note, act=bad))

    assert (store.notes([1]), store.audit(9)) == ([], [])


def test_no_number_twice(store: Store) -> None:
    """A window that is gone gives its number to no other."""
    announced = Announced(0, WINDOW, "token a", 6)
    numbers = []
    for _ in range(3):
        kept = store.change(partial(people.announce, announced=announced, act=act(6)))
        store.change(partial(people.end, numbers=[kept.id], acts=[act(7)]))
        numbers.append(kept.id)

    assert numbers == [1, 2, 3]
    assert store.announced(9) == []


def test_the_log_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is old goes; of too many the oldest, of attempts and of acts each by its own bound."""
    monkeypatch.setattr(people, "MAX_AUDIT", 3)
    monkeypatch.setattr(people, "MAX_AUDIT_REFUSED", 2)
    for at_ns in range(10):
        record(store, act(at_ns), act(at_ns, "refused"))
    gone = store.change(partial(people.prune, until_ns=2))

    assert gone == (8 - 3) + (8 - 2)
    assert [(row.at_ns, row.outcome) for row in store.audit(99)] == [
        (9, "refused"), (9, "done"), (8, "refused"), (8, "done"), (7, "done"),
    ]  # fmt: skip
    assert store.change(partial(people.prune, until_ns=2)) == 0


def test_rows_of_no_sense(path: Path) -> None:
    """What another hand put there is left out and counted, and makes nothing quiet."""
    with closing(Store.open(path)):
        pass
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO notes VALUES (1, 1, 'x', 'a', 'b', 0), (2, 1, 5, 'a', x'00', 0)")
        db.execute(
            "INSERT INTO maintenance VALUES (1, 'noon', 5.0, '', '', 'a', 1), "
            "(2, 'sat 02:00', 1e9, '', '', 'a', 1), (3, 'sat 02:00', 'x', '', '', 'a', 1), "
            "(4, 'sat 02:00', 5.0, '', '', 'a', -1), (5, 'sat 02:00', 5.0, '', '', 'a', 1)"
        )
        db.execute(
            "INSERT INTO audit VALUES (1, 1, 'a', 'b', 'c', 'maybe', ''), "
            "(2, 1 << 62 + 1, 'a', 'b', 'c', 'done', ''), (3, 1, 'a', 'b', 'c', 'done', '')"
        )
        db.commit()
    with closing(Store.open(path)) as store:
        assert store.notes([1]) == []
        assert [announced.id for announced in store.announced(9)] == [5]
        assert len(store.audit(9)) == 1
        assert dict(store.unreadable) == {"notes": 2, "maintenance": 4, "audit": 2}
