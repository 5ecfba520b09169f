"""Why a name was not resolved: what `go` ended with, beside what servers answered."""

from dataclasses import replace

import pytest
from builders import MS, at, go_error
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.records.failures import CLASSES
from modpulse.agent.records.records import Query
from modpulse.agent.tracker.resolution import (
    FailedLookup,
    is_given_up,
    is_of_lookup,
    resolution_cause,
    was_sent,
)

HOST, SERVER, SECOND = "a.test", "10.0.0.53", "10.0.0.54"
NO_HOST, MISBEHAVING, TIMEOUT = "no such host", "server misbehaving", "timeout"
SEARCHED = "a.test.corp.test"


def query(
    qtype: str = "A", rcode: str | None = None, name: str = HOST, server: str = SERVER,
    ms: float = 1, **more: object,
) -> Query:  # fmt: skip
    answer_ns = None if rcode is None else MS
    made = {"transport": "udp", "at_ns": at(ms), "answer_ns": answer_ns, **more}
    return Query(qtype=qtype, name=name, server=server, rcode=rcode, **made)  # type: ignore[arg-type]


def both(rcode: str | None, **more) -> tuple[Query, Query]:
    return query("A", rcode, **more), query("AAAA", rcode, **more)


def cause(text: str | None, *queries: Query, host: str = HOST, bad_answers: int = 0, ms: float = 9):
    error = None if text is None else go_error("*net.OpError", "*net.DNSError", text=text)
    return resolution_cause(error, FailedLookup(host, queries, bad_answers, at(ms)))


@pytest.mark.parametrize(
    ("text", "rcode", "cls", "words"),
    [
        (NO_HOST, "NXDOMAIN", "dns.nxdomain", f"does not exist, says {SERVER}"),
        (NO_HOST, "NOERROR", "dns.nodata", f"has no address, says {SERVER}"),
        (MISBEHAVING, "SERVFAIL", "dns.servfail", f"{SERVER} answered SERVFAIL"),
        (MISBEHAVING, "REFUSED", "dns.refused", f"{SERVER} answered REFUSED"),
        (MISBEHAVING, "FORMERR", "dns.servfail", f"{SERVER} answered FORMERR"),
        (MISBEHAVING, "NOTIMP", "dns.servfail", f"{SERVER} answered NOTIMP"),
        (MISBEHAVING, "NOTAUTH", "dns.servfail", f"{SERVER} answered NOTAUTH"),
        (MISBEHAVING, "YXDOMAIN", "dns.servfail", f"{SERVER} answered YXDOMAIN"),
        (TIMEOUT, None, "dns.timeout", f"no answer from {SERVER}"),
        ("lame referral", "NOERROR", "dns.servfail", f"{SERVER} only referred to other servers"),
        ("cannot unmarshal DNS message", "NOERROR", "dns.servfail",
         f"{SERVER} sent an answer that cannot be read"),
        ("cannot marshal DNS message", "NOERROR", "dns.servfail",
         f"{SERVER} sent an answer that cannot be read"),
        ("no answer from DNS server", "NOERROR", "dns.servfail",
         f"{SERVER} cut its answers short, also over TCP"),
    ],
)  # fmt: skip
def test_both_types_alike(text: str, rcode: str | None, cls: str, words: str) -> None:
    """One answer to both questions is told by its name and with its server."""
    found = cause(text, *both(rcode))

    assert (found.cls, found.against) == (cls, "resolver")
    assert found.words.removeprefix("could not be resolved: ") == words


