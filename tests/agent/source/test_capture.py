"""Traces written and capture files read; tshark is the judge of what we write."""

import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from conftest import IN_CI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap, wrpcapng

from modpulse.agent.events.events import Event, Packet, Tcp, TcpState
from modpulse.agent.recorder.trace import Trace
from modpulse.agent.records.records import Request
from modpulse.agent.source.capture import Capture, CaptureError, write_trace
from modpulse.agent.wire.dns import parse_dns
from modpulse.agent.wire.pcapng import file_start

DATA = Path(__file__).parents[2] / "data"
HELLO = (DATA / "go-tls13-client.bin").read_bytes()
HELLO_BYTES = 5 + int.from_bytes(HELLO[3:5], "big")
ANSWER = (DATA / "go-tls13-server.bin").read_bytes()
OFFSET_NS = 1_790_000_000_000_000_000
COOKIE = 4711

CLIENT, SERVER, RESOLVER = "fd00::1", "fd00::2", "fd00::53"
QUERY = bytes.fromhex("0007 0100 0001 0000 0000 0000 0561 5f5f 5f31 0465 7861 6d00 0001 0001")


def tcp(
    outgoing: bool, flags: str, seq: int, ack: int, payload: bytes = b"", kept: int | None = None
) -> tuple[bool, bytes, int]:
    """(outgoing, captured bytes, length on the wire)."""
    src, dst = (CLIENT, SERVER) if outgoing else (SERVER, CLIENT)
    sport, dport = (40000, 443) if outgoing else (443, 40000)
    options = [("MSS", 1440)] if "S" in flags else []
    header = TCP(sport=sport, dport=dport, seq=seq, ack=ack, flags=flags, options=options)
    data = bytes(IPv6(src=src, dst=dst) / header / payload)
    return outgoing, data[:kept], len(data)


def conversation() -> list[Packet]:
    """A question to the resolver, then one request over TLS 1.3, as the kernel side sees them."""
    finished = HELLO[HELLO_BYTES:]
    get, answer = b"\x17\x03\x03\x00\x40" + bytes(64), b"\x17\x03\x03\x02\x00" + bytes(512)
    at, out_end = 1001, 1001 + len(HELLO) + len(get)
    in_end = 5001 + len(ANSWER) + len(answer)
    steps = [
        tcp(True, "S", 1000, 0),
        tcp(False, "SA", 5000, at),
        tcp(True, "A", at, 5001),
        tcp(True, "A", at, 5001, HELLO[:1400]),
        tcp(True, "PA", at + 1400, 5001, HELLO[1400:HELLO_BYTES]),
        tcp(False, "PA", 5001, at + HELLO_BYTES, ANSWER),
        tcp(True, "PA", at + HELLO_BYTES, 5001 + len(ANSWER), finished),
        tcp(True, "PA", at + len(HELLO), 5001 + len(ANSWER), get),
        tcp(False, "PA", 5001 + len(ANSWER), out_end, answer, 60),
        tcp(True, "FA", out_end, in_end),
        tcp(False, "FA", in_end, out_end + 1),
        tcp(True, "A", out_end + 1, in_end + 1),
    ]
    question = bytes(IPv6(src=CLIENT, dst=RESOLVER) / UDP(sport=5000, dport=53) / QUERY)
    packets = [Packet(900_000, 42, 12, True, len(question), question)]
    for index, (outgoing, data, length) in enumerate(steps):
        packets.append(Packet(1_000_001 + 1000 * index, 42, COOKIE, outgoing, length, data))
    return packets


REQUEST = Request(
    id="1", pid=42, proxy="https://a.example", host="a.example", endpoint="mod",
    module="golang.org/x/text", version="v0.3.0", connection=COOKIE, at_ns=1_006_500,
    connect_wait_ns=0, processing_ns=2000, transfer_ns=100,
)  # fmt: skip


def written() -> bytes:
    trace = Trace()
    for packet in conversation():
        trace.add(packet)
    file = io.BytesIO()
    write_trace(file, trace, OFFSET_NS, [REQUEST])
    return file.getvalue()


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    path = tmp_path / "trace.pcapng"
    path.write_bytes(written())
    return path


