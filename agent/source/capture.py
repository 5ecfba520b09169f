"""
Capture files: the only importer of scapy, which reads them.

Knows nothing of TLS, DNS or flows: a file is read into the events that the kernel would have
sent, and a trace is written as trace.py says.
"""

import logging
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from ..events.events import Event
from ..recorder.trace import Origin, Trace, parse_comment
from ..records.records import Request
from ..wire.ip import link_header_bytes
from ..wire.reader import WireError
from .flows import Flows

MAGICS = (
    b"\x0a\x0d\x0d\x0a",
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1",
)  # fmt: skip
"""pcapng; pcap with microseconds, pcap with nanoseconds, either byte order. Nothing compressed."""

MAX_AT_NS = (1 << 63) - 1
"""The year 2262; what is later than 64 bits can say is no time."""
MAX_BLOCK_BYTES = 16 << 20
"""Of one read: a packet has 64 kB, what lies between packets more. Some say they have 4 GB."""

_INBOUND, _OUTBOUND = 1, 2
"""Direction in the flags of a pcapng packet."""


class CaptureError(ValueError):
    """A file that is no capture, or one that cannot be read."""


class Captured(NamedTuple):
    """One packet of a capture file."""

    at_ns: int | None
    linktype: int
    data: bytes
    """From the link header on."""
    length: int
    """Bytes on the wire from the link header on."""
    outgoing: bool | None
    comment: str | None


def write_trace(
    file: BinaryIO, trace: Trace, realtime_offset_ns: int, requests: Iterable[Request]
) -> None:
    """
    Write the packets of a command as pcapng, link type 101.

    Args:
        file: Opened by the caller, as the user whose file it is.
        trace: The packets.
        realtime_offset_ns: CLOCK_REALTIME less CLOCK_MONOTONIC.
        requests: Of the command; they name the packets.
    """
    for block in trace.blocks(realtime_offset_ns, requests):
        file.write(block)


class Capture:
    """
    A capture file, ours or any other, as the events of the kernel side.

    `started_at_ns` is the time of the first packet, since 1970, None before it was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._flows = Flows()
        self.started_at_ns: int | None = None
        self._last_at_ns = 0

    @property
    def losses(self) -> dict[str, int]:
        """
        Packets by the reason why they were not used; `damaged`: complaints of the reader.

        `out_of_order` were used: they are earlier than one before, and count as of its time.
        """
        return {name: count for name, count in self._flows.losses.items() if count}

    def events(self) -> Iterator[Event]:
        """
        Read the file once, in its order; `at_ns` is since 1970.

        Raises:
            CaptureError: no capture file, or unreadable.
        """
        for packet in read_packets(self._path, self._flows.losses):
            if packet.at_ns is None or not 0 <= packet.at_ns <= MAX_AT_NS:
                self._flows.losses["untimed"] += 1
                continue
            if self.started_at_ns is None:
                self.started_at_ns = packet.at_ns
            self._flows.losses["out_of_order"] += packet.at_ns < self._last_at_ns
            self._last_at_ns = max(self._last_at_ns, packet.at_ns)
            yield from self._feed(packet, self._last_at_ns)
        yield from self._flows.finish()

    def _feed(self, packet: Captured, at_ns: int) -> list[Event]:
        try:
            start = link_header_bytes(packet.linktype, packet.data)
        except WireError:
            self._flows.losses["not_ip"] += 1
            return []
        data = packet.data[start:]
        length = max(packet.length - start, len(data))
        return self._flows.feed(at_ns, data, length, packet.outgoing, _origin(packet.comment))


def read_packets(path: Path, losses: Counter[str]) -> Iterator[Captured]:
    """
    Read the packets of a pcap or pcapng file, as far as it is whole.

    Raises:
        CaptureError: no capture file, or unreadable.
    """
    # Not at the top: scapy costs 40 MB and half a second, and only a replay needs it.
    from scapy.error import Scapy_Exception  # noqa: PLC0415
    from scapy.utils import RawPcapNgReader, RawPcapReader  # noqa: PLC0415

    with _complaints(losses):
        try:
            with path.open("rb") as file:
                _check_magic(path, file)
                # Annotated as a name, it takes an open file as well.
                reader = RawPcapReader(cast(Any, _Bounded(file)))
                read = _pcapng if isinstance(reader, RawPcapNgReader) else _pcap
                yield from read(reader)
        except EOFError:
            losses["damaged"] += 1
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error
        except (Scapy_Exception, struct.error, zlib.error, MemoryError) as error:
            raise CaptureError(f"{path}: {error}") from error


def _check_magic(path: Path, file: BinaryIO) -> None:
    magic = file.read(4)
    if magic not in MAGICS:
        raise CaptureError(f"{path}: neither pcap nor pcapng, it begins with '{magic.hex(' ')}'")
    file.seek(0)


class _Bounded:
    """A file of which nobody reads more at once than there can be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.close, self.seek, self.tell = file.close, file.seek, file.tell
        self.name = file.name

    def read(self, size: int) -> bytes:
        """
        Read so many bytes.

        Raises:
            EOFError: the file lies about its own size.
        """
        if not 0 <= size <= MAX_BLOCK_BYTES:
            raise EOFError
        return self._file.read(size)


@contextmanager
def _complaints(losses: Counter[str]) -> Iterator[None]:
    """Count scapy's warnings instead of printing them."""

    class Counting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - only their number
            losses["damaged"] += 1

    logger, handler = logging.getLogger("scapy.runtime"), Counting(logging.WARNING)
    # Its filters drop what it has said a moment ago.
    before = logger.handlers, logger.filters, logger.propagate
    logger.handlers, logger.filters, logger.propagate = [handler], [], False
    try:
        yield
    finally:
        logger.handlers, logger.filters, logger.propagate = before


def _pcapng(reader: Any) -> Iterator[Captured]:
    for data, meta in reader:
        at_ns = None
        if meta.tshigh is not None and meta.tslow is not None and meta.tsresol:
            at_ns = (meta.tshigh << 32 | meta.tslow) * 1_000_000_000 // meta.tsresol
        outgoing = {_INBOUND: False, _OUTBOUND: True}.get(meta.direction or 0)
        # scapy 2.5 knows one comment of a packet, later ones a list.
        comments = getattr(meta, "comments", None) or [getattr(meta, "comment", None)]
        comment = comments[0].decode("utf-8", "replace") if comments[0] else None
        yield Captured(at_ns, meta.linktype, data, meta.wirelen, outgoing, comment)


def _pcap(reader: Any) -> Iterator[Captured]:
    to_ns = 1 if reader.nano else 1000
    for data, meta in reader:
        at_ns = meta.sec * 1_000_000_000 + meta.usec * to_ns
        yield Captured(at_ns, reader.linktype, data, meta.wirelen, None, None)


def _origin(comment: str | None) -> Origin | None:
    return parse_comment(comment) if comment else None
