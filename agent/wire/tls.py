"""
The clear-text beginning of TLS: hellos, the leaf certificate up to 1.2, alerts.

Knows nothing of packets or time: takes the bytes of one direction in order, in any portions.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from .reader import Reader, WireError

MAX_MESSAGE_BYTES = 65536
"""One handshake message; Go's own limit (maxHandshake in crypto/tls/common.go)."""

MAX_RECORD_BYTES = 16384 + 2048
"""One record with the expansion that RFC 5246 section 6.2.3 allows."""

_RECORD_HEADER = struct.Struct(">BHH")
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_SERVER_NAME, _ALPN, _PRE_SHARED_KEY, _SUPPORTED_VERSIONS = 0, 16, 41, 43

_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest, RFC 8446 section 4.1.3."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What the client offers; a field is empty also where the message was cut before it."""

    sni: str | None
    alpn: tuple[str, ...]
    versions: tuple[int, ...]
    """Offered versions, as numbers; see tls_names."""
    session_id: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose."""

    version: int
    """From supported_versions where it is there; see tls_names."""
    cipher: int
    alpn: str | None
    """None under TLS 1.3, where it is encrypted."""
    session_id: bytes
    resumed: bool | None
    """Whether an earlier session goes on; None up to TLS 1.2, where the ClientHello decides."""


@dataclass(frozen=True, slots=True)
class LeafCertificate:
    """The first certificate of the server's chain; visible up to TLS 1.2."""

    der: bytes


class Alert(NamedTuple):
    """An alert in clear text; see tls_names for its name."""

    fatal: bool
    description: int


@dataclass(frozen=True, slots=True)
class Encrypted:
    """
    From here on this side is encrypted.

    The handshake has ended for the client with its own under TLS 1.3, where it is sent together
    with Finished, and with the later of both sides' up to TLS 1.2.
    """


Message = ClientHello | ServerHello | LeafCertificate | Alert | Encrypted


def looks_like_tls(data: bytes | bytearray) -> bool | None:
    """Say whether a stream that begins so is TLS; None while its first two bytes are not there."""
    if data and data[0] not in (_ALERT, _HANDSHAKE):
        return False
    if len(data) < 2:
        return None
    return data[1] == 3


class HandshakeReader:
    """
    Reads the messages of one direction up to where it is encrypted.

    `done` says that nothing more will come; `error` why, where the bytes were at fault.
    """

    __slots__ = ("_fragments", "_records", "done", "error", "is_retrying")

    def __init__(self) -> None:
        self._records = bytearray()
        self._fragments = bytearray()
        self.is_retrying = False
        """A HelloRetryRequest was seen: one ChangeCipherSpec of either side means nothing."""
        self.done = False
        self.error: WireError | None = None

    def feed(self, data: bytes) -> list[Message]:
        """Take the next bytes of the stream; return the messages that they complete."""
        messages: list[Message] = []
        if self.done:
            return messages
        self._records += data
        try:
            while not self.done and (record := self._next_record()):
                self._read_record(*record, messages)
        except WireError as error:
            self.error = error
            self.done = True
        return messages

    def cut(self) -> list[Message]:
        """The stream broke off: return what a ClientHello says as far as it came."""
        held = bytes(self._fragments)
        if not self.done and len(self._records) > _RECORD_HEADER.size:
            held += self._records[_RECORD_HEADER.size :]
        self.done = True
        if held[:1] != bytes([_CLIENT_HELLO]):
            return []
        try:
            return [parse_client_hello(held[4:], is_cut=True)]
        except WireError:
            return []

    def _next_record(self) -> tuple[int, bytes] | None:
        if len(self._records) < _RECORD_HEADER.size:
            return None
        kind, version, size = _RECORD_HEADER.unpack_from(self._records)
        if kind not in (_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA):
            raise WireError(f"record type {kind}")
        if version >> 8 != 3 or size > MAX_RECORD_BYTES:
            raise WireError(f"record of version 0x{version:04x} and {size} bytes")
        end = _RECORD_HEADER.size + size
        if kind == _APPLICATION_DATA:
            return kind, b""
        if len(self._records) < end:
            return None
        fragment = bytes(self._records[_RECORD_HEADER.size : end])
        del self._records[:end]
        return kind, fragment

    def _read_record(self, kind: int, fragment: bytes, messages: list[Message]) -> None:
        if kind == _HANDSHAKE:
            self._fragments += fragment
            self._read_handshake(messages)
        elif kind == _ALERT:
            # Of any other length it is encrypted: RFC 8446 section 5.1 forbids fragments.
            if len(fragment) == 2:
                messages.append(Alert(fragment[0] == 2, fragment[1]))
            self.done = len(fragment) != 2
        elif kind == _APPLICATION_DATA or not self.is_retrying:
            self.done = True
            messages.append(Encrypted())

    def _read_handshake(self, messages: list[Message]) -> None:
        while len(self._fragments) >= 4:
            kind = self._fragments[0]
            size = int.from_bytes(self._fragments[1:4], "big")
            if size > MAX_MESSAGE_BYTES:
                raise WireError(f"handshake message of {size} bytes")
            if len(self._fragments) < 4 + size:
                return
            body = bytes(self._fragments[4 : 4 + size])
            del self._fragments[: 4 + size]
            message = self._parse(kind, body)
            if message:
                messages.append(message)

    def _parse(self, kind: int, body: bytes) -> Message | None:
        if kind == _CLIENT_HELLO:
            return parse_client_hello(body)
        if kind == _SERVER_HELLO:
            self.is_retrying = body[2:34] == _RETRY_RANDOM
            return None if self.is_retrying else parse_server_hello(body)
        if kind == _CERTIFICATE:
            return parse_leaf(body)
        return None


