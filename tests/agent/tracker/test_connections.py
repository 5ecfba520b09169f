"""Connections by cookie, process and ends; their dials."""

import pytest
from builders import (
    ADDRESS,
    HOST,
    PID,
    at,
    cancelled,
    connection,
    dial_done,
    dial_start,
    ends,
    errno,
    tcp,
)

from modpulse.agent.events.events import TcpState
from modpulse.agent.tracker import connections
from modpulse.agent.tracker.account import Account
from modpulse.agent.tracker.connections import Connections
from modpulse.agent.tracker.dials import Attempt, Way


def opened(*cookies: int, pid: int = PID, account: Account | None = None) -> Connections:
    found = Connections(account or Account())
    for cookie in cookies:
        found.change(tcp(0, TcpState.SYN_SENT, cookie, pid))
        found.change(tcp(1, TcpState.ESTABLISHED, cookie, pid))
    return found


def test_found_by_its_ends() -> None:
    """The port on this side is known once the connection is established."""
    found = Connections(Account())
    found.change(tcp(0, TcpState.SYN_SENT))
    before = found.at(PID, ends())
    found.change(tcp(1, TcpState.ESTABLISHED))

    assert before is None
    assert found.at(PID, ends()) is found.get(1)
    assert found.at(PID + 1, ends()) is None
    assert found.get(None) is None


def test_ends_that_are_used_again() -> None:
    """The newest wins, and the older leaves it alone when it is forgotten."""
    found = opened(1)
    found.change(tcp(5, TcpState.SYN_SENT, 2))
    found.change(tcp(6, TcpState.ESTABLISHED, 2, sport=40001))

    found.forget(1)

    assert found.at(PID, ends(1)) is found.get(2)


def test_forgotten_once_and_whole() -> None:
    """What is forgotten is in no index; twice is once."""
    found = opened(1, 2)

    found.forget(1)
    found.forget(1)

    assert [made.cookie for made in found.of(PID)] == [2]
    assert found.at(PID, ends(1)) is None
    found.forget(2)
    assert (found.of(PID), len(found)) == ([], 0)


def test_of_a_process_the_oldest_first() -> None:
    """Others' connections are not its own."""
    found = opened(3, 1, 2)
    found.change(tcp(0, TcpState.SYN_SENT, 9, pid=PID + 1))

    assert [made.cookie for made in found.of(PID)] == [3, 1, 2]


def test_times_and_counts() -> None:
    """The first change to a state counts, the last numbers do."""
    found = opened(1)
    found.change(tcp(5, TcpState.CLOSE_WAIT, bytes_in=10))
    found.change(tcp(6, TcpState.CLOSE, bytes_in=20, reset=True, retransmits=2))

    made = found.get(1)
    assert made is not None
    assert (made.closed_at_ns, made.gone, made.is_usable) == (at(5), True, False)
    record = made.record()
    assert (record.bytes_in, record.retransmits, record.outcome) == (20, 2, "established")


def test_a_dial_names_its_connection() -> None:
    """A connect() within a dial has the dial's host; two dials to one address take turns."""
    found = Connections(Account())
    for goid, host in ((2, "a.test"), (3, "b.test")):
        found.start_dial(dial_start(0, host, goid), at(goid), f"request {goid}")
    found.change(tcp(1, TcpState.SYN_SENT, 1))
    found.change(tcp(1, TcpState.SYN_SENT, 2))

    names = [(made.host, made.lookup_at_ns, made.paid_by) for made in found.of(PID)]

    assert names == [("a.test", at(2), "request 2"), ("b.test", at(3), "request 3")]


def test_the_ends_correct_the_guess() -> None:
    """What a dial returns tells for sure which connection is its own."""
    found = Connections(Account())
    found.start_dial(dial_start(0, "a.test", 2, address="10.9.9.9"), None, None)
    for state in (TcpState.SYN_SENT, TcpState.ESTABLISHED):
        found.change(tcp(1, state))

    assert found.finish_dial(dial_done(9, ends()))
    assert [made.host for made in found.of(PID)] == ["a.test"]
    assert [made.record().connect_ns for made in found.of(PID)] == [at(9) - at(0)]


def test_the_way_is_not_the_host() -> None:
    """Through an HTTP proxy the host is the CONNECT's, not the dial's."""
    found = Connections(Account())
    found.start_dial(dial_start(0, "squid.test"), None, None)
    found.change(tcp(1, TcpState.SYN_SENT))
    found.of(PID)[0].via, found.of(PID)[0].host = "squid.test:3128", HOST

    found.finish_dial(dial_done(9))

    assert [made.host for made in found.of(PID)] == [HOST]


@pytest.mark.parametrize(("error", "outcome"), [(errno(), "refused"), (cancelled(), "cancelled")])
def test_a_dial_that_failed(error, outcome: str) -> None:
    """The error of the dial is the outcome of what it tried."""
    found = Connections(Account())
    found.start_dial(dial_start(0), None, None)
    found.change(tcp(1, TcpState.SYN_SENT))

    found.finish_dial(dial_done(9, None, error))

    assert [made.record().outcome for made in found.of(PID)] == [outcome]


