"""Transcripts: events in, records out."""

import dataclasses
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from builders import (
    ADDRESS,
    ASKING,
    CHAIN,
    HOST,
    MOD,
    MS,
    PID,
    S,
    asked,
    at,
    body_closed,
    cancelled,
    chain,
    connected,
    content_failed,
    dial_done,
    dial_start,
    ends,
    errno,
    exec_,
    exit_,
    fatal,
    go_error,
    got_conn,
    handshake_done,
    handshake_start,
    head,
    lookup_done,
    lookup_start,
    operation_failed,
    os_exit,
    packet,
    proxy_list,
    round_trip,
    segment,
    tcp,
    verify_done,
    verify_start,
    web_get,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent import events as events_module
from modpulse.agent.binary.probes import Site
from modpulse.agent.certificate import parse_certificate
from modpulse.agent.events import Event, GoError, GoEvent, Tcp, TcpState
from modpulse.agent.records import (
    Connection,
    Handshake,
    Lookup,
    Process,
    Record,
    Request,
)
from modpulse.agent.tracker import connections, handshakes, lookups, sharing, tracker, watched
from modpulse.agent.tracker.tracker import LINGER_NS, Tracker

STALLED_AFTER_NS = 30 * S
ZIP = "/example.test/m/@v/v1.0.0.zip"
LIST = "/example.test/m/@v/list"
SUPPORTED = "/sumdb/sum.golang.org/supported"


class Play:
    """A tracker, and all records that it has given out."""

    def __init__(self, *events: Event | Iterable[Event]) -> None:
        self.tracker = Tracker(STALLED_AFTER_NS, 0)
        self.records: list[Record] = []
        self(*events)

    def __call__(self, *events: Event | Iterable[Event]) -> list[Record]:
        """Feed events, or lists of them; return the records that they completed."""
        given = []
        for event in events:
            for each in event if isinstance(event, list) else [event]:
                given += self.tracker.feed(each)
        self.records += given
        return given

    def expire(self, ms: float) -> list[Record]:
        """Let time pass."""
        given = self.tracker.expire(at(ms))
        self.records += given
        return given

    def finish(self, ms: float = 99_000) -> "Play":
        """End the watch."""
        self.records += self.tracker.finish(at(ms))
        return self

    def of(self, kind: type) -> list:
        """The records of one kind; of a request the last report."""
        if kind is Request:
            latest = {record.id: record for record in self.records if isinstance(record, Request)}
            return list(latest.values())
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def account(self) -> tuple[int, int, int]:
        """Joined, late, orphan; checks the loss identity on the way."""
        account = self.tracker.account
        known = account.joined + account.late + account.orphan + account.pending
        assert account.decoded == known
        return account.joined, account.late, account.orphan


def only_request(*events: Event | list[Event], entries: tuple = CHAIN) -> Request:
    """The one request of a process whose chain is known."""
    play = Play(exec_(), proxy_list(0, entries), *events).finish()
    (request,) = play.of(Request)
    return request


def test_a_request_on_a_new_connection() -> None:
    """One lookup, one connection, one handshake, one request, and the process, joined by ids."""
    play = Play(
        exec_(0), proxy_list(0), web_get(1), round_trip(1), connected(2),
        got_conn(5, ends()), head(8), body_closed(9), os_exit(9), exit_(10),
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
            host=HOST, endpoint="mod", module="example.test/m", version="v1.0.0", connection=1,
            paid_setup=True, at_ns=at(1), connect_wait_ns=4 * MS, processing_ns=3 * MS,
            transfer_ns=MS, status=200, http_version="1.1", reused=False, body_bytes=100,
            final="ok",
        ),
        Connection(
            cookie=1, pid=PID, host=HOST, address=ADDRESS, port=443, lookup_at_ns=at(2),
            at_ns=at(3), connect_ns=MS, syn_retransmits=0, rtt_ns=MS, bytes_in=500,
            bytes_out=300, retransmits=0, outcome="established",
        ),
        Process(
            pid=PID, start_at_ns=at(0), end_at_ns=at(10), exit_code=0, exe="/go/bin/go",
            goproxy=entries, parent_pid=1,
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
        web_get(0), round_trip(0), got_conn(1, ends()), head(2, 404),
        round_trip(3), got_conn(4, ends()), head(5, 404), body_closed(6), exit_(7),
    )  # fmt: skip

    assert (request.status, request.attempts, request.processing_ns) == (404, 2, MS)
    assert request.final == "fell_through"


def test_redirect() -> None:
    """A redirect stays the request of the proxy it was asked of, on the last connection."""
    request = only_request(
        web_get(0), round_trip(0), got_conn(1, ends()), head(2, 302),
        round_trip(3, "storage.test"), connected(4, 2, "storage.test"), got_conn(7, ends(2)),
        head(9), body_closed(10), exit_(11),
    )  # fmt: skip

    assert (request.proxy, request.redirects) == ("https://proxy.test", ("storage.test",))
    assert (request.connection, request.paid_setup, request.reused) == (2, True, False)
    assert (request.connect_wait_ns, request.final) == (6 * MS, "ok")


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


def test_content_waits_for_the_checksum_database() -> None:
    """A zip is settled only after the lookup of its sum, on the same goroutine, has judged it."""
    play = Play(exec_(), proxy_list(0), asked(1, path=ZIP))

    asked_database = play(asked(5, path="/sumdb/sum.golang.org/lookup/example.test/m@v1.0.0"))
    rejected = play(
        content_failed(9, Site.CHECK_SUM_DB_RET, "verifying module: checksum mismatch"),
        exit_(10),
    )

    zipped, looked_up = rejected
    assert asked_database == []
    assert isinstance(zipped, Request)
    assert zipped.failure
    assert (zipped.endpoint, zipped.final, zipped.failure.cls) == (
        "zip", "stopped", "checksum.sumdb",
    )  # fmt: skip
    assert isinstance(looked_up, Request)
    assert (looked_up.endpoint, looked_up.final) == ("sumdb", "ok")


def test_gosum_contradicts() -> None:
    """`go` ends with an error about content that had arrived: its answer was wrong."""
    play = Play(exec_(), asked(1, path=ZIP), fatal(5, "verifying %s@%s: checksum mismatch\n"))
    play(fatal(6, "verifying %s: something else"), exit_(7))

    (request,) = play.of(Request)
    assert request.failure is not None
    assert (request.failure.cls, request.final) == ("checksum.gosum", "stopped")


def test_a_fatal_error_about_something_else() -> None:
    """Most of what `go` dies of is about no request."""
    play = Play(exec_(), asked(1), fatal(5, "go: %v"), exit_(6))

    assert [request.failure for request in play.of(Request)] == [None]
    assert play.account[2] == 0


def test_rejection_without_a_request_is_an_orphan() -> None:
    """What was refused must have been asked for."""
    play = Play(exec_(), fatal(5, "verifying %s"))

    assert play.account == (1, 0, 1)


def test_http2_shares_one_connection() -> None:
    """Parallel requests without ends of their own end on the one h2 connection of their host."""
    play = Play(exec_(), web_get(0), round_trip(0), connected(1, alpn="h2"))
    play(got_conn(5), head(6, version="2", tls_state=77), body_closed(7))
    for number in range(3):
        goid = 10 + number
        play(web_get(10, goid=goid), round_trip(10, goid=goid))
        play(head(12, goid=goid, version="2", tls_state=77), body_closed(13, goid=goid))
    play.finish()

    found = [(request.connection, request.reused) for request in play.of(Request)]

    assert found == [(1, False), (1, True), (1, True), (1, True)]
    assert sum(bool(request.paid_setup) for request in play.of(Request)) == 1
    assert {request.connect_wait_ns for request in play.of(Request)[1:]} == {0}


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
    play = Play(exec_(), web_get(0, goid=8), round_trip(0, goid=8))
    play(web_get(0, host="second.test"), round_trip(0, "second.test"))
    play(connected(1, host="second.test", parent=parent))
    play(got_conn(5, ends()), head(6), body_closed(7)).clear()
    play.finish()

    paid = {request.host: request.paid_setup for request in play.of(Request)}

    assert paid == {"second.test": True, HOST: None}


def test_a_dial_that_nobody_waits_for() -> None:
    """Where ancestors are known and none of them asks, nobody has paid."""
    play = Play(exec_(), web_get(0), round_trip(0), connected(1, parent=77))
    play.finish()

    assert [request.paid_setup for request in play.of(Request)] == [None]


def test_nobody_paid_where_nobody_waits() -> None:
    """In a release without ancestors a dial for another host belongs to no request."""
    play = Play(exec_(), web_get(0), round_trip(0), connected(1, host="else.test", parent=None))
    play.finish()

    assert [request.connection for request in play.of(Request)] == [None]


def test_the_process_ends_in_the_middle() -> None:
    """A request under way is cancelled, and no failure of anybody's."""
    request = only_request(web_get(0), round_trip(0), got_conn(1, ends()), exit_(5))

    assert (request.final, request.failure, request.status) == ("cancelled", None, None)


def test_a_stalled_head_is_reported_once_and_answered_later() -> None:
    """A hanging request is told while it hangs; the answer updates it by its id."""
    play = Play(exec_(), proxy_list(0), web_get(0), round_trip(0), got_conn(1, ends()))

    before, hanging, again = play.expire(29_000), play.expire(31_002), play.expire(60_000)
    play(head(61_000), body_closed(61_001), exit_(61_002))

    assert (before, again) == ([], [])
    (stalled,) = hanging
    assert isinstance(stalled, Request)
    assert stalled.failure
    assert (stalled.failure.cls, stalled.final) == ("http.stalled", None)
    (request,) = play.of(Request)
    assert (request.id, request.failure, request.final) == (stalled.id, None, "ok")


def test_a_stalled_body_is_reported_once() -> None:
    """A body that no longer grows is hanging; one that grows slowly is not."""
    play = Play(exec_(), web_get(0), round_trip(0), connected(0), got_conn(4, ends()), head(5))
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
    play(web_get(0), round_trip(0), got_conn(1, ends()), head(2))

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
    play = Play(exec_(), web_get(0), round_trip(0), head(2, None, errno()))
    play(operation_failed(3, errno()))

    (settled,) = play.expire(11_000)

    assert isinstance(settled, Request)
    assert settled.failure
    assert (settled.failure.cls, settled.final) == ("tcp.refused", "stopped")


def test_a_redirect_has_no_verdict_yet() -> None:
    """Between two hops a request is neither answered nor hanging."""
    play = Play(exec_(), web_get(0), round_trip(0), got_conn(1, ends()), head(2, 302))

    assert play.expire(9000) == []


def test_late_events() -> None:
    """What comes after a process was given out is late, and begins no new one."""
    play = Play(exec_(), exit_(1))
    play.expire(LINGER_NS / MS + 2)

    given = play(web_get(3000), tcp(3000, TcpState.SYN_SENT), packet(3000, b""), exit_(3001))

    assert given == []
    assert play.account == (2, 4, 0)
    assert play.finish().of(Process) == [
        Process(pid=PID, start_at_ns=at(0), end_at_ns=at(1), exe="/go/bin/go", parent_pid=1)
    ]


def test_a_process_that_was_there_before() -> None:
    """Its first event is its beginning, as far as we know."""
    play = Play(web_get(5), round_trip(5), exit_(9))
    play.expire(9000)

    assert play.of(Process) == [Process(pid=PID, start_at_ns=at(5), end_at_ns=at(9))]
    assert not play.tracker.is_running()


def test_a_pid_is_used_again() -> None:
    """A new exec makes a new process of a pid that has gone."""
    play = Play(exec_(), exit_(1))
    play.expire(LINGER_NS / MS + 2)
    play(exec_(4000), asked(4001), exit_(4005)).clear()
    play.finish()

    assert [process.start_at_ns for process in play.of(Process)] == [at(0), at(4000)]
    assert len(play.of(Request)) == 1


def test_toolchain_switch() -> None:
    """A second exec ends the first process; its connections are followed until they close."""
    play = Play(exec_(), web_get(0), round_trip(0), connected(0), got_conn(4, ends()))
    play(tcp(5, TcpState.FIN_WAIT1))

    switched = play(exec_(6, filename="/toolchain/go"))
    closed = play(tcp(7, TcpState.CLOSE))

    assert [type(record) for record in switched] == [Request, Process]
    request, process = switched
    assert isinstance(request, Request)
    assert isinstance(process, Process)
    assert (request.final, process.end_at_ns) == ("cancelled", at(6))
    assert [type(record) for record in closed] == [Connection]
    assert play.account[1:] == (0, 0)


def test_an_end_that_was_lost() -> None:
    """A process that is no longer there ends when that is noticed."""
    play = Play(exec_(), web_get(0), round_trip(0), got_conn(1, ends()))
    assert play.tracker.running() == [PID]

    (request,) = play.tracker.miss(PID, at(5000))
    records = play.expire(5000 + LINGER_NS / MS + 1)

    assert isinstance(request, Request)
    assert request.final == "cancelled"
    assert [type(record) for record in records] == [Process]
    assert play.tracker.running() == []


def test_whether_all_is_done() -> None:
    """A watch may end when no process runs and no connection of one is open."""
    play = Play(exec_(), connected(0))
    running = play.tracker.is_busy()
    play(exit_(5))
    closing = play.tracker.is_busy()
    play(tcp(6, TcpState.CLOSE))

    assert [running, closing, play.tracker.is_busy()] == [True, True, False]


def test_facts_of_a_process_that_is_gone() -> None:
    """What /proc tells of an unknown process goes nowhere."""
    play = Play()
    play.tracker.describe(PID, {"go_version": "go1.26.0"})

    assert play.finish().records == []


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
    play = Play(exec_(), web_get(0), round_trip(0), connected(0), got_conn(5, ends()))
    assert play(tcp(6, TcpState.CLOSE)) == []
    play(head(7, None, go_error(text="EOF")), web_get(8), round_trip(8))

    released = play.expire(10_000)

    assert [type(record) for record in released] == [Connection]
    (first, _) = play.finish().of(Request)
    assert first.failure is not None
    assert (first.failure.cls, first.failure.address) == ("tcp.reset", f"{ADDRESS}:443")


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


def test_a_failed_lookup() -> None:
    """A name that does not exist fails the lookup and the request."""
    error = go_error("*net.OpError", "*net.DNSError", text="no such host")
    play = Play(exec_(), proxy_list(0), web_get(0), round_trip(0), lookup_start(1))
    play(lookup_done(2, error), head(3, None, error), operation_failed(4, error), exit_(5))

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
    play = Play(exec_(), web_get(0), round_trip(0), connected(0)[:-1])
    play(verify_start(3, b"not a certificate"), verify_done(4), handshake_done(5, "", error))
    play(head(6, None, error), operation_failed(6, error), exit_(7))

    (request,), (made,) = play.of(Request), play.of(Handshake)

    assert (made.outcome, made.verify_ns, made.certificate) == ("tls.untrusted", MS, None)
    assert request.failure is not None
    assert (request.failure.cls, request.failure.address) == ("tls.untrusted", f"{ADDRESS}:443")
    assert (request.connection, request.paid_setup) == (1, True)


def test_http_proxy_in_between() -> None:
    """A CONNECT makes the dialled host the way, and its target the host."""
    play = Play(exec_(), web_get(0), round_trip(0), connected(0, host="squid.test")[:6])
    line = b"CONNECT proxy.test:443 HTTP/1.1\r\nHost: proxy.test:443\r\n\r\n"
    play(packet(3, segment(line)), got_conn(4, ends()), head(5), body_closed(6), exit_(7))
    play.finish()

    (made,) = play.of(Connection)
    assert (made.via, made.host) == ("squid.test:443", HOST)


ORPHANS: list[Event] = [
    round_trip(1), got_conn(1), head(1), body_closed(1), operation_failed(1, None),
    dial_done(1), handshake_done(1), verify_start(1), verify_done(1),
    tcp(1, TcpState.CLOSE), packet(1, b"\x45"), packet(1, segment(b"")),
    content_failed(1, Site.DOWNLOAD_ZIP_RET, "zip: no"), exit_(1, pid=99),
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
        web_get(0), round_trip(0), got_conn(1, error=errno()), head(2, None, errno()),
        operation_failed(2, errno()), exit_(3),
    )  # fmt: skip

    assert (request.connect_wait_ns, request.failure and request.failure.cls) == (
        None, "tcp.refused",
    )  # fmt: skip


BOUNDS = [
    (tracker, "MAX_PROCESSES", 2, lambda n: [exec_(n, pid=100 + n)]),
    (tracker, "MAX_PROCESSES", 2, lambda n: [web_get(n, pid=100 + n)]),
    (connections, "MAX_OPEN", 2, lambda n: [tcp(n, TcpState.SYN_SENT, n)]),
    (connections, "MAX_DIALS", 2, lambda n: [dial_start(n, goid=n)]),
    (lookups, "MAX_OPEN", 2, lambda n: [lookup_start(n, goid=n)]),
    (handshakes, "MAX_OPEN", 2, lambda n: [handshake_start(n, goid=n)]),
]


@pytest.mark.parametrize(("module", "name", "bound", "event"), BOUNDS)
def test_beyond_a_bound(module, name: str, bound: int, event, monkeypatch) -> None:
    """What is beyond a bound is counted as an orphan, and breaks nothing."""
    monkeypatch.setattr(module, name, bound)
    play = Play()
    for number in range(1, 6):
        play(event(number))

    assert play.account == (2, 0, 3)
    play.finish()


def test_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a goroutine's end is not told, the request that is held longest waits no more."""
    monkeypatch.setattr(watched, "MAX_HELD", 2)
    play = Play(exec_())
    held = [play(asked(number, goid=number)) for number in range(1, 4)]
    again = play(asked(9, goid=3))

    assert [len(given) for given in held] == [0, 0, 1]
    (first,), (third,) = held[2], again
    assert isinstance(first, Request)
    assert isinstance(third, Request)
    assert (first.at_ns, first.final) == (at(1), "ok")
    assert (third.at_ns, third.final) == (at(3), "ok")


def test_hosts_with_a_certificate_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate that was met first is forgotten; meeting one again forgets none."""
    monkeypatch.setattr(watched, "MAX_CERTIFICATES", 2)
    der = (Path(__file__).parents[2] / "data" / "leaf.der").read_bytes()
    error = go_error("x509.HostnameError")
    play = Play(exec_())
    for sni in ("a.test", "b.test", "b.test", "c.test"):
        play(handshake_start(1, sni=sni), verify_start(2, der), handshake_done(3, "", error))
    for goid, host in enumerate(("a.test", "b.test", "c.test"), 10):
        play(web_get(4, host=host, goid=goid), round_trip(4, host, goid))
        play(head(5, None, error, goid))
    play.finish()

    evidence = [request.failure.evidence for request in play.of(Request) if request.failure]
    assert [text.startswith("certificate is for") for text in evidence] == [False, True, True]


def test_a_clock_that_was_set_counts_from_the_next_process_on() -> None:
    """How long ago a certificate expired is told by today's clock, not by that of our start."""
    der = (Path(__file__).parents[2] / "data" / "leaf.der").read_bytes()
    expired_s = parse_certificate(der).not_after
    error = go_error("x509.CertificateInvalidError", leaf=struct.pack("<qq", 0, 1))
    play = Play()
    for ms, days in ((0, 2), (10, 30)):
        play.tracker.wall_offset_ns = (expired_s + days * 86_400) * 10**9
        play(exec_(ms), web_get(ms), round_trip(ms), handshake_start(ms + 1))
        play(verify_start(ms + 2, der), handshake_done(ms + 3, "", error))
        play(head(ms + 5, None, error))
    play.finish()

    evidence = [request.failure.evidence for request in play.of(Request) if request.failure]
    assert [text.partition(" expired ")[2] for text in evidence] == ["2 d ago", "30 d ago"]


def test_shared_connections_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of HTTP/2 connections the one that was met first is forgotten, and guessed again."""
    monkeypatch.setattr(sharing, "MAX_TLS_STATES", 2)
    play = Play(exec_())
    for number, host in enumerate(("a.test", "b.test", "c.test"), 1):
        ms = 10 * number
        play(web_get(ms, host=host), round_trip(ms, host))
        play(connected(ms, number, host, alpn="h2"), got_conn(ms + 5))
        play(head(ms + 6, tls_state=number, version="2"), body_closed(ms + 7))
    for ms, host, tls_state in ((80, "a.test", 1), (90, "c.test", 3)):
        play(web_get(ms, host=host), round_trip(ms, host), head(ms + 1, tls_state=tls_state))
    play.finish()

    assert [request.connection for request in play.of(Request)] == [1, 2, 3, 1, 3]


def test_hops_are_bounded() -> None:
    """A request that redirects without end is cut, not grown."""
    play = Play(exec_(), web_get(0), *(round_trip(ms) for ms in range(1, 40)))

    assert play.account[2] == 39 - 32


def test_goroutines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ancestors the oldest are forgotten; a dial names its own parent again."""
    monkeypatch.setattr(watched, "MAX_GOROUTINES", 2)
    play = Play(exec_(), web_get(0), round_trip(0))
    for goid in range(10, 20):
        play(lookup_start(1, "10.0.0.7", goid=goid))
    play(connected(2), got_conn(5, ends()), head(6), body_closed(7), exit_(8))

    assert [request.paid_setup for request in play.of(Request)] == [True]


def test_processes_that_are_gone_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that went longest ago is forgotten, and its late event an orphan or a beginning."""
    monkeypatch.setattr(tracker, "MAX_PROCESSES", 3)
    play = Play()
    for number in range(5):
        play(exec_(number, pid=100 + number), exit_(number, pid=100 + number))
        play.expire(10_000 * (number + 1))

    play(exit_(60_000, pid=100), exit_(60_000, pid=104))

    assert play.account == (10, 1, 1)


def test_nothing_is_held_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Months of processes leave nothing behind but bounded memories."""
    play = Play()
    for number in range(50):
        start, pid = number * 10_000, 1000 + number
        play(exec_(start, pid), web_get(start, pid=pid), round_trip(start, pid=pid))
        play(dial_start(start, pid=pid), tcp(start, TcpState.SYN_SENT, number, pid))
        play(exit_(start + 5, pid))
        play.expire(start + 9000)

    held = play.tracker
    assert len(held._watched) == len(held._connections) == 0
    for name in ("_by_pid", "_by_ends", "_dials"):
        assert getattr(held._connections, name) == {}
    assert held._packets._hellos == held._packets._dns_streams == {}


ERRORS = st.none() | st.builds(
    go_error,
    st.sampled_from(["*url.Error", "syscall.Errno", "*net.DNSError", "*net.canceledError"]),
    text=st.sampled_from(["", "EOF", "timeout", "checksum mismatch"]),
)
FIELDS = {
    "at_ns": st.integers(at(0), at(100)),
    "pid": st.integers(1, 3),
    "cookie": st.integers(1, 4),
    "goid": st.integers(1, 4),
    "parent_goid": st.none() | st.integers(1, 4),
    "parent_pid": st.none() | st.integers(1, 3),
    "binary": st.just(0),
    "host": st.sampled_from([HOST, f"{HOST}:443", "second.test", "10.0.0.7", "", "[::1]:443"]),
    "sni": st.sampled_from([HOST, ""]),
    "scheme": st.just("https"),
    "path": st.sampled_from([MOD, ZIP, SUPPORTED, "", "/", "/m?go-get=1"]),
    "status": st.sampled_from([None, 200, 302, 401, 404, 500]),
    "error": ERRORS,
    "ends": st.none() | st.builds(ends, st.integers(1, 4)),
    "entries": st.sampled_from([(), CHAIN, (("off", False),)]),
    "new": st.sampled_from([state.value for state in TcpState]),
    "old": st.just(0),
    "sport": st.integers(40000, 40004),
    "dport": st.just(443),
    "port": st.just(443),
    "address": st.just(ADDRESS),
    "source": st.just(ADDRESS),
    "data": st.binary(max_size=80),
    "format": st.sampled_from(["verifying %s", "go: %v"]),
    "site": st.sampled_from([Site.DOWNLOAD_ZIP_RET, Site.CHECK_SUM_DB_RET]),
    "der": st.none() | st.binary(max_size=20),
    "exe": st.just("/go"),
}
KINDS = [
    kind
    for kind in vars(events_module).values()
    if getattr(kind, "__module__", "") == events_module.__name__
    and dataclasses.is_dataclass(kind)
    and kind not in (GoError, GoEvent)
]


def any_event(kind: type) -> st.SearchStrategy[Event]:
    fields = {
        field.name: FIELDS[field.name] for field in dataclasses.fields(kind) if field.name in FIELDS
    }
    return st.builds(kind, **fields)


EVENTS = st.lists(st.one_of([any_event(kind) for kind in KINDS]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_any_sequence_of_events(events: list[Event]) -> None:
    """Whatever comes in whatever order, nothing breaks and every event is accounted for."""
    play = Play()
    for number, event in enumerate(events):
        play(event)
        if number % 7 == 0:
            play.expire(number * 1500)
            for cookie in play.tracker.slow_bodies(at(number * 1500)):
                play.tracker.note_bytes(cookie, number, at(number * 1500))
    play.finish()

    assert sum(play.account) == len(events)
    assert len(play.tracker._connections) == 0
    begun = [event for event in events if isinstance(event, Tcp) and event.new == TcpState.SYN_SENT]
    assert len(play.of(Connection)) <= len(begun)
    assert all(record.final for record in play.of(Request))
