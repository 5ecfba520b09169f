"""The table of a request's stages: what leads where, and where it ends."""

import pytest
from builders import S, at, errno, go_error, hop, request
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.tracker.patience import has_verdict
from modpulse.agent.tracker.stages import NEXT, OVER, UNFINISHED, Move, Stage, move_of

MOVES = st.lists(st.sampled_from(Move), max_size=12)


def after(*moves: Move, stage: Stage = Stage.BEGUN) -> Stage:
    for move in moves:
        stage = NEXT[stage].get(move, stage)
    return stage


@pytest.mark.parametrize(
    ("moves", "stage"),
    [
        ((), Stage.BEGUN),
        ((Move.ROUND_TRIP_START,), Stage.CONNECTING),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN), Stage.WAITING),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN, Move.GOT_CONN), Stage.WAITING),
        ((Move.ROUND_TRIP_START, Move.OVERDUE), Stage.HANGING),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN, Move.OVERDUE, Move.GOT_CONN), Stage.HANGING),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN, Move.OVERDUE, Move.BODY_START), Stage.READING),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN, Move.BODY_START, Move.BODY_CLOSED), Stage.READ),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN, Move.BODY_START, Move.OVERDUE), Stage.STALLED),
        (
            (Move.ROUND_TRIP_START, Move.GOT_CONN, Move.BODY_START, Move.OVERDUE, Move.BODY_CLOSED),
            Stage.READ,
        ),
        (
            (
                Move.ROUND_TRIP_START,
                Move.GOT_CONN,
                Move.BODY_START,
                Move.OPERATION_FAILED,
                Move.BODY_CLOSED,
            ),
            Stage.FAILED,
        ),
        (
            (Move.ROUND_TRIP_START, Move.GOT_CONN, Move.REDIRECT, Move.ROUND_TRIP_START),
            Stage.CONNECTING,
        ),
        ((Move.ROUND_TRIP_START, Move.GOT_CONN, Move.ANSWER, Move.BODY_CLOSED), Stage.READ),
        (
            (Move.ROUND_TRIP_START, Move.GOT_CONN, Move.ANSWER, Move.ROUND_TRIP_START, Move.ANSWER),
            Stage.ANSWERED,
        ),
        ((Move.ROUND_TRIP_START, Move.NO_ANSWER, Move.OPERATION_FAILED), Stage.FAILED),
        ((Move.ROUND_TRIP_START, Move.BODY_START, Move.BODY_CLOSED, Move.REFUSED), Stage.REFUSED),
        ((Move.ROUND_TRIP_START, Move.BODY_START, Move.BODY_CLOSED, Move.TAKE_BACK), Stage.WAITING),
        ((Move.OPERATION_FAILED,), Stage.FAILED),
    ],
)
def test_lives(moves: tuple[Move, ...], stage: Stage) -> None:
    """What `go` does to a request leads to one stage."""
    assert after(*moves) is stage


def test_every_stage_has_a_row_and_a_way_to_it() -> None:
    """Nothing is in the table that no request comes to, and no stage is missing."""
    reached = {Stage.BEGUN} | {stage for row in NEXT.values() for stage in row.values()}

    assert set(NEXT) == set(Stage) == reached


@given(MOVES)
def test_a_request_begins_once(moves: list[Move]) -> None:
    """No way leads back to the beginning."""
    assert after(Move.ROUND_TRIP_START, *moves) is not Stage.BEGUN


@given(st.sampled_from(Stage), MOVES)
def test_what_failed_stays_failed(stage: Stage, moves: list[Move]) -> None:
    """Whatever is seen afterwards: only a refusal says more than a failure, and nothing more."""
    assert after(Move.OPERATION_FAILED, *moves, stage=stage) in (Stage.FAILED, Stage.REFUSED)
    assert after(Move.REFUSED, *moves, stage=stage) is Stage.REFUSED


def test_what_is_over_is_not_unfinished() -> None:
    """Between both are a redirect before its next round trip, and an answer without a body."""
    assert not OVER & UNFINISHED
    assert set(Stage) - OVER - UNFINISHED == {Stage.SENT_ON, Stage.ANSWERED}


@pytest.mark.parametrize(
    ("status", "tells_bodies", "move"),
    [
        (None, True, Move.NO_ANSWER),
        (307, True, Move.REDIRECT),
        (304, True, Move.ANSWER),
        (200, True, Move.BODY_START),
        (200, False, Move.ANSWER),
        (404, True, Move.ANSWER),
    ],
)
def test_what_the_return_of_a_round_trip_is(
    status: int | None, tells_bodies: bool, move: Move
) -> None:
    """A body is waited for after 200, where its end is told; a 304 sends nobody on."""
    assert move_of(status, tells_bodies) is move


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        (request(), False),
        (request(hop()), False),
        (request(hop(404)), False),
        (request(hop(status=302)), False),
        (request(hop(closed_at_ns=at(3))), True),
        (request(hop(status=None, error=errno())), True),
        (request(hop(status=302), failed=go_error()), True),
        (request(hop(status=None, head_at_ns=None), failed=go_error()), True),
        (request(failed=go_error()), True),
    ],
)
def test_whose_verdict_is_not_waited_for_for_ever(made, ends: bool) -> None:
    """What is over is given out after a while, also where its head or its next hop was lost."""
    assert has_verdict(made, at(0) + 120 * S) == ends