def test_a_dial_without_a_connection() -> None:
    """A dial that fails before its SYN returns all the same."""
    found = Connections(Account())
    found.start_dial(dial_start(0), None, None)

    assert found.finish_dial(dial_done(9, None, errno(101)))
    assert not found.finish_dial(dial_done(9))


def test_dials_of_a_process_that_is_gone() -> None:
    """They are forgotten, and others' are kept."""
    found = Connections(Account())
    found.start_dial(dial_start(0), None, None)
    found.start_dial(dial_start(0, pid=PID + 1), None, None)

    found.forget_dials(PID)

    assert not found.finish_dial(dial_done(9))
    assert found.finish_dial(dial_done(9, pid=PID + 1))


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the host's bound nothing is taken, and what is held still changes; the oldest dial
    of a process makes room for its next."""
    monkeypatch.setattr(connections, "MAX_OPEN", 1)
    monkeypatch.setattr(connections, "MAX_DIALS", 1)
    account = Account()
    found = opened(1, 2, account=account)

    assert (len(found), found.get(2)) == (1, None)
    assert found.change(tcp(5, TcpState.CLOSE)) is found.get(1)
    for goid, pid in ((2, PID), (3, PID), (4, PID + 1)):
        found.start_dial(dial_start(0, goid=goid, pid=pid), None, None)
    assert account.tracker_full == 2
    assert not found.finish_dial(dial_done(1, goid=2))
    assert found.finish_dial(dial_done(1, goid=3))
    assert found.finish_dial(dial_done(1, goid=4, pid=PID + 1))
    assert found.of(PID)[0].address == ADDRESS


def test_share_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has its share must give up a closed connection first, else its oldest."""
    monkeypatch.setattr(connections, "MAX_OF_PROCESS", 2)
    found = opened(1, 2)
    open_only = found.surplus(PID)
    found.change(tcp(5, TcpState.CLOSE, 2))

    assert open_only is found.get(1)
    assert found.surplus(PID) is found.get(2)
    assert found.surplus(PID + 1) is None


def test_a_proxy_that_was_dialled() -> None:
    """It is the way from the first SYN on, before and without a CONNECT that can be read."""
    found = Connections(Account())
    attempt = Attempt(ADDRESS, 443, at(0), 2, None)
    way = Way("mod.test", "squid.test:443")
    found.start_dial(dial_start(0, "squid.test"), None, "a", attempt, way)
    made = found.change(tcp(1, TcpState.SYN_SENT))

    assert made is not None
    assert (made.via, made.host, made.tunnel) == ("squid.test:443", "mod.test", "none")
    found.finish_dial(dial_done(9, None, errno()))
    assert (attempt.outcome, attempt.errno, attempt.cookie) == ("refused", 111, 1)


def test_told_by_packets_alone() -> None:
    """A CONNECT makes whoever is at the other end a proxy, and says whose name the host is."""
    made = connection(address="2001:db8::1", port=3128)
    made.ask_tunnel("[2001:db8::2]:443")

    assert (made.via, made.host, made.tunnel) == ("[2001:db8::1]:3128", "2001:db8::2", "asked")
    made.answer_tunnel(407)
    assert (made.tunnel, made.connect_status) == ("refused", 407)
    made.pass_on()
    assert made.tunnel == "stands"


@pytest.mark.parametrize(
    ("via", "tunnel", "sni", "expected"),
    [
        (None, "none", "mod.test", False),
        ("squid.test:443", "none", "squid.test", True),
        ("squid.test:443", "none", "mod.test", False),
        ("squid.test:443", "asked", "squid.test", False),
        ("mod.test:3129", "none", "mod.test", True),
        ("mod.test:3128", "stands", "mod.test", False),
    ],
)
def test_with_whom_a_handshake_is(via, tunnel, sni: str, expected: bool) -> None:
    """By name; where both have the same, by whether a tunnel was asked for in clear text."""
    assert connection(host="mod.test", via=via, tunnel=tunnel).shaken_with_proxy(sni) is expected


def test_a_handshake_within_a_handshake() -> None:
    """Behind an `https://` proxy the second one has no socket, but the name of the host."""
    found = opened(1, 2)
    made = found.get(2)
    assert made is not None
    made.via, made.host = "squid.test:443", "mod.test"

    assert found.in_tunnel(PID, "mod.test") is None
    made.shake("http/1.1", at(3), with_proxy=True)
    assert (made.alpn, made.tunnel) == (None, "asked")
    assert found.in_tunnel(PID, "mod.test") is made
    assert found.in_tunnel(PID, "else.test") is None
    made.shake("h2", at(4), with_proxy=False)
    assert made.alpn == "h2"
