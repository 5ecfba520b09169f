"""Rules of what is sent next."""

from alarms import Run, S, down
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.notice import Notice, Waiting
from modpulse.collector.channels.retry import MAX_AGE_NS, MAX_BACKOFF_S, Plan, backoff_s, plan

NOW_NS = 10**18


def notice() -> Notice:
    """Any."""
    run = Run()
    run.steps(60, down())
    return Notice("opened", run.told[0][2], 0)


NOTICE = notice()


def waiting(number: int, incident: int = 1, next_ns: int = 0, age_ns: int = 0) -> Waiting:
    """A row of the outbox."""
    return Waiting(number, incident, 0, next_ns, NOW_NS - age_ns, NOTICE)


def test_nothing_waits() -> None:
    """Then there is nothing to do until somebody says so."""
    assert plan([], (), 0, NOW_NS) == Plan()


def test_the_newest_of_an_incident_is_told_alone() -> None:
    """Older ones of it are superseded; another incident's is not."""
    rows = [waiting(1), waiting(2, 2), waiting(3)]

    assert plan(rows, (), 0, NOW_NS) == Plan((1,), due=rows[1], wait_ns=0)


def test_what_is_put_off_lets_others_go_first() -> None:
    """A notice that was refused waits alone; with nothing else its time is waited for."""
    rows = [waiting(1, 1, NOW_NS + 5 * S), waiting(2, 2)]

    assert plan(rows, (), 0, NOW_NS).due == rows[1]
    assert plan(rows[:1], (), 0, NOW_NS) == Plan(wait_ns=5 * S)


def test_a_channel_that_failed_is_left_alone() -> None:
    """Nothing is due before its time, whatever waits."""
    assert plan([waiting(1)], (), NOW_NS + S, NOW_NS) == Plan(wait_ns=S)


def test_what_was_delivered_is_not_sent_again() -> None:
    """Where only the disk does not know yet, it is told to the disk."""
    assert plan([waiting(1)], {1}, 0, NOW_NS) == Plan(arrived=(1,))


def test_what_is_too_old_is_given_up() -> None:
    """After three days nobody wants to know."""
    assert plan([waiting(1, age_ns=MAX_AGE_NS + 1)], (), 0, NOW_NS) == Plan(expired=(1,))


def test_a_time_far_ahead_is_none() -> None:
    """A clock that was wrong when it was put off silences nobody."""
    row = waiting(1, next_ns=2 * NOW_NS)

    assert plan([row], (), 0, NOW_NS).due == row


ROWS = st.lists(
    st.builds(
        waiting, st.integers(1, 30), st.integers(1, 4), st.integers(0, 2 * NOW_NS),
        st.integers(0, 2 * MAX_AGE_NS),
    ),
    unique_by=lambda row: row.id,
)  # fmt: skip


@given(ROWS, st.sets(st.integers(1, 30)), st.integers(0, NOW_NS + 10 * S))
def test_each_row_has_one_fate(rows: list[Waiting], done: set[int], not_before_ns: int) -> None:
    """Settled for one reason, due, or waiting: what waits is one of each incident."""
    todo = plan(rows, done, not_before_ns, NOW_NS)
    settled = [*todo.arrived, *todo.expired, *todo.superseded]
    rest = [row for row in rows if row.id not in settled]

    assert len(settled) == len(set(settled))
    assert len({row.incident_id for row in rest}) == len(rest)
    assert (todo.due is None) or (todo.due in rest and not_before_ns <= NOW_NS)
    assert bool(rest) == (todo.wait_ns is not None)


@given(st.integers(0, 10**6))
def test_the_wait_doubles_to_its_bound(failures: int) -> None:
    """Two seconds, four, eight, … five minutes."""
    assert [backoff_s(n) for n in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert backoff_s(failures) <= backoff_s(failures + 1) <= MAX_BACKOFF_S