@pytest.mark.parametrize(
    ("text", "a", "aaaa", "cls", "words"),
    [
        (MISBEHAVING, "SERVFAIL", "NXDOMAIN", "dns.servfail", "SERVFAIL for A; for AAAA NXDOMAIN"),
        (NO_HOST, "SERVFAIL", "NXDOMAIN", "dns.nxdomain", "for AAAA; for A SERVFAIL"),
        (MISBEHAVING, "NOERROR", "REFUSED", "dns.refused", "REFUSED for AAAA; for A none"),
        (NO_HOST, "NOERROR", "SERVFAIL", "dns.nodata", "for A; for AAAA SERVFAIL"),
        (TIMEOUT, None, "NXDOMAIN", "dns.timeout", f"no answer from {SERVER}"),
        (NO_HOST, None, "NXDOMAIN", "dns.nxdomain", "for AAAA; for A no answer"),
    ],
)  # fmt: skip
def test_types_that_differ(text: str, a: str, aaaa: str, cls: str, words: str) -> None:
    """What `go` ended with decides; what came for the other type is told beside it."""
    found = cause(text, query("A", a), query("AAAA", aaaa))

    assert found.cls == cls
    assert words in found.words


@pytest.mark.parametrize("searched", ["NXDOMAIN", "SERVFAIL", "REFUSED", "NOERROR", None])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("text", "rcode", "cls"),
    [
        (NO_HOST, "NXDOMAIN", "dns.nxdomain"), (NO_HOST, "NOERROR", "dns.nodata"),
        (MISBEHAVING, "SERVFAIL", "dns.servfail"), (MISBEHAVING, "REFUSED", "dns.refused"),
        (TIMEOUT, None, "dns.timeout"),
    ],
)  # fmt: skip
def test_the_name_itself_decides(
    text: str, rcode: str | None, cls: str, searched: str | None, first: bool
) -> None:
    """Whatever its search domains gave, asked before or after it; what they cost is told."""
    extra, own = both(searched, name=SEARCHED), both(rcode)

    found = cause(text, *(extra + own if first else own + extra))

    assert found.cls == cls
    assert found.words.endswith("; 2 questions for search domains too")


def test_what_the_search_list_cost() -> None:
    """The time of the search domains is told where one may notice it."""
    slow = both(None, name=SEARCHED, ms=0, attempts=2)
    found = cause(MISBEHAVING, *slow, *both("SERVFAIL", ms=20_000), ms=20_001)

    assert found.words.endswith("answered SERVFAIL; 4 questions for search domains took 20 s")


@pytest.mark.parametrize("host", ["a", "a.onion"])
def test_only_search_domains_were_asked(host: str) -> None:
    """Where the name itself is never asked, the first that was decides."""
    first = both("SERVFAIL", name=f"{host}.corp.test")
    second = both("NXDOMAIN", name=f"{host}.other.test")

    assert cause(MISBEHAVING, *first, *second, host=host).cls == "dns.servfail"


def test_several_servers() -> None:
    """Who answered is told, and who did not."""
    found = cause(MISBEHAVING, *both(None), *both("SERVFAIL", server=SECOND))

    assert found.words.endswith(f"{SECOND} answered SERVFAIL; no answer from {SERVER}")
    silent = cause(TIMEOUT, *both(None), *both(None, server=SECOND))
    assert silent.words.endswith(f"no answer from {SERVER}, {SECOND}")


def test_an_alias_without_an_address() -> None:
    """An answer with records but none of an address is an alias that leads nowhere."""
    assert "an alias without one" in cause(NO_HOST, *both("NOERROR", min_ttl_s=60)).words


@pytest.mark.parametrize(
    ("text", "cls", "words"),
    [
        (f"dial tcp {SERVER}:53: connect: connection refused", "dns.unreachable", "refuses TCP"),
        ("EOF", "dns.servfail", f"{SERVER} closed the TCP connection"),
        (f"read tcp 10.0.0.9:44->{SERVER}:53: read: connection reset by peer", "dns.servfail",
         f"{SERVER}:53 closed the TCP connection"),
        (TIMEOUT, "dns.timeout", f"no answer over TCP from {SERVER}"),
        (f"dial tcp {SERVER}:53: i/o timeout", "dns.timeout", f"over TCP from {SERVER}:53"),
    ],
)  # fmt: skip
def test_truncated(text: str, cls: str, words: str) -> None:
    """A truncated answer sends `go` to TCP, and what fails there is told with why."""
    found = cause(text, *both("NOERROR", truncated=True))

    assert found.cls == cls
    assert words in found.words
    assert "truncated" in found.words


