"""What became of a connection, and when it is given out."""

import pytest
from builders import (
    ADDRESS,
    MS,
    cancelled,
    connected,
    dial_done,
    dial_start,
    ends,
    errno,
    exec_,
    exit_,
    go_error,
    got_conn,
    round_trip_done,
    round_trip_start,
    tcp,
    web_get,
)
from play import Play

from modpulse.agent.events.events import Event, TcpState
from modpulse.agent.records.records import Connection, Request
from modpulse.agent.tracker.tracker import LINGER_NS


def failed_dial(error, *changes: Event) -> str | None:
    """The outcome of a connection whose dial returned an error."""
    play = Play(exec_(), dial_start(1), tcp(1, TcpState.SYN_SENT))
    play(*changes, dial_done(9, error=error))
    assert [record for record in play.records if isinstance(record, Connection)] == []
    play.expire(9 + LINGER_NS / MS + 1)
    (made,) = play.of(Connection)
    return made.outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errno(111), "refused"), (errno(104), "reset"), (errno(110), "timeout"),
        (errno(113), "unreachable"), (cancelled(), "cancelled"),
        (go_error("x509.HostnameError"), "unreachable"),
    ],
)  # fmt: skip
def test_a_failed_connection_waits_for_its_dial(error, outcome: str) -> None:
    """The kernel's CLOSE comes first, the error that says why a moment later."""
    assert failed_dial(error, tcp(2, TcpState.CLOSE, sport=0)) == outcome


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"reset": True}, "refused"),
        ({"in_owner": True}, "cancelled"),
        ({"in_owner": True, "syn_retransmits": 3}, "timeout"),
        ({"syn_retransmits": 6}, "timeout"),
        ({}, "unreachable"),
    ],
)
def test_a_failed_connection_without_a_dial(fields: dict, outcome: str) -> None:
    """Where Go does not say why, the kernel's facts do."""
    play = Play(exec_(), tcp(1, TcpState.SYN_SENT), tcp(2, TcpState.CLOSE, **fields))
    play.finish()

    assert [made.outcome for made in play.of(Connection)] == [outcome]


def test_a_connection_under_way_has_no_outcome() -> None:
    """What is neither established nor closed is pending; a SYN sent twice tells no round trip."""
    play = Play(exec_(), tcp(1, TcpState.SYN_SENT, syn_retransmits=1)).finish()

    (made,) = play.of(Connection)
    assert (made.outcome, made.connect_ns, made.rtt_ns) == (None, None, None)


def test_a_reset_connection() -> None:
    """A reset after the handshake is the connection's outcome."""
    play = Play(exec_(), connected(0))

    (made,) = play(tcp(9, TcpState.CLOSE, reset=True))

    assert isinstance(made, Connection)
    assert made.outcome == "reset"


def test_a_closed_connection_waits_for_who_may_have_used_it() -> None:
    """Requests that began before it closed are judged by it; later ones do not hold it."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0), got_conn(5, ends()))
    assert play(tcp(6, TcpState.CLOSE)) == []
    play(round_trip_done(7, None, go_error(text="EOF")), web_get(8), round_trip_start(8))

    released = play.expire(10_000)

    assert [type(record) for record in released] == [Connection]
    (first, _) = play.finish().of(Request)
    assert first.failure is not None
    assert (first.failure.cls, first.failure.address) == ("http.reset", f"{ADDRESS}:443")


def test_connections_are_given_out_once() -> None:
    """Closed, expired or ended: one record for each cookie."""
    play = Play(exec_())
    for cookie in range(1, 7):
        play(connected(cookie * 10, cookie))
    play(tcp(100, TcpState.CLOSE, 1), tcp(101, TcpState.CLOSE, 1), tcp(102, TcpState.CLOSE, 2))
    play(web_get(103), tcp(104, TcpState.CLOSE, 3), exit_(105), tcp(106, TcpState.CLOSE, 4))
    play.expire(5000)
    play.finish()

    assert sorted(made.cookie for made in play.of(Connection)) == [1, 2, 3, 4, 5, 6]
    assert play.account[2] == 1  # the second CLOSE of the first


def test_an_established_connection_that_was_not_seen_to_begin() -> None:
    """A connection is followed from its SYN on, or not at all."""
    play = Play(exec_(), tcp(1, TcpState.ESTABLISHED))

    assert play.account == (1, 0, 1)
    assert play.finish().of(Connection) == []
