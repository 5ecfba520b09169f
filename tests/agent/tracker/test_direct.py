"""What git and ssh did below a `go` becomes one request to `direct`, and theirs is told as its."""

import pytest
from builders import ADDRESS, PID, at, exec_, proxy_list, tcp
from play import Play

from modpulse.agent.events.events import BelowGo, Exec, Exit, TcpState
from modpulse.agent.records.records import Connection, Process, Request
from modpulse.agent.tracker import direct

URL = "https://corp.example/m"
GIT, HELPER = 5001, 5003


def git(ms: float, pid: int = GIT, top: int = GIT) -> Exec:
    return Exec(at(ms), pid, PID, 7, "/usr/bin/git", False, BelowGo(PID, top))


def ends(ms: float, pid: int, code: int | None = 0) -> Exit:
    return Exit(at(ms), pid, 9 if code is None else code << 8)


def begun(*, role: str = "git", argv: tuple[str, ...] = ("go", "mod", "download")) -> Play:
    """A `go`, and below it a git with its helper."""
    play = Play(exec_(0))
    play.tracker.describe(PID, {"argv": argv})
    play(git(1), git(2, HELPER))
    play.tracker.describe(GIT, {"role": role, "repository": URL})
    play.tracker.describe(HELPER, {"role": "git"})
    return play


def connected(play: Play, **fields: int) -> None:
    play(tcp(3, TcpState.SYN_SENT, pid=HELPER), tcp(5, TcpState.ESTABLISHED, pid=HELPER))
    play(tcp(9, TcpState.CLOSE, pid=HELPER, **fields))


def test_a_fetch() -> None:
    """It lasts from git's exec to its end; its connection is the command's, by its id."""
    play = begun()
    play(proxy_list(2))
    connected(play, bytes_in=2000, bytes_out=900)
    play(ends(10, HELPER), ends(12, GIT))
    play.finish()

    (request,) = play.of(Request)
    (made,) = play.of(Connection)

    assert (request.proxy, request.endpoint, request.url) == ("direct", "git", URL)
    assert (request.pid, request.host, request.final) == (PID, "corp.example", "ok")
    assert (request.connection, request.paid_setup) == (made.cookie, True)
    assert (made.pid, made.bytes_in, made.bytes_out) == (PID, 2000, 900)
    assert (request.at_ns, request.connect_wait_ns) == (at(1), at(5) - at(1))
    assert (request.transfer_ns, request.first_byte_ns) == (at(12) - at(5), None)
    assert request.failure is None
    assert request.is_ok


@pytest.mark.parametrize(
    ("code", "has_connection", "cls", "final"),
    [(128, True, "git.failed", "stopped"), (128, False, "git.failed", "stopped"),
     (None, True, "git.failed", "cancelled")],
)  # fmt: skip
def test_it_failed(code: int | None, has_connection: bool, cls: str, final: str) -> None:
    """Where each step did its work, that it failed is all that is known; a signal cancels."""
    play = begun()
    if has_connection:
        connected(play, bytes_in=1)
    play(ends(10, HELPER, code), ends(12, GIT, code))
    (request,) = play.finish().of(Request)

    assert request.failure is not None
    assert (request.failure.cls, request.final) == (cls, final)
    assert (request.address == f"{ADDRESS}:443") == has_connection
    assert request.given_up_at_ns == at(12)


def test_refused() -> None:
    """A connection that never stood is the cause, though it is told after its process."""
    play = begun()
    play(tcp(3, TcpState.SYN_SENT, pid=HELPER), tcp(4, TcpState.CLOSE, pid=HELPER, reset=True))
    play(ends(5, HELPER, 128), ends(6, GIT, 128))
    (request,) = play.finish().of(Request)

    assert request.failure is not None
    assert request.failure.cls == "tcp.refused"


def test_what_is_no_fetch() -> None:
    """Local commands are dismissed; what a user has `go generate` run is not told of `direct`."""
    play = begun()
    play(git(20, 6001, 6001))
    play.tracker.dismiss(6001, at(20))
    generated = begun(argv=("go", "generate"))

    assert len(play.finish().of(Request)) == 1
    assert generated.finish().of(Request) == []


def test_a_script_called_git() -> None:
    """It becomes git in the same pid: one fetch, not two."""
    play = begun()
    play(git(4))
    play.tracker.describe(GIT, {"role": "git", "repository": URL})
    play(ends(10, HELPER), ends(12, GIT))

    (request,) = play.finish().of(Request)
    assert request.final == "ok"
    assert len([made for made in play.of(Process) if made.pid == GIT]) == 2


def test_fetches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest gives way, counted; of it there is no request."""
    monkeypatch.setattr(direct, "MAX_FETCHES", 1)
    monkeypatch.setattr(direct, "MAX_STEPS", 0)
    play = begun()
    play(git(20, 6001, 6001))
    play.tracker.describe(6001, {"role": "git", "repository": URL})

    assert len(play.finish().of(Request)) == 1
    assert play.tracker.account.tracker_full == 1
