"""
What of a connection's bytes others may see: TLS up to where it is encrypted, DNS, and the first
head of clear-text HTTP/1 with its secrets masked in place.

Knows nothing of packets' times or files. Each side is put in order first, and segments are shown
as parts of that: so one that comes twice, late or in pieces shows no more than any other. What is
none of the three, or begins in the middle, or comes after a gap, is not shown.
"""

import re
from enum import Enum

from ..service.foreign import Visible, credentials, visible
from .dns import parse_dns, take_message
from .http1 import MAX_HEAD_BYTES, head_bytes, parse_request_line, parse_status_line
from .ip import DNS_PORT, SYN, IpPacket
from .reader import WireError
from .stream import Stream
from .tls import HandshakeReader, looks_like_tls

_METHODS = frozenset({b"GET", b"HEAD", b"CONNECT", b"POST", b"PUT", b"DELETE", b"OPTIONS"})
_NAMES = frozenset(
    b"accept accept-encoding accept-language accept-ranges age allow alt-svc authorization "
    b"cache-control connection content-disposition content-encoding content-length "
    b"content-location content-range content-type cookie date etag expect expires host if-match "
    b"if-modified-since if-none-match keep-alive last-modified location pragma proxy-authenticate "
    b"proxy-authorization proxy-connection range referer retry-after server set-cookie te trailer "
    b"transfer-encoding upgrade user-agent vary via warning www-authenticate x-cache "
    b"x-forwarded-for".split()
)
"""Names of header fields that are shown; of any other a server could make a secret."""
_REASONS = frozenset(
    {
        b"", b"OK", b"Continue", b"Connection established", b"Connection Established", b"Found",
        b"Moved Permanently", b"See Other", b"Not Modified", b"Temporary Redirect",
        b"Permanent Redirect", b"Bad Request", b"Unauthorized", b"Forbidden", b"Not Found",
        b"Method Not Allowed", b"Proxy Authentication Required", b"Request Timeout", b"Gone",
        b"Too Many Requests", b"Internal Server Error", b"Bad Gateway", b"Service Unavailable",
        b"Gateway Timeout",
    }
)  # fmt: skip
"""Reason phrases of RFC 9110, and of HTTP proxies, that are shown."""
_REQUEST = re.compile(rb"([A-Z]+) (\S+) (HTTP/1\.[01]\r?)")
_STATUS = re.compile(rb"(HTTP/1\.[01] \d{3} ?)(.*?)(\r?)")
_FIELD = re.compile(rb"([A-Za-z-]+):(.*)")
_HOST = re.compile(rb"[ \t]*(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?[ \t]*\r?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/+|//+")


class _Protocol(Enum):
    UNKNOWN = "the client has not said enough"
    TLS = "the client sent a ClientHello"
    HTTP = "the client sent a request, or a hello that was not understood"
    CONNECT = "the client asked an HTTP proxy for a tunnel"
    DNS = "messages with their lengths"
    OVER = "nothing more is shown"


class _Side:
    """One direction."""

    __slots__ = ("held", "is_over", "reader", "shown", "stream")

    def __init__(self) -> None:
        self.stream = Stream()
        self.held = bytearray()
        """In order, not decided."""
        self.shown = bytearray()
        """From the first byte on, as it may be seen."""
        self.is_over = False
        self.reader: HandshakeReader | None = None

    def end(self) -> None:
        self.is_over = True
        self.held.clear()

    def show(self, masked: bytes) -> None:
        """Show so many bytes of what is held, as they are given."""
        self.shown += masked
        del self.held[: len(masked)]


