"""What one connection says of itself: transcripts of (outgoing, bytes) in, facts out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.http1 import HttpRequest, HttpStatus
from modpulse.agent.wire.ip import ACK, SYN, TCP, IpPacket
from modpulse.agent.wire.opening import Fact, NotTls, Opening, SocksGreeting, Tunnel, What
from modpulse.agent.wire.socks import SocksReply
from modpulse.agent.wire.tls import Alert, ClientHello, Encrypted, LeafCertificate, ServerHello

DATA = Path(__file__).parents[2] / "data"
CONNECT = b"CONNECT goproxy.example:443 HTTP/1.1\r\nHost: goproxy.example:443\r\n\r\n"


def recorded(name: str) -> bytes:
    return (DATA / f"{name}.bin").read_bytes()


def watch(
    transcript: list[tuple[bool, bytes]], chunk: int = 1400, watcher: Opening | None = None
) -> list[Fact]:
    """Feed a connection, packet by packet; at_ns counts the packets."""
    watcher = watcher or Opening()
    next_seq = {True: 100, False: 200}
    seen: list[Fact] = []
    at_ns = 0
    for outgoing, data in transcript:
        for start in range(0, len(data), chunk):
            at_ns += 1
            payload = data[start : start + chunk]
            packet = segment(next_seq[outgoing], payload)
            next_seq[outgoing] += len(payload)
            seen += watcher.feed(at_ns, outgoing, packet)
    return seen


def segment(seq: int, payload: bytes, flags: int = ACK, size: int | None = None) -> IpPacket:
    size = len(payload) if size is None else size
    return IpPacket("10.0.0.1", "10.0.0.2", TCP, 40000, 443, flags, seq, payload, size)


def handshake(name: str) -> list[tuple[bool, bytes]]:
    """Both sides of a recording, the ClientHello first."""
    client = recorded(f"{name}-client")
    hello_bytes = 5 + int.from_bytes(client[3:5], "big")
    return [
        (True, client[:hello_bytes]),
        (False, recorded(f"{name}-server")),
        (True, client[hello_bytes:]),
    ]


FULL: list[tuple[bool, type[What]]] = [
    (True, ClientHello),
    (False, ServerHello),
    (False, Encrypted),
    (True, Encrypted),
]


def kinds(seen: list[Fact]) -> list[tuple[bool, type[What]]]:
    return [(each.outgoing, type(each.what)) for each in seen]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("go-tls13", FULL),
        ("go-tls13-retry", FULL),
        ("go-tls12", [*FULL[:2], (False, LeafCertificate), *FULL[2:]]),
        (
            "go-tls12-untrusted",
            [(True, ClientHello), (False, ServerHello), (False, LeafCertificate), (True, Alert)],
        ),
        ("go-alert", [(True, ClientHello), (False, Alert)]),
    ],
)
def test_handshakes(name: str, expected: list[tuple[bool, type[What]]]) -> None:
    """A handshake tells its hellos once, the leaf up to TLS 1.2, and alerts of either side."""
    seen = watch(handshake(name))

    assert expected == kinds(seen)
    assert expected == kinds(watch(handshake(name), chunk=1))


def test_times_are_of_the_completing_packet() -> None:
    """A ClientHello in two segments is seen with the second one."""
    seen = watch(handshake("go-tls13"))

    assert [each.at_ns for each in seen] == [2, 3, 3, 5]


@pytest.mark.parametrize(
    ("name", "resumed"),
    [("go-tls12", False), ("openssl-tls12-resumed", True), ("openssl-tls13-resumed", True)],
)
def test_resumption(name: str, resumed: bool) -> None:
    """Both hellos together tell whether a session goes on, in either way of resuming."""
    hello = next(each.what for each in watch(handshake(name)) if not each.outgoing)

    assert isinstance(hello, ServerHello)
    assert resumed == hello.resumed


def test_plain_http_on_the_tls_port() -> None:
    """An answer in clear text to a ClientHello is not TLS, and its status is read."""
    answer = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request"
    seen = watch([handshake("go-tls13")[0], (False, answer)])

    assert [NotTls(), HttpStatus("1.0", 400)] == [each.what for each in seen[1:]]


def test_anything_else_on_the_tls_port() -> None:
    """A server of another protocol is not TLS either."""
    seen = watch([handshake("go-tls13")[0], (False, b"SSH-2.0-OpenSSH_9.2\r\n")])

    assert NotTls() == seen[-1].what


def test_tunnel_through_an_http_proxy() -> None:
    """CONNECT names where to; behind the proxy's 200 the handshake is read as any other."""
    transcript = [
        (True, CONNECT),
        (False, b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"),
        *handshake("go-tls12"),
    ]
    expected = [HttpRequest, HttpStatus, Tunnel, ClientHello, ServerHello, LeafCertificate]
    expected += [Encrypted, Encrypted]

    assert expected == [type(each.what) for each in watch(transcript)]
    assert expected == [type(each.what) for each in watch(transcript, chunk=1)]
    assert HttpRequest("CONNECT", "goproxy.example:443") == watch(transcript)[0].what


def test_refused_tunnel() -> None:
    """A 407 is the last thing such a connection tells."""
    watcher = Opening()
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    seen = watch([(True, CONNECT), (False, answer)], watcher=watcher)

    assert HttpStatus("1.1", 407) == seen[-1].what
    assert watcher.done


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 407 authenticationrequired\r\n\r\n", 407),
        (b"HTTP/1.1 503 \r\n\r\n", 503),
        (b"HTTP/1.1 503\r\n\r\n", 503),
        (b"HTTP/1.0 403 Blocked by policy 17\n\n", 403),
        (b"HTTP/1.1  502 two spaces\r\n\r\n", 502),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 100),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 599 Who knows\r\n", 599),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1400])
