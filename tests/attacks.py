"""What a stranger may do to a server, by name: until the server ends it."""

import dataclasses

TOKEN = "0123456789abcdef"
POST = b"POST /api/v1/batches HTTP/1.1\r\nHost: c\r\nContent-Type: application/msgpack\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n"
BEARER = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
KNOWN_POST = POST + BEARER
KNOWN_GET = b"GET /api/v1/proxies HTTP/1.1\r\nHost: c\r\n" + BEARER + b"\r\n"
MIB = b"x" * (1 << 20)
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
BOTH, PLAIN, TLS = ("plain", "tls"), ("plain",), ("tls",)


@dataclasses.dataclass(frozen=True)
class Attack:
    """What one stranger does until the collector ends it."""

    opening: bytes = b""
    stream: bytes = b""
    """Sent again and again, as fast as it is taken."""
    drip: bytes = b""
    """Sent again and again, slowly."""
    answer: bytes | None = b""
    """How what comes back begins, for one who does it alone; None: it may not see it."""
    modes: tuple[str, ...] = BOTH
    below_tls: bool = False
    """On the bare connection, also where the collector speaks TLS."""
    then: str = ""
    """`fin`: says no more, but stays; `reset`; `deaf`: never reads."""


def chunk_of(extension: bytes) -> bytes:
    return b"1;" + extension + b"\r\nx\r\n"