def test_answers_over_tcp_replace_truncated_ones() -> None:
    """The answer over TCP decides."""
    cut, whole = both("NOERROR", truncated=True), both("NXDOMAIN", transport="tcp")

    assert cause(NO_HOST, *cut, *whole).cls == "dns.nxdomain"


@pytest.mark.parametrize(
    ("server", "servers", "words"),
    [
        ("10.0.0.53:53", [SERVER], "nobody listens at 10.0.0.53:53"),
        ("10.0.0.54:53", [SERVER, SECOND], f"at 10.0.0.54:53, and no answer from {SERVER}"),
        ("[::1]:53", ["::1"], "nobody listens at [::1]:53, this machine's own resolver"),
        ("[::1]:53", ["127.0.0.1", "::1"], "which go asks where resolv.conf names no server"),
    ],
)
def test_nobody_listens(server: str, servers: list[str], words: str) -> None:
    """An ICMP answer is not silence; without a server in resolv.conf that is the hint."""
    text = f"read udp 10.0.0.9:4711->{server}: read: connection refused"
    found = cause(text, *(query(server=each) for each in servers))

    assert (found.cls, found.against) == ("dns.unreachable", "resolver")
    assert found.words.endswith(words)


@pytest.mark.parametrize("why", ["no route to host", "network is unreachable", "invalid argument"])
def test_no_route(why: str) -> None:
    """A resolver that cannot be reached is told with its address."""
    found = cause(f"dial udp {SERVER}:53: connect: {why}")

    assert found.cls == "dns.unreachable"
    assert found.words.endswith(f"no route to {SERVER}:53")


@pytest.mark.parametrize(
    ("why", "cls"),
    [
        ("socket: too many open files", "local.files"),
        ("socket: too many open files in system", "local.files"),
        ("socket: no buffer space available", "local.files"),
        ("connect: cannot assign requested address", "local.files"),
        ("connect: operation not permitted", "local.permission"),
        ("connect: permission denied", "local.permission"),
        ("socket: address family not supported by protocol", "local.permission"),
    ],
)
def test_this_machine(why: str, cls: str) -> None:
    """What a machine refuses its own programs speaks against no server."""
    error = go_error("*net.DNSError", text=f"dial udp {SERVER}:53: {why}")
    found = resolution_cause(error, FailedLookup(HOST))

    assert (found.cls, found.against) == (cls, "machine")
    assert why.partition(": ")[2] in found.words
    assert not was_sent(error)


def test_a_question_that_was_never_sent() -> None:
    """`go` asks for both types; where one is missing it had no socket for it."""
    found = cause(NO_HOST, query("AAAA", "NOERROR"))

    assert (found.cls, found.against) == ("local.files", "machine")
    assert resolution_cause(None, FailedLookup(HOST, [query("A", "NOERROR")])).cls == "dns.nodata"


def test_answers_of_another_lookup() -> None:
    """Nobody is quoted with what no answer says."""
    found = cause("no such host", *both("NOERROR", addresses=("192.0.2.1",)))

    assert found.cls == "dns.nxdomain"
    assert found.words.startswith("does not exist, says go; no answer of 10.0.0.53 that was seen")


def test_answers_that_are_none() -> None:
    """Wrong numbers, wrong names and garbage are told beside the silence that they are to go."""
    assert cause(TIMEOUT, *both(None), bad_answers=2).words.endswith("2 came that are none")
    assert cause(TIMEOUT, *both(None), bad_answers=1).words.endswith("1 came that is none")


