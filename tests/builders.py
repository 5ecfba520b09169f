"""
Short factories for what the kernel side sees; the defaults make a valid object.

Times are milliseconds after `T0`; a test names only what matters to it.
"""

import socket
import struct

from modpulse.agent.events import events
from modpulse.agent.events.events import GoError, SocketEnds, TcpState
from modpulse.agent.events.sites import Site
from modpulse.agent.records.records import ChainEntry
from modpulse.agent.tracker.cause import Cause
from modpulse.agent.tracker.openconnection import OpenConnection
from modpulse.agent.tracker.requests import Hop, OpenRequest, open_request
from modpulse.agent.tracker.stages import Move, move_of

T0 = 5_000_000_000_000
MS = 1_000_000
S = 1_000_000_000
PID = 4242
ASKING, DIALLING = 1, 2
"""The goroutine of a request, and the one below it that dials."""
HOST = "proxy.test"
ADDRESS = "10.0.0.7"
CHAIN = (("https://proxy.test", False), ("https://second.test", True), ("direct", False))
MOD = "/example.test/m/@v/v1.0.0.mod"
CONNECT_REFUSED = 111


def at(ms: float) -> int:
    """CLOCK_MONOTONIC of a moment."""
    return T0 + round(ms * MS)


def _go(
    ms: float, goid: int, parent: int | None, pid: int
) -> tuple[int, int, int, int | None, int]:
    return at(ms), pid, goid, parent, 0


def go_error(*types: str, text: str = "", leaf: bytes = b"") -> GoError:
    """A Go error, its types from the outside in."""
    return GoError(types or ("*errors.errorString",), leaf.ljust(80, b"\0"), text)


def errno(number: int = CONNECT_REFUSED) -> GoError:
    """The error of a system call."""
    return go_error(
        "*net.OpError", "*os.SyscallError", "syscall.Errno", leaf=struct.pack("<Q", number)
    )


def cancelled() -> GoError:
    """What a caller that gave up leaves behind."""
    return go_error("*net.OpError", "*net.canceledError")


def exec_(ms: float = 0, pid: int = PID, filename: str = "/go/bin/go") -> events.Exec:
    return events.Exec(at(ms), pid, 1, 7, filename)


def exit_(ms: float = 0, pid: int = PID) -> events.Exit:
    return events.Exit(at(ms), pid)


def tcp(ms: float, new: TcpState, cookie: int = 1, pid: int = PID, **fields) -> events.Tcp:
    known = {
        "old": 0, "sport": 40000 + cookie if new != TcpState.SYN_SENT else 0, "address": ADDRESS,
        "dport": 443, "bytes_in": 0, "bytes_out": 0, "retransmits": 0, "syn_retransmits": 0,
        "reset": False, "in_owner": False, "source": "10.0.0.1",
    }  # fmt: skip
    return events.Tcp(at_ns=at(ms), pid=pid, cookie=cookie, new=new, **(known | fields))


def ends(cookie: int = 1, address: str = ADDRESS) -> SocketEnds:
    """The ends of the connection that `tcp` makes."""
    return SocketEnds(40000 + cookie, address, 443)


def packet(ms: float, data: bytes, cookie: int = 1, outgoing: bool = True, pid: int = PID):
    return events.Packet(at(ms), pid, cookie, outgoing, len(data), data)


def udp(payload: bytes, outgoing: bool = True, client: int = 5353, server: str = "10.0.0.53"):
    """An IPv4 packet from or to a DNS server."""
    here, there = ("10.0.0.1", client), (server, 53)
    (src, sport), (dst, dport) = (here, there) if outgoing else (there, here)
    datagram = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    return _ipv4(17, src, dst, datagram)


def segment(payload: bytes, seq: int = 1, outgoing: bool = True, server_port: int = 443) -> bytes:
    """An IPv4 packet of a connection."""
    here, there = ("10.0.0.1", 40001), (ADDRESS, server_port)
    (src, sport), (dst, dport) = (here, there) if outgoing else (there, here)
    head = struct.pack(">HHIIBBHHH", sport, dport, seq, 0, 5 << 4, 0x10, 0, 0, 0)
    return _ipv4(6, src, dst, head + payload)


