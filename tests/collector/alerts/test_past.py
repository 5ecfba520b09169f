"""What is remembered, and what is not."""

import pytest
from alarms import T0_NS, Recorded, S, report

from modpulse.collector.alerts.kept import past_of
from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.alerts.past import (
    AGAIN_NS,
    MAX_STRETCH_STEPS,
    WATCHED_NS,
    Stretch,
    Transition,
    watching,
)

A, B = (f"https://{name}.example" for name in "ab")


def seen(run: Recorded) -> list[tuple[int, str, str | None]]:
    """(seconds, rule, what is said) of each transition."""
    return [
        ((row.at_ns - T0_NS) // S, row.key.rule, row.condition and row.condition.says)
        for row in run.past
        if isinstance(row, Transition)
    ]


def test_a_quiet_fleet_writes_nothing() -> None:
    """Ten thousand agents that are well leave no row."""
    run = Recorded()
    run.steps(600, report(A), report(B), heard_ns=dict.fromkeys(map(str, range(50)), 1 << 62))

    assert (run.past, run.state.memory.watched) == ([], {})


def test_only_changes_are_written() -> None:
    """An outage is two rows, and stretches of judgements, of ten minutes at most."""
    run = Recorded()
    run.steps(60, report(A))
    run.steps(1200, report(A, "down", served=0), report(B))
    run.steps(600, report(A), report(B))

    assert seen(run) == [(60, "down", "down"), (1260, "down", "well")]
    stretches = [row for row in run.past if isinstance(row, Stretch)]
    assert max(len(row.times_ns) for row in stretches) <= MAX_STRETCH_STEPS
    # It is judged once at a time, and each is written once.
    times_ns = [at_ns for row in stretches for at_ns in row.times_ns]
    assert times_ns == sorted(set(times_ns))


def test_what_is_over_is_watched_for_a_while() -> None:
    """An alert may go on: after two hours of proof it is let go, and the last stretch says so."""
    run = Recorded()
    run.steps(60, report(A, "down", served=0))
    run.steps(WATCHED_NS // S + 60, report(A))

    assert run.state.memory.watched == {}
    last = run.past[-1]
    assert isinstance(last, Stretch)
    assert last.is_end


def test_what_nobody_proves_is_watched_on() -> None:
    """Silence is no end of a trouble."""
    run = Recorded()
    run.steps(60, report(A, "down", served=0))
    run.steps(WATCHED_NS // S + 600, report(A, "unknown", served=0))

    assert list(run.state.memory.watched) == [Key("down", A)]


def test_what_is_watched_is_written_again() -> None:
    """Any later time can be read by itself, and so can a restart."""
    run = Recorded()
    run.steps(AGAIN_NS // S + 60, report(A, "down", served=0))

    assert len(seen(run)) == 2
    newest = [row for row in run.past if isinstance(row, Transition)][-1:]
    assert list(watching(newest).watched) == [Key("down", A)]


def test_an_end_that_is_read_again_is_an_end() -> None:
    """After a restart what was over for two hours is let go at the first proof."""
    run = Recorded()
    run.steps(60, report(A, "down", served=0))
    run.steps(WATCHED_NS // S + 60, report(A))
    run.restart()
    run.steps(20, report(A))

    assert run.state.memory.watched == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '{"key": 1}', '{"at_ns": 1, "key": ["down", "p", ""]}',
        '{"at_ns": 1, "key": ["nope", "p", ""], "condition": null}',
        '{"at_ns": 1.5, "key": ["down", "p", ""], "condition": null}',
        '{"at_ns": 1, "key": ["down", "p", ""], "condition": {"says": "perhaps"}}',
        '{"last": {"at_ns": 1}}', "[" * 100_000, '{"at_ns": 99999999999999999999999}',
    ],
)  # fmt: skip
def test_a_row_that_makes_no_sense(text: str) -> None:
    """It is a ValueError, whatever it has."""
    with pytest.raises(ValueError):  # noqa: PT011 - any
        past_of(text)
