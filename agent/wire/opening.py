"""
What one TCP connection says of itself before it is encrypted.

Knows nothing of processes, sockets or clocks. The tracker keeps one Opening per cookie,
feeds it each packet of the connection with `parse_ip(event.data, event.length)`, acts on what
`feed` returns, and drops it once it is `done`; when the connection closes, `finish` returns
what a cut ClientHello still tells. Only the first payload packets are needed, SYNs help but may
be missing. It serves for connections under eBPF and in a replay alike:

    opening.feed(event.at_ns, event.outgoing, packet)
    → ClientHello    sni, alpn, versions: the first hello only, not the one after a retry
    → ServerHello    version and cipher as numbers (tls_names), resumed
    → LeafCertificate der, up to TLS 1.2; give it to certificate.parse_certificate
    → Alert          in clear text, of either side: `outgoing` tells whose
    → Encrypted      this side is encrypted from here on; under TLS 1.3 `outgoing` is the end of the
                     handshake, up to TLS 1.2 the later of the two
    → NotTls         the client spoke TLS and the server something else
    → HttpRequest    CONNECT (then `target` is where to, and this is a connection via an HTTP
                     proxy), or the first request in clear text
    → HttpStatus     the answer to it, or to a ClientHello (400 of a plain HTTP server)
    → Tunnel         an HTTP proxy answered 200 to a CONNECT and nothing that were a page
    → SocksReply     of a SOCKS5 proxy; with code 0 what follows goes through the tunnel

Once `is_tls`, the payload so far was TLS and holds no secrets.
A WireError within the stream ends that side; `errors` counts them.
"""

from dataclasses import dataclass, replace
from enum import Enum

from .http1 import (
    HttpRequest,
    HttpStatus,
    announces_body,
    head_bytes,
    parse_request_line,
    parse_status_line,
)
from .ip import SYN, IpPacket
from .reader import WireError
from .socks import SocksReply, asked_bytes, has_login, looks_like_socks, parse_reply
from .stream import Stream
from .tls import ClientHello, HandshakeReader, Message, ServerHello, looks_like_tls


@dataclass(frozen=True, slots=True)
class NotTls:
    """The answer to a ClientHello was not TLS."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """What follows goes to the host that an HTTP proxy was asked for."""


@dataclass(frozen=True, slots=True)
class SocksGreeting:
    """The client takes the other side for a SOCKS5 proxy."""


What = Message | NotTls | HttpRequest | HttpStatus | Tunnel | SocksGreeting | SocksReply


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact, at the time of the packet that completed it."""

    at_ns: int
    outgoing: bool
    what: What


class _Protocol(Enum):
    UNKNOWN = "the client has not said enough"
    TLS = "the client sent a ClientHello"
    NOT_TLS = "the server did not answer it in TLS"
    HTTP = "the client sent a request in clear text"
    CONNECT = "the client asked an HTTP proxy for a tunnel"
    SOCKS = "the client greeted a SOCKS proxy"
    DONE = "nothing more will be read"


