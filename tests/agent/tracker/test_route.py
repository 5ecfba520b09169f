"""Through whom a request goes, and where it failed."""

import pytest
from builders import ADDRESS, HOST, PID, at, connection, dial_start, errno, hop, request

from modpulse.agent.events.events import DialStart, GoError
from modpulse.agent.tracker import route
from modpulse.agent.tracker.account import Account
from modpulse.agent.tracker.connections import Connections
from modpulse.agent.tracker.dials import Attempt, Way
from modpulse.agent.tracker.openlookup import OpenLookup
from modpulse.agent.tracker.route import (
    at_http_proxy,
    begin_attempt,
    decided,
    own_connection,
    way_of,
)

VIA = {"via": "squid.test:3128", "host": HOST}


def dial(host: str, port: int = 443) -> DialStart:
    made = dial_start(0)
    made.host, made.port = f"{host}:{port}", port
    return made


def attempt(start: float, end: float | None, error: GoError | None = None, **fields) -> Attempt:
    known = {"goid": 2, "parent_goid": None, "cookie": None}
    ended = None if end is None else at(end)
    return Attempt(ADDRESS, 443, at(start), end_ns=ended, error=error, **(known | fields))


def test_a_dial_to_a_proxy() -> None:
    """Whoever is dialled instead of the host that is asked is a proxy, also at its own host."""
    asking = request(hop(status=None))

    assert way_of(dial("squid.test", 3128), asking, []) == Way(HOST, "squid.test:3128")
    assert way_of(dial(HOST, 3128), asking, []) == Way(HOST, f"{HOST}:3128")
    assert way_of(dial(HOST), asking, []) == Way(HOST, None)
    assert way_of(dial(HOST), request(), []) is None


def test_a_dial_that_comes_late() -> None:
    """Its request may have gone on to another host, or another one's dial be under way."""
    sent_on = request(hop(status=302), hop(3, host="storage.test"))
    other = request(hop(host="sum.test"))

    assert way_of(dial(HOST), sent_on, []) == Way("storage.test", None)
    assert way_of(dial("sum.test"), sent_on, [other]) == Way("storage.test", None)


def test_the_first_of_the_primary_family() -> None:
    """Both families race; the first error of the first decides, as `go` prints it."""
    first = attempt(0, 9, errno(110), goid=3, parent_goid=2)
    other = attempt(3, 4, errno(), goid=4, parent_goid=2)
    next_ = attempt(9, 10, errno(), goid=3, parent_goid=2)

    assert decided([first, other, next_]) is first
    assert (first.outcome, first.errno) == ("timeout", 110)
    assert decided([]) is None


def test_one_after_the_other() -> None:
    """Addresses of one family are tried by one goroutine; what was established decides."""
    refused, made = attempt(0, 1, errno()), attempt(1, 2)

    assert decided([refused, made]) is made
    assert (refused.outcome, made.outcome, made.errno) == ("refused", "established", None)
    assert attempt(0, None).outcome is None


def test_asked_again() -> None:
    """A later dial of the same hop is what net/http tried last."""
    before, after = attempt(0, 1, goid=2), attempt(5, 6, errno(), goid=7)

    assert decided([before, after]) is after


def test_families_in_a_release_without_ancestors() -> None:
    """There what overlaps in time is one dial."""
    first, other = attempt(0, 9, errno(), goid=3), attempt(3, 4, errno(), goid=4)

    assert decided([first, other]) is first


def test_an_attempt_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its hop; of very many the first and the latest are kept."""
    monkeypatch.setattr(route, "MAX_ATTEMPTS", 4)
    asking = request(hop(status=None))
    made = [begin_attempt(dial_start(ms), asking.goid, asking) for ms in range(6)]

    assert asking.hops[0].attempts == [made[index] for index in (0, 1, 4, 5)]
    assert made[0] is not None
    assert made[0].parent_goid is None
    assert begin_attempt(dial_start(0), 1, request()) is None


def test_its_own_connection() -> None:
    """In hand, else of the attempt that decided, not the one that was tried last."""
    connections = Connections(Account())
    held = {cookie: connection(cookie=cookie) for cookie in (1, 2)}
    connections._by_cookie.update(held)
    tried = hop(attempts=[attempt(0, 2, errno(), cookie=1), attempt(1, 2, errno(), cookie=2)])

    assert own_connection(tried, connections) is held[1]
    tried.cookie = 2
    assert own_connection(tried, connections) is held[2]
    assert own_connection(hop(), connections) is None


def doing(*operations: str) -> GoError:
    return GoError(("*net.OpError",), b"", "", operations)


@pytest.mark.parametrize(
    ("status", "fields", "error", "expected"),
    [
        (None, {}, doing("dial", "dial"), False),
        (None, {}, doing("proxyconnect", "dial"), True),
        (None, {}, doing("socks connect", "socks connect"), True),
        (None, VIA, doing("read", "read"), True),
        (None, VIA | {"tunnel": "asked"}, doing("read", "read"), True),
        (None, VIA | {"tunnel": "refused"}, None, True),
        (None, VIA | {"tunnel": "stands"}, doing("read", "read"), False),
        (407, VIA | {"tunnel": "stands"}, None, False),
        (407, {}, None, False),
        (407, VIA, None, True),
        (502, VIA, None, True),
        (500, VIA, None, False),
        (404, VIA, None, False),
        (511, VIA, None, True),
        (200, VIA, None, True),
        (302, VIA, None, True),
        (200, VIA | {"tunnel": "stands"}, None, False),
        (200, {}, None, False),
    ],
)
def test_where_it_failed(status: int | None, fields: dict, error: GoError | None, expected: bool):
    """Before the tunnel it is the proxy; behind it, or without a proxy, whoever was asked."""
    assert at_http_proxy(hop(status=status), connection(**fields), None, error) is expected


@pytest.mark.parametrize(("host", "expected"), [("squid.test", True), (HOST, False)])
def test_a_name_that_was_not_found(host: str, expected: bool) -> None:
    """Without a connection the name that was looked up tells."""
    lookup = OpenLookup(PID, host, at(0), 2)

    assert at_http_proxy(hop(status=None), None, lookup, None) is expected
    assert not at_http_proxy(hop(status=None), None, None, None)
