"""
The blocks of a pcapng file, as bytes.

Knows nothing of files. Written here because scapy's writer has microseconds only and, before
2.6, one comment for all; scapy still reads. Source: draft-ietf-opsawg-pcapng sections 4.1 to 4.3.
"""

import struct
from collections.abc import Iterable

SNAP_BYTES = 65535
"""Announced limit of a captured packet."""

MAX_COMMENT_BYTES = 1024
"""Of one packet's comment; a module path with its version has about 100."""

_SECTION_HEADER, _INTERFACE, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _USER_APPLICATION, _TSRESOL, _PACKET_FLAGS = 1, 4, 9, 2
_NANOSECONDS = 9
_INBOUND, _OUTBOUND = 1, 2


def file_start(application: str, linktype: int) -> bytes:
    """Return the section header and the one interface, with times in nanoseconds."""
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    interface = struct.pack("<HHI", linktype, 0, SNAP_BYTES)
    name = application.encode()
    return _block(_SECTION_HEADER, section, [(_USER_APPLICATION, name)]) + _block(
        _INTERFACE, interface, [(_TSRESOL, bytes([_NANOSECONDS]))]
    )


def packet_block(at_ns: int, data: bytes, length: int, outgoing: bool, comment: str) -> bytes:
    """
    Return the block of one packet.

    Args:
        at_ns: Since 1970.
        data: What is kept of the packet.
        length: Bytes it had on the wire.
        outgoing: Sent by the observed machine.
        comment: What capture tools show beside it.
    """
    data = data[:SNAP_BYTES]
    head = struct.pack(
        "<IIIII", 0, at_ns >> 32 & 0xFFFFFFFF, at_ns & 0xFFFFFFFF, len(data), max(length, len(data))
    )
    flags = struct.pack("<I", _OUTBOUND if outgoing else _INBOUND)
    text = comment.encode()[:MAX_COMMENT_BYTES]
    return _block(
        _ENHANCED_PACKET, head + _padded(data), [(_COMMENT, text), (_PACKET_FLAGS, flags)]
    )


def _block(kind: int, body: bytes, options: Iterable[tuple[int, bytes]]) -> bytes:
    for code, value in options:
        body += struct.pack("<HH", code, len(value)) + _padded(value)
    body += struct.pack("<HH", 0, 0)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
