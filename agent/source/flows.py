"""
Captured packets to the events that the kernel would have sent for the same connections.

Knows nothing of files or clocks. The client is taken for the observed machine. Of a connection
whose SYN was not captured only the packets are told, no change of state.
"""

from collections import Counter
from dataclasses import dataclass, field

from ..events.events import Event, Packet, Tcp, TcpState
from ..recorder.trace import Origin
from ..wire.ip import ACK, DNS_PORT, FIN, RST, SYN, UDP, IpPacket, parse_ip
from ..wire.reader import WireError

MAX_FLOWS = 65536
"""Connections and DNS sockets told apart at a time; open ones beyond are forgotten and counted."""

Signal = str
"""What a TCP header says: `syn`, `syn_ack`, `fin_out`, `fin_in`, `rst_out`, `rst_in`."""

_CLOSE, _SYN_SENT = TcpState.CLOSE, TcpState.SYN_SENT
_ESTABLISHED, _FIN_WAIT1, _CLOSE_WAIT = (
    TcpState.ESTABLISHED,
    TcpState.FIN_WAIT1,
    TcpState.CLOSE_WAIT,
)

TRANSITIONS: dict[TcpState, dict[Signal, TcpState]] = {
    _SYN_SENT: {"syn_ack": _ESTABLISHED, "rst_in": _CLOSE, "rst_out": _CLOSE},
    _ESTABLISHED: {
        "fin_out": _FIN_WAIT1, "fin_in": _CLOSE_WAIT, "rst_in": _CLOSE, "rst_out": _CLOSE,
    },
    _FIN_WAIT1: {"fin_in": _CLOSE, "rst_in": _CLOSE, "rst_out": _CLOSE},
    _CLOSE_WAIT: {"fin_out": _CLOSE, "rst_in": _CLOSE, "rst_out": _CLOSE},
    _CLOSE: {},
}  # fmt: skip
"""RFC 9293 section 3.3.2 as far as the tracker tells states apart; absent: nothing changes."""

_Ends = tuple[str, int]


@dataclass(slots=True)
class _Flow:
    """One connection, or one DNS socket."""

    pid: int
    cookie: int
    client: _Ends
    server: _Ends
    state: TcpState = TcpState.CLOSE
    isn: int | None = None
    """Initial sequence number of the client."""
    next_seq: int | None = None
    """Behind the last byte that the client sent."""
    bytes_in: int = 0
    bytes_out: int = 0
    retransmits: int = 0
    syn_retransmits: int = 0
    reset: bool = False


