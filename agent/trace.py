"""
The packets of one command as a pcapng file: what is kept of each, and what is said beside it.

Knows nothing of files or clocks. Of TLS the handshake is kept, of clear-text HTTP the first head
with its values masked, of DNS everything; of all else the headers, with the length on the wire.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .events import Event, Packet
from .records import Request
from .wire.hello import TlsWatcher
from .wire.http1 import MAX_HEAD_BYTES, head_bytes, parse_request_line, parse_status_line
from .wire.ip import DNS_PORT, LINKTYPE_RAW, UDP, IpPacket, parse_ip
from .wire.pcapng import file_start, packet_block
from .wire.reader import WireError

MAX_TRACE_BYTES = 256 << 20
"""Held until the command ends, when it is known which request each packet belonged to."""

MAX_FLOWS = 4096
"""Connections whose handshake is followed at a time; of others the headers are kept."""

_HEADER_BYTES_AT_MOST = 120
"""IPv6 with some extensions, and TCP with options: kept of a packet that cannot be read."""

_PACKET_COST_BYTES = 200
"""What a kept packet takes in memory besides its data, roughly."""

_QUERY = re.compile(rb"\A([A-Z]+ [^ ?\r\n]*\?)([^ \r\n]*)")
_FIELD = re.compile(rb"(?im)(?<=\n)((?!host:)[^:\r\n]+:)([^\r\n]*)")
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


class Trace:
    """
    Collects the packets of a command.

    `dropped` counts what came after MAX_TRACE_BYTES.
    """

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self._held_bytes = 0
        self._watchers: dict[int, TlsWatcher] = {}
        self.dropped = 0

    def witness(self, event: Event) -> None:
        """Take any event; packets are kept."""
        if isinstance(event, Packet):
            self.add(event)

    def add(self, packet: Packet) -> None:
        """Keep what may be kept of one packet."""
        kept = self._cut(packet)
        self._held_bytes += len(kept) + _PACKET_COST_BYTES
        if self._held_bytes > MAX_TRACE_BYTES:
            self.dropped += 1
            return
        self._packets.append(
            Packet(
                packet.at_ns, packet.pid, packet.cookie, packet.outgoing, packet.length, kept
            )
        )  # fmt: skip

    def blocks(self, realtime_offset_ns: int, requests: Iterable[Request]) -> Iterator[bytes]:
        """
        Return the file, block by block, in the order of time.

        Args:
            realtime_offset_ns: CLOCK_REALTIME less CLOCK_MONOTONIC.
            requests: Of the command; they name the packets.
        """
        in_flight = _by_connection(requests)
        yield file_start("modpulse", LINKTYPE_RAW)
        for packet in sorted(self._packets, key=lambda packet: packet.at_ns):
            module = _module_at(packet.at_ns, in_flight.get(packet.cookie, ()))
            comment = write_comment(Origin(packet.pid, packet.cookie, module))
            yield packet_block(
                packet.at_ns + realtime_offset_ns, packet.data, packet.length, packet.outgoing,
                comment,
            )  # fmt: skip

    def _cut(self, packet: Packet) -> bytes:
        try:
            segment = parse_ip(packet.data, packet.length)
        except WireError:
            return packet.data[:_HEADER_BYTES_AT_MOST]
        if segment.proto == UDP or DNS_PORT in (segment.sport, segment.dport):
            return packet.data
        headers = packet.data[: len(packet.data) - len(segment.payload)]
        return headers + self._kept_payload(packet, segment)

    def _kept_payload(self, packet: Packet, segment: IpPacket) -> bytes:
        watcher = self._watchers.get(packet.cookie)
        if watcher is None:
            if len(self._watchers) >= MAX_FLOWS:
                return b""
            watcher = self._watchers[packet.cookie] = TlsWatcher()
        if watcher.done:
            return b""
        watcher.feed(packet.at_ns, packet.outgoing, segment)
        return segment.payload if watcher.is_tls else masked_head(segment.payload)


def masked_head(payload: bytes) -> bytes:
    """
    Return a head of HTTP/1 with its query and all values but Host's replaced, at its own length.

    Returns:
        Nothing for what is not a whole head: it could be the rest of one, with a secret in it.
    """
    try:
        size = head_bytes(payload[:MAX_HEAD_BYTES])
        if size is None or not (_is_request(payload) or parse_status_line(payload)):
            return b""
    except WireError:
        return b""
    return _FIELD.sub(_masked, _QUERY.sub(_masked, payload[:size]))


def _masked(match: re.Match[bytes]) -> bytes:
    return match[1] + b"x" * len(match[2])


def _is_request(payload: bytes) -> bool:
    try:
        return parse_request_line(payload) is not None
    except WireError:
        return False


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
