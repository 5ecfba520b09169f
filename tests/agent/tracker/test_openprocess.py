"""One process: its goroutines' events joined into requests, as transcripts."""

import struct
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from builders import (
    ADDRESS,
    ASKING,
    HOST,
    MOD,
    MS,
    PID,
    asked,
    at,
    body_closed,
    chain,
    connected,
    dial_done,
    dial_start,
    ends,
    errno,
    exec_,
    exit_,
    go_error,
    got_conn,
    handshake_done,
    handshake_start,
    lookup_done,
    lookup_start,
    os_exit,
    packet,
    proxy_list,
    round_trip_done,
    round_trip_start,
    tcp,
    udp,
    verify_start,
    web_get,
)
from play import SUPPORTED, Play, only_request

from modpulse.agent.events.events import Event, TcpState
from modpulse.agent.records.records import Connection, Handshake, Lookup, Process, Request
from modpulse.agent.tracker.tracker import LINGER_NS
from modpulse.agent.wire.certificate import parse_certificate


def test_a_request_on_a_new_connection() -> None:
    """One lookup, one connection, one handshake, one request, and the process, joined by ids."""
    play = Play(
        exec_(0), proxy_list(0), web_get(1), round_trip_start(1), connected(2),
        got_conn(5, ends()), round_trip_done(8), body_closed(9), os_exit(9), exit_(10),
        tcp(11, TcpState.CLOSE, bytes_in=500, bytes_out=300),
    )  # fmt: skip
    play.expire(10 + LINGER_NS / MS + 1)

    entries = chain(("https://proxy.test", ","), ("https://second.test", "|"), ("direct", None))
    assert play.records == [
        Lookup(pid=PID, host=HOST, at_ns=at(2), lookup_ns=MS, source="hosts", outcome="ok"),
        Handshake(
            connection=1, pid=PID, sni=HOST, alpn="http/1.1", version="1.3",
            cipher="TLS_AES_128_GCM_SHA256", at_ns=at(4), handshake_ns=MS, resumed=False,
            outcome="ok",
        ),
        Request(
            id=f"{PID}-{ASKING}-{at(1)}", pid=PID, proxy="https://proxy.test", chain_index=0,
                url=f"https://{HOST}{MOD}",
            host=HOST, endpoint="mod", module="example.test/m", version="v1.0.0", connection=1,
            paid_setup=True, at_ns=at(1), connect_wait_ns=4 * MS, processing_ns=3 * MS,
            transfer_ns=MS, status=200, http_version="1.1", reused=False, body_bytes=100,
            address=ADDRESS, final="ok",
        ),
        Connection(
            cookie=1, pid=PID, host=HOST, address=ADDRESS, port=443, lookup_at_ns=at(2),
            at_ns=at(3), connect_ns=MS, syn_retransmits=0, rtt_ns=MS, bytes_in=500,
            bytes_out=300, retransmits=0, outcome="established",
        ),
        Process(
            pid=PID, start_at_ns=at(0), end_at_ns=at(10), exit_code=0, exe="/go/bin/go",
            goproxy=entries, parent_pid=1,
            ended_by="exit",
        ),
    ]  # fmt: skip
    assert play.account == (play.tracker.account.decoded, 0, 0)


def test_a_second_request_has_not_paid() -> None:
    """A connection is reused from its second user on, and paid for by its first."""
    play = Play(exec_(), asked(1, cookie=9), web_get(5), connected(5), asked(10), asked(20))
    play.finish()

    found = [(request.reused, request.paid_setup) for request in play.of(Request)[1:]]

    assert found == [(None, None), (False, False), (True, False)]


def test_doubled_4xx() -> None:
    """Two round trips with the same 4xx are one request, timed to the first head."""
    request = only_request(
        web_get(0), round_trip_start(0), got_conn(1, ends()), round_trip_done(2, 404),
        round_trip_start(3), got_conn(4, ends()), round_trip_done(5, 404), body_closed(6), exit_(7),
    )  # fmt: skip

    assert (request.status, request.attempts, request.processing_ns) == (404, 2, MS)
    assert request.final == "fell_through"


def test_redirect() -> None:
    """A redirect stays the request of the proxy it was asked of, on the last connection."""
    request = only_request(
        web_get(0), round_trip_start(0), got_conn(1, ends()), round_trip_done(2, 302),
        round_trip_start(3, "storage.test"), connected(4, 2, "storage.test"), got_conn(7, ends(2)),
        round_trip_done(9), body_closed(10), exit_(11),
    )  # fmt: skip

    assert (request.proxy, request.redirects) == ("https://proxy.test", ("storage.test",))
    assert (request.connection, request.paid_setup, request.reused) == (2, True, False)
    assert (request.connect_wait_ns, request.final) == (6 * MS, "ok")