ATTACKS = {
    # Nothing, or no end of a handshake.
    "silence": Attack(below_tls=True),
    "half a ClientHello": Attack(b"\x16\x03\x01\x02\x00\x01", modes=TLS, below_tls=True),
    "ClientHello by the byte": Attack(
        b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03", drip=b"\0", modes=TLS, below_tls=True
    ),
    "handshake without end": Attack(
        stream=b"\x16\x03\x01\x40\x00" + b"\1" * 0x4000,
        answer=None,  # an alert, which a reset may overtake
        modes=TLS,
        below_tls=True,
    ),
    "HTTP where TLS is spoken": Attack(GET, stream=MIB, modes=TLS, below_tls=True),
    "TLS where HTTP is spoken": Attack(
        b"\x16\x03\x01", stream=MIB, answer=b"HTTP/1.1 400 ", modes=PLAIN
    ),
    "FIN at once": Attack(then="fin", below_tls=True),
    "silence after the handshake": Attack(modes=TLS),
    # Heads.
    "empty lines, slowly": Attack(drip=b"\r\n"),
    "empty lines without end": Attack(stream=b"\r\n" * 4096, answer=b"HTTP/1.1 431 "),
    "head by the byte": Attack(POST + b"X-Slow: ", drip=b"x"),
    "head without end": Attack(POST, stream=b"X-More: x\r\n", answer=b"HTTP/1.1 431 "),
    "value without end": Attack(POST + b"X-More: ", stream=MIB, answer=b"HTTP/1.1 431 "),
    "name without end": Attack(POST, stream=MIB, answer=b"HTTP/1.1 431 "),
    "target without end": Attack(b"GET /", stream=MIB, answer=b"HTTP/1.1 431 "),
    "method without end": Attack(stream=b"X" * 4096, answer=b"HTTP/1.1 400 "),
    "1000 headers": Attack(POST + b"a:\r\n" * 1000 + b"\r\n", answer=b"HTTP/1.1 431 "),
    "half a head and FIN": Attack(POST, then="fin"),
    # Bodies of those who are refused.
    "401, body never sent": Attack(POST + b"Content-Length: 9\r\n\r\n", answer=b"HTTP/1.1 401 "),
    "401, body slowly": Attack(
        POST + b"Content-Length: 1000000\r\n\r\n", drip=b"x", answer=b"HTTP/1.1 401 "
    ),
    "401, announced and sent": Attack(
        POST + b"Content-Length: 9000000000\r\n\r\n", stream=MIB, answer=b"HTTP/1.1 401 "
    ),
    "401, chunks": Attack(POST + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 401 "),
    "401, one chunk more": Attack(POST + CHUNKED, drip=b"1\r\nx\r\n", answer=b"HTTP/1.1 401 "),
    "401, extensions": Attack(
        POST + CHUNKED, stream=chunk_of(b"x" * 60_000), answer=b"HTTP/1.1 401 "
    ),
    "401, extension without end": Attack(
        POST + CHUNKED + b"1;", stream=MIB, answer=b"HTTP/1.1 401 "
    ),
    "401 or 431, trailers": Attack(
        POST + CHUNKED + b"0\r\n", stream=b"X-Trailer: x\r\n" * 4096, answer=b"HTTP/1.1 4"
    ),
    "413, chunks of a byte with the head": Attack(
        POST + CHUNKED + b"1\r\nx\r\n" * 4000, stream=b"1\r\nx\r\n" * 4096, answer=b"HTTP/1.1 4"
    ),
    "413, crumbs with extensions": Attack(
        POST + CHUNKED + b"1;a\r\nx\r\n" * 4000, stream=b"1;a\r\nx\r\n" * 4096, answer=b"HTTP/1.1 4"
    ),
    "401, trailer without end": Attack(
        POST + CHUNKED + b"0\r\nX: ", stream=MIB, answer=b"HTTP/1.1 401 "
    ),
    "401 and an empty line": Attack(
        POST + b"Content-Length: 0\r\n\r\n", drip=b"\r\n", answer=b"HTTP/1.1 401 "
    ),
    "401, waits to continue": Attack(
        POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", answer=b"HTTP/1.1 401 "
    ),
    "401, token in a trailer": Attack(
        POST + CHUNKED + b"0\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n",
        answer=b"HTTP/1.1 401 ",
    ),
    "401, FIN in the body": Attack(
        POST + b"Content-Length: 9\r\n\r\nx", answer=b"HTTP/1.1 401 ", then="fin"
    ),
    "404 with a body": Attack(
        b"POST /x HTTP/1.1\r\n" + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 404 "
    ),
    "405 with a body": Attack(
        b"POST /healthz HTTP/1.1\r\n" + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 405 "
    ),
    "GET with a body": Attack(
        b"GET /healthz HTTP/1.1\r\n" + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 200 "
    ),
    # After an answer.
    "stays after its answer": Attack(GET, answer=b"HTTP/1.1 200 "),
    "empty line after its answer": Attack(GET, drip=b"\r\n", answer=b"HTTP/1.1 200 "),
    "asks slowly again": Attack(GET, drip=GET, answer=b"HTTP/1.1 200 "),
    "asks without reading": Attack(stream=GET * 10_000, then="deaf"),
    "HEAD": Attack(b"HEAD /healthz HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 200 "),
    "HTTP/1.0 that stays": Attack(
        b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answer=b"HTTP/1.1 200 "
    ),
    "HTTP/0.9": Attack(b"GET /healthz\r\n\r\n", answer=b"HTTP/1.1 200 "),
    "FIN after the request": Attack(GET, answer=b"HTTP/1.1 200 ", then="fin"),
    "reset after the request": Attack(GET, then="reset"),
    "reset in a head": Attack(POST, then="reset"),
    # Other protocols, other framing.
    "h2 preface": Attack(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", stream=b"\0" * 65_536, answer=b"HTTP/1.1 400 "
    ),
    "h2c": Attack(
        b"GET /healthz HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        stream=MIB,
        answer=b"HTTP/1.1 200 ",
    ),
    "websocket": Attack(
        b"GET /healthz HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        stream=MIB,
        answer=b"HTTP/1.1 200 ",
    ),
    "CONNECT": Attack(b"CONNECT c:1 HTTP/1.1\r\n\r\n", stream=MIB, answer=b"HTTP/1.1 40"),
    "OPTIONS *": Attack(b"OPTIONS * HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 40"),
    "length and chunks": Attack(
        POST + b"Content-Length: 9\r\n" + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 400 "
    ),
    "chunks not last": Attack(
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n", stream=CHUNK, answer=b"HTTP/1.1 400 "
    ),
    "two lengths": Attack(
        POST + b"Content-Length: 9\r\nContent-Length: 8\r\n\r\n", answer=b"HTTP/1.1 400 "
    ),
    "length beyond 64 bits": Attack(
        POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", answer=b"HTTP/1.1 400 "
    ),
    "length that is none": Attack(POST + b"Content-Length: -1\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "a length twice": Attack(
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", answer=b"HTTP/1.1 400 "
    ),
    "a list of lengths": Attack(POST + b"Content-Length: 1, 1\r\n\r\nx", answer=b"HTTP/1.1 400 "),
    "a signed length": Attack(POST + b"Content-Length: +1\r\n\r\nx", answer=b"HTTP/1.1 400 "),
    "two credentials": Attack(
        KNOWN_POST + b"Authorization: Bearer x\r\nContent-Length: 0\r\n\r\n",
        answer=b"HTTP/1.1 400 ",
    ),
    "no length": Attack(POST + b"Content-Length:\r\n\r\nx", answer=b"HTTP/1.1 400 "),
    "chunks, then a length": Attack(
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        answer=b"HTTP/1.1 400 ",
    ),
    "chunks twice": Attack(
        POST + b"Transfer-Encoding: chunked\r\n" + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 400 "
    ),
    "chunks that are none": Attack(
        POST + b"Transfer-Encoding: xchunked\r\n\r\n", stream=CHUNK, answer=b"HTTP/1.1 400 "
    ),
    "chunks before a colon": Attack(
        POST + b"Transfer-Encoding : chunked\r\n\r\n", stream=CHUNK, answer=b"HTTP/1.1 400 "
    ),
    "a chunk beyond 64 bits": Attack(
        POST + CHUNKED + b"F" * 17 + b"\r\n", stream=MIB, answer=b"HTTP/1.1 40"
    ),
    "a chunk of 4 GiB": Attack(
        POST + CHUNKED + b"FFFFFFFF\r\n", stream=MIB, answer=b"HTTP/1.1 401 "
    ),
    "a chunk that is signed": Attack(POST + CHUNKED + b"-1\r\nx", answer=b"HTTP/1.1 40"),
    "a chunk size without end": Attack(POST + CHUNKED, stream=b"0" * 65_536, answer=b"HTTP/1.1 4"),
    "a chunk that goes on": Attack(POST + CHUNKED + b"1\r\nxy", answer=b"HTTP/1.1 40"),
    "chunks in HTTP/1.0": Attack(
        b"POST /healthz HTTP/1.0\r\n" + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 405 "
    ),
    "a folded header": Attack(
        POST + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n", answer=b"HTTP/1.1 400 "
    ),
    "a header before the first": Attack(
        b"GET /healthz HTTP/1.1\r\n X: a\r\n\r\n", answer=b"HTTP/1.1 400 "
    ),
    "a CR in a value": Attack(POST + b"X: a\rY: b\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "lines without CR": Attack(b"GET /healthz HTTP/1.1\nX: a\n\n", answer=b"HTTP/1.1 400 "),
    "a NUL in a value": Attack(POST + b"X: a\0b\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "a header without colon": Attack(POST + b"Xa\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "a header without name": Attack(POST + b": a\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "a blank in the target": Attack(b"GET /a b HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "a control in the target": Attack(b"GET /a\x01 HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "a blank before the method": Attack(b" GET / HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "another version": Attack(b"GET /healthz HTTP/9.9\r\n\r\n", answer=b"HTTP/1.1 400 "),
    "HTTP/2.0 in words": Attack(
        b"GET /healthz HTTP/2.0\r\n\r\n", stream=MIB, answer=b"HTTP/1.1 200 "
    ),
    "another protocol": Attack(b"OPTIONS * RTSP/1.0\r\n\r\n", answer=b"HTTP/1.1 40"),
    "the whole URL": Attack(
        b"GET http://other.example:80/healthz HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 200 "
    ),
    "the whole URL, user info": Attack(
        b"GET http://a:b@other.example/api/v1/proxies HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 401 "
    ),
    "a host alone": Attack(b"GET other.example:80 HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 40"),
    "CONNECT with a body": Attack(
        b"CONNECT c:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", stream=MIB, answer=b"HTTP/1.1 40"
    ),
    "a path that goes up": Attack(b"GET /x/../healthz HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 404 "),
    "h2c with a body": Attack(
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\n",
        stream=MIB,
        answer=b"HTTP/1.1 401 ",
    ),
    "expects what nobody knows": Attack(
        POST + b"Expect: 200-maybe\r\nContent-Length: 9\r\n\r\n", answer=b"HTTP/1.1 401 "
    ),
    "two tokens": Attack(
        POST + b"Authorization: Bearer " + TOKEN.encode() + b"\r\nAuthorization: Bearer x\r\n\r\n",
        answer=b"HTTP/1.1 400 ",
    ),
    # Who has a token, and no batch.
    "body never sent": Attack(KNOWN_POST + b"Content-Length: 9\r\n\r\n", answer=b"HTTP/1.1 408 "),
    "body slowly": Attack(
        KNOWN_POST + b"Content-Length: 1000000\r\n\r\n", drip=b"x", answer=b"HTTP/1.1 408 "
    ),
    "waits to continue, then nothing": Attack(
        KNOWN_POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        answer=b"HTTP/1.1 100 ",
    ),
    "chunks without end": Attack(KNOWN_POST + CHUNKED, stream=CHUNK, answer=b"HTTP/1.1 413 "),
    "crumbs without end": Attack(
        KNOWN_POST + CHUNKED, stream=b"1\r\nx\r\n" * 4096, answer=b"HTTP/1.1 413 "
    ),
    "trailers without end": Attack(
        KNOWN_POST + CHUNKED + b"0\r\n", stream=b"X: x\r\n" * 4096, answer=b"HTTP/1.1 431 "
    ),
    "half a body and FIN": Attack(
        KNOWN_POST + b"Content-Length: 9\r\n\r\nx", answer=b"HTTP/1.1 400 ", then="fin"
    ),
    "asks for all without reading": Attack(stream=KNOWN_GET * 1000, then="deaf"),
    "target that is none": Attack(b"GET \xff\xfe HTTP/1.1\r\n\r\n", answer=b"HTTP/1.1 40"),
    # Ends of TLS.
    "close_notify, then silence": Attack(then="notify", modes=TLS),
    "close_notify after the request": Attack(GET, answer=None, then="notify", modes=TLS),
}
