"""Lookups: Go's calls joined with DNS messages, and those that only packets tell."""

import pytest
from builders import MS, PID, S, at, cancelled, go_error

from modpulse.agent.records import Lookup, Query
from modpulse.agent.tracker import lookups
from modpulse.agent.tracker.lookups import Lookups, is_address
from modpulse.agent.wire.dns import DnsMessage

SERVER = "10.0.0.53"
NOT_FOUND = go_error("*net.DNSError", text="no such host")


def asks(
    found: Lookups, ms: float, qtype: str = "A", qname: str = "a.test", cookie: int = 1,
    number: int = 7, server: str = SERVER,
):  # fmt: skip
    message = DnsMessage(number, False, qname, qtype, None, False, None, ())
    return found.packet(message, cookie, server, "udp", at(ms))


def answers(
    found: Lookups, ms: float, qtype: str = "A", rcode: str = "NOERROR", cookie: int = 1,
    number: int = 7, addresses: tuple[str, ...] = ("10.0.0.7",),
):  # fmt: skip
    message = DnsMessage(number, True, "a.test", qtype, rcode, False, 60, addresses)
    return found.packet(message, cookie, SERVER, "udp", at(ms))


def started(*goids: int) -> Lookups:
    found = Lookups(PID)
    for goid in goids or (2,):
        found.start("a.test", goid, at(0))
    return found


def test_a_lookup_and_its_queries() -> None:
    """Questions and answers belong to the call that was under way."""
    found = started()
    assert asks(found, 1) == asks(found, 1, "AAAA", cookie=2) == []
    assert answers(found, 3) == answers(found, 4, "AAAA", cookie=2, addresses=()) == []

    lookup = found.finish(2, at(5), None)

    def query(qtype: str, answer_ms: int, *addresses: str) -> Query:
        return Query(
            qtype=qtype, server=SERVER, transport="udp", at_ns=at(1), answer_ns=answer_ms * MS,
            rcode="NOERROR", truncated=False, min_ttl_s=60, addresses=addresses,
        )  # fmt: skip

    assert lookup == Lookup(
        pid=PID, host="a.test", at_ns=at(0), lookup_ns=5 * MS,
        queries=(query("A", 2, "10.0.0.7"), query("AAAA", 3)), source="dns", outcome="ok",
    )  # fmt: skip


def test_libc_asks_on_one_socket() -> None:
    """Both types on one socket are libc's way, not Go's."""
    found = started()
    asks(found, 1)
    asks(found, 1, "AAAA", number=8)

    lookup = found.finish(2, at(5), None)

    assert lookup is not None
    assert lookup.source == "cgo"


def test_a_question_sent_again() -> None:
    """A re-send is one query with two attempts, whatever its number and socket."""
    found = started()
    asks(found, 0)
    asks(found, 5000, cookie=9, number=8)
    answers(found, 5001, cookie=9, number=8)

    lookup = found.finish(2, at(5002), None)

    assert lookup is not None
    assert [(query.attempts, query.answer_ns) for query in lookup.queries] == [(2, 5001 * MS)]


def test_search_domain_and_case() -> None:
    """A question may have a search domain behind the name, a name a dot at its end."""
    found = Lookups(PID)
    found.start("Proxy.", 2, at(0))

    asks(found, 1, qname="proxy.corp.test")

    lookup = found.finish(2, at(2), None)
    assert lookup is not None
    assert len(lookup.queries) == 1


@pytest.mark.parametrize(("after_ms", "source"), [(1, "cache"), (-1, "hosts")])
def test_a_lookup_without_questions(after_ms: float, source: str) -> None:
    """It shared another's answer, or was answered from a file."""
    found = started(2)
    asks(found, 0)
    found.finish(2, at(after_ms), None)
    found.start("a.test", 3, at(0.5))

    lookup = found.finish(3, at(9), None)

    assert lookup is not None
    assert lookup.source == source


