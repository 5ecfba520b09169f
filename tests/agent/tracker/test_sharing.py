"""Which connection a request came by over HTTP/2, alone and when dials race: as transcripts."""

import pytest
from builders import (
    HOST,
    body_closed,
    connected,
    exec_,
    exit_,
    got_conn,
    round_trip_done,
    round_trip_start,
    stream_failed,
    web_get,
)
from play import LIST, Play

from modpulse.agent.events.events import (
    DialDone,
    DialStart,
    Event,
    Exec,
    GotConn,
    HandshakeDone,
    HandshakeStart,
    RoundTripDone,
    RoundTripStart,
    SocketEnds,
    Tcp,
    TcpState,
    WebGet,
)
from modpulse.agent.records.records import Request
from modpulse.agent.tracker import sharing
from modpulse.agent.tracker.tracker import Tracker

PID = 7
ADDRESS = "192.0.2.1"
TLS_STATE = 0xC000
LOSER, WINNER = 1, 2
FIRST, SECOND = 10, 20
"""The goroutines that ask; each dials on the next one, and shakes hands on the one after."""


def tcp(at_ns: int, cookie: int, new: TcpState, in_owner: bool = True) -> Tcp:
    """A state change of a connection from port 1000 + cookie."""
    return Tcp(
        at_ns, PID, cookie, 0, new, 1000 + cookie, ADDRESS, 443, 0, 0, 0, 0, False, in_owner, ""
    )


def asks(at_ns: int, goid: int, module: str) -> list[Event]:
    """A request begins."""
    go = PID, goid, 1, 0
    return [
        WebGet(at_ns, *go, "https", "goproxy.corp", f"/{module}/@v/v1.0.0.mod"),
        RoundTripStart(at_ns, *go, "goproxy.corp"),
    ]


def dials(at_ns: int, goid: int, cookie: int) -> list[Event]:
    """A connection is made for the request of a goroutine, and speaks HTTP/2."""
    dial, shake = (PID, goid + 1, goid, 0), (PID, goid + 2, goid + 1, 0)
    ends = SocketEnds(1000 + cookie, ADDRESS, 443)
    return [
        DialStart(at_ns, *dial, "goproxy.corp:443", ADDRESS, 443),
        tcp(at_ns, cookie, TcpState.SYN_SENT),
        tcp(at_ns + 1, cookie, TcpState.ESTABLISHED, in_owner=False),
        DialDone(at_ns + 2, *dial, ends, None),
        HandshakeStart(at_ns + 3, *shake, "goproxy.corp", ends),
        HandshakeDone(at_ns + 4, *shake, 0x0304, 0x1301, False, "h2", None),
    ]


def in_hand(at_ns: int, goid: int) -> Event:
    """Of a shared connection the process does not say which."""
    return GotConn(at_ns, PID, goid, 1, 0, 0, None, None)


def answered(at_ns: int, goid: int, tls_state: int = TLS_STATE) -> Event:
    """A 200 came."""
    return RoundTripDone(at_ns, PID, goid, 1, 0, tls_state, 30, 200, "2", None)


def requests_of(*events: Event) -> list[Request]:
    """What the tracker makes of a process that these happen to."""
    tracker = Tracker(stalled_after_ns=10**9, wall_offset_ns=0)
    records = tracker.feed(Exec(0, PID, 1, 0, "/usr/bin/go"))
    for event in events:
        records += tracker.feed(event)
    records += tracker.finish(10**6)
    found = {record.id: record for record in records if isinstance(record, Request)}
    return sorted(found.values(), key=lambda request: request.at_ns)


RACE = (
    *asks(100, FIRST, "example.com/a"),
    *asks(101, SECOND, "example.com/b"),
    *dials(110, FIRST, LOSER),
    *dials(110, SECOND, WINNER),
    in_hand(120, FIRST),
    in_hand(120, SECOND),
)


def test_loser_closed_at_once() -> None:
    """Of two dials the one that is closed before the first answer served nobody."""
    first, second = requests_of(
        *RACE,
        tcp(121, LOSER, TcpState.FIN_WAIT1),
        answered(130, FIRST),
        answered(131, SECOND),
    )

    assert (first.connection, first.paid_setup, first.reused) == (WINNER, False, False)
    assert (second.connection, second.paid_setup, second.reused) == (WINNER, True, True)


def test_loser_closed_after_the_first_answer() -> None:
    """A busy machine closes the loser late: those that seemed to use it are corrected."""
    first, second, third = requests_of(
        *RACE,
        answered(130, FIRST),
        answered(131, SECOND),
        tcp(132, LOSER, TcpState.FIN_WAIT1),
        *asks(140, FIRST, "example.com/c"),
        answered(150, FIRST),
    )

    assert {each.connection for each in (first, second, third)} == {WINNER}
    assert [each.paid_setup for each in (first, second, third)] == [False, True, False]
    assert [each.reused for each in (first, second, third)] == [False, True, True]


def test_slow_handshake_of_the_one_that_asks() -> None:
    """The first handshake to end wins, whoever dialled, and the other may be closed very late."""
    first, second = requests_of(
        *asks(100, FIRST, "example.com/a"),
        *asks(101, SECOND, "example.com/b"),
        *dials(110, SECOND, WINNER),
        in_hand(120, FIRST),
        in_hand(120, SECOND),
        *dials(122, FIRST, LOSER),
        answered(130, FIRST),
        answered(131, SECOND),
    )

    assert (first.connection, second.connection) == (WINNER, WINNER)
    assert (first.paid_setup, second.paid_setup) == (False, True)


