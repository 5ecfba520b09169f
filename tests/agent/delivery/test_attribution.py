"""Rules of attribution: whose a lookup, connection or handshake was, and that nothing grows."""

import pytest

from modpulse.agent.delivery import attribution
from modpulse.agent.delivery.attribution import Attribution
from modpulse.agent.records import Connection, Handshake, Lookup, Request

CORP = "https://goproxy.corp"


def request(
    pid: int = 1,
    host: str = "goproxy.corp",
    connection: int | None = None,
    redirects: tuple[str, ...] = (),
) -> Request:
    """A request, as far as attribution reads it."""
    return Request(
        id=f"{pid} {host} {connection}", pid=pid, proxy=f"https://{host}", host=host,
        endpoint="info", connection=connection, redirects=redirects, at_ns=5,
    )  # fmt: skip


def lookup(pid: int = 1, host: str = "goproxy.corp") -> Lookup:
    """A lookup of that host."""
    return Lookup(pid=pid, host=host, at_ns=1)


def connection(cookie: int, host: str | None, port: int = 443) -> Connection:
    """A connection to that host."""
    return Connection(cookie=cookie, pid=1, host=host, address="10.0.0.7", port=port, at_ns=2)


def attributed(*seen: Request | Lookup | Connection | Handshake) -> list[str]:
    """The proxies of what was held."""
    told = Attribution()
    for record in seen:
        if isinstance(record, Request):
            told.note(record, record.proxy or "")
        else:
            told.hold(record)
    return [proxy for proxy, _ in told.release()]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (lookup(), [CORP]),
        (lookup(host="goproxy.cn"), []),
        (lookup(pid=2), []),
        (connection(7, None), [CORP]),
        (connection(8, "goproxy.corp"), [CORP]),
        (connection(8, "goproxy.corp", 8443), [CORP]),
        (connection(8, None), []),
        (Handshake(pid=1, at_ns=3, connection=7, sni="elsewhere"), [CORP]),
        (Handshake(pid=1, at_ns=3, sni="goproxy.corp"), [CORP]),
        (Handshake(pid=1, at_ns=3, connection=8), []),
        (Handshake(pid=2, at_ns=3, connection=7), []),
    ],
)
def test_whose_it_was(step: Lookup | Connection | Handshake, expected: list[str]) -> None:
    """By the connection that a request had in hand, else by the name; only in its process."""

    assert expected == attributed(step, request(connection=7))


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("goproxy.corp:8443", 8443, ["https://goproxy.corp:8443"]),
        ("goproxy.corp:8443", 443, []),
        ("[2001:db8::1]:8443", 8443, ["https://[2001:db8::1]:8443"]),
        ("[2001:db8::1]:8443", 443, []),
        ("[2001:db8::1]", 443, ["https://[2001:db8::1]"]),
    ],
)
def test_a_port_must_agree(host: str, port: int, expected: list[str]) -> None:
    """Where the URL names a port, a connection to another one was for something else."""
    name = "2001:db8::1" if "[" in host else "goproxy.corp"

    assert expected == attributed(request(host=host), connection(8, name, port))


def test_after_a_redirect() -> None:
    """The last hop's connection says nothing of the proxy, its name still does."""
    redirected = request(connection=7, redirects=("storage.example",))

    assert attributed(redirected, connection(7, "storage.example"), lookup()) == [CORP]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is counted; with the end of its process there is room again."""
    monkeypatch.setattr(attribution, "MAX_HELD", 2)
    told = Attribution()
    for pid in (1, 1, 2):
        told.hold(lookup(pid=pid))

    assert told.dropped == 1
    told.end(1)
    assert list(told.release()) == []
    told.hold(lookup(pid=2))
    told.note(request(pid=2), CORP)
    assert list(told.release()) == [(CORP, lookup(pid=2))]
    assert told.dropped == 1


def test_processes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest process goes, and what it still held counts as dropped."""
    monkeypatch.setattr(attribution, "MAX_PROCESSES", 2)
    told = Attribution()
    for pid in (1, 1, 2, 3):
        told.hold(lookup(pid=pid))
    for pid in (2, 3):
        told.note(request(pid=pid), CORP)

    assert told.dropped == 2
    assert list(told.release()) == [(CORP, lookup(pid=2)), (CORP, lookup(pid=3))]


def test_names_and_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one process the latest hosts and connections are remembered."""
    monkeypatch.setattr(attribution, "MAX_NAMES", 1)
    monkeypatch.setattr(attribution, "MAX_COOKIES", 1)
    asked = [request(host=host, connection=cookie) for cookie, host in enumerate(("old", "new"))]
    steps = [lookup(host="old"), lookup(host="new"), connection(0, None), connection(1, None)]

    assert attributed(*asked, *steps) == ["https://new", "https://new"]


def test_the_end_of_an_unknown_process() -> None:
    """A process that asked for nothing ends without a trace."""
    told = Attribution()
    told.end(1)

    assert (list(told.release()), told.dropped) == ([], 0)
