"""
The packets of one command as a pcapng file: what is kept of each, and what is said beside it.

Knows nothing of files or clocks. Of TLS the handshake is kept, of clear-text HTTP the first head
with its secrets masked, of DNS everything, see wire/shown.py; of all else the headers, with the
length on the wire.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..events.events import Event, Packet
from ..records.records import Request
from ..service.foreign import said
from ..wire.dns import parse_dns
from ..wire.ip import LINKTYPE_RAW, UDP, IpPacket, ip_header_bytes, parse_ip
from ..wire.pcapng import file_start, packet_block
from ..wire.reader import WireError
from ..wire.shown import Shown, first_seq

MAX_TRACE_BYTES = 256 << 20
"""Held until the command ends, when it is known which request each packet belonged to."""

MAX_FLOWS = 4096
"""Connections whose handshake is followed at a time; of others the headers are kept."""

_PACKET_COST_BYTES = 200
"""What a kept packet takes in memory besides its data, roughly."""

_COMMENT = re.compile(r"pid=(\d{1,10}) cookie=(\d{1,20})(?: module=(\S+))?")


class Origin(NamedTuple):
    """Whose packet it was."""

    pid: int
    cookie: int
    module: str | None = None
    """`path@version` of the only request in flight."""


def write_comment(origin: Origin) -> str:
    """Write the comment of one packet."""
    module = f" module={origin.module}" if origin.module else ""
    return f"pid={origin.pid} cookie={origin.cookie}{module}"


def parse_comment(comment: str) -> Origin | None:
    """Read a comment that write_comment wrote; None for any other."""
    match = _COMMENT.fullmatch(comment)
    return Origin(int(match[1]), int(match[2]), match[3]) if match else None


class _Kept(NamedTuple):
    """A packet whose payload is shown when all is known."""

    packet: Packet
    """With its headers alone, or whole where that may be seen."""
    shown: Shown | None
    seq: int
    size: int
    """Of the payload that was captured."""


class Trace:
    """
    Collects the packets of a command.

    `dropped` counts what came after MAX_TRACE_BYTES.
    """

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._held_bytes = 0
        self._flows: dict[int, Shown] = {}
        self.dropped = 0

    def witness(self, event: Event) -> None:
        """Take any event; packets are kept."""
        if isinstance(event, Packet):
            self.add(event)

    def add(self, packet: Packet) -> None:
        """Keep what may be kept of one packet."""
        if self._held_bytes > MAX_TRACE_BYTES:
            self.dropped += 1
            return
        kept = self._cut(packet)
        self._held_bytes += len(kept.packet.data) + _PACKET_COST_BYTES
        if self._held_bytes > MAX_TRACE_BYTES:
            self.dropped += 1
            return
        self._kept.append(kept)

    def packets(self) -> Iterator[Packet]:
        """Return what is kept of each packet, as they came; call it at the end."""
        for packet, shown, seq, size in self._kept:
            payload = shown.payload(packet.outgoing, seq, size) if shown else b""
            yield _with_data(packet, packet.data + payload)

    def blocks(self, realtime_offset_ns: int, requests: Iterable[Request]) -> Iterator[bytes]:
        """
        Return the file, block by block, in the order of time.

        Args:
            realtime_offset_ns: CLOCK_REALTIME less CLOCK_MONOTONIC.
            requests: Of the command; they name the packets.
        """
        in_flight = _by_connection(map(said, requests))
        yield file_start("modpulse", LINKTYPE_RAW)
        for packet in sorted(self.packets(), key=lambda packet: packet.at_ns):
            module = _module_at(packet.at_ns, in_flight.get(packet.cookie, ()))
            comment = write_comment(Origin(packet.pid, packet.cookie, module))
            yield packet_block(
                packet.at_ns + realtime_offset_ns, packet.data, packet.length, packet.outgoing,
                comment,
            )  # fmt: skip

    def _cut(self, packet: Packet) -> _Kept:
        try:
            segment = parse_ip(packet.data, packet.length)
        except WireError:
            # A later fragment has payload where others have their headers.
            return _Kept(_cut_at(packet, ip_header_bytes(packet.data)), None, 0, 0)
        headers = _cut_at(packet, segment.payload_at)
        if segment.proto == UDP:
            return _Kept(packet if _is_dns(segment) else headers, None, 0, 0)
        shown = self._flows.get(packet.cookie)
        if shown is None and len(self._flows) < MAX_FLOWS:
            shown = self._flows[packet.cookie] = Shown()
        if shown is not None:
            before = shown.held_bytes
            shown.feed(packet.outgoing, segment)
            self._held_bytes += shown.held_bytes - before
        return _Kept(headers, shown, first_seq(segment), len(segment.payload))


def _is_dns(segment: IpPacket) -> bool:
    try:
        return parse_dns(segment.payload) is not None
    except WireError:
        return False


def _cut_at(packet: Packet, size: int) -> Packet:
    return _with_data(packet, packet.data[:size])


def _with_data(packet: Packet, data: bytes) -> Packet:
    return Packet(
        packet.at_ns, packet.pid, packet.cookie, packet.outgoing, packet.length, data
    )  # fmt: skip


class _InFlight(NamedTuple):
    start_ns: int
    end_ns: float
    module: str


def _by_connection(requests: Iterable[Request]) -> dict[int, list[_InFlight]]:
    found: dict[int, list[_InFlight]] = defaultdict(list)
    for request in requests:
        if request.connection is None or request.module is None:
            continue
        wait_ns = request.connect_wait_ns or 0
        start_ns = request.at_ns if request.paid_setup else request.at_ns + wait_ns
        end_ns = float("inf")
        if request.processing_ns is not None and request.transfer_ns is not None:
            end_ns = request.at_ns + wait_ns + request.processing_ns + request.transfer_ns
        version = f"@{request.version}" if request.version else ""
        found[request.connection].append(_InFlight(start_ns, end_ns, request.module + version))
    return found


def _module_at(at_ns: int, requests: Sequence[_InFlight]) -> str | None:
    """Name the request in flight, where it was the only one."""
    modules = [each.module for each in requests if each.start_ns <= at_ns <= each.end_ns]
    return modules[0] if len(modules) == 1 else None