def test_server_that_closes() -> None:
    """A connection that the server closes after its answer is the one that it came by."""
    first, second = requests_of(
        *RACE,
        tcp(121, LOSER, TcpState.FIN_WAIT1),
        answered(130, FIRST),
        answered(131, SECOND),
        tcp(140, WINNER, TcpState.CLOSE_WAIT, in_owner=False),
        *dials(150, FIRST, 3),
    )

    assert (first.connection, second.connection) == (WINNER, WINNER)


def test_connection_after_a_closed_one() -> None:
    """What `go` closes and replaces later did not race: its answers stay its own."""
    first, second = requests_of(
        *asks(100, FIRST, "example.com/a"),
        *dials(110, FIRST, 1),
        in_hand(120, FIRST),
        answered(130, FIRST),
        *asks(140, SECOND, "example.com/b"),
        *dials(150, SECOND, 2),
        tcp(155, 1, TcpState.FIN_WAIT1),
        in_hand(160, SECOND),
        answered(170, SECOND, TLS_STATE + 8),
    )

    assert (first.connection, first.paid_setup, first.reused) == (1, True, False)
    assert (second.connection, second.paid_setup, second.reused) == (2, True, False)


def test_http2_shares_one_connection() -> None:
    """Parallel requests without ends of their own end on the one h2 connection of their host."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(1, alpn="h2"))
    play(got_conn(5), round_trip_done(6, version="2", tls_state=77), body_closed(7))
    for number in range(3):
        goid = 10 + number
        play(web_get(10, goid=goid), round_trip_start(10, goid=goid))
        play(round_trip_done(12, goid=goid, version="2", tls_state=77), body_closed(13, goid=goid))
    play.finish()

    found = [(request.connection, request.reused) for request in play.of(Request)]

    assert found == [(1, False), (1, True), (1, True), (1, True)]
    assert sum(bool(request.paid_setup) for request in play.of(Request)) == 1
    assert {request.connect_wait_ns for request in play.of(Request)[1:]} == {0}


def test_shared_connections_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of HTTP/2 connections the one that was met first is forgotten, and guessed again."""
    monkeypatch.setattr(sharing, "MAX_TLS_STATES", 2)
    play = Play(exec_())
    for number, host in enumerate(("a.test", "b.test", "c.test"), 1):
        ms = 10 * number
        play(web_get(ms, host=host), round_trip_start(ms, host))
        play(connected(ms, number, host, alpn="h2"), got_conn(ms + 5))
        play(round_trip_done(ms + 6, tls_state=number, version="2"), body_closed(ms + 7))
    for ms, host, tls_state in ((80, "a.test", 1), (90, "c.test", 3)):
        play(
            web_get(ms, host=host),
            round_trip_start(ms, host),
            round_trip_done(ms + 1, tls_state=tls_state),
        )
    play.finish()

    assert [request.connection for request in play.of(Request)] == [1, 2, 3, 1, 3]


def second_on_http2() -> Play:
    """A request on a live HTTP/2 connection, which never asks for one and gets no head."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(1, alpn="h2"))
    play(got_conn(5, tls_state=9), round_trip_done(6, tls_state=9, version="2"), body_closed(7))
    play(web_get(8, LIST), round_trip_start(8))
    return play


def test_what_hangs_on_a_shared_connection() -> None:
    """It is reported as any that hangs, with the connection that it must be on."""
    (record,) = [
        made
        for made in second_on_http2().expire(40_000)
        if isinstance(made, Request) and made.failure
    ]

    assert (record.endpoint, record.connection, record.final) == ("list", 1, None)
    assert record.failure is not None
    assert record.failure.cls == "http.stalled"


def test_what_is_ended_on_a_shared_connection() -> None:
    """What it waited for is told when it is ended from outside."""
    play = second_on_http2()
    play(exit_(4008))
    listed = [made for made in play.of(Request) if made.endpoint == "list"]

    assert listed[0].failure.evidence == (
        f"{HOST} had not answered for 4.0 s: no head of an answer when it was ended"
    )


def test_what_is_asked_again_and_again() -> None:
    """A request that HTTP/2 refuses again and again has not been taken."""
    play = second_on_http2()
    play(*(stream_failed(8 + ms, 7) for ms in (1, 2, 1100, 3300, 7700, 16_500, 34_000)))
    (hanging,) = [
        made for made in play.expire(40_000) if isinstance(made, Request) and made.failure
    ]
    play(exit_(41_000))
    (ended,) = [made for made in play.of(Request) if made.final == "cancelled"]

    for record in (hanging, ended):
        assert record.failure is not None
        assert record.failure.cls == "http.reset"
        assert "REFUSED_STREAM, received from it; go asked again" in record.failure.evidence
        assert "7 times" in record.failure.evidence


def test_what_is_asked_again_and_then_hangs() -> None:
    """What refused once and then is silent has taken the request."""
    play = second_on_http2()
    play(stream_failed(9, 7), exit_(9008))
    (ended,) = [made for made in play.of(Request) if made.final == "cancelled"]

    assert ended.failure is not None
    assert ended.failure.cls == "http.stalled"