def test_a_proxy_that_gives_no_tunnel(answer: bytes, status: int, chunk: int) -> None:
    """As for `go`, the first status of all is the answer, and only 200 makes a tunnel."""
    seen = watch([(True, CONNECT), (False, answer)], chunk)

    assert [each.what.status for each in seen if isinstance(each.what, HttpStatus)] == [status]
    assert Tunnel not in {type(each.what) for each in seen}


def test_a_page_instead_of_a_tunnel() -> None:
    """What speaks first behind a 200 is no TLS server, but whoever answered."""
    seen = watch([(True, CONNECT), (False, b"HTTP/1.1 200 OK\r\n\r\n<html>")])

    assert HttpStatus("1.1", 200) == seen[-1].what


@pytest.mark.parametrize(
    "answer", [b"\0\1 not HTTP\r\n\r\n", b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 200 C"]
)
def test_no_answer_to_a_connect(answer: bytes) -> None:
    """Nothing is told of what is not an answer, or not whole."""
    assert [type(each.what) for each in watch([(True, CONNECT), (False, answer)])] == [HttpRequest]


GREETING, ASKED = b"\5\1\0", b"\5\1\0\3\x0bhost.a.test\1\xbb"
STANDS = b"\5\0\0\1\0\0\0\0\0\0"


@pytest.mark.parametrize("chunk", [1, 1400])
@pytest.mark.parametrize(
    "before",
    [
        [(True, GREETING), (False, b"\5\0"), (True, ASKED)],
        [(True, b"\5\2\0\2"), (False, b"\5\2"), (True, b"\1\4user\6s3cret"), (False, b"\1\0"),
         (True, ASKED)],
    ],
)  # fmt: skip
def test_tunnel_through_a_socks_proxy(before: list, chunk: int) -> None:
    """Behind the proxy's reply the handshake is read as any other, with a login or without."""
    seen = watch([*before, (False, STANDS), *handshake("go-tls13")], chunk)

    assert [SocksGreeting(), SocksReply(0)] == [each.what for each in seen[:2]]
    assert kinds(seen[2:]) == FULL


@pytest.mark.parametrize(
    ("answers", "code"),
    [([b"\5\0", b"\5\5"], 5), ([b"\5\xff"], 255), ([b"\5\2", b"\1\1"], 255)],
)
def test_a_socks_proxy_that_gives_no_tunnel(answers: list[bytes], code: int) -> None:
    """Its reply says why; a login that it refuses, or cannot have, is one of its own."""
    watcher = Opening()
    seen = watch([(True, GREETING), *((False, answer) for answer in answers)], watcher=watcher)

    assert [SocksGreeting(), SocksReply(code)] == [each.what for each in seen]
    assert watcher.done


def test_clear_text_request() -> None:
    """The first request and its status of plain HTTP are read."""
    seen = watch(
        [(True, b"GET /m/@v/list HTTP/1.1\r\nHost: x\r\n\r\n"), (False, b"HTTP/1.1 404 x\r\n\r\n")]
    )

    assert [HttpRequest("GET", "/m/@v/list"), HttpStatus("1.1", 404)] == [s.what for s in seen]


def test_lost_packet() -> None:
    """With the second half of a ClientHello lost, the end of the connection tells the first."""
    watcher = Opening()
    hello = recorded("go-tls13-client")
    assert watcher.feed(1, True, segment(10, b"", SYN)) == []
    assert watcher.feed(2, True, segment(11, hello[:1000])) == []
    seen = watcher.finish(9)

    assert [(each.what.sni, each.at_ns) for each in seen if isinstance(each.what, ClientHello)] == [
        ("localhost", 9)
    ]


def test_cut_packet() -> None:
    """With the ClientHello cut at the snap length, what was captured counts at once."""
    hello = recorded("go-tls13-client")
    seen = Opening().feed(5, True, segment(11, hello[:600], size=1517))

    assert [(True, ClientHello)] == kinds(seen)


def test_cut_answer() -> None:
    """An answer cut before its hello is whole ends the matter."""
    watcher = Opening()
    seen = watch(handshake("go-tls13")[:1], watcher=watcher)
    seen += watcher.feed(9, False, segment(200, recorded("go-tls13-server")[:20], size=1400))

    assert kinds(seen) == [(True, ClientHello)]


def test_cut_flight_of_the_server() -> None:
    """With the server's flight cut behind its hello, the client still tells the end."""
    watcher = Opening()
    hello, (_, server), (_, finished) = handshake("go-tls12-untrusted")
    seen = watch([hello], watcher=watcher)
    seen += watcher.feed(8, False, segment(200, server[:100], size=len(server)))
    seen += watcher.feed(9, True, segment(100 + len(hello[1]), finished))

    assert kinds(seen) == [(True, ClientHello), (False, ServerHello), (True, Alert)]


def test_server_first() -> None:
    """Packets of the two sides may come in the wrong order from two processors."""
    client, server, _ = handshake("go-tls13")

    assert set(FULL[:3]) == set(kinds(watch([server, client])))


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=12))
def test_any_bytes(transcript: list[tuple[bool, bytes]]) -> None:
    """Nothing that two peers say raises."""
    watch(transcript, chunk=7)
    watch([*handshake("go-tls12")[:1], *transcript])
    watch([(True, CONNECT), *transcript])
    watch([(True, GREETING), (False, b"\5"), *transcript])