def replay(path: Path) -> tuple[list[Event], dict[str, int]]:
    capture = Capture(path)
    return list(capture.events()), capture.losses


def test_round_trip(trace_file: Path) -> None:
    """What was written is read as the same packets, on the realtime clock, with the states."""
    events, losses = replay(trace_file)
    packets = [event for event in events if isinstance(event, Packet)]
    changes = [event for event in events if isinstance(event, Tcp)]

    assert losses == {}
    assert [
        (each.at_ns - OFFSET_NS, each.pid, each.cookie, each.outgoing, each.length)
        for each in packets
    ] == [
        (each.at_ns, each.pid, each.cookie, each.outgoing, each.length) for each in conversation()
    ]
    assert [(each.at_ns - OFFSET_NS, each.new) for each in changes] == [
        (1_000_001, TcpState.SYN_SENT),
        (1_001_001, TcpState.ESTABLISHED),
        (1_010_001 - 1000, TcpState.FIN_WAIT1),
        (1_010_001, TcpState.CLOSE),
    ]
    last = changes[-1]
    assert (last.pid, last.cookie, last.address, last.dport) == (42, COOKIE, SERVER, 443)
    assert (last.bytes_in, last.bytes_out) == (len(ANSWER) + 517, len(HELLO) + 69)
    assert parse_dns(packets[0].data[48:]).qtype == "A"


def test_started_at(trace_file: Path) -> None:
    """The capture starts with its first packet."""
    capture = Capture(trace_file)
    list(capture.events())

    assert capture.started_at_ns == OFFSET_NS + 900_000


def test_replay_of_a_replay(trace_file: Path, tmp_path: Path) -> None:
    """A trace made of a replay holds the same packets."""
    trace = Trace()
    for event in Capture(trace_file).events():
        if isinstance(event, Packet):
            trace.add(event)
    again = tmp_path / "again.pcapng"
    with again.open("wb") as file:
        write_trace(file, trace, 0, [])

    assert replay(again)[0] == replay(trace_file)[0]


def tshark(path: Path, *arguments: str) -> list[str]:
    shown = subprocess.run(
        ["tshark", "-r", path, "-n", *arguments], capture_output=True, text=True, check=True
    )
    complaints = [line for line in shown.stderr.splitlines() if "as user" not in line]

    assert complaints == []
    return shown.stdout.splitlines()


needs_tshark = pytest.mark.skipif(not (shutil.which("tshark") or IN_CI), reason="needs tshark")


@needs_tshark
def test_tshark_reads_it(trace_file: Path) -> None:
    """tshark opens a trace without a word on stderr, and shows names, lengths and comments."""
    fields = ["frame.time_epoch", "frame.len", "tls.handshake.extensions_server_name",
              "frame.comment"]  # fmt: skip
    rows = [
        line.split("\t")
        for line in tshark(trace_file, "-T", "fields", *(w for f in fields for w in ("-e", f)))
    ]

    assert len(rows) == 13
    assert rows[1][0].startswith("1790000000.001000001")
    assert [row[2] for row in rows if row[2]] == ["localhost"]
    assert rows[1][3] == f"pid=42 cookie={COOKIE}"
    assert [row[3] for row in rows if "module" in row[3]] == [
        f"pid=42 cookie={COOKIE} module=golang.org/x/text@v0.3.0"
    ] * 2


@needs_tshark
def test_tshark_expert_has_nothing_to_say(trace_file: Path) -> None:
    """No packet is malformed, out of order or lost to tshark's experts."""
    severe = "_ws.malformed || tcp.analysis.lost_segment || tcp.analysis.out_of_order"

    assert tshark(trace_file, "-Y", f"{severe} || _ws.expert.severity >= 6291456") == []