UNKNOWN = go_error("*net.OpError", "*net.DNSError", text="server misbehaving")
QUESTION = dns.message.make_query(HOST, "A", id=7)


def dns_packets(rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> list[Event]:
    """A question and its answer."""
    response = dns.message.make_response(QUESTION)
    response.set_rcode(rcode)
    answered = udp(response.to_wire(), outgoing=False)
    return [packet(3, udp(QUESTION.to_wire()), 9), packet(4, answered, 9, outgoing=False)]


def test_who_answered_and_who_named_it() -> None:
    """A request has the address of its connection, and the resolver of the lookup that it paid;
    one on a connection that was there had no need of a resolver."""
    play = Play(
        exec_(0), proxy_list(0), web_get(1), round_trip_start(1), lookup_start(2), dns_packets(),
        lookup_done(5), connected(5)[2:], got_conn(9, ends()), round_trip_done(10), body_closed(11),
        asked(12), exit_(20),
    ).finish()  # fmt: skip

    assert [(made.address, made.resolver) for made in play.of(Request)] == [
        (ADDRESS, "10.0.0.53"),
        (ADDRESS, None),
    ]


def test_a_name_that_nobody_knows() -> None:
    """A failed lookup has its resolver, and no address."""
    request = only_request(
        web_get(1), round_trip_start(1), lookup_start(2), dns_packets(dns.rcode.SERVFAIL),
        lookup_done(5, UNKNOWN), round_trip_done(6, None, UNKNOWN), exit_(7),
    )  # fmt: skip

    assert request.failure is not None
    assert request.failure.cls == "dns.servfail"
    assert (request.address, request.resolver) == (None, "10.0.0.53")


def test_an_address_that_refuses() -> None:
    """A dial that failed has its address, also where no connection of it was seen."""
    refused = errno()
    request = only_request(
        web_get(1), round_trip_start(1), dial_start(2), dial_done(3, error=refused),
        round_trip_done(4, None, refused), exit_(7),
    )  # fmt: skip

    assert request.failure is not None
    assert (request.failure.cls, request.address) == ("tcp.refused", ADDRESS)


def test_who_is_behind_an_http_proxy() -> None:
    """The address of whom a proxy passes it on to is not known."""
    squid = "squid.test"
    request = only_request(
        web_get(1), round_trip_start(1), connected(2, host=squid), got_conn(5, ends()),
        round_trip_done(8), body_closed(9), exit_(10),
    )  # fmt: skip

    assert (request.final, request.address, request.resolver) == ("ok", None, None)


COMMA = (("https://proxy.test", False), ("https://second.test", False))
PIPE = (("https://proxy.test", True), ("https://second.test", False))


@pytest.mark.parametrize(
    ("entries", "status", "final"),
    [
        (COMMA, 404, "fell_through"),
        (COMMA, 500, "stopped"),
        (PIPE, 500, "fell_through"),
        ((("https://proxy.test", False), ("off", False)), 404, "stopped"),
        ((("https://proxy.test", False), ("direct", False)), 404, "fell_through"),
        ((("https://proxy.test", False),), 404, "stopped"),
    ],
)
def test_fall_through(entries: tuple, status: int, final: str) -> None:
    """What `go` does next follows from the chain that it uses."""
    request = only_request(asked(1, status), exit_(9), entries=entries)

    assert (request.final, request.chain_index) == (final, 0)
    assert (request.failure is None) == (status == 404)


def test_the_next_entry_is_asked() -> None:
    """A request is settled when its goroutine begins the next."""
    play = Play(exec_(), proxy_list(0, PIPE), asked(1, 503))

    (settled,) = play(web_get(5, host="second.test"))

    assert isinstance(settled, Request)
    assert (settled.final, settled.failure and settled.failure.cls) == ("fell_through", "http.5xx")


def test_direct() -> None:
    """Where the chain says direct, a `go-get` page belongs to that entry."""
    request = only_request(
        asked(1, path="/m?go-get=1", host="example.test"), exit_(9), entries=(("direct", False),)
    )

    assert (request.proxy, request.chain_index, request.endpoint) == ("direct", 0, "go-get")


def test_sumdb_supported_falls_through() -> None:
    """Whether a proxy has the checksum database is asked of one entry after the other."""
    request = only_request(asked(1, 404, SUPPORTED), exit_(9), entries=COMMA)

    assert (request.endpoint, request.final) == ("sumdb", "fell_through")


def test_parallel_goroutines() -> None:
    """Interleaved events are told apart by their goroutine."""
    first = [*asked(0), body_closed(9)]
    second = asked(0.5, 404, host="second.test", goid=5, cookie=2)
    play = Play(exec_(), proxy_list(0))
    for one, other in zip(first, [*second, body_closed(9.5, 5)], strict=True):
        play(one, other)
    play.finish()

    found = {request.host: (request.status, request.at_ns) for request in play.of(Request)}

    assert found == {HOST: (200, at(0)), "second.test": (404, at(0.5))}


@pytest.mark.parametrize("parent", [ASKING, None])
def test_who_paid(parent: int | None) -> None:
    """The dial's ancestor, or before Go 1.20 the oldest request that waits for its host."""
    play = Play(exec_(), web_get(0, goid=8), round_trip_start(0, goid=8))
    play(web_get(0, host="second.test"), round_trip_start(0, "second.test"))
    play(connected(1, host="second.test", parent=parent))
    play(got_conn(5, ends()), round_trip_done(6), body_closed(7)).clear()
    play.finish()

    paid = {request.host: request.paid_setup for request in play.of(Request)}

    assert paid == {"second.test": True, HOST: None}


def test_a_dial_that_nobody_waits_for() -> None:
    """Where ancestors are known and none of them asks, nobody has paid."""
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(1, parent=77))
    play.finish()

    assert [request.paid_setup for request in play.of(Request)] == [None]