def _ipv4(proto: int, src: str, dst: str, payload: bytes) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, proto, 0,
        socket.inet_aton(src), socket.inet_aton(dst),
    )  # fmt: skip
    return head + payload


def web_get(
    ms: float, path: str = MOD, host: str = HOST, goid: int = ASKING, pid: int = PID,
    scheme: str = "https",
) -> events.WebGet:  # fmt: skip
    return events.WebGet(*_go(ms, goid, None, pid), scheme, host, path)


def round_trip_start(ms: float, host: str = HOST, goid: int = ASKING, pid: int = PID):
    return events.RoundTripStart(*_go(ms, goid, None, pid), host)


def got_conn(
    ms: float, ends: SocketEnds | None = None, error: GoError | None = None,
    goid: int = ASKING, tls_state: int = 0, pid: int = PID,
) -> events.GotConn:  # fmt: skip
    return events.GotConn(*_go(ms, goid, None, pid), tls_state, ends, error)


def round_trip_done(
    ms: float, status: int | None = 200, error: GoError | None = None, goid: int = ASKING,
    tls_state: int = 0, version: str | None = "1.1", length: int | None = 100, pid: int = PID,
) -> events.RoundTripDone:  # fmt: skip
    return events.RoundTripDone(
        *_go(ms, goid, None, pid), tls_state, length, status, version, error
    )


def stream_failed(ms: float, code: int, goid: int = ASKING) -> events.StreamFailed:
    reset = go_error("http2.StreamError", leaf=struct.pack("<IIQ", 5, code, 1))
    return events.StreamFailed(*_go(ms, goid, None, PID), reset)


def body_closed(ms: float, goid: int = ASKING, pid: int = PID) -> events.BodyClosed:
    return events.BodyClosed(*_go(ms, goid, None, pid))


def operation_failed(ms: float, error: GoError | None, goid: int = ASKING):
    return events.OperationFailed(*_go(ms, goid, None, PID), f"https://{HOST}", error)


def content_failed(ms: float, site: Site, text: str | None = None, goid: int = ASKING):
    error = None if text is None else go_error(text=text)
    return events.ContentFailed(*_go(ms, goid, None, PID), site, error)


def error_said(
    ms: float, text: str, goid: int = ASKING, error: events.GoError | None = None
) -> events.ErrorSaid:
    return events.ErrorSaid(*_go(ms, goid, None, PID), text, 0, len(text), None, None, error)


def os_exit(ms: float, code: int = 0) -> events.OsExit:
    return events.OsExit(*_go(ms, ASKING, None, PID), code)


def proxy_list(ms: float, entries: tuple[tuple[str, bool], ...] = CHAIN, pid: int = PID):
    return events.ProxyList(*_go(ms, ASKING, None, pid), entries, False)


def lookup_start(ms: float, host: str = HOST, goid: int = DIALLING, parent: int | None = ASKING):
    return events.LookupStart(*_go(ms, goid, parent, PID), host)


def lookup_done(ms: float, error: GoError | None = None, goid: int = DIALLING):
    return events.LookupDone(*_go(ms, goid, None, PID), error)


def dial_start(
    ms: float, host: str = HOST, goid: int = DIALLING, parent: int | None = ASKING,
    address: str | None = ADDRESS, pid: int = PID,
) -> events.DialStart:  # fmt: skip
    return events.DialStart(*_go(ms, goid, parent, pid), f"{host}:443", address, 443)


def dial_done(
    ms: float, ends: SocketEnds | None = None, error: GoError | None = None, goid: int = DIALLING,
    pid: int = PID,
) -> events.DialDone:  # fmt: skip
    return events.DialDone(*_go(ms, goid, None, pid), ends, error)


