"""
IPv4, IPv6, TCP and UDP headers of a captured packet, and the link headers before them.

Knows nothing of payloads. Source: RFC 791, RFC 8200, RFC 9293, RFC 768; link types as in
https://www.tcpdump.org/linktypes.html.
"""

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache

from .reader import Reader, WireError

TCP, UDP = 6, 17

DNS_PORT = 53

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

LINKTYPE_NULL, LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_LOOP = 0, 1, 101, 108
LINKTYPE_LINUX_SLL, LINKTYPE_IPV4, LINKTYPE_IPV6, LINKTYPE_LINUX_SLL2 = 113, 228, 229, 276

MAX_EXTENSION_HEADERS = 8
"""IPv6 extension headers walked before a packet is given up."""

MAX_ADDRESSES = 1024
"""Remembered with their text; a build farm has tens."""

_EXTENSIONS = (0, 43, 60)
_FRAGMENT = 44
_LINK_HEADER_BYTES = {
    LINKTYPE_NULL: 4,
    LINKTYPE_RAW: 0,
    12: 0,  # DLT_RAW, which some systems write in place of LINKTYPE_RAW
    LINKTYPE_LOOP: 4,
    LINKTYPE_LINUX_SLL: 16,
    LINKTYPE_IPV4: 0,
    LINKTYPE_IPV6: 0,
    LINKTYPE_LINUX_SLL2: 20,
}
_VLAN_TAGS = (b"\x81\x00", b"\x88\xa8")


@dataclass(frozen=True, slots=True)
class IpPacket:
    """One TCP segment or UDP datagram."""

    src: str
    """IPv4-mapped addresses are written as IPv4."""
    dst: str
    proto: int
    """TCP or UDP."""
    sport: int
    dport: int
    flags: int
    """TCP flags; 0 for UDP."""
    seq: int
    """TCP sequence number; 0 for UDP."""
    payload: bytes
    """As far as captured."""
    payload_bytes: int
    """On the wire; more than len(payload) where the packet was cut."""
    payload_at: int = field(default=0, compare=False)
    """Where the payload begins in what was captured."""


def link_header_bytes(linktype: int, frame: bytes) -> int:
    """
    Return where the IP header begins in a captured frame.

    Raises:
        WireError: a link type that is not read, or a frame that is too short.
    """
    if linktype != LINKTYPE_ETHERNET:
        if linktype not in _LINK_HEADER_BYTES:
            raise WireError(f"link type {linktype} is not read")
        return _LINK_HEADER_BYTES[linktype]
    at = 12
    while frame[at : at + 2] in _VLAN_TAGS:
        at += 4
    if len(frame) < at + 2:
        raise WireError("frame ends in its Ethernet header", len(frame))
    return at + 2


def parse_ip(data: bytes, length: int | None = None) -> IpPacket:
    """
    Read one packet from its IP header on.

    Args:
        data: What was captured; may end anywhere after the sequence number.
        length: Bytes on the wire, for packets whose IP header does not say (offload).

    Raises:
        WireError: neither TCP nor UDP, a later fragment, or cut within the headers.
    """
    reader = Reader(data)
    version = reader.u8() >> 4
    if version == 4:
        src, dst, proto, header_bytes, total = _ipv4(data)
    elif version == 6:
        src, dst, proto, header_bytes, total = _ipv6(data)
    else:
        raise WireError(f"IP version {version}")
    wire_bytes = (total or length or len(data)) - header_bytes
    transport = Reader(data, min(header_bytes, len(data)))
    if proto == TCP:
        return _tcp(transport, data, src, dst, wire_bytes)
    if proto == UDP:
        return _udp(transport, data, src, dst, wire_bytes)
    raise WireError(f"protocol {proto} is neither TCP nor UDP")


def ip_header_bytes(data: bytes) -> int:
    """Return the size of the IP header of a packet that cannot be read further."""
    version = data[0] >> 4 if data else 0
    return {4: max((data[0] & 15) * 4, 20), 6: 40}.get(version, 0) if data else 0


def _ipv4(data: bytes) -> tuple[str, str, int, int, int]:
    reader = Reader(data)
    header_bytes = (reader.u8() & 15) * 4
    reader.u8()
    total = reader.u16()
    reader.take(2)
    if reader.u16() & 0x1FFF:
        raise WireError("a fragment without its transport header", 6)
    reader.u8()
    proto = reader.u8()
    reader.take(2)
    src, dst = reader.take(4), reader.take(4)
    if header_bytes < 20:
        raise WireError(f"IPv4 header of {header_bytes} bytes")
    return address_text(src), address_text(dst), proto, header_bytes, total


def _ipv6(data: bytes) -> tuple[str, str, int, int, int]:
    reader = Reader(data)
    reader.take(4)
    payload_bytes = reader.u16()
    proto = reader.u8()
    reader.u8()
    src, dst = reader.take(16), reader.take(16)
    for _ in range(MAX_EXTENSION_HEADERS):
        if proto == _FRAGMENT:
            proto = reader.u8()
            reader.u8()
            if reader.u16() & 0xFFF8:
                raise WireError("a fragment without its transport header", reader.offset)
            reader.take(4)
        elif proto in _EXTENSIONS:
            proto = reader.u8()
            reader.take(reader.u8() * 8 + 6)
        else:
            break
    total = 40 + payload_bytes if payload_bytes else 0
    return address_text(src), address_text(dst), proto, reader.offset, total


def _tcp(reader: Reader, data: bytes, src: str, dst: str, wire_bytes: int) -> IpPacket:
    start = reader.offset
    sport, dport = reader.u16(), reader.u16()
    seq = reader.u16() << 16 | reader.u16()
    reader.take(4)
    header_bytes = (reader.u8() >> 4) * 4
    flags = reader.u8()
    if header_bytes < 20:
        raise WireError(f"TCP header of {header_bytes} bytes", start + 12)
    payload_bytes = max(wire_bytes - header_bytes, 0)
    payload_at = start + header_bytes
    payload = data[payload_at:][:payload_bytes]
    return IpPacket(src, dst, TCP, sport, dport, flags, seq, payload, payload_bytes, payload_at)


def _udp(reader: Reader, data: bytes, src: str, dst: str, wire_bytes: int) -> IpPacket:
    sport, dport = reader.u16(), reader.u16()
    reader.take(4)
    payload_bytes = max(wire_bytes - 8, 0)
    payload = data[reader.offset :][:payload_bytes]
    return IpPacket(
        src, dst, UDP, sport, dport, 0, 0, payload, payload_bytes, reader.offset
    )  # fmt: skip


@lru_cache(maxsize=MAX_ADDRESSES)
def address_text(raw: bytes) -> str:
    """Write 4 or 16 address bytes in their usual form; an IPv4-mapped one as IPv4."""
    address = ipaddress.ip_address(raw)
    return str(getattr(address, "ipv4_mapped", None) or address)