def test_handshake_is_kept_payload_is_not(trace_file: Path) -> None:
    """The file holds the ClientHello, and not a byte of what was sent after the handshake."""
    content = trace_file.read_bytes()

    assert HELLO[:1400] in content
    assert b"\x17\x03\x03\x00\x40" not in content


def frames() -> list[IPv6]:
    return [IPv6(packet.data) for packet in conversation()[:10]]


@pytest.mark.parametrize("kind", ["pcap", "pcap-nano", "pcapng", "raw"])
def test_captures_of_others(kind: str, tmp_path: Path) -> None:
    """Captures of tcpdump and scapy, with link headers and without our comments, are read too."""
    path = tmp_path / "capture"
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    packets = [frame if kind == "raw" else link / frame for frame in frames()]
    for index, packet in enumerate(packets):
        packet.time = 1_790_000_000 + index
    if kind == "pcapng":
        wrpcapng(str(path), packets)
    else:
        wrpcap(str(path), packets, linktype=101 if kind == "raw" else 1, nano=kind == "pcap-nano")
    events, losses = replay(path)
    changes = [event for event in events if isinstance(event, Tcp)]

    assert losses == {}
    assert [(each.pid, each.cookie, each.new) for each in changes[:2]] == [
        (0, 2, TcpState.SYN_SENT), (0, 2, TcpState.ESTABLISHED),
    ]  # fmt: skip
    assert changes[1].at_ns == 1_790_000_002 * 10**9


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it begins with ''"),
        (b"\x1f\x8b\x08\x00rest", "neither pcap nor pcapng"),
        (b"plain text", "neither pcap nor pcapng"),
        (b"\xd4\xc3\xb2\xa1\x02\x00", "Not a supported capture file"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "Not a supported capture file"),
    ],
)
def test_no_capture(content: bytes, reason: str, tmp_path: Path) -> None:
    """A file that is no capture is refused with the reason."""
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(CaptureError, match=reason):
        replay(path)


def test_no_file(tmp_path: Path) -> None:
    """A missing file and a folder are said to be what they are."""
    with pytest.raises(CaptureError, match="No such file"):
        replay(tmp_path / "nothing")
    with pytest.raises(CaptureError, match="Is a directory"):
        replay(tmp_path)


def test_cut_short(trace_file: Path) -> None:
    """Of a file that ends in the middle of a block what came before is read, and it is said."""
    trace_file.write_bytes(trace_file.read_bytes()[:-30])
    events, losses = replay(trace_file)

    assert sum(isinstance(event, Packet) for event in events) == 12
    assert losses["damaged"] == 1


def test_other_link_types(tmp_path: Path) -> None:
    """Packets of a link that is not read are counted."""
    path = tmp_path / "capture.pcap"
    record = struct.pack("<IIII", 1, 2, 4, 4) + b"abcd"
    path.write_bytes(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 147) + record)

    assert replay(path) == ([], {"not_ip": 1})


def test_packets_without_a_time(tmp_path: Path) -> None:
    """A simple packet block has no time: it is counted."""
    path = tmp_path / "capture.pcapng"
    simple = struct.pack("<IIII", 3, 20, 4, 0x45000000) + struct.pack("<I", 20)
    path.write_bytes(file_start("test", 101) + simple)

    assert replay(path) == ([], {"untimed": 1})


WRITTEN = written()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, len(WRITTEN)), junk=st.binary(min_size=1, max_size=8))
def test_damaged_files(at: int, junk: bytes, tmp_path: Path) -> None:
    """A damaged file is read as far as it makes sense, or refused."""
    path = tmp_path / "damaged"
    path.write_bytes(WRITTEN[:at] + junk + WRITTEN[at + len(junk) :])
    try:
        replay(path)
    except CaptureError:
        return


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), magic=st.sampled_from([WRITTEN[:100], b"\xd4\xc3\xb2\xa1"]))
def test_any_bytes(data: bytes, magic: bytes, tmp_path: Path) -> None:
    """Whatever follows the magic raises nothing but CaptureError."""
    path = tmp_path / "any"
    path.write_bytes(magic + data)
    try:
        replay(path)
    except CaptureError:
        return