def handshake_start(
    ms: float, ends: SocketEnds | None = None, sni: str = HOST, goid: int = DIALLING
) -> events.HandshakeStart:
    return events.HandshakeStart(*_go(ms, goid, None, PID), sni, ends)


def handshake_done(
    ms: float, alpn: str = "http/1.1", error: GoError | None = None, goid: int = DIALLING
) -> events.HandshakeDone:
    return events.HandshakeDone(*_go(ms, goid, None, PID), 0x304, 0x1301, False, alpn, error)


def verify_start(ms: float, der: bytes | None = None, goid: int = DIALLING):
    return events.VerifyStart(*_go(ms, goid, None, PID), der)


def verify_done(ms: float, goid: int = DIALLING) -> events.VerifyDone:
    return events.VerifyDone(*_go(ms, goid, None, PID))


def connected(
    ms: float, cookie: int = 1, host: str = HOST, goid: int = DIALLING, parent: int | None = ASKING,
    alpn: str = "http/1.1",
) -> list[events.Event]:  # fmt: skip
    """Everything between a request and its new connection: 1 ms each of lookup, connect, tls."""
    return [
        lookup_start(ms, host, goid, parent),
        lookup_done(ms + 1, goid=goid),
        dial_start(ms + 1, host, goid, parent),
        tcp(ms + 1, TcpState.SYN_SENT, cookie),
        tcp(ms + 2, TcpState.ESTABLISHED, cookie),
        dial_done(ms + 2, ends(cookie), goid=goid),
        handshake_start(ms + 2, ends(cookie), host, goid),
        handshake_done(ms + 3, alpn, goid=goid),
    ]


def asked(
    ms: float, status: int = 200, path: str = MOD, host: str = HOST, goid: int = ASKING,
    cookie: int = 1, close: bool = True,
) -> list[events.Event]:  # fmt: skip
    """A request on a connection that is there: 1 ms until the head, 1 ms of body."""
    first = [
        web_get(ms, path, host, goid),
        round_trip_start(ms, host, goid),
        got_conn(ms, ends(cookie), goid=goid),
        round_trip_done(ms + 1, status, goid=goid),
    ]
    return [*first, body_closed(ms + 2, goid)] if close else first


def chain(*entries: tuple[str, str | None]) -> tuple[ChainEntry, ...]:
    """A GOPROXY list of (url, separator that follows)."""
    return tuple(ChainEntry(url, separator) for url, separator in entries)


def request(
    *hops: Hop, path: str = MOD, host: str = HOST, chain: tuple[ChainEntry, ...] | None = None,
    failed: GoError | None = None, refused: Cause | None = None, overdue: bool = False,
    tells_bodies: bool = True, **fields,
) -> OpenRequest:  # fmt: skip
    """A request as far as it went."""
    made = open_request(PID, ASKING, at(0), "https", host, path, chain)
    for each in hops:
        made.round_trip_start(each)
        if each.in_hand_at_ns is not None:
            made.move(Move.GOT_CONN, each.in_hand_at_ns)
        if each.head_at_ns is not None and (each.status is not None or each.error is not None):
            made.move(move_of(each.status, tells_bodies), each.head_at_ns)
        if each.closed_at_ns is not None:
            made.move(Move.BODY_CLOSED, each.closed_at_ns)
    if overdue:
        made.move(Move.OVERDUE, at(99_000))
    if failed is not None:
        made.operation_failed(failed, at(99_000))
    if refused is not None:
        made.refused(refused, at(99_000))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def hop(start: float = 0, status: int | None = 200, host: str = HOST, **fields) -> Hop:
    """A round trip: 1 ms for a connection, 1 ms until the head."""
    known = {"in_hand_at_ns": at(start + 1), "head_at_ns": at(start + 2), "status": status}
    return Hop(at(start), host, **(known | fields))


def connection(**fields) -> OpenConnection:
    """A connection that has begun."""
    known = {"cookie": 1, "pid": PID, "address": ADDRESS, "port": 443, "at_ns": at(0)}
    return OpenConnection(**({"syn_at_ns": at(0)} | known | fields))
