"""Rules of the outbox: each notice once for each channel, until it is settled."""

from functools import partial

from alarms import T0_NS, Run, S, down
from sightings import SICK

from modpulse.collector.alerts.notice import Notice, tell
from modpulse.collector.store import outbox
from modpulse.collector.store.database import Store


def notices(count: int) -> list[Notice]:
    """So many of one incident."""
    run = Run()
    run.steps(60, down(SICK))
    incident, made = run.told[0][2], []
    for _ in range(count):
        made.append(Notice("updated", incident, 0))
        incident = tell(incident, "updated", T0_NS)
    return made


def test_a_notice_waits_once(store: Store) -> None:
    """Written again, by a step that was taken again, it is still one; each channel has its own."""
    (notice,) = notices(1)
    for _ in range(2):
        store.save({}, [notice.incident], [("mail", notice), ("hook", notice)], T0_NS)
    (waiting,) = store.waiting("mail")

    assert (waiting.notice, waiting.attempts, waiting.next_ns) == (notice, 0, T0_NS)
    assert len(store.waiting("hook")) == 1
    assert store.waiting("pigeon") == []


def test_put_off_and_settled(store: Store) -> None:
    """What is put off has its time; what is settled waits no more, and is not written again."""
    (notice,) = notices(1)
    add = partial(store.save, {}, [notice.incident], [("mail", notice)], T0_NS)
    add()
    (row,) = store.waiting("mail")
    store.change(partial(outbox.postpone, number=row.id, attempts=3, next_ns=T0_NS + S))
    (late,) = store.waiting("mail")
    store.change(partial(outbox.settle, numbers=[row.id], outcome="delivered", now_ns=T0_NS))
    add()

    assert (late.attempts, late.next_ns) == (3, T0_NS + S)
    assert store.waiting("mail") == []


def test_channels_that_are_gone(store: Store) -> None:
    """What waits for them is given up, without any channel too."""
    (notice,) = notices(1)
    store.save({}, [notice.incident], [("mail", notice), ("hook", notice)], T0_NS)

    forget = partial(outbox.forget_unknown, now_ns=T0_NS)
    assert store.change(partial(forget, channels=["mail"])) == 1
    assert [len(store.waiting(name)) for name in ("mail", "hook")] == [1, 0]
    assert store.change(partial(forget, channels=[])) == 1


def test_what_was_settled_is_not_kept_for_ever(store: Store) -> None:
    """The newest MAX_SETTLED stay; what waits stays whatever its age."""
    made = notices(1)[0]
    store.save({}, [made.incident], [("slow", made)], T0_NS)
    sql = "INSERT INTO outbox VALUES (?1, 'mail', 1, ?1, 0, 0, 0, 'x', 'delivered', 0)"
    rows = [(number,) for number in range(2, outbox.MAX_SETTLED + 52)]
    store.change(lambda db: db.executemany(sql, rows))
    store.change(partial(outbox.settle, numbers=[], outcome="delivered", now_ns=T0_NS))
    (kept,) = store._db.execute("SELECT COUNT(*) FROM outbox WHERE outcome IS NOT NULL").fetchone()

    assert kept == outbox.MAX_SETTLED
    assert len(store.waiting("slow")) == 1


def test_a_row_that_makes_no_sense_is_left_out(store: Store) -> None:
    """It is counted and not sent."""
    sql = "INSERT INTO outbox VALUES (1, 'mail', 1, 1, 0, 0, 0, '{}', NULL, NULL)"
    store.change(lambda db: db.execute(sql))

    assert store.waiting("mail") == []
    assert store.unreadable["outbox"] == 1
