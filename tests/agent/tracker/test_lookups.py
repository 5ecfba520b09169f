"""Lookups: Go's calls joined with DNS messages, and those that only packets tell."""

import pytest
from builders import MS, PID, S, at, cancelled, go_error

from modpulse.agent.records.records import Lookup, Query
from modpulse.agent.tracker import lookups
from modpulse.agent.tracker.account import Account
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
    number: int = 7, addresses: tuple[str, ...] = ("10.0.0.7",), qname: str = "a.test",
    truncated: bool = False,
):  # fmt: skip
    message = DnsMessage(number, True, qname, qtype, rcode, truncated, 60, addresses)
    return found.packet(message, cookie, SERVER, "udp", at(ms))


def started(*goids: int) -> Lookups:
    found = Lookups(PID, Account())
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
            qtype=qtype, name="a.test", server=SERVER, transport="udp", at_ns=at(1),
            answer_ns=answer_ms * MS, rcode="NOERROR", truncated=False, min_ttl_s=60,
            addresses=addresses,
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
    found = Lookups(PID, Account())
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
    ("text", "source"),
    [
        ("no such host", None),
        ("dial udp 10.0.0.53:53: connect: operation not permitted", None),
        ("dial udp 10.0.0.53:53: socket: too many open files", None),
        ("dial tcp 10.0.0.53:53: connect: connection refused", "dns"),
        ("timeout", "dns"),
    ],
)
def test_the_source_of_a_failure_without_questions(text: str, source: str | None) -> None:
    """Where nobody was asked there is no source; a dial that the network refused is one."""
    lookup = started().finish(2, at(1), go_error("*net.DNSError", text=text))

    assert lookup is not None
    assert lookup.source == source


def test_another_failure_is_not_shared() -> None:
    """Calls that share a lookup end alike: what failed otherwise failed by itself."""
    found = started(2, 3, 4)
    asks(found, 0)
    answers(found, 1, rcode="NXDOMAIN", addresses=())
    found.finish(2, at(2), NOT_FOUND)
    alike = found.finish(3, at(2), NOT_FOUND)
    other = found.finish(
        4,
        at(2),
        go_error("*net.DNSError", text="dial udp 10.0.0.53:53: socket: too many open files"),
    )

    assert alike is not None
    assert (alike.source, alike.outcome) == ("cache", "dns.nxdomain")
    assert other is not None
    assert (other.source, other.outcome) == (None, "local.files")


def test_the_lookup_behind_a_request() -> None:
    """Its own, with the questions of the one it shared; else the latest that had ended."""
    found = Lookups(PID, Account())
    found.start("a.test", 2, at(0), "first")
    found.start("A.test.", 3, at(0), "dotted")
    found.start("a.test", 4, at(1), "second")
    asks(found, 1)
    for goid in (2, 3, 4):
        found.finish(goid, at(5), go_error("*net.DNSError", text="timeout"))
    found.start("squid.test", 5, at(6), "third")
    found.finish(5, at(7), NOT_FOUND)

    second = found.of_request("second", "a.test")
    third = found.of_request("third", "a.test")
    other = found.of_request("fourth", "a.test", at(6))

    assert second is not None
    assert second.paid_by == "second"
    assert [query.qtype for query in second.failed().queries] == ["A"]
    assert third is not None
    assert third.host == "squid.test"
    assert other is not None
    assert other.paid_by == "second"
    assert found.of_request("fourth", "a.test", at(4)) is None


def test_the_resolver_of_a_request() -> None:
    """Of an answer the server that gave it, of a failure the one that was asked last; of a flight
    that was shared the one that its leader asked; none of another's, or of another host."""
    found = Lookups(PID, Account())
    for goid, paid_by in ((2, "first"), (3, "second")):
        found.start("a.test", goid, at(0), paid_by)
    asks(found, 1)
    asks(found, 2, number=8, cookie=2, server="10.0.0.54")
    answers(found, 3)
    first, second = found.finish(2, at(4), None), found.finish(3, at(4), None)
    found.start("b.test", 4, at(5), "third")
    asks(found, 5, qname="b.test", number=9)
    answers(found, 6, rcode="SERVFAIL", qname="b.test", number=9)
    asks(found, 7, qname="b.test", number=10, server="10.0.0.54")
    third = found.finish(4, at(9), go_error("*net.DNSError", text="timeout"))

    assert found.resolver_of("first", "a.test") == SERVER
    assert found.resolver_of("second", "a.test") == SERVER
    assert found.resolver_of("third", "b.test") == "10.0.0.54"
    assert found.resolver_of("third", "a.test") is None
    assert found.resolver_of("fourth", "a.test") is None
    resolvers = {lookup.resolver for lookup in (first, second, third) if lookup is not None}
    assert resolvers == {SERVER, None, "10.0.0.54"}


def test_the_dial_of_a_request_is_joined_to_its_own_lookup() -> None:
    """Of two lookups of a name that ended, a request's dial came of the request's."""
    found = Lookups(PID, Account())
    for goid, paid_by in ((2, "first"), (3, "second")):
        found.start("a.test", goid, at(goid), paid_by)
        found.finish(goid, at(9), None)

    joined = [found.before_dial("a.test", None, paid_by) for paid_by in ("first", "second", "x")]
    assert [lookup and lookup.paid_by for lookup in joined] == ["first", "second", "second"]