def parse_client_hello(body: bytes, *, is_cut: bool = False) -> ClientHello:
    """
    Read the body of a ClientHello.

    Args:
        body: Without the four bytes of the handshake header.
        is_cut: The end may be missing; what is there is read.

    Raises:
        WireError: lengths disagree.

    Source: RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301.
    """
    reader = Reader(body)
    version = reader.u16()
    reader.take(32)
    session_id = reader.take(reader.u8())
    reader.take(reader.u16())
    reader.take(reader.u8())
    extensions = _extensions(reader, is_cut)
    return ClientHello(
        _server_name(extensions.get(_SERVER_NAME)),
        _protocols(extensions.get(_ALPN)),
        _offered_versions(extensions.get(_SUPPORTED_VERSIONS)) or (version,),
        session_id,
    )


def parse_server_hello(body: bytes) -> ServerHello:
    """
    Read the body of a ServerHello.

    Raises:
        WireError: lengths disagree.

    Source: RFC 8446 sections 4.1.3 and 4.2.11.
    """
    reader = Reader(body)
    version = reader.u16()
    reader.take(32)
    session_id = reader.take(reader.u8())
    cipher = reader.u16()
    reader.u8()
    extensions = _extensions(reader, is_cut=False)
    if _SUPPORTED_VERSIONS in extensions:
        version = Reader(extensions[_SUPPORTED_VERSIONS]).u16()
    protocols = _protocols(extensions.get(_ALPN))
    return ServerHello(
        version,
        cipher,
        protocols[0] if protocols else None,
        session_id,
        _PRE_SHARED_KEY in extensions if version >= 0x0304 else None,
    )


def parse_leaf(body: bytes) -> LeafCertificate | None:
    """
    Read the leaf out of the body of a Certificate message up to TLS 1.2.

    Returns:
        The leaf, or None where the list is empty.

    Raises:
        WireError: lengths disagree.

    Source: RFC 5246 section 7.4.2.
    """
    reader = Reader(body)
    certificates = reader.block(reader.u24())
    if not certificates.remaining:
        return None
    return LeafCertificate(certificates.take(certificates.u24()))


def _extensions(reader: Reader, is_cut: bool) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if not reader.remaining:
        return found
    block = reader.cut_block(reader.u16()) if is_cut else reader.block(reader.u16())
    while block.remaining:
        try:
            kind = block.u16()
            found.setdefault(kind, block.take(block.u16()))
        except WireError:
            if not is_cut:
                raise
            break
    return found


def _server_name(extension: bytes | None) -> str | None:
    if not extension:
        return None
    reader = Reader(extension)
    names = reader.block(reader.u16())
    while names.remaining:
        kind = names.u8()
        name = names.take(names.u16())
        if kind == 0:
            return name.decode("ascii", "backslashreplace")
    return None


def _protocols(extension: bytes | None) -> tuple[str, ...]:
    if not extension:
        return ()
    reader = Reader(extension)
    names = reader.block(reader.u16())
    found = []
    while names.remaining:
        found.append(names.take(names.u8()).decode("ascii", "backslashreplace"))
    return tuple(found)


def _offered_versions(extension: bytes | None) -> tuple[int, ...]:
    if not extension:
        return ()
    reader = Reader(extension)
    versions = reader.block(reader.u8())
    return tuple(versions.u16() for _ in range(versions.remaining // 2))
