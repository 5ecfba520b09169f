"""What is beyond a bound is counted; what makes room for it."""

from pathlib import Path

import pytest
from builders import (
    asked,
    at,
    body_closed,
    connected,
    dial_start,
    ends,
    exec_,
    exit_,
    go_error,
    got_conn,
    handshake_done,
    handshake_start,
    lookup_start,
    round_trip_done,
    round_trip_start,
    tcp,
    verify_start,
    web_get,
)
from play import Play

from modpulse.agent.events.events import TcpState
from modpulse.agent.records.records import Connection, Handshake, Lookup, Process, Request
from modpulse.agent.tracker import connections, handshakes, lookups, openprocess, tracker


def test_those_that_are_no_go_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was met first is forgotten."""
    monkeypatch.setattr(tracker, "MAX_PROCESSES", 2)
    play = Play()
    for number in range(5):
        play(exec_(number, pid=100 + number))
        play.tracker.dismiss(100 + number, at(number))

    assert list(play.tracker._dismissed) == [103, 104]


BOUNDS = [
    (tracker, "MAX_PROCESSES", 2, lambda n: [exec_(n, pid=100 + n)]),
    (tracker, "MAX_PROCESSES", 2, lambda n: [web_get(n, pid=100 + n)]),
    (connections, "MAX_OPEN", 2, lambda n: [tcp(n, TcpState.SYN_SENT, n)]),
]
FORGETFUL = [
    (connections, "MAX_OF_PROCESS", 2, lambda n: [tcp(n, TcpState.SYN_SENT, n)], Connection, 3),
    (connections, "MAX_DIALS", 2, lambda n: [dial_start(n, goid=n)], Connection, 0),
    (lookups, "MAX_OPEN", 2, lambda n: [lookup_start(n, goid=n)], Lookup, 3),
    (handshakes, "MAX_OPEN", 2, lambda n: [handshake_start(n, goid=n)], Handshake, 3),
]
"""What makes room for the next of the same process, and how many records it leaves early."""


@pytest.mark.parametrize(("module", "name", "bound", "event"), BOUNDS)
def test_beyond_a_bound(module, name: str, bound: int, event, monkeypatch) -> None:
    """What is beyond a bound of the host is counted as an orphan, and breaks nothing."""
    monkeypatch.setattr(module, name, bound)
    play = Play()
    for number in range(1, 6):
        play(event(number))

    assert play.account == (2, 0, 3)
    assert play.tracker.account.tracker_full == 3
    play.finish()


@pytest.mark.parametrize(("module", "name", "bound", "event", "kind", "early"), FORGETFUL)
def test_beyond_the_share_of_a_process(
    module, name: str, bound: int, event, kind: type, early: int, monkeypatch
) -> None:
    """The oldest of the same process is given out as it is, and counted; the new one is held."""
    monkeypatch.setattr(module, name, bound)
    play = Play()
    for number in range(1, 6):
        play(event(number))

    assert play.account == (5, 0, 0)
    assert play.tracker.account.tracker_full == 3
    assert len(play.of(kind)) == early
    play.finish()


def test_processes_that_have_ended_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of short ones hides no later one: what lingers is given out early, and whole."""
    monkeypatch.setattr(tracker, "MAX_PROCESSES", 2)
    play = Play(exec_(0, pid=7))
    for number in range(1, 6):
        play(exec_(number, pid=100 + number), exit_(number, pid=100 + number))

    assert play.account == (11, 0, 0)
    assert play.tracker.account.tracker_full == 0
    assert [made.pid for made in play.finish().of(Process)] == [101, 102, 103, 104, 105, 7]


def test_more_hops_than_go_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are orphans, and the request stays as it was."""
    monkeypatch.setattr(openprocess, "MAX_HOPS", 2)
    play = Play(exec_(), web_get(0), *(round_trip_start(number) for number in range(1, 5)))

    assert play.account == (4, 0, 2)
    assert play.tracker.account.tracker_full == 2


def test_requests_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a goroutine's end is not told, the request that is held longest waits no more."""
    monkeypatch.setattr(openprocess, "MAX_HELD", 2)
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
    monkeypatch.setattr(openprocess, "MAX_CERTIFICATES", 2)
    der = (Path(__file__).parents[2] / "data" / "leaf.der").read_bytes()
    error = go_error("x509.HostnameError")
    play = Play(exec_())
    for sni in ("a.test", "b.test", "b.test", "c.test"):
        play(handshake_start(1, sni=sni), verify_start(2, der), handshake_done(3, "", error))
    for goid, host in enumerate(("a.test", "b.test", "c.test"), 10):
        play(web_get(4, host=host, goid=goid), round_trip_start(4, host, goid))
        play(round_trip_done(5, None, error, goid))
    play.finish()

    evidence = [request.failure.evidence for request in play.of(Request) if request.failure]
    assert [text.startswith("certificate is for") for text in evidence] == [False, True, True]


def test_hops_are_bounded() -> None:
    """A request that redirects without end is cut, not grown."""
    play = Play(exec_(), web_get(0), *(round_trip_start(ms) for ms in range(1, 40)))

    assert play.account[2] == 39 - 32


def test_goroutines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ancestors the oldest are forgotten; a dial names its own parent again."""
    monkeypatch.setattr(openprocess, "MAX_GOROUTINES", 2)
    play = Play(exec_(), web_get(0), round_trip_start(0))
    for goid in range(10, 20):
        play(lookup_start(1, "10.0.0.7", goid=goid))
    play(connected(2), got_conn(5, ends()), round_trip_done(6), body_closed(7), exit_(8))

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
        play(exec_(start, pid), web_get(start, pid=pid), round_trip_start(start, pid=pid))
        play(dial_start(start, pid=pid), tcp(start, TcpState.SYN_SENT, number, pid))
        play(exit_(start + 5, pid))
        play.expire(start + 9000)

    held = play.tracker
    assert len(held._watched) == len(held._connections) == 0
    for name in ("_by_pid", "_by_ends", "_dials"):
        assert getattr(held._connections, name) == {}
    assert held._packets._hellos == held._packets._dns_streams == {}