def test_answers_to_other_questions() -> None:
    """Wrong numbers and names count against the resolver, and the question stays open."""
    found = started()
    asks(found, 0)
    assert answers(found, 1, number=8) == answers(found, 1, qname="b.test") == []
    assert found.bad_answer(1)
    assert not found.bad_answer(9)
    answers(found, 2)
    found.finish(
        2,
        at(3),
        None,
    )

    lookup = found.before_dial("a.test", None)
    assert lookup is not None
    assert (lookup.bad_answers, lookup.questions[0].query.rcode) == (3, "NOERROR")


def test_names_of_the_search_list_are_told_apart() -> None:
    """A question for another name is another query, though its type and server are the same."""
    found = started()
    asks(found, 0, qname="a.test.corp.test")
    asks(found, 5000, number=8, cookie=2)

    lookup = found.finish(2, at(5002), None)
    assert lookup is not None
    assert [(query.name, query.attempts) for query in lookup.queries] == [
        ("a.test.corp.test", 1),
        ("a.test", 1),
    ]


def test_the_longest_name_has_the_question() -> None:
    """A name that begins another's is not asked for with a search domain."""
    found = Lookups(PID, Account())
    found.start("a", 2, at(0))
    found.start("a.test", 3, at(0))
    asks(found, 1)

    lookups_of = [found.finish(goid, at(2), None) for goid in (2, 3)]
    assert [len(lookup.queries) for lookup in lookups_of if lookup] == [0, 1]


def test_search_domains_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long search list the oldest questions are forgotten: the name itself decides."""
    monkeypatch.setattr(lookups, "MAX_QUERIES", 2)
    found = started()
    for number in range(3):
        asks(found, number, qname=f"a.test.corp{number}.test")
    asks(found, 4)

    lookup = found.finish(2, at(5), None)
    assert lookup is not None
    assert [query.name for query in lookup.queries] == ["a.test.corp2.test", "a.test"]


def test_a_truncated_answer_is_not_the_last() -> None:
    """Told by packets alone, a lookup goes on over TCP."""
    found = Lookups(PID, Account())
    for qtype, number in (("A", 7), ("AAAA", 8)):
        asks(found, 0, qtype, number=number)
        assert answers(found, 1, qtype, number=number, addresses=(), truncated=True) == []

    (lookup,) = found.drain()
    assert len(lookup.queries) == 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NOT_FOUND, "dns.nxdomain"),
        (cancelled(), "cancelled"),
        (go_error("*net.DNSError", text="operation was canceled"), "cancelled"),
    ],
)
def test_failed(error, outcome: str) -> None:
    """A lookup fails with a class; one that was given up says so."""
    lookup = started().finish(2, at(1), error)

    assert lookup is not None
    assert lookup.outcome == outcome


def test_told_by_packets_alone() -> None:
    """Without a call, a lookup begins with its first question and ends with its last answer."""
    found = Lookups(PID, Account())
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
    found = Lookups(PID, Account())
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
    found = Lookups(PID, Account())

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


def test_a_flight_that_has_landed_asks_no_more() -> None:
    """Whoever shared a flight may return later than the first question of the next one is sent."""
    found = started(2, 3, 4)
    asks(found, 1, "AAAA")
    answers(found, 2, "AAAA", addresses=())
    first = found.finish(3, at(3), NOT_FOUND)
    found.start("a.test", 5, at(4))
    asks(found, 5, "A", cookie=2)
    answers(found, 6, "A", cookie=2)
    late = [found.finish(goid, at(7), NOT_FOUND) for goid in (2, 4)]
    second = found.finish(5, at(8), None)

    assert first is not None
    assert second is not None
    assert [lookup and lookup.outcome for lookup in (first, *late)] == ["local.files"] * 3
    assert [lookup and [q.qtype for q in lookup.queries] for lookup in late] == [["AAAA"], []]
    assert [query.qtype for query in second.queries] == ["A"]


def test_who_began_while_a_flight_landed() -> None:
    """It leads the next one, though others of the last have not returned."""
    found = started(2, 3)
    asks(found, 1)
    answers(found, 2, rcode="NXDOMAIN", addresses=())
    found.start("a.test", 5, at(3))
    found.finish(2, at(4), NOT_FOUND)
    asks(found, 5, cookie=2)
    answers(found, 6, cookie=2)
    led = found.finish(5, at(7), None)
    late = found.finish(3, at(8), NOT_FOUND)

    assert led is not None
    assert [query.rcode for query in led.queries] == ["NOERROR"]
    assert late is not None
    assert (late.source, late.outcome) == ("cache", "dns.nxdomain")


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls, questions, and what may still be answered or dialled are bounded; the oldest call
    is given out as it is."""
    monkeypatch.setattr(lookups, "MAX_OPEN", 2)
    monkeypatch.setattr(lookups, "MAX_QUERIES", 2)
    monkeypatch.setattr(lookups, "MAX_ASKED", 3)
    found = started(2)
    kept = [asks(found, 0, server=str(number), cookie=number) for number in range(3)]
    others = [asks(found, 0, qname="b.test", cookie=9), asks(found, 0, qname="c.test")]
    again = [asks(found, 1, server="0", cookie=number) for number in range(20, 24)]

    assert kept == [[], [], None]
    assert others[0] == []
    assert [given.host for given in others[1]] == ["a.test"]
    assert [[given.host for given in each] for each in again] == [["b.test"], [], [], []]
    assert [given.host for given in found.start("d.test", 5, at(0))] == ["c.test"]
    assert answers(found, 2, cookie=20) is None
    assert answers(found, 2, cookie=23) == []


def test_finished_lookups_are_forgotten() -> None:
    """A process that runs for days remembers its latest lookups."""
    found = Lookups(PID, Account())
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
