"""The document of a capture file."""

import struct
from pathlib import Path

import dns.message
import pytest
from builders import udp

from modpulse.agent.capture import CaptureError
from modpulse.agent.replay import replay

AT_S, AT_NS = 1_790_000_000, 123_456_789
RAW_IP = 101


def capture(path: Path, *packets: bytes) -> Path:
    """A pcap file with nanoseconds, one packet per millisecond."""
    blocks = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, RAW_IP)]
    for number, data in enumerate(packets):
        at_ns = AT_NS + number * 1_000_000
        blocks.append(struct.pack("<IIII", AT_S, at_ns, len(data), len(data)) + data)
    path.write_bytes(b"".join(blocks))
    return path


def test_a_lookup(tmp_path: Path) -> None:
    """Packets make lookups, on the capture's own clock, and no process."""
    question = dns.message.make_query("a.test.", "A", id=7)
    reply = dns.message.make_response(question).to_wire()
    path = capture(tmp_path / "dns.pcap", udp(question.to_wire()), udp(reply, outgoing=False))

    document = replay(path)

    (lookup,) = document.lookups
    assert (lookup.host, lookup.at_ns, lookup.lookup_ns) == (
        "a.test", AT_S * 1_000_000_000 + AT_NS, 1_000_000,
    )  # fmt: skip
    assert document.processes == ()
    assert (document.clock, document.exit_code, document.command) == ("realtime", None, ())
    assert document.started_at == "2026-09-21T14:13:20.123456789Z"
    assert document.started_at_ns == AT_S * 1_000_000_000 + AT_NS


def test_an_empty_capture(tmp_path: Path) -> None:
    """Nothing happened, at no time in particular."""
    document = replay(capture(tmp_path / "empty.pcap"))

    assert (document.lookups, document.started_at) == ((), "1970-01-01T00:00:00.000000000Z")


def test_no_capture(tmp_path: Path) -> None:
    """Another file is refused."""
    path = tmp_path / "text"
    path.write_text("hello")

    with pytest.raises(CaptureError, match="neither pcap nor pcapng"):
        replay(path)
