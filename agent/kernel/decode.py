"""
Decodes the records of the ring buffer: the mirror of bpf/events.h.

Pure: bytes in, one event out.
"""

import struct
from collections.abc import Callable, Mapping
from enum import IntEnum

from ..binary.layouts import Layout
from ..binary.points import Plan
from ..events.events import (
    BelowGo,
    BodyClosed,
    ContentFailed,
    DialDone,
    DialStart,
    ErrorSaid,
    Event,
    Exec,
    Exit,
    GoError,
    GotConn,
    HandshakeDone,
    HandshakeStart,
    LookupDone,
    LookupStart,
    OperationFailed,
    OsExit,
    Packet,
    ProxyList,
    RoundTripDone,
    RoundTripStart,
    SocketEnds,
    StreamFailed,
    Tcp,
    VerifyDone,
    VerifyStart,
    WebGet,
)
from ..events.sites import Site
from ..service.foreign import CUT
from ..wire.goproxy import TOOLCHAIN
from ..wire.ip import address_text


class Kind(IntEnum):
    """`enum event_kind`."""

    EXEC = 1
    EXIT = 2
    TCP = 3
    PACKET = 4
    GO = 5


class DecodeError(ValueError):
    """A ring record that does not have the shape of bpf/events.h."""


_HEADER = struct.Struct("<QQQIHBB")
_EXEC = struct.Struct("<QIIII256s")
_TCP = struct.Struct("<QQQIHHHBBBBBB16s16s")
_PACKET = struct.Struct("<QIHBx")
_ENDS = struct.Struct("<HHB3x16s")
_ERROR = struct.Struct("<7Q5B3x16s16s80s128s32s")
_URL = struct.Struct("<HHB3x264s512s")
_HOST = struct.Struct("<H6x264s")
_RESPONSE = struct.Struct("<QqHBB4x")
_CONN = struct.Struct("<Q")
_CHAIN = struct.Struct("<H8s6x8H2112s")
_HANDSHAKE = struct.Struct("<HHBB2x16s")
_CERTIFICATE = struct.Struct("<II4096s")
_SAID = struct.Struct("<QI3Bx128s200s56s")
_EXIT = struct.Struct("<iII4x")
_OS_EXIT = struct.Struct("<i4x")

HOST_BYTES = 264
HEADER_BYTES = _HEADER.size
_SCHEMES = {0: "http", 1: "https", 2: "file"}
"""`enum scheme`."""
_LEVELS_AT = struct.calcsize("<7Q")
_TOOLCHAIN_PATH = f"/{TOOLCHAIN}/".encode()
_KIND_AT = struct.calcsize("<QQQIH")
_GO_KIND = int(Kind.GO)
"""Looked at for each record; a member of an enum takes three times as long to find."""
_EXEC_SITE = bytes((Kind.EXEC, 0))
_WEB_GET_SITE = bytes((Kind.GO, Site.WEB_GET))

Binaries = Callable[[int], Plan | None]
"""The probed binary of a number."""


def cannot_wait(data: bytes) -> bool:
    """Tell whether a ring record is of an exec, or of a request for a toolchain."""
    kind_site = data[_KIND_AT:HEADER_BYTES]
    return kind_site == _EXEC_SITE or (kind_site == _WEB_GET_SITE and _TOOLCHAIN_PATH in data)


def decode(data: bytes, binaries: Binaries) -> Event:
    """
    Decode one ring record.

    Args:
        data: The record, at least as long as its kind says; the ring pads to 8.
        binaries: Names the Go types in errors.

    Raises:
        DecodeError: not a record of bpf/events.h.
    """
    try:
        at_ns, goid, parent_goid, pid, binary, kind, site = _HEADER.unpack_from(data)
        if kind == _GO_KIND:
            return _GO[site]((at_ns, pid, goid, parent_goid or None, binary), data, binaries)
        return _KERNEL[kind](at_ns, pid, data)
    except (struct.error, ValueError, KeyError) as error:
        raise DecodeError(f"ring record of {len(data)} bytes: {error}") from error


def _text(raw: bytes, length: int) -> str:
    return raw[:length].decode("utf-8", "replace")


def _cut_text(raw: bytes, length: int) -> str:
    """Read a text; one that fills its place was cut, maybe in the middle of a secret."""
    return _text(raw, length) + (CUT if length >= len(raw) else "")