class Shown:
    """One TCP connection."""

    __slots__ = ("_protocol", "_sides")

    def __init__(self) -> None:
        self._sides = {True: _Side(), False: _Side()}
        self._protocol = _Protocol.UNKNOWN

    @property
    def held_bytes(self) -> int:
        """What it keeps in memory."""
        return sum(len(side.held) + len(side.shown) for side in self._sides.values())

    def feed(self, outgoing: bool, packet: IpPacket) -> None:
        """Take the next packet, from whichever side."""
        side = self._sides[outgoing]
        if packet.flags & SYN:
            side.stream.start(packet.seq)
        if DNS_PORT in (packet.sport, packet.dport) and self._protocol is _Protocol.UNKNOWN:
            self._protocol = _Protocol.DNS
        fresh = side.stream.feed(first_seq(packet), packet.payload, packet.payload_bytes)
        if side.is_over or self._protocol is _Protocol.OVER:
            return
        side.held += fresh
        try:
            while self._advance():
                pass
        except WireError:
            self._end()

    def payload(self, outgoing: bool, seq: int, size: int) -> bytes:
        """Return what may be seen of a segment: its beginning, masked; by now, so ask late."""
        side = self._sides[outgoing]
        start = side.stream.offset(seq)
        return b"" if start is None or start < 0 else bytes(side.shown[start : start + size])

    def _end(self) -> None:
        self._protocol = _Protocol.OVER
        for side in self._sides.values():
            side.end()

    def _advance(self) -> bool:
        """Decide one thing more; False where more must come first."""
        if self._protocol is _Protocol.UNKNOWN:
            return self._detect(self._sides[True])
        if self._protocol is _Protocol.TLS:
            return self._tls(self._sides[True]) or self._server_tls(self._sides[False])
        if self._protocol is _Protocol.DNS:
            return self._dns(self._sides[True]) or self._dns(self._sides[False])
        return self._answer(self._sides[False])

    def _detect(self, client: _Side) -> bool:
        is_tls = looks_like_tls(client.held) if client.held else None
        if is_tls:
            self._protocol = _Protocol.TLS
            client.reader = HandshakeReader()
            return True
        size = _head_size(client) if is_tls is False else None
        if not size:
            return False
        head = bytes(client.held[:size])
        if not (masked := masked_request(head)):
            raise WireError("no request of HTTP/1")
        client.show(masked)
        is_tunnel = head.startswith(b"CONNECT ")
        self._protocol = _Protocol.CONNECT if is_tunnel else _Protocol.HTTP
        if not is_tunnel:
            client.end()
        return True

    def _tls(self, side: _Side) -> bool:
        if not side.held or side.reader is None:
            return False
        data = bytes(side.held)
        side.reader.feed(data)
        if side.reader.error is None:
            side.show(data)
        if side.reader.done:
            side.end()
        return True

    def _server_tls(self, server: _Side) -> bool:
        if server.reader is None and server.held:
            is_tls = looks_like_tls(server.held)
            if is_tls:
                server.reader = HandshakeReader()
            elif is_tls is False:
                self._protocol = _Protocol.HTTP
                self._sides[True].end()
                return True
        return self._tls(server)

    def _answer(self, server: _Side) -> bool:
        size = None if server.is_over else _head_size(server)
        if not size:
            return False
        head = bytes(server.held[:size])
        status = parse_status_line(head)
        masked = masked_answer(head)
        if status is None or not masked:
            raise WireError("no answer of HTTP/1")
        server.show(masked)
        if status.status // 100 == 1 and status.status != 101:
            return True
        if self._protocol is _Protocol.CONNECT and status.status // 100 == 2:
            self._protocol = _Protocol.UNKNOWN
            return True
        self._end()
        return False

    @staticmethod
    def _dns(side: _Side) -> bool:
        taken = None if side.is_over else take_message(side.held)
        if taken is None:
            return False
        message, end = taken
        try:
            parse_dns(message)
        except WireError:
            side.end()
            return False
        side.show(bytes(side.held[:end]))
        return True


def first_seq(packet: IpPacket) -> int:
    """Return the sequence number of the first byte of payload: a SYN takes one itself."""
    return packet.seq + bool(packet.flags & SYN)


def _head_size(side: _Side) -> int | None:
    """Return the size of the head that is held, None while it is not whole."""
    return head_bytes(side.held[:MAX_HEAD_BYTES])


def masked_request(head: bytes) -> bytes:
    """Return a request's head at its own length, secrets masked; nothing for what is none."""
    line, *fields = head.split(b"\n")
    found = _REQUEST.fullmatch(line)
    try:
        if not found or found[1] not in _METHODS or not parse_request_line(head):
            return b""
    except WireError:
        return b""
    first = b" ".join([found[1], _masked_target(found[2]), found[3]])
    return b"\n".join([first, *map(_masked_field, fields)])


def masked_answer(head: bytes) -> bytes:
    """Return an answer's head at its own length, secrets masked; nothing for what is none."""
    line, *fields = head.split(b"\n")
    found = _STATUS.fullmatch(line)
    try:
        if not found or not parse_status_line(head):
            return b""
    except WireError:
        return b""
    reason = found[2] if found[2] in _REASONS else _blank(found[2])
    return b"\n".join([found[1] + reason + found[3], *map(_masked_field, fields)])


def _masked_target(target: bytes) -> bytes:
    """Mask user info, query and fragment of a request's target, in any form of RFC 9112 3.2."""
    text = target.decode("latin-1")
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    if not scheme and text.startswith("/"):
        # A path has no server, but for one that is written as if it had.
        seen = visible("h" + text)
        seen = Visible(0, seen.end - 1) if seen is not None and seen.start == 0 else None
    else:
        seen = visible(text[start:])
    if seen is None:
        return target[:start] + _blank(target[start:])
    rest = target[start:]
    before, mark = max(seen.start - 1, 0), rest[seen.end : seen.end + 1]
    shown = _blank(rest[:before]) + _blank_credentials(rest[before : seen.end]) + mark
    return target[:start] + shown + _blank(rest[len(shown) :])


def _blank_credentials(path: bytes) -> bytes:
    masked = bytearray(path)
    for start, end in credentials(path.decode("latin-1")):
        masked[start:end] = b"x" * (end - start)
    return bytes(masked)


def _masked_field(line: bytes) -> bytes:
    """Mask a line of a head: its name stays if it is known, its value only if it is a host."""
    found = _FIELD.fullmatch(line)
    if not found or found[1].lower() not in _NAMES:
        return _blank(line)
    if found[1].lower() == b"host" and _HOST.fullmatch(found[2]):
        return line
    return found[1] + b":" + _blank(found[2])


def _blank(data: bytes) -> bytes:
    kept = b"\r" if data.endswith(b"\r") else b""
    return b"x" * (len(data) - len(kept)) + kept
