"""How long a request is waited for, before it is said to hang and after its last byte."""

import pytest
from builders import (
    HOST,
    PID,
    asked,
    at,
    body_closed,
    connected,
    ends,
    errno,
    exec_,
    exit_,
    go_error,
    got_conn,
    operation_failed,
    proxy_list,
    round_trip_done,
    round_trip_start,
    web_get,
)
from play import LIST, ZIP, Play

from modpulse.agent.records.records import Request


def test_a_stalled_head_is_reported_once_and_answered_later() -> None:
    """A hanging request is told while it hangs; the answer updates it by its id."""
    play = Play(exec_(), proxy_list(0), web_get(0), round_trip_start(0), got_conn(1, ends()))

    before, hanging, again = play.expire(29_000), play.expire(31_002), play.expire(60_000)
    play(round_trip_done(61_000), body_closed(61_001), exit_(61_002))

    assert (before, again) == ([], [])
    (stalled,) = hanging
    assert isinstance(stalled, Request)
    assert stalled.failure
    assert (stalled.failure.cls, stalled.final) == ("http.stalled", None)
    (request,) = play.of(Request)
    assert (request.id, request.failure, request.final) == (stalled.id, None, "ok")


def test_a_stalled_body_is_reported_once() -> None:
    """A body that no longer grows is hanging; one that grows slowly is not."""
    play = Play(
        exec_(),
        web_get(0),
        round_trip_start(0),
        connected(0),
        got_conn(4, ends()),
        round_trip_done(5),
    )
    assert play.tracker.slow_bodies(at(500)) == []
    assert play.tracker.slow_bodies(at(2000)) == [1]

    play.tracker.note_bytes(1, 100, at(2000))
    play.tracker.note_bytes(1, 100, at(20_000))
    play.tracker.note_bytes(1, 200, at(31_000))
    growing = play.expire(33_000)
    play.tracker.note_bytes(1, 200, at(62_000))
    hanging, again = play.expire(62_000), play.expire(70_000)

    assert (growing, again) == ([], [])
    (stalled,) = hanging
    assert isinstance(stalled, Request)
    assert stalled.failure
    assert (stalled.failure.cls, stalled.status) == ("http.stalled", 200)
    assert play.tracker.slow_bodies(at(71_000)) == []
    play.tracker.note_bytes(99, 1, at(71_000))


def test_old_releases_do_not_tell_of_bodies() -> None:
    """Up to Go 1.20 no body can be said to hang, and a 200 is whole."""
    play = Play(exec_())
    play.tracker.describe(PID, {"go_version": "go1.19.8"})
    play(web_get(0), round_trip_start(0), got_conn(1, ends()), round_trip_done(2))

    assert play.tracker.slow_bodies(at(9000)) == []
    play(exit_(9001))
    assert [request.final for request in play.of(Request)] == ["ok"]


@pytest.mark.parametrize(("path", "after_ms"), [(LIST, 2000), (ZIP, 10_000)])
def test_a_verdict_is_waited_for(path: str, after_ms: int) -> None:
    """After a while nothing more can be said of an answer; content is judged for longer."""
    play = Play(exec_(), asked(0, path=path))

    assert play.expire(after_ms) == []
    (settled,) = play.expire(after_ms + 3)
    assert isinstance(settled, Request)
    assert settled.final == "ok"
    assert play.expire(after_ms + 4) == []


def test_an_operation_that_failed_has_a_verdict() -> None:
    """A failed round trip ends with its operation, without a body."""
    play = Play(exec_(), web_get(0), round_trip_start(0), round_trip_done(2, None, errno()))
    play(operation_failed(3, errno()))

    (settled,) = play.expire(11_000)

    assert isinstance(settled, Request)
    assert settled.failure
    assert (settled.failure.cls, settled.final) == ("tcp.refused", "stopped")


def test_a_redirect_has_no_verdict_yet() -> None:
    """Between two hops a request is neither answered nor hanging."""
    play = Play(
        exec_(), web_get(0), round_trip_start(0), got_conn(1, ends()), round_trip_done(2, 302)
    )

    assert play.expire(9000) == []


def test_a_body_after_a_late_head_is_under_way() -> None:
    """Who hung before the head has not stopped in the body: that is looked at anew."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0), got_conn(4, ends()))
    (hung,) = play.expire(31_000)
    play(round_trip_done(31_500))
    slow = play.tracker.slow_bodies(at(33_000))
    play.tracker.note_bytes(1, 100, at(33_000))
    (stalled,) = play.expire(64_000)
    play(body_closed(64_500), exit_(64_600))

    assert slow == [1]
    assert [request.failure.evidence for request in (hung, stalled)] == [
        f"{HOST} took the request and has not answered it",
        f"{HOST} stopped sending in the middle of the body",
    ]
    assert [(request.failure, request.final) for request in play.of(Request)] == [(None, "ok")]


def test_what_was_read_does_not_hang() -> None:
    """A body that grew slowly and was closed is not reported, however long it is judged."""
    play = Play(exec_(), web_get(0, ZIP), round_trip_start(0), connected(0), got_conn(4, ends()))
    play(round_trip_done(5))
    play.tracker.note_bytes(1, 100, at(2000))
    play(body_closed(31_000))

    assert play.expire(33_000) == []


def test_a_failure_whose_head_was_lost_is_over() -> None:
    """What `go` has given up neither hangs nor is cancelled by the end of the process."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0), got_conn(4, ends()))
    play(operation_failed(5, go_error(text="EOF")))

    (request,) = play.expire(40_000)

    assert (request.final, request.failure.cls) == ("stopped", "http.reset")


def test_a_redirect_that_nobody_followed_waited_for_nothing() -> None:
    """A command that ends between two hops was not kept by a body."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0), got_conn(4, ends()))
    play(round_trip_done(5, 302), exit_(9000))

    (request,) = play.of(Request)
    assert (request.final, request.failure) == ("cancelled", None)