def test_a_proxy_dialled_in_a_release_without_ancestors() -> None:
    """A dial to whom nobody asks is for the oldest request that waits, by way of a proxy."""
    play = Play(
        exec_(), web_get(0), round_trip_start(0), connected(1, host="else.test", parent=None)
    )
    play.finish()

    assert [request.connection for request in play.of(Request)] == [1]
    (made,) = play.of(Connection)
    assert (made.host, made.via) == (HOST, "else.test:443")


def test_nobody_paid_where_nobody_waits() -> None:
    """In a release without ancestors a dial belongs to no request that has its connection."""
    play = Play(exec_(), connected(1, parent=None), asked(5, close=False))
    play(connected(8, cookie=2, host="else.test", parent=None))
    play.finish()

    assert [request.connection for request in play.of(Request)] == [1]


def test_the_process_ends_in_the_middle() -> None:
    """A request under way is cancelled, and no failure of anybody's."""
    request = only_request(web_get(0), round_trip_start(0), got_conn(1, ends()), exit_(5))

    assert (request.final, request.failure, request.status) == ("cancelled", None, None)


def test_a_clock_that_was_set_counts_from_the_next_process_on() -> None:
    """How long ago a certificate expired is told by today's clock, not by that of our start."""
    der = (Path(__file__).parents[2] / "data" / "leaf.der").read_bytes()
    expired_s = parse_certificate(der).not_after
    error = go_error("x509.CertificateInvalidError", leaf=struct.pack("<qq", 0, 1))
    play = Play()
    for ms, days in ((0, 2), (10, 30)):
        play.tracker.wall_offset_ns = (expired_s + days * 86_400) * 10**9
        play(exec_(ms), web_get(ms), round_trip_start(ms), handshake_start(ms + 1))
        play(verify_start(ms + 2, der), handshake_done(ms + 3, "", error))
        play(round_trip_done(ms + 5, None, error))
    play.finish()

    evidence = [request.failure.evidence for request in play.of(Request) if request.failure]
    assert [text.partition(" expired ")[2] for text in evidence] == ["2 d ago", "30 d ago"]


@pytest.mark.parametrize(
    ("armed_at_ns", "ended_by"),
    [(at(0), "signal"), (at(3), "signal"), (at(9), None), (None, None)],
    ids=["before", "late", "after its end", "never"],
)
def test_how_a_process_ended(armed_at_ns: int | None, ended_by: str | None) -> None:
    """Without its own exit it was a signal, but only where its exit would have been seen."""
    play = Play(exec_())
    play.tracker.describe(PID, {"armed_at_ns": armed_at_ns})
    play(exit_(5))

    assert play.finish().of(Process)[0].ended_by == ended_by


@pytest.mark.parametrize(
    ("code", "is_told"), [(2, True), (1, False), (0, False)], ids=["usage", "error", "ok"]
)
def test_a_setting_that_ends_go_at_once(code: int, is_told: bool) -> None:
    """It is what ended a command that told nothing and has the code of one never begun."""
    play = Play(exec_())
    play.tracker.describe(PID, {"unusable": "GOOS is no system that go builds for"})
    play(os_exit(3, code), exit_(4))
    (process,) = play.finish().of(Process)

    assert (process.failure is not None) is is_told
    assert process.failure is None or process.failure.against == "configuration"
