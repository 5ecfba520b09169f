"""DNS messages."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.dns import MAX_ADDRESSES, DnsMessage, parse_dns, take_message
from modpulse.agent.wire.reader import WireError

QUERY = dns.message.make_query("Proxy.Example.", "A", id=7)
ANSWER = dns.message.make_response(QUERY)
ANSWER.answer = [
    dns.rrset.from_text("proxy.example.", 300, "IN", "CNAME", "edge.example."),
    dns.rrset.from_text("edge.example.", 30, "IN", "A", "10.0.0.1"),
    dns.rrset.from_text("edge.example.", 30, "IN", "A", "10.0.0.2"),
]


def test_query() -> None:
    """A question has no answer code."""
    found = parse_dns(QUERY.to_wire())

    assert DnsMessage(7, False, "proxy.example", "A", None, False, None, ()) == found


def test_answer() -> None:
    """An answer tells its addresses behind aliases, and the smallest TTL of the way."""
    found = parse_dns(ANSWER.to_wire())

    assert found == DnsMessage(
        7, True, "proxy.example", "A", "NOERROR", False, 30, ("10.0.0.1", "10.0.0.2")
    )


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL", "REFUSED", "BADVERS"])
def test_rcode(rcode: str) -> None:
    """The code is named as IANA does, the extended ones of EDNS too."""
    message = dns.message.make_response(dns.message.make_query("x.example", "AAAA", use_edns=0))
    message.set_rcode(dns.rcode.from_text(rcode))
    found = parse_dns(message.to_wire())

    assert ("AAAA", rcode, None, ()) == (
        found.qtype, found.rcode, found.min_ttl_s, found.addresses,
    )  # fmt: skip


def test_truncated() -> None:
    """An answer that asks for TCP says so."""
    message = dns.message.make_response(QUERY)
    message.flags |= dns.flags.TC

    assert parse_dns(message.to_wire()).truncated


def test_cut_at_the_snap_length() -> None:
    """Of an answer that was cut, the records before the cut count; the question must be whole."""
    wire = ANSWER.to_wire()
    found = parse_dns(wire[:-5])

    assert (found.rcode, found.addresses) == ("NOERROR", ("10.0.0.1",))
    for size in range(31):
        with pytest.raises(WireError):
            parse_dns(wire[:size])


def test_addresses_are_bounded() -> None:
    """An answer with very many addresses is cut."""
    message = dns.message.make_response(QUERY)
    message.answer = [
        dns.rrset.from_text(
            "proxy.example.", 30, "IN", "A", *(f"10.0.0.{last}" for last in range(200))
        )
    ]

    assert len(parse_dns(message.to_wire()).addresses) == MAX_ADDRESSES


@pytest.mark.parametrize(
    "hostile",
    [
        QUERY.to_wire()[:12] + b"\xc0\x0c\x00\x01\x00\x01",
        QUERY.to_wire()[:12] + b"\xc0\xff\x00\x01\x00\x01",
        b"\0\7\x81\x80\xff\xff\xff\xff\xff\xff\xff\xff" + b"\xc0\x0c" * 4000,
        b"\0\7\x81\x80" + bytes(8),
    ],
)
def test_hostile(hostile: bytes) -> None:
    """Names that point at themselves, counts without records and no question are refused."""
    with pytest.raises(WireError):
        parse_dns(hostile)


def test_long_names_cost_nothing() -> None:
    """Names of many labels in very many records are walked over, not built."""
    name = b"\x01a" * 120 + b"\0"
    alias = b"\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xc0\x0c"
    hostile = b"\0\7\x81\x80\0\1\xff\xff\0\0\0\0" + name + b"\0\1\0\1" + alias * 500
    found = parse_dns(hostile)

    assert (found.min_ttl_s, found.addresses) == (1, ())


@given(st.binary(max_size=200), st.sampled_from([b"", QUERY.to_wire()[:12], ANSWER.to_wire()]))
def test_only_wire_errors(data: bytes, start: bytes) -> None:
    """Arbitrary bytes raise nothing but WireError."""
    try:
        parse_dns(start + data)
    except WireError:
        return


@given(st.integers(0, 90), st.binary(min_size=1, max_size=3))
def test_damaged_answers(at: int, junk: bytes) -> None:
    """A damaged answer is read or refused."""
    wire = ANSWER.to_wire()
    try:
        parse_dns(wire[:at] + junk + wire[at + len(junk) :])
    except WireError:
        return


def test_messages_over_tcp() -> None:
    """Over TCP each message is preceded by its length; an incomplete one waits."""
    one = QUERY.to_wire()
    framed = len(one).to_bytes(2, "big") + one

    assert take_message(framed + b"\0") == (one, len(framed))
    assert [None] * len(framed) == [take_message(framed[:size]) for size in range(len(framed))]
