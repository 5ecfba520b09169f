"""
One TCP connection that may still change: who dialled it, through whom, what the kernel says of it.
"""

from dataclasses import dataclass, field
from typing import Literal

from ..events.events import GoError, SocketEnds, Tcp, TcpState
from ..records.phases import name_of
from ..records.records import Connection, Outcome
from ..wire.hosts import is_same_name, join_port
from ..wire.opening import Opening
from .dials import outcome_of

Tunnel = Literal["none", "asked", "stands", "refused"]
"""Through an HTTP or SOCKS proxy: not asked for, or not yet; asked for and not answered; there, so
that what follows is between `go` and the host; not given."""


@dataclass(slots=True, eq=False)
class OpenConnection:
    """A connection that may still change."""

    cookie: int
    pid: int
    address: str
    port: int
    syn_at_ns: int
    at_ns: int
    """The dial, where it was seen."""
    host: str | None = None
    via: str | None = None
    """`host:port` of the HTTP or SOCKS proxy it goes to."""
    tunnel: Tunnel = "none"
    connect_status: int | None = None
    """What the proxy answered: of an HTTP proxy to CONNECT, of a SOCKS proxy its reply code, below
    100 or socks.REFUSES_LOGIN. None where it cannot be seen, within TLS."""
    is_socks: bool = False
    lookup_at_ns: int | None = None
    paid_by: str | None = None
    dial_ns: int | None = None
    """As `go` saw it, from its call to its return."""
    sport: int = 0
    established_at_ns: int | None = None
    closed_at_ns: int | None = None
    """Since then nothing more is sent on it."""
    gone: bool = False
    """The kernel has forgotten it."""
    syn_retransmits: int = 0
    retransmits: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    reset: bool = False
    hole_out: bool = False
    hole_in: bool = False
    """See Tcp: as it was closed."""
    sent_bytes: int = 0
    """Of the packet with payload that was sent last and copied, from the IP header on."""
    in_owner: bool = False
    error: GoError | None = None
    alpn: str | None = None
    shaken_at_ns: int | None = None
    """When its TLS handshake ended."""
    users: int = 0
    """Requests that had it in hand so far."""
    opening: Opening = field(default_factory=Opening)

    @property
    def is_usable(self) -> bool:
        """Established and not yet closing."""
        return self.established_at_ns is not None and self.closed_at_ns is None

    @property
    def passes_on_requests(self) -> bool:
        """The other end is an HTTP proxy that is asked for pages, in clear text."""
        return self.via is not None and self.tunnel == "none"

    @property
    def way(self) -> str:
        """What a sentence about whoever was asked ends with, where a proxy is in between."""
        kind = "SOCKS" if self.is_socks else "HTTP"
        return "" if self.via is None else f", through the {kind} proxy {self.via}"

    @property
    def is_shaking_with_proxy(self) -> bool:
        """TLS was begun with the HTTP proxy, and no way was asked for yet, as it is at once."""
        return self.via is not None and self.tunnel == "none" and self.opening.is_tls

    def ends(self, sport: int) -> SocketEnds:
        """Return its ends, once the kernel has chosen the port on this side."""
        return SocketEnds(sport, self.address, self.port)

    def ask_tunnel(self, target: str | None) -> None:
        """`go` asks whom it dialled to pass it on; to whom is not read of SOCKS."""
        if self.via is None:
            self.via = join_port(self.host or self.address, self.port)
        if target is not None:
            self.host = name_of(target)
        if self.tunnel == "none":
            self.tunnel = "asked"

    def answer_tunnel(self, status: int) -> None:
        """The proxy answered; that the tunnel stands is told apart."""
        self.connect_status, self.tunnel = status, "refused"

    def pass_on(self) -> None:
        """What follows is between `go` and the host."""
        self.tunnel = "stands"

    def shaken_with_proxy(self, sni: str | None) -> bool:
        """
        Say whether a handshake that begins is the one with the proxy, before any tunnel.

        By name; where the proxy and the host have the same, by what was seen in clear text before.
        """
        if self.via is None or self.tunnel != "none":
            return False
        proxy = name_of(self.via)
        return sni is None or not is_same_name(sni, self.host) or is_same_name(proxy, self.host)

    def shake(self, alpn: str | None, at_ns: int, with_proxy: bool) -> None:
        """A handshake ended well, with `alpn`, or badly, without one."""
        if not with_proxy:
            self.alpn, self.shaken_at_ns = alpn, at_ns
        elif alpn is not None:
            self.tunnel = "asked"  # CONNECT follows at once, where nobody sees it

    def change(self, event: Tcp) -> None:
        """Take a state change from the kernel."""
        self.sport = event.sport or self.sport
        self.syn_retransmits = event.syn_retransmits
        self.retransmits = event.retransmits
        self.bytes_in, self.bytes_out = event.bytes_in, event.bytes_out
        if event.new == TcpState.ESTABLISHED:
            self.established_at_ns = self.established_at_ns or event.at_ns
        elif event.new != TcpState.SYN_SENT and self.closed_at_ns is None:
            self.closed_at_ns = event.at_ns
            self.reset, self.in_owner = event.reset, event.in_owner
            self.hole_out, self.hole_in = event.hole_out, event.hole_in
        if event.new == TcpState.CLOSE:
            self.gone = True

    def record(self) -> Connection:
        """Make the record of what is known now."""
        decided_at_ns = self.established_at_ns or self.closed_at_ns
        kernel_ns = None if decided_at_ns is None else decided_at_ns - self.syn_at_ns
        return Connection(
            cookie=self.cookie,
            pid=self.pid,
            host=self.host,
            address=self.address,
            port=self.port,
            via=self.via,
            lookup_at_ns=self.lookup_at_ns,
            at_ns=self.at_ns,
            connect_ns=self.dial_ns if self.dial_ns is not None else kernel_ns,
            syn_retransmits=self.syn_retransmits,
            rtt_ns=kernel_ns if self.established_at_ns and not self.syn_retransmits else None,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            retransmits=self.retransmits,
            outcome=self._outcome(),
        )

    def _outcome(self) -> Outcome | None:
        if self.established_at_ns is not None:
            return "reset" if self.reset else "established"
        if self.closed_at_ns is None and self.error is None:
            return None
        if self.error is not None:
            return outcome_of(self.error)
        if self.reset:
            return "refused"
        if self.in_owner:
            return "timeout" if self.syn_retransmits >= 3 else "cancelled"
        return "timeout" if self.syn_retransmits else "unreachable"
