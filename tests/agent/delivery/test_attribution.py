"""Rules of attribution: whose a lookup, connection or handshake was, and that nothing grows."""

import dataclasses

import pytest
import stories
from stories import MS, at
from windowed import OFFSET, certificate, fed, of_ms, only, sketched, windows
from windowed import request as asked_request

from modpulse.agent.batch.batch import Leaf
from modpulse.agent.delivery import attribution
from modpulse.agent.delivery.attribution import Attribution
from modpulse.agent.records.records import Connection, Handshake, Lookup, Request

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
    """The process that has most waiting gives up its oldest, which are counted; with the end of
    one there is room again."""
    monkeypatch.setattr(attribution, "MAX_HELD", 4)
    told = Attribution()
    for pid in (1, 1, 1, 1, 2):
        told.hold(lookup(pid=pid))

    assert told.dropped == 2
    told.end(1)
    assert list(told.release()) == []
    for _ in range(3):
        told.hold(lookup(pid=2))
    told.note(request(pid=2), CORP)
    assert list(told.release()) == [(CORP, lookup(pid=2))] * 4
    assert told.dropped == 2


def test_a_flood_starves_only_itself() -> None:
    """One that lives on and asks for nothing has a share; another's records find their request."""
    told = Attribution()
    for cookie in range(25_000):
        told.hold(connection(cookie, None))
    told.hold(lookup(pid=2))
    told.note(request(pid=2), CORP)

    assert list(told.release()) == [(CORP, lookup(pid=2))]
    assert told.dropped == 25_000 - attribution.MAX_HELD_OF_PROCESS


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


def test_set_up_belongs_to_the_proxy_of_its_host():
    """Lookups, connections and handshakes come before their request and wait for it."""
    window = only(
        stories.lookup("goproxy.corp", 1, 4),
        stories.connection(1, "goproxy.corp", 5, 2),
        stories.handshake(1, "goproxy.corp", 7, 9, verify_ns=3 * MS,
                          certificate=certificate(1_900_000_000)),
        stories.lookup("elsewhere.example", 1, 4),
        asked_request(1, connection=1),
    )  # fmt: skip

    assert of_ms(4) == sketched(window)["resolve"]
    assert of_ms(2) == sketched(window)["connect"]
    assert of_ms(9) == sketched(window)["tls"]
    assert of_ms(3) == sketched(window)["verify"]
    assert window.handshakes == 1
    assert window.resolvers == ("10.0.0.53:53",)
    assert window.addresses == ("10.0.0.7",)
    assert window.min_ttl_s == 60
    assert window.certificate == Leaf(
        subject="CN=goproxy.corp", issuer="CN=corp CA", not_before_s=1_700_000_000,
        not_after_s=1_900_000_000, sha256="ab" * 32,
    )  # fmt: skip


def test_set_up_waits_across_windows():
    """What was seen in one window counts in that of its request, once."""
    aggregator = fed(stories.handshake(1, "goproxy.corp", 7, 9))
    first = aggregator.flush(OFFSET)
    aggregator.add(asked_request(1), at(0))
    second = aggregator.flush(OFFSET)
    third = aggregator.flush(OFFSET)

    assert first.proxies == third.proxies == ()
    assert second.proxies[0].handshakes == 1


def test_a_connection_that_closes_later_still_counts():
    """Its request is remembered as long as its process runs."""
    aggregator = fed(asked_request(1, connection=1))
    aggregator.flush(OFFSET)
    aggregator.add(stories.connection(1, "goproxy.corp", 5, 2), at(0))
    (window,) = aggregator.flush(OFFSET).proxies

    assert window.requests == 0
    assert of_ms(2) == sketched(window)["connect"]


def test_another_process_is_another_matter():
    """The same host in another process: its own requests tell whose it was."""
    other = dataclasses.replace(stories.lookup("goproxy.corp", 1, 4), pid=7)

    assert "resolve" not in only(asked_request(1), other).sketches


def test_a_process_that_ended_is_forgotten():
    """Its number may be given out again."""
    aggregator = fed(asked_request(1), stories.lookup("elsewhere.example", 1, 4), stories.process())
    aggregator.flush(OFFSET)
    aggregator.add(stories.lookup("goproxy.corp", 1, 4), at(0))

    assert aggregator.flush(OFFSET).proxies == ()
    assert aggregator.unattributed == 0


def test_two_ports_of_a_host_are_two_proxies():
    """A connection is told by its port, a handshake by its connection."""
    one, two = "https://h.example:8443", "https://h.example:9443"
    found = windows(
        stories.connection(1, "h.example", 1, 2, port=8443),
        stories.connection(3, "h.example", 2, 4, port=9443),
        stories.handshake(1, "h.example", 3, 5, "tls.expired"),
        stories.handshake(2, "h.example", 3, 6),
        asked_request(1, one, host="h.example:8443", connection=1),
        asked_request(2, two, host="h.example:9443", connection=2),
    )

    assert found[one].bad_certificates == {"tls.expired": 1}
    assert found[two].bad_certificates == {}
    assert [found[proxy].handshakes for proxy in (one, two)] == [1, 1]
    assert of_ms(2) == sketched(found[one])["connect"]
    assert of_ms(4) == sketched(found[two])["connect"]


def test_a_shared_connection_counts_for_both():
    """Two entries below one host live and die with the same certificate."""
    shown = certificate(1_900_000_000)
    found = windows(
        stories.handshake(1, "goproxy.corp", 7, 9, certificate=shown),
        asked_request(1, f"{CORP}/a", host="goproxy.corp", connection=1),
        asked_request(2, f"{CORP}/b", host="goproxy.corp", connection=1),
    )

    assert [window.handshakes for window in found.values()] == [1, 1]


def test_a_redirect_does_not_lend_its_certificate():
    """The last hop's connection is to another host: not the proxy's."""
    window = only(
        stories.handshake(2, "storage.example", 7, 9, certificate=certificate(1_800_000_000)),
        asked_request(1, connection=2, redirects=("storage.example",)),
    )

    assert window.handshakes == 0
    assert window.certificate is None


def test_the_connection_to_an_http_proxy_is_not_the_module_proxys():
    """Neither its time nor its address is."""
    window = only(
        stories.connection(1, "goproxy.corp", 5, 2, via="proxy.corp:3128"),
        asked_request(1, connection=1),
    )

    assert window.addresses == ()
    assert "connect" not in window.sketches