@pytest.mark.parametrize(
    ("error", "outcome"), [(NOT_FOUND, "dns.nxdomain"), (cancelled(), "cancelled")]
)
def test_failed(error, outcome: str) -> None:
    """A lookup fails with a class; one that was given up says so."""
    lookup = started().finish(2, at(1), error)

    assert lookup is not None
    assert lookup.outcome == outcome


def test_told_by_packets_alone() -> None:
    """Without a call, a lookup begins with its first question and ends with its last answer."""
    found = Lookups(PID)
    asks(found, 0)
    asks(found, 0, "AAAA", number=8)
    assert answers(found, 2) == []

    ended = answers(found, 3, "AAAA", number=8, addresses=())

    assert ended is not None
    (lookup,) = ended
    assert (lookup.lookup_ns, lookup.outcome, lookup.source) == (3 * MS, "ok", "cgo")


@pytest.mark.parametrize(("rcode", "outcome"), [("NXDOMAIN", "dns.nxdomain"), ("NOERROR", "ok")])
def test_packets_of_one_type(rcode: str, outcome: str) -> None:
    """What was answered at the end of a capture is told as far as it went."""
    found = Lookups(PID)
    asks(found, 0)
    answers(found, 4, rcode=rcode, addresses=("10.0.0.7",) if outcome == "ok" else ())

    (lookup,) = found.drain()

    assert (lookup.lookup_ns, lookup.outcome) == (4 * MS, outcome)


def test_never_ended() -> None:
    """A lookup under way at the end is given out without outcome, once."""
    found = started()

    assert [lookup.outcome for lookup in found.drain()] == [None]
    assert found.drain() == []


def test_answers_to_nothing() -> None:
    """An answer without its question belongs to no lookup, nor does a return without a call."""
    found = Lookups(PID)

    assert answers(found, 0) is None
    assert found.finish(2, at(0), None) is None


def test_the_lookup_behind_a_dial() -> None:
    """The latest of that name; without a name, the one that gave the address."""
    found = started(2)
    asks(found, 0)
    answers(found, 1)
    found.finish(2, at(2), None)
    found.start("b.test", 3, at(3))
    found.finish(3, at(4), None)

    hosts = [
        lookup and lookup.host
        for lookup in (
            found.before_dial("b.test", None),
            found.before_dial("", "10.0.0.7"),
            found.before_dial("", "10.9.9.9"),
            found.before_dial("c.test", "10.0.0.7"),
        )
    ]

    assert hosts == ["b.test", "a.test", None, None]


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, questions, and what may still be answered or dialled are bounded."""
    monkeypatch.setattr(lookups, "MAX_OPEN", 2)
    monkeypatch.setattr(lookups, "MAX_QUERIES", 2)
    monkeypatch.setattr(lookups, "MAX_ASKED", 3)
    found = started(2)
    kept = [asks(found, 0, server=str(number), cookie=number) for number in range(3)]
    others = [asks(found, 0, qname="b.test", cookie=9), asks(found, 0, qname="c.test")]
    again = [asks(found, 1, server="0", cookie=number) for number in range(20, 24)]

    assert kept == [[], [], None]
    assert others == [[], None]
    assert again == [[]] * 4
    assert not found.start("d.test", 5, at(0))
    assert answers(found, 2, cookie=20) is None
    assert answers(found, 2, cookie=23) == []


def test_finished_lookups_are_forgotten() -> None:
    """A process that runs for days remembers its latest lookups."""
    found = Lookups(PID)
    for number in range(lookups.REMEMBERED + 1):
        found.start(f"{number}.test", 2, at(number))
        found.finish(2, at(number) + S, None)

    assert found.before_dial("0.test", None) is None
    assert found.before_dial("1.test", None) is not None


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("a.test", False), ("", False)],
)
def test_addresses(host: str, expected: bool) -> None:
    """An address needs no lookup."""
    assert is_address(host) == expected
