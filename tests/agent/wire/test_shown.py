"""What of a connection's bytes a trace shows: nothing that could be a secret, however it came."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.ip import ACK, SYN, TCP, IpPacket
from modpulse.agent.wire.shown import Shown, first_seq, masked_answer, masked_request

S = b"q7Zx9Secret"
DATA = Path(__file__).parents[2] / "data"
HELLO = (DATA / "go-tls13-client.bin").read_bytes()
HELLO_BYTES = 5 + int.from_bytes(HELLO[3:5], "big")
REQUEST = (
    b"GET http://user:%s@h.example/m/@v/list?a=%s HTTP/1.1\r\nHost: h.example\r\n"
    b"Authorization: Basic %s\r\n %s\r\nX-%s: b\r\n%s\r\nProxy-Authorization: %s\r\n\r\n%s"
    % ((S,) * 8)
)
ANSWER = (
    b"HTTP/1.1 302 %s\r\nLocation: https://s.example/?sig=%s\r\nSet-Cookie: %s\r\n\tfold=%s\r\n"
    b"%s: x\r\n\r\n%s" % ((S,) * 6)
)
FIELDS = (
    b"X-JFrog-Art-Api", b"PRIVATE-TOKEN", b"X-Api-Key", b"X-Amz-Security-Token", b"Cookie",
    b"Set-Cookie", b"Authorization", b"Proxy-Authorization", b"WWW-Authenticate", b"Location",
    b"ETag", b"Server", b"X-Anything",
)  # fmt: skip


def segment(seq: int, payload: bytes, flags: int = ACK, dport: int = 80) -> IpPacket:
    return IpPacket("a", "b", TCP, 40000, dport, flags, seq % 2**32, payload, len(payload))


def shown(*packets: tuple[bool, IpPacket]) -> list[bytes]:
    """What is shown of each packet in the end."""
    connection = Shown()
    for outgoing, packet in packets:
        connection.feed(outgoing, packet)
    return [
        connection.payload(outgoing, first_seq(packet), len(packet.payload))
        for outgoing, packet in packets
    ]


def both(request: bytes, answer: bytes) -> tuple[bytes, bytes]:
    first, second = shown((True, segment(1, request)), (False, segment(1, answer)))
    return first, second


def test_every_secret_of_a_head() -> None:
    """User info, query, folded lines, foreign names, lines that are no fields, reasons, bodies:
    masked in place, and the rest stays."""
    request, answer = both(REQUEST, ANSWER)

    assert S not in request + answer
    assert request.startswith(b"GET http://xxxx")
    assert b"@h.example/m/@v/list?x" in request
    assert b"\r\nHost: h.example\r\nAuthorization:x" in request
    assert answer.startswith(b"HTTP/1.1 302 xxx")
    assert b"\r\nLocation:xx" in answer
    assert len(request) == len(REQUEST) - len(S)
    assert len(answer) == len(ANSWER) - len(S)


@pytest.mark.parametrize("name", FIELDS)
def test_no_value_of_a_field(name: bytes) -> None:
    """Whatever a field is called, its value is not shown, and the head keeps its length."""
    field = b"%s: %s\r\n\r\n" % (name, S)
    heads = both(b"GET /m/@v/list HTTP/1.1\r\n" + field, b"HTTP/1.1 200 OK\r\n" + field)

    assert [len(head.split(b"\n", 1)[1]) for head in heads] == [len(field)] * 2
    assert S not in b"".join(heads)


@pytest.mark.parametrize(
    ("target", "masked"),
    [
        (b"/ghp_16C7e42F292c6912E7710c/m", b"/" + b"x" * 26 + b"/m"),
        (b"/token=" + S + b"/m", b"/token=" + b"x" * 13),
        (b"http://h/Ab1" + b"cD2" * 7 + b"/m", b"http://h/" + b"x" * 24 + b"/m"),
        (b"/m%3Ftoken%3D" + S, b"/m%" + b"x" * 21),
        (b"/m%253ftoken=" + S, b"/m%" + b"x" * 21),
        (b"/m/@v/list", b"/m/@v/list"),
        (b"/!azure/~x/%41", b"/!azure/~x/%41"),
        (b"/", b"/"),
        (b"*", b"x"),
        (b"/m?" + S, b"/m?xxxxxxxxxxx"),
        (b"/m;a=" + S, b"/m;xxxxxxxxxxxxx"),
        (b"//u:" + S + b"@h/x", b"//xxxxxxxxxxxxx@h/x"),
        (b"/u:" + S + b"@h/x", b"x" * 18),
        (b"http://u:/" + S + b"@h/x", b"http://xxxxxxxxxxxxxx@h/x"),
        (b"u:" + S + b"@h:443", b"xxxxxxxxxxxxx@h:443"),
        (b"h:443", b"h:443"),
        (b"http://h/x?a@b/" + S, b"http://xxxxxxxxxxxxxxxxxxx"),
    ],
)
def test_target(target: bytes, masked: bytes) -> None:
    """The target of a request keeps its server and path."""
    found = masked_request(b"GET " + target + b" HTTP/1.1\r\n\r\n")

    assert found.split(b" ")[1] == masked


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 2" + S + b" OK\r\n\r\n",
        S + b"\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
    ],
)
def test_no_answer(head: bytes) -> None:
    """A malformed status line is not shown."""
    assert masked_answer(head) == b""
    assert both(REQUEST, head)[1] == b""


@pytest.mark.parametrize(
    "payload",
    [
        b"oken: " + S + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4" + S,
        b"SECRET /x HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization: " + S,
        b"GET / HTTP/1.1\r\nA: " + b"a" * 20000 + b"\r\n\r\n",
        b"EHLO " + S + b"\r\n",
        b"\x00" + S,
    ],
)
def test_what_is_not_understood(payload: bytes) -> None:
    """The middle of something, HTTP/2 without TLS, other protocols, half a head: nothing."""
    assert shown((True, segment(1, payload)), (False, segment(1, ANSWER))) == [b"", b""]


def test_a_gap() -> None:
    """After a lost segment nothing is shown, also when it looks like a head."""
    more = b"GET /%s HTTP/1.1\r\n\r\n" % S

    assert shown(
        (True, segment(0, b"", SYN)), (True, segment(1, REQUEST[:40])),
        (True, segment(1000, more)),
    ) == [b"", b"", b""]  # fmt: skip


def test_a_request_sent_again_in_a_tunnel() -> None:
    """CONNECT that comes once more after TLS has begun is as masked as before."""
    connect = b"CONNECT h.example:443 HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n" % S
    hello = HELLO[:HELLO_BYTES]
    first, answer, begun, again = shown(
        (True, segment(1, connect)),
        (False, segment(1, b"HTTP/1.1 200 Connection established\r\n\r\n")),
        (True, segment(1 + len(connect), hello)),
        (True, segment(1, connect)),
    )

    assert first == again
    assert S not in first
    assert first.startswith(b"CONNECT h.example:443 HTTP/1.1\r\nProxy-Authorization:x")
    assert (answer[:12], begun) == (b"HTTP/1.1 200", hello)


def test_a_tunnel_of_clear_text() -> None:
    """A request within a tunnel is masked as any other."""
    connect = b"CONNECT h.example:80 HTTP/1.1\r\n\r\n"
    established = b"HTTP/1.1 200 OK\r\n\r\n"
    found = shown(
        (True, segment(1, connect)),
        (False, segment(1, established)),
        (True, segment(1 + len(connect), REQUEST)),
        (False, segment(1 + len(established), ANSWER)),
    )

    assert S not in b"".join(found)
    assert b"Host: h.example" in found[2]
    assert b"302" in found[3]


def test_plain_answer_to_a_hello() -> None:
    """A server that does not speak TLS is masked as one that speaks HTTP."""
    hello, answer = both(HELLO[:HELLO_BYTES], ANSWER)

    assert hello == HELLO[:HELLO_BYTES]
    assert answer.startswith(b"HTTP/1.1 302")
    assert S not in answer


def test_data_in_a_syn() -> None:
    """Payload of a SYN begins one further than its number."""
    (found,) = shown((True, segment(7, REQUEST, SYN)))

    assert found.startswith(b"GET http://")
    assert S not in found


CUTS = st.lists(st.integers(0, len(REQUEST)), max_size=12)


@given(CUTS, st.randoms(use_true_random=False), st.integers(0, 2**32 - 1), st.booleans())
def test_however_it_is_cut(cuts: list[int], chance, origin: int, has_syn: bool) -> None:
    """Split anywhere, sent again, overlapping, out of order: no piece shows a piece of a secret,
    and each shows what it would in order."""
    ends = sorted({0, len(REQUEST), *cuts})
    pieces = [(start, REQUEST[start:end]) for start, end in pairwise(ends)]
    pieces += [(start, REQUEST[start : start + 60]) for start in chance.sample(ends, 1)]
    syn = [(True, segment(origin - 1, b"", SYN))] if has_syn else []
    if has_syn:
        chance.shuffle(pieces)
    found = shown(*syn, *((True, segment(origin + at, piece)) for at, piece in pieces))
    whole, _ = both(REQUEST, b"")

    for (at, piece), seen in zip(pieces, found[len(syn) :], strict=True):
        assert seen == whole[at : at + len(piece)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.sampled_from([
    REQUEST, ANSWER, REQUEST[10:], ANSWER[20:], HELLO[:300], S, b"\x16\x03\x01", b"\r\n\r\n",
    b"CONNECT h:1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
])), max_size=8))  # fmt: skip
def test_whatever_comes(packets: list[tuple[bool, int, bytes]]) -> None:
    """Whatever comes on either side, in whatever order, HTTP's secrets are not shown."""
    found = shown(*((outgoing, segment(seq, payload)) for outgoing, seq, payload in packets))

    is_tls = any(payload[:1] == b"\x16" for _, _, payload in packets)
    assert is_tls or S not in b"".join(found)
