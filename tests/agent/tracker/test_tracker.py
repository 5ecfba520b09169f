"""Processes: how they begin, end, and are forgotten; and any sequence of events."""

import dataclasses

from builders import (
    ADDRESS,
    CHAIN,
    HOST,
    MOD,
    MS,
    PID,
    asked,
    at,
    connected,
    ends,
    exec_,
    exit_,
    go_error,
    got_conn,
    packet,
    round_trip_start,
    segment,
    tcp,
    web_get,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from play import SUPPORTED, ZIP, Play

from modpulse.agent.events import events as events_module
from modpulse.agent.events.events import Event, GoError, GoEvent, Tcp, TcpState
from modpulse.agent.events.sites import Site
from modpulse.agent.records.records import Connection, Process, Request
from modpulse.agent.tracker.tracker import LINGER_NS


def test_late_events() -> None:
    """What a process did before it was given out is late, and begins no new one."""
    play = Play(exec_(), exit_(1))
    play.expire(LINGER_NS / MS + 2)

    given = play(web_get(900), tcp(900, TcpState.SYN_SENT), packet(900, b""), exit_(901))

    assert given == []
    assert play.account == (2, 4, 0)
    assert play.finish().of(Process) == [
        Process(
            pid=PID, start_at_ns=at(0), end_at_ns=at(1), exe="/go/bin/go", parent_pid=1,
        )
    ]  # fmt: skip


def test_a_go_by_another_name_in_a_pid_that_was_used() -> None:
    """No exec tells of it, but a process that is gone has no goroutines."""
    play = Play(exec_(), exit_(1))
    play.expire(9000)

    play(web_get(9500), tcp(9501, TcpState.SYN_SENT), exit_(9600))
    play.finish()

    assert play.account == (5, 0, 0)
    assert [made.start_at_ns for made in play.of(Process)] == [at(0), at(9500)]


def test_a_process_that_is_no_go() -> None:
    """It leaves no record; what is still told of it is counted, and is no loss."""
    play = Play(exec_())

    assert play.tracker.dismiss(PID, at(1)) == []
    play(tcp(2, TcpState.SYN_SENT), packet(3, segment(b"")), tcp(4, TcpState.CLOSE), exit_(5))

    assert play.account == (1, 0, 0)
    assert play.tracker.account.dismissed == 4
    assert not play.tracker.is_running()
    assert play.finish().records == []


def test_a_go_that_became_something_else() -> None:
    """Its records are given out, its connections with them; the pid may become a `go` again."""
    play = Play(exec_(), connected(1), exit_(20), exec_(30))
    play.records += play.tracker.dismiss(PID, at(30))
    play(exec_(40), exit_(50))
    play.finish()

    assert len(play.of(Connection)) == 1
    assert [(made.start_at_ns, made.end_at_ns) for made in play.of(Process)] == [
        (at(0), at(20)),
        (at(40), at(50)),
    ]
    assert play.tracker.account.dismissed == 0


def test_one_that_turns_out_to_be_a_go() -> None:
    """Only a `go` has our probes: what they tell counts more than what was found at its exec."""
    play = Play(exec_())
    play.tracker.dismiss(PID, at(0))

    play(tcp(1, TcpState.SYN_SENT, 9), web_get(2), tcp(3, TcpState.SYN_SENT), exit_(4))
    play.finish()

    assert (play.account, play.tracker.account.dismissed) == ((4, 0, 0), 1)
    assert [len(play.of(kind)) for kind in (Process, Request, Connection)] == [1, 1, 1]


def test_a_process_that_was_there_before() -> None:
    """Its first event is its beginning, as far as we know."""
    play = Play(web_get(5), round_trip_start(5), exit_(9))
    play.expire(9000)

    assert play.of(Process) == [
        Process(pid=PID, start_at_ns=at(5), end_at_ns=at(9), ended_by="signal")
    ]
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
    play = Play(exec_(), web_get(0), round_trip_start(0), connected(0), got_conn(4, ends()))
    play(tcp(5, TcpState.FIN_WAIT1))

    switched = play(exec_(6, filename="/toolchain/go"))
    closed = play(tcp(7, TcpState.CLOSE))

    assert [type(record) for record in switched] == [Request, Process]
    request, process = switched
    assert isinstance(request, Request)
    assert isinstance(process, Process)
    assert (request.final, process.end_at_ns) == ("cancelled", at(6))
    assert request.given_up_at_ns == at(6)
    assert [type(record) for record in closed] == [Connection]
    assert play.account[1:] == (0, 0)


def test_an_end_that_was_lost() -> None:
    """A process that is no longer there ends when that is noticed."""
    play = Play(exec_(), web_get(0), round_trip_start(0), got_conn(1, ends()))
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
    "site": st.sampled_from([Site.DOWNLOAD_ZIP_FAILED, Site.CHECK_SUM_DB_FAILED]),
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