@pytest.mark.parametrize(
    ("host", "cls", "words"),
    [
        ("under_score..lab.test", "local.config", "not a valid host name"),
        (f"{'a' * 64}.test", "local.config", "not a valid host name"),
        ("a.onion", "local.config", "never asked of DNS"),
        ("as.lab.test;direct", "local.config", "parted by , and |"),
        ("as lab.test", "local.config", "not a valid host name"),
        ("-as.lab.test", "local.config", "not a valid host name"),
        ("1.2.3", "local.config", "not a valid host name"),
        ("under_score.xn--h1a.test.", "dns.nxdomain", "nsswitch.conf"),
        ("\u0430.test", "dns.nxdomain", "nsswitch.conf"),
        (HOST, "dns.nxdomain", "nsswitch.conf"),
    ],
)
def test_nobody_was_asked(host: str, cls: str, words: str) -> None:
    """A name that was looked up nowhere speaks against the configuration."""
    found = cause(NO_HOST, host=host)

    assert (found.cls, found.against) == (cls, "configuration")
    assert words in found.words


@pytest.mark.parametrize(
    ("rcodes", "cls"),
    [
        (["NXDOMAIN"], "dns.nxdomain"), (["NOERROR"], "dns.nodata"),
        (["SERVFAIL"], "dns.servfail"), (["REFUSED"], "dns.refused"), ([None], "dns.timeout"),
        ([None, "NOERROR"], "dns.servfail"), ([], "dns.servfail"),
    ],
)  # fmt: skip
def test_packets_alone(rcodes: list[str | None], cls: str) -> None:
    """Without the error of `go`, the last answers decide."""
    queries = [query(qtype, rcode) for qtype, rcode in zip(("A", "AAAA"), rcodes, strict=False)]
    assert resolution_cause(None, FailedLookup(HOST, queries)).cls == cls


def test_an_empty_list_of_addresses() -> None:
    """Go 1.19 looks a name up in files alone without an error, and then has no address to dial."""
    error = go_error("*net.OpError", "*net.AddrError", text="no suitable address found")

    assert is_of_lookup(error)
    assert not is_of_lookup(go_error("*net.AddrError", text="missing port in address"))
    found = resolution_cause(error, FailedLookup(HOST))
    assert (found.cls, found.against) == ("dns.nxdomain", "configuration")


def test_a_text_that_was_cut() -> None:
    """Of a long text its end says what the system call failed with."""
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    text = f"read udp [{address}]:45678->[{address}]:53: read: connection refu"
    error = replace(go_error("*net.DNSError", text=text), tail="read: connection refused")

    found = resolution_cause(error, FailedLookup(HOST))
    assert (found.cls, f"[{address}]:53" in found.words) == ("dns.unreachable", True)


def test_given_up() -> None:
    """A lookup whose caller gave up has not failed."""
    assert is_given_up(go_error("*net.DNSError", text="operation was canceled"))
    assert not is_given_up(go_error("*net.DNSError", text=TIMEOUT))


RCODES = st.sampled_from([None, "NOERROR", "NXDOMAIN", "SERVFAIL", "BADVERS"])
SERVERS = st.sampled_from([SERVER, "::1", "127.0.0.1"])
QUERIES = st.lists(
    st.builds(
        query, st.sampled_from(["A", "AAAA"]), RCODES, st.sampled_from([HOST, SEARCHED]), SERVERS,
        st.integers(0, 9),
    )
)  # fmt: skip
TEXTS = st.one_of(
    st.none(),
    st.text(),
    st.builds(
        "{} {} {}: {}".format,
        st.sampled_from(["dial", "read"]),
        st.sampled_from(["udp", "tcp"]),
        st.sampled_from(["10.0.0.53:53", "[fe80::1%eth0]:53", "x", ":", "a->b:53"]),
        st.sampled_from(["connection refused", "read: connection refused", "i/o timeout", "?"]),
    ),
)


@given(TEXTS, QUERIES, st.text(), st.integers(0, 3))
def test_always_a_cause(text: str | None, queries: list[Query], host: str, bad: int) -> None:
    """Whatever was said and seen, it has a class and words."""
    found = cause(text, *queries, host=host, bad_answers=bad)

    assert found.cls in CLASSES
    assert found.words


def test_a_lookup_that_was_not_seen() -> None:
    """The error alone still has a cause."""
    error = go_error("*net.DNSError", text=MISBEHAVING)

    assert resolution_cause(error, None).cls == "dns.servfail"
