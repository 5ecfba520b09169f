"""
What the kernel side saw, or a capture file: the input of the tracker.

Every event has `at_ns` (CLOCK_MONOTONIC, or realtime in a replay) and `pid`; events of `go`
functions also name the goroutine. Knows nothing of where they come from.
"""

from enum import IntEnum
from typing import NamedTuple

from ..service.frozen import frozen
from .sites import Site


class TcpState(IntEnum):
    """The states of include/net/tcp_states.h that the tracker tells apart."""

    ESTABLISHED = 1
    SYN_SENT = 2
    FIN_WAIT1 = 4
    CLOSE = 7
    CLOSE_WAIT = 8


class SocketEnds(NamedTuple):
    """Which TCP connection a `net.TCPConn` of the process is."""

    sport: int
    address: str
    dport: int


@frozen()
class GoError:
    """A Go error value, from the outside in."""

    types: tuple[str, ...]
    """Type names such as `*url.Error`; `?` where the name is not known."""
    leaf: bytes
    """The first bytes of the innermost value."""
    text: str
    """What the innermost value says, cut: its first string, or the one that its type has for it;
    of a `*net.DNSError` `no such host` and `timeout` are from its flags."""
    operations: tuple[str, ...] = ()
    """What `net.OpError` says was being done, the outermost and the innermost: `dial`, `read`,
    `write`, `remote error`, `local error`, `proxyconnect`, `socks connect`; none without one."""
    tail: str = ""
    """How a text ends that is longer than what was copied. Never shown: it may begin in the middle
    of a secret."""


class BelowGo(NamedTuple):
    """Where git or ssh runs below a `go`, to fetch for `direct`."""

    go_pid: int
    top_pid: int
    """The child of that `go` which it is, or is below."""


@frozen()
class Exec:
    at_ns: int
    pid: int
    parent_pid: int | None
    cgroup_id: int
    filename: str
    is_named: bool = True
    """It is called like `go`."""
    below_go: BelowGo | None = None
    """It is called git or ssh, or like a helper of git, below a `go`."""


@frozen()
class Exit:
    at_ns: int
    pid: int
    status: int | None = None
    """As wait(2) has it; None where the kernel does not tell."""
    parent_pid: int | None = None
    for_memory: bool = False
    """The kernel killed it for want of memory."""


@frozen()
class Tcp:
    """A TCP connection changed its state."""

    at_ns: int
    pid: int
    cookie: int
    old: int
    new: int
    sport: int
    address: str
    dport: int
    bytes_in: int
    bytes_out: int
    retransmits: int
    syn_retransmits: int
    reset: bool
    in_owner: bool
    """The change was made by the owner's own system call, not by the network."""
    source: str
    hole_out: bool = False
    """The other side acknowledged last what lies behind something that it has not got."""
    hole_in: bool = False
    """And the owner did so."""


@frozen()
class Packet:
    """One packet of a watched socket, from the IP header on, cut at the snap length."""

    at_ns: int
    pid: int
    cookie: int
    outgoing: bool
    length: int
    """Bytes on the wire from the IP header on."""
    data: bytes


@frozen()
class GoEvent:
    """A probe in a `go` binary was hit."""

    at_ns: int
    pid: int
    goid: int
    parent_goid: int | None
    binary: int


@frozen()
class WebGet(GoEvent):
    """`web.get` begins: one logical request."""

    scheme: str
    host: str
    path: str


@frozen()
class RoundTripStart(GoEvent):
    """One hop begins."""

    host: str


@frozen()
class RoundTripDone(GoEvent):
    """A response head, or an error instead."""

    tls_state: int
    content_length: int | None
    status: int | None
    http_version: str | None
    error: GoError | None


@frozen()
class GotConn(GoEvent):
    """`getConn` returned: a connection is in hand, or an error."""

    tls_state: int
    ends: SocketEnds | None
    error: GoError | None


@frozen()
class StreamFailed(GoEvent):
    """An HTTP/2 stream gave no answer; net/http looks whether to ask once more."""

    error: GoError | None


@frozen()
class BodyClosed(GoEvent):
    """The body was read or given up."""


@frozen()
class ProxyList(GoEvent):
    """The effective GOPROXY chain, secrets and all: redact before use."""

    entries: tuple[tuple[str, bool], ...]
    """(url, falls back on any error)."""
    truncated: bool


@frozen()
class LookupStart(GoEvent):
    host: str


@frozen()
class LookupDone(GoEvent):
    error: GoError | None


@frozen()
class DialStart(GoEvent):
    """`host` is what the dial was asked for, `host:port`; `address` the one tried."""

    host: str
    address: str | None
    port: int


@frozen()
class DialDone(GoEvent):
    ends: SocketEnds | None
    error: GoError | None


@frozen()
class HandshakeStart(GoEvent):
    sni: str
    ends: SocketEnds | None


@frozen()
class HandshakeDone(GoEvent):
    version: int
    cipher: int
    resumed: bool | None
    alpn: str
    error: GoError | None


@frozen()
class VerifyStart(GoEvent):
    """The certificates have come; `der` is the leaf, None where it was cut."""

    der: bytes | None


@frozen()
class VerifyDone(GoEvent):
    pass


@frozen()
class OperationFailed(GoEvent):
    """One operation failed at one proxy (`versionError`), also where the chain goes on."""

    proxy: str
    error: GoError | None


@frozen()
class ContentFailed(GoEvent):
    """What had arrived was refused: sumdb, checksum, zip."""

    site: Site
    error: GoError | None


@frozen()
class ErrorSaid(GoEvent):
    """`base.Errorf`: what the command tells its user, and will end with exit code 1 for."""

    format: str
    """As in the source."""
    address: int
    """Of the format, for when it could not be read; then `length` bytes long."""
    length: int
    module: str | None
    """That the error is about; None where it names none."""
    version: str | None
    error: GoError | None
    """None where it was told in words alone."""


@frozen()
class OsExit(GoEvent):
    code: int


Event = Exec | Exit | Tcp | Packet | GoEvent