@dataclass(slots=True)
class Flows:
    """
    Feeds on packets in the order of the capture.

    `losses` counts what could not be used: `not_ip`, `not_dns` (other UDP), `flows_forgotten`.
    """

    losses: Counter[str] = field(default_factory=Counter)
    _flows: dict[tuple[int, _Ends, _Ends], _Flow] = field(default_factory=dict)
    _cookies: int = 0
    _last_at_ns: int = 0

    def feed(
        self,
        at_ns: int,
        data: bytes,
        length: int,
        outgoing: bool | None = None,
        origin: Origin | None = None,
    ) -> list[Event]:
        """
        Take one packet.

        Args:
            at_ns: On the clock of the capture.
            data: From the IP header on, as far as captured.
            length: Bytes on the wire from the IP header on.
            outgoing: None where the capture does not say.
            origin: From the packet's comment, if it has one of ours.

        Returns:
            A state change if there was one, then the packet.
        """
        self._last_at_ns = max(self._last_at_ns, at_ns)
        try:
            packet = parse_ip(data, length)
        except WireError:
            self.losses["not_ip"] += 1
            return []
        if packet.proto == UDP and DNS_PORT not in (packet.sport, packet.dport):
            self.losses["not_dns"] += 1
            return []
        flow, outgoing = self._flow_of(packet, outgoing, origin)
        events: list[Event] = []
        if packet.proto != UDP:
            events += _follow(flow, at_ns, outgoing, packet)
        events.append(Packet(at_ns, flow.pid, flow.cookie, outgoing, length, data))
        return events

    def finish(self) -> list[Event]:
        """
        The capture has ended: give up the connections that nobody answered, and say how much the
        others had carried.

        Given up are only those whose SYN was sent again: the others may have been answered later.
        """
        events: list[Event] = []
        for flow in self._flows.values():
            if flow.state is TcpState.SYN_SENT and flow.syn_retransmits:
                events.append(_change(flow, self._last_at_ns, TcpState.CLOSE, in_owner=False))
            elif flow.state in (TcpState.ESTABLISHED, TcpState.FIN_WAIT1, TcpState.CLOSE_WAIT):
                events.append(_change(flow, self._last_at_ns, flow.state, in_owner=False))
        return events

    def _flow_of(
        self, packet: IpPacket, outgoing: bool | None, origin: Origin | None
    ) -> tuple[_Flow, bool]:
        src, dst = (packet.src, packet.sport), (packet.dst, packet.dport)
        known = self._flows.get((packet.proto, src, dst))
        if known and not _is_reused(known, packet):
            return known, True
        known_reply = self._flows.get((packet.proto, dst, src))
        if known_reply and not _is_opening(packet):
            return known_reply, False
        self._make_room()
        if outgoing is None:
            outgoing = _is_from_client(packet)
        client, server = (src, dst) if outgoing else (dst, src)
        pid, cookie, _ = origin or Origin(0, self._next_cookie())
        flow = _Flow(pid, cookie, client, server)
        self._flows[packet.proto, client, server] = flow
        return flow, outgoing

    def _make_room(self) -> None:
        """Forget the oldest of too many; most likely it is closed."""
        if len(self._flows) >= MAX_FLOWS:
            oldest = self._flows.pop(next(iter(self._flows)))
            self.losses["flows_forgotten"] += oldest.state is not TcpState.CLOSE

    def _next_cookie(self) -> int:
        self._cookies += 1
        return self._cookies


def _is_opening(packet: IpPacket) -> bool:
    return packet.flags & (SYN | ACK) == SYN


def _is_reused(flow: _Flow, packet: IpPacket) -> bool:
    """A new connection from the same port."""
    return _is_opening(packet) and flow.isn is not None and flow.isn != packet.seq


def _is_from_client(packet: IpPacket) -> bool:
    """Guess who is the client from the SYN, else from the ports: ephemeral ones are high."""
    if packet.flags & SYN:
        return not packet.flags & ACK
    return packet.dport < packet.sport


def _follow(flow: _Flow, at_ns: int, outgoing: bool, packet: IpPacket) -> list[Event]:
    if outgoing:
        flow.bytes_out += packet.payload_bytes
        _count_retransmit(flow, packet)
    else:
        flow.bytes_in += packet.payload_bytes
    if outgoing and _is_opening(packet):
        if flow.isn is not None:
            flow.syn_retransmits += 1
            return []
        flow.isn = packet.seq
        return [_change(flow, at_ns, TcpState.SYN_SENT, in_owner=True)]
    seen = _seen(packet, outgoing)
    new = TRANSITIONS[flow.state].get(seen) if seen else None
    if new is None:
        return []
    flow.reset = flow.reset or seen == "rst_in"
    return [_change(flow, at_ns, new, in_owner=outgoing)]


def _seen(packet: IpPacket, outgoing: bool) -> Signal | None:
    side = "out" if outgoing else "in"
    if packet.flags & RST:
        return f"rst_{side}"
    if packet.flags & SYN:
        return "syn_ack" if not outgoing else None
    return f"fin_{side}" if packet.flags & FIN else None


def _count_retransmit(flow: _Flow, packet: IpPacket) -> None:
    if not packet.payload_bytes:
        return
    end = (packet.seq + packet.payload_bytes) % 2**32
    if flow.next_seq is not None and (end - flow.next_seq - 1) % 2**32 >= 2**31:
        flow.retransmits += 1
    else:
        flow.next_seq = end


def _change(flow: _Flow, at_ns: int, new: TcpState, *, in_owner: bool) -> Tcp:
    old, flow.state = flow.state, new
    address, dport = flow.server
    source, sport = flow.client
    return Tcp(
        at_ns, flow.pid, flow.cookie, old, new, sport, address, dport, flow.bytes_in,
        flow.bytes_out, flow.retransmits, flow.syn_retransmits, flow.reset, in_owner, source,
    )  # fmt: skip
