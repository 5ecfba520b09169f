"""What an event of a probe means without those that should have come before, or beside it."""

import pytest
from builders import (
    ADDRESS,
    HOST,
    MS,
    body_closed,
    connected,
    dial_done,
    ends,
    errno,
    exec_,
    exit_,
    go_error,
    got_conn,
    handshake_done,
    lookup_done,
    lookup_start,
    operation_failed,
    packet,
    proxy_list,
    round_trip_done,
    round_trip_start,
    segment,
    tcp,
    verify_done,
    verify_start,
    web_get,
)
from play import Play, only_request

from modpulse.agent.events.events import Event, TcpState
from modpulse.agent.records.records import Connection, Handshake, Lookup, Process, Request


def test_a_failed_lookup() -> None:
    """A name that does not exist fails the lookup and the request."""
    error = go_error("*net.OpError", "*net.DNSError", text="no such host")
    play = Play(exec_(), proxy_list(0), web_get(0), round_trip_start(0), lookup_start(1))
    play(
        lookup_done(2, error), round_trip_done(3, None, error), operation_failed(4, error), exit_(5)
    )

    (lookup,), (request,) = play.of(Lookup), play.of(Request)

    assert (lookup.outcome, lookup.lookup_ns) == ("dns.nxdomain", MS)
    assert request.failure is not None
    assert (request.failure.cls, request.failure.address) == ("dns.nxdomain", None)


def test_an_address_is_not_looked_up() -> None:
    """Go calls its resolver for addresses too; that is no lookup, and no orphan."""
    play = Play(exec_(), lookup_start(1, "10.0.0.7"), lookup_done(2), lookup_start(3, "::1%lo"))

    assert play.finish().of(Lookup) == []
    assert play.account == (4, 0, 0)


def test_a_failed_handshake_is_judged_by_what_was_dialled() -> None:
    """A request that never had a connection in hand is judged by the one that it paid for."""
    error = go_error("x509.UnknownAuthorityError")
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0)[:-1])
    play(verify_start(3, b"not a certificate"), verify_done(4), handshake_done(5, "", error))
    play(round_trip_done(6, None, error), operation_failed(6, error), exit_(7))

    (request,), (made,) = play.of(Request), play.of(Handshake)

    assert (made.outcome, made.verify_ns, made.certificate) == ("tls.untrusted", MS, None)
    assert request.failure is not None
    assert (request.failure.cls, request.failure.address) == ("tls.untrusted", f"{ADDRESS}:443")
    assert (request.connection, request.paid_setup) == (1, True)


def test_http_proxy_in_between() -> None:
    """A CONNECT makes the dialled host the way, and its target the host."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0, host="squid.test")[:6])
    line = b"CONNECT proxy.test:443 HTTP/1.1\r\nHost: proxy.test:443\r\n\r\n"
    play(
        packet(3, segment(line)), got_conn(4, ends()), round_trip_done(5), body_closed(6), exit_(7)
    )
    play.finish()

    (made,) = play.of(Connection)
    assert (made.via, made.host) == ("squid.test:443", HOST)


ORPHANS: list[Event] = [
    round_trip_start(1), got_conn(1), round_trip_done(1), body_closed(1), operation_failed(1, None),
    dial_done(1), handshake_done(1), verify_start(1), verify_done(1),
    tcp(1, TcpState.CLOSE), packet(1, segment(b"")),
    exit_(1, pid=99),
]  # fmt: skip


@pytest.mark.parametrize("event", ORPHANS, ids=lambda event: type(event).__name__)
def test_orphans(event: Event) -> None:
    """Without the event that should have come before, an event is counted and changes nothing."""
    play = Play(exec_(), event)

    assert play.account == (1, 0, 1)
    assert [type(record) for record in play.finish().records] == [Process]


def test_got_conn_without_a_connection() -> None:
    """A failed getConn is told again, with its reason, by the round trip itself."""
    request = only_request(
        web_get(0), round_trip_start(0), got_conn(1, error=errno()),
        round_trip_done(2, None, errno()), operation_failed(2, errno()), exit_(3),
    )  # fmt: skip

    assert (request.connect_wait_ns, request.failure and request.failure.cls) == (
        None, "tcp.refused",
    )  # fmt: skip