def _c_string(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def _exec(at_ns: int, pid: int, data: bytes) -> Event:
    cgroup_id, parent_pid, is_named, go_pid, top_pid, filename = _EXEC.unpack_from(
        data, HEADER_BYTES
    )
    below = BelowGo(go_pid, top_pid) if go_pid else None
    name = _c_string(filename)
    return Exec(at_ns, pid, parent_pid or None, cgroup_id, name, bool(is_named), below)


def _exit(at_ns: int, pid: int, data: bytes) -> Event:
    status, parent_pid, for_memory = _EXIT.unpack_from(data, HEADER_BYTES)
    known = status if status >= 0 else None
    return Exit(at_ns, pid, known, parent_pid or None, bool(for_memory))


def _tcp(at_ns: int, pid: int, data: bytes) -> Event:
    (cookie, bytes_in, bytes_out, retransmits, syn_retransmits, sport, dport,
     old, new, reset, in_owner, hole_out, hole_in, saddr, daddr
    ) = _TCP.unpack_from(data, HEADER_BYTES)  # fmt: skip
    return Tcp(
        at_ns, pid, cookie, old, new, sport, address_text(daddr), dport,
        bytes_in, bytes_out, retransmits, syn_retransmits, bool(reset), bool(in_owner),
        address_text(saddr), bool(hole_out), bool(hole_in),
    )  # fmt: skip


def _packet(at_ns: int, pid: int, data: bytes) -> Event:
    cookie, length, caplen, outgoing = _PACKET.unpack_from(data, HEADER_BYTES)
    start = HEADER_BYTES + _PACKET.size
    captured = bytes(data[start : start + caplen])
    if len(captured) != caplen:
        raise ValueError(f"packet of {caplen} bytes has {len(captured)}")
    return Packet(at_ns, pid, cookie, bool(outgoing), length, captured)


_KERNEL: Mapping[int, Callable[[int, int, bytes], Event]] = {
    Kind.EXEC: _exec,
    Kind.EXIT: _exit,
    Kind.TCP: _tcp,
    Kind.PACKET: _packet,
}

_Go = tuple[int, int, int, int | None, int]
"""The fields every GoEvent begins with."""


def _error(data: bytes, at: int, binary: int, binaries: Binaries) -> GoError | None:
    if len(data) < at + _ERROR.size:
        raise ValueError("its error is cut")
    if data[at + _LEVELS_AT] == 0:
        return None
    (
        *types, levels, text_bytes, outer_bytes, inner_bytes, tail_bytes,
        outer, inner, leaf, text, tail,
    ) = _ERROR.unpack_from(data, at)  # fmt: skip
    plan = binaries(binary)
    names = tuple((plan and plan.type_name(address)) or "?" for address in types[:levels])
    said = _cut_text(text, text_bytes)
    if names[-1] == "*net.DNSError" and plan is not None and plan.layout is not None:
        said = _dns_words(leaf, plan.layout, said)
    # A net.OpError has an operation, always; two of them mostly have the same.
    operations = (_text(outer, outer_bytes), _text(inner, inner_bytes)) if outer_bytes else ()
    return GoError(names, leaf, said, operations, _text(tail, tail_bytes))


def _dns_words(leaf: bytes, layout: Layout, said: str) -> str:
    """Go's flags tell more surely than its words what the lookup ended with."""
    if leaf[layout.dns_error_is_not_found]:
        return "no such host"
    return "timeout" if leaf[layout.dns_error_is_timeout] else said


def _ends(data: bytes, at: int) -> SocketEnds | None:
    sport, dport, size, daddr = _ENDS.unpack_from(data, at)
    if not sport or size not in (4, 16):
        return None
    return SocketEnds(sport, address_text(daddr[:size]), dport)


def _web_get(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    host_bytes, path_bytes, scheme, host, path = _URL.unpack_from(data, HEADER_BYTES)
    return WebGet(*go, _SCHEMES[scheme], _text(host, host_bytes), _text(path, path_bytes))


def _round_trip_start(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    host_bytes, host = _HOST.unpack_from(data, HEADER_BYTES)
    return RoundTripStart(*go, _text(host, host_bytes))


def _round_trip_done(go: _Go, data: bytes, binaries: Binaries) -> Event:
    tls_state, length, status, major, minor = _RESPONSE.unpack_from(data, HEADER_BYTES)
    error = _error(data, HEADER_BYTES + _RESPONSE.size, go[4], binaries)
    version = None if not major else str(major) if major > 1 else f"{major}.{minor}"
    return RoundTripDone(
        *go, tls_state, None if length < 0 or not status else length, status or None, version, error
    )


def _got_conn(go: _Go, data: bytes, binaries: Binaries) -> Event:
    (tls_state,) = _CONN.unpack_from(data, HEADER_BYTES)
    at = HEADER_BYTES + _CONN.size
    return GotConn(*go, tls_state, _ends(data, at), _error(data, at + _ENDS.size, go[4], binaries))


def _dial_done(go: _Go, data: bytes, binaries: Binaries) -> Event:
    at = HEADER_BYTES + _CONN.size
    return DialDone(*go, _ends(data, at), _error(data, at + _ENDS.size, go[4], binaries))


def _body_closed(go: _Go, _data: bytes, _binaries: Binaries) -> Event:
    return BodyClosed(*go)


def _proxy_list(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    count, fallback, *lengths, urls = _CHAIN.unpack_from(data, HEADER_BYTES)
    kept = min(count, len(fallback))
    entries = tuple(
        (_cut_text(urls[i * HOST_BYTES : (i + 1) * HOST_BYTES], lengths[i]), bool(fallback[i]))
        for i in range(kept)
    )
    return ProxyList(*go, entries, count > kept)


def _lookup_start(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    host_bytes, host = _HOST.unpack_from(data, HEADER_BYTES)
    return LookupStart(*go, _text(host, host_bytes))


def _lookup_done(go: _Go, data: bytes, binaries: Binaries) -> Event:
    return LookupDone(*go, _error(data, HEADER_BYTES + _URL.size, go[4], binaries))


def _dial_start(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    _, dport, size, daddr = _ENDS.unpack_from(data, HEADER_BYTES)
    host_bytes, host = _HOST.unpack_from(data, HEADER_BYTES + _ENDS.size)
    address = address_text(daddr[:size]) if size in (4, 16) else None
    return DialStart(*go, _text(host, host_bytes), address, dport)


def _handshake_start(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    host_bytes, host = _HOST.unpack_from(data, HEADER_BYTES + _ENDS.size)
    return HandshakeStart(*go, _text(host, host_bytes), _ends(data, HEADER_BYTES))


def _handshake_done(go: _Go, data: bytes, binaries: Binaries) -> Event:
    version, cipher, resumed, alpn_bytes, alpn = _HANDSHAKE.unpack_from(data, HEADER_BYTES)
    error = _error(data, HEADER_BYTES + _HANDSHAKE.size, go[4], binaries)
    return HandshakeDone(
        *go, version, cipher, None if resumed > 1 else bool(resumed), _text(alpn, alpn_bytes), error
    )


def _verify_start(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    der_bytes, _, der = _CERTIFICATE.unpack_from(data, HEADER_BYTES)
    return VerifyStart(*go, bytes(der[:der_bytes]) if 0 < der_bytes <= len(der) else None)


def _verify_done(go: _Go, _data: bytes, _binaries: Binaries) -> Event:
    return VerifyDone(*go)


def _operation_failed(go: _Go, data: bytes, binaries: Binaries) -> Event:
    host_bytes, path_bytes, scheme, host, path = _URL.unpack_from(data, HEADER_BYTES)
    url = f"{_SCHEMES[scheme]}://{_text(host, host_bytes)}{_text(path, path_bytes)}"
    return OperationFailed(*go, url, _error(data, HEADER_BYTES + _URL.size, go[4], binaries))


def _stream_failed(go: _Go, data: bytes, binaries: Binaries) -> Event:
    return StreamFailed(*go, _error(data, HEADER_BYTES + _URL.size, go[4], binaries))


def _content_failed(site: Site) -> Callable[[_Go, bytes, Binaries], Event]:
    def decode_site(go: _Go, data: bytes, binaries: Binaries) -> Event:
        return ContentFailed(*go, site, _error(data, HEADER_BYTES + _URL.size, go[4], binaries))

    return decode_site


def _error_said(go: _Go, data: bytes, binaries: Binaries) -> Event:
    address, length, text_bytes, module_bytes, version_bytes, text, module, version = (
        _SAID.unpack_from(data, HEADER_BYTES)
    )
    return ErrorSaid(
        *go,
        _text(text, text_bytes),
        address,
        length,
        _text(module, module_bytes) or None,
        _text(version, version_bytes) or None,
        _error(data, HEADER_BYTES + _SAID.size, go[4], binaries),
    )


def _os_exit(go: _Go, data: bytes, _binaries: Binaries) -> Event:
    (code,) = _OS_EXIT.unpack_from(data, HEADER_BYTES)
    return OsExit(*go, code)


_GO: Mapping[int, Callable[[_Go, bytes, Binaries], Event]] = {
    Site.WEB_GET: _web_get,
    Site.ROUND_TRIP_START: _round_trip_start,
    Site.ROUND_TRIP_DONE: _round_trip_done,
    Site.GOT_CONN: _got_conn,
    Site.BODY_CLOSED: _body_closed,
    Site.PROXY_LIST: _proxy_list,
    Site.LOOKUP_START: _lookup_start,
    Site.LOOKUP_DONE: _lookup_done,
    Site.DIAL_START: _dial_start,
    Site.DIAL_DONE: _dial_done,
    Site.HANDSHAKE_START: _handshake_start,
    Site.HANDSHAKE_DONE: _handshake_done,
    Site.VERIFY_START: _verify_start,
    Site.VERIFY_DONE: _verify_done,
    Site.OPERATION_FAILED: _operation_failed,
    Site.READ_REMOTE_FAILED: _content_failed(Site.READ_REMOTE_FAILED),
    Site.CHECK_SUM_DB_FAILED: _content_failed(Site.CHECK_SUM_DB_FAILED),
    Site.DOWNLOAD_ZIP_FAILED: _content_failed(Site.DOWNLOAD_ZIP_FAILED),
    Site.ERROR_SAID: _error_said,
    Site.OS_EXIT: _os_exit,
    Site.STREAM_FAILED: _stream_failed,
    Site.UNZIP_FAILED: _content_failed(Site.UNZIP_FAILED),
}