class Opening:
    """Follows one connection from its first packet on, or from its first payload."""

    __slots__ = (
        "_client",
        "_hello",
        "_pending",
        "_protocol",
        "_server",
        "_streams",
        "errors",
        "is_tls",
    )

    def __init__(self) -> None:
        self._streams = {True: Stream(), False: Stream()}
        self._pending = {True: bytearray(), False: bytearray()}
        self._client = HandshakeReader()
        self._server: HandshakeReader | None = None
        self._hello: ClientHello | None = None
        self._protocol = _Protocol.UNKNOWN
        self.errors = 0
        self.is_tls = False
        """The client sent a ClientHello and the server did not answer in clear text."""

    @property
    def done(self) -> bool:
        """Nothing more will be returned."""
        if self._protocol is _Protocol.TLS and self._server:
            return self._server.done and self._client.done
        return self._protocol is _Protocol.DONE

    def feed(self, at_ns: int, outgoing: bool, packet: IpPacket) -> list[Fact]:
        """Take the next packet of the connection; return what it completed, in order."""
        if self.done:
            return []
        stream = self._streams[outgoing]
        if packet.flags & SYN:
            stream.start(packet.seq)
        fresh = stream.feed(packet.seq, packet.payload, packet.payload_bytes)
        self._pending[outgoing] += fresh
        seen = self._read(at_ns)
        if stream.stopped and outgoing:
            seen += self.finish(at_ns)
        elif stream.stopped:
            self._end_server()
        return seen

    def finish(self, at_ns: int) -> list[Fact]:
        """The client's stream has ended or has a gap: return what a cut ClientHello tells."""
        if self._protocol is not _Protocol.TLS:
            return []
        return self._messages(at_ns, True, self._client.cut())

    def _end_server(self) -> None:
        """No more of the server's stream can be read; the client's may still tell its end."""
        if self._server:
            self._server.done = True
        else:
            self._protocol = _Protocol.DONE

    def _read(self, at_ns: int) -> list[Fact]:
        """Read both sides as far as they go; a proxy's 200 makes the client's side new."""
        seen: list[Fact] = []
        before = None
        while before is not self._protocol:
            before = self._protocol
            try:
                seen += self._read_client(at_ns)
                seen += self._read_server(at_ns)
            except WireError:
                self.errors += 1
                self._protocol = _Protocol.DONE
        return seen

    def _read_client(self, at_ns: int) -> list[Fact]:
        pending = self._pending[True]
        if self._protocol is _Protocol.UNKNOWN and pending:
            return self._detect(at_ns, pending)
        if self._protocol is _Protocol.TLS:
            return self._feed_reader(at_ns, True, self._client)
        return []

    def _detect(self, at_ns: int, pending: bytearray) -> list[Fact]:
        is_tls = looks_like_tls(pending)
        if is_tls:
            self._protocol = _Protocol.TLS
            self.is_tls = True
        if is_tls is not False:
            return []
        if looks_like_socks(pending):
            self._protocol = _Protocol.SOCKS
            return [Fact(at_ns, True, SocksGreeting())]
        request = parse_request_line(pending)
        if not request:
            return []
        is_connect = request.method == "CONNECT"
        self._protocol = _Protocol.CONNECT if is_connect else _Protocol.HTTP
        return [Fact(at_ns, True, request)]

    def _read_server(self, at_ns: int) -> list[Fact]:
        pending = self._pending[False]
        if self._protocol is _Protocol.TLS and not self._server:
            is_tls = looks_like_tls(pending)
            if is_tls:
                self._server = HandshakeReader()
            if is_tls is False:
                self._protocol = _Protocol.NOT_TLS
                self.is_tls = False
                return [Fact(at_ns, False, NotTls())]
        if self._protocol is _Protocol.TLS and self._server:
            return self._feed_reader(at_ns, False, self._server)
        if self._protocol in (_Protocol.HTTP, _Protocol.NOT_TLS):
            return self._read_status(at_ns, pending, _Protocol.DONE)
        if self._protocol is _Protocol.CONNECT:
            return self._read_tunnel(at_ns, pending)
        if self._protocol is _Protocol.SOCKS:
            return self._read_socks(at_ns, pending)
        return []

    def _read_status(self, at_ns: int, pending: bytearray, then: _Protocol) -> list[Fact]:
        status = parse_status_line(pending)
        if not status:
            return []
        self._protocol = then
        return [Fact(at_ns, False, status)]

    def _read_tunnel(self, at_ns: int, pending: bytearray) -> list[Fact]:
        """A tunnel stands after 200 alone (net/http/transport.go: dialConn)."""
        status = parse_status_line(pending)
        if status is None:
            return []
        if status.status != 200:
            return self._read_status(at_ns, pending, _Protocol.DONE)
        asked, answered = head_bytes(self._pending[True]), head_bytes(pending)
        if asked is None or answered is None:
            return []
        is_page = announces_body(pending[:answered]) or looks_like_tls(pending[answered:]) is False
        seen = self._read_status(at_ns, pending, _Protocol.UNKNOWN)
        del self._pending[True][:asked]
        del pending[:answered]
        return seen if is_page else [*seen, Fact(at_ns, False, Tunnel())]

    def _read_socks(self, at_ns: int, pending: bytearray) -> list[Fact]:
        read = parse_reply(pending)
        if read is None:
            return []
        reply, size = read
        self._protocol = _Protocol.UNKNOWN if reply.code == 0 else _Protocol.DONE
        asked = asked_bytes(self._pending[True], has_login(pending))
        del self._pending[True][: asked or 0]
        del pending[:size]
        return [Fact(at_ns, False, reply)]

    def _feed_reader(self, at_ns: int, outgoing: bool, reader: HandshakeReader) -> list[Fact]:
        pending = self._pending[outgoing]
        had_failed = reader.error is not None
        messages = reader.feed(bytes(pending))
        pending.clear()
        self._client.is_retrying |= reader.is_retrying
        self.errors += reader.error is not None and not had_failed
        return self._messages(at_ns, outgoing, messages)

    def _messages(self, at_ns: int, outgoing: bool, messages: list[Message]) -> list[Fact]:
        seen = []
        for message in messages:
            what = message
            if isinstance(what, ClientHello):
                if self._hello:
                    continue
                self._hello = what
            if isinstance(what, ServerHello) and what.resumed is None and self._hello:
                what = replace(what, resumed=_is_same_session(self._hello, what))
            seen.append(Fact(at_ns, outgoing, what))
        return seen


def _is_same_session(client: ClientHello, server: ServerHello) -> bool:
    """Up to TLS 1.2 the server repeats the client's session id: RFC 5246 7.3, RFC 5077 3.4."""
    return bool(server.session_id) and server.session_id == client.session_id
