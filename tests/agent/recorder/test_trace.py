"""What is kept of each packet of a trace, and what is said beside it."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP

from modpulse.agent.events.events import Packet
from modpulse.agent.recorder import trace as trace_module
from modpulse.agent.recorder.trace import Origin, Trace, parse_comment, write_comment
from modpulse.agent.records.records import Request

DATA = Path(__file__).parents[2] / "data"
HELLO = (DATA / "go-tls13-client.bin").read_bytes()
HELLO_BYTES = 5 + int.from_bytes(HELLO[3:5], "big")
ANSWER = (DATA / "go-tls13-server.bin").read_bytes()


def packet(
    payload: bytes, seq: int, *, outgoing: bool = True, at_ns: int = 1, dport: int = 443
) -> Packet:
    header = TCP(sport=40000, dport=dport, seq=seq, flags="PA")
    if not outgoing:
        header = TCP(sport=dport, dport=40000, seq=seq, flags="PA")
    data = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / header / payload)
    return Packet(at_ns, 42, 77, outgoing, len(data), data)


def kept(*packets: Packet) -> list[bytes]:
    """What is kept of the payloads, headers taken off."""
    trace = Trace()
    for each in packets:
        trace.add(each)
    return [each.data[40:] for each in trace.packets()]


def test_the_handshake_is_kept_and_nothing_after() -> None:
    """Both hellos stay whole; once both sides are encrypted only headers are kept."""
    finished = HELLO[HELLO_BYTES:]
    transcript = [
        packet(HELLO[:1400], 1),
        packet(HELLO[1400:HELLO_BYTES], 1401),
        packet(ANSWER[:1400], 1, outgoing=False),
        packet(finished, 1 + HELLO_BYTES),
        packet(b"\x17\x03\x03\x00\x02xx", 1 + len(HELLO)),
        packet(ANSWER[1400:], 1401, outgoing=False),
    ]

    assert kept(*transcript) == [
        HELLO[:1400], HELLO[1400:HELLO_BYTES], ANSWER[:1400], finished, b"", b"",
    ]  # fmt: skip


def test_a_packet_cut_by_the_kernel_is_kept_as_far_as_it_came() -> None:
    """The first flight of a server is often cut at the snap length; its hello is at its start."""
    answer = packet(ANSWER, 1, outgoing=False)
    cut = Packet(answer.at_ns, 42, 77, False, answer.length, answer.data[:640])

    assert kept(packet(HELLO[:HELLO_BYTES], 1), cut)[1] == ANSWER[:600]


def test_secrets_in_clear_text_are_masked() -> None:
    """Of clear-text HTTP the first line and Host stay readable, at unchanged length."""
    head = (
        b"GET /m/@v/list?token=abc HTTP/1.1\r\nHost: a.example\r\n"
        b"Authorization: Basic c2VjcmV0\r\nX-Key: k\r\n\r\n"
    )
    (found,) = kept(packet(head + b"body", 1))

    assert found == (
        b"GET /m/@v/list?xxxxxxxxx HTTP/1.1\r\nHost: a.example\r\n"
        b"Authorization:xxxxxxxxxxxxxxx\r\nxxxxxxxx\r\n\r\n"
    )


def test_a_tunnel_stays_readable() -> None:
    """CONNECT is masked at its own length, so that the handshake behind it is found again."""
    connect = b"CONNECT m.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\n"
    established = b"HTTP/1.1 200 OK\r\n\r\n"
    hello = HELLO[:HELLO_BYTES]
    found = kept(
        packet(connect, 1),
        packet(established, 1, outgoing=False),
        packet(hello, 1 + len(connect)),
    )

    assert b"eA==" not in found[0]
    assert [len(connect), established, hello] == [len(found[0]), *found[1:]]


QUESTION = bytes.fromhex("0001010000010000000000000161076578616d706c650000010001")


def test_dns_is_kept() -> None:
    """DNS stays whole, over UDP and TCP; what only uses its port does not."""
    for payload, dport, found in ((QUESTION, 53, QUESTION), (b"secret", 53, b""), (b"s", 443, b"")):
        data = bytes(IP() / UDP(sport=5000, dport=dport) / payload)
        trace = Trace()
        trace.add(Packet(1, 42, 78, True, len(data), data))
        (packet_,) = trace.packets()
        assert packet_.data[28:] == found
    message = len(QUESTION).to_bytes(2, "big") + QUESTION

    first = packet(message[:9], 1, dport=53)
    more = packet(message[9:] + b"\0\6secret", 10, dport=53)

    assert kept(first, more) == [message[:9], message[9:]]
    assert kept(packet(b"GET / HTTP/1.1\r\nAuthorization: x\r\n\r\n", 1, dport=53)) == [b""]


def test_unreadable_packet() -> None:
    """Of a packet that cannot be read no more is kept than the IP header: a later fragment has
    payload behind it."""
    whole = bytes(IP(flags=0, frag=3) / (b"secret" * 100))
    trace = Trace()
    trace.add(Packet(1, 42, 77, True, 1500, b"\x45" + bytes(1000)))
    trace.add(Packet(1, 42, 77, True, len(whole), whole))
    trace.add(Packet(1, 42, 77, True, 3, b""))
    trace.add(Packet(1, 42, 77, True, 1500, b"\x65" + b"secret" * 200))

    assert [len(each.data) for each in trace.packets()] == [20, 20, 0, 40]


def test_a_trailer_is_no_payload() -> None:
    """What follows the end of the packet moves no payload into what is kept as headers."""
    data = packet(b"secret" * 9, 1).data

    padded = Packet(1, 42, 77, True, len(data) + 30, data + bytes(30))
    assert kept(padded) == [b""]


def test_very_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of connections beyond the bound the headers are kept."""
    monkeypatch.setattr(trace_module, "MAX_FLOWS", 0)

    assert kept(packet(HELLO[:HELLO_BYTES], 1)) == [b""]


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is counted."""
    monkeypatch.setattr(trace_module, "MAX_TRACE_BYTES", 500)
    trace = Trace()
    for seq in range(3):
        trace.add(packet(b"", seq))

    assert (len(list(trace.packets())), trace.dropped) == (2, 1)


def request(module: str, at_ns: int, **fields: object) -> Request:
    known = {"connect_wait_ns": 10, "processing_ns": 20, "transfer_ns": 30} | fields
    return Request(
        id=module, pid=42, proxy="https://a.example", host="a.example", endpoint="zip",
        module=module, version="v1.0.0", at_ns=at_ns, **({"connection": 77} | known),
    )  # type: ignore[arg-type] # fmt: skip # fields are given by name


def comments(trace: Trace, *requests: Request) -> list[str | None]:
    found = []
    for block in list(trace.blocks(0, requests))[1:]:
        start = block.index(b"pid=")
        origin = parse_comment(block[start:].split(b"\0")[0].split(b"\x02")[0].decode())
        assert origin
        found.append(origin.module)
    return found


def test_module_of_the_only_request() -> None:
    """A packet is named after a request where exactly one was in flight."""
    trace = Trace()
    for at_ns in (105, 115, 155, 165, 300):
        trace.add(packet(b"", at_ns, at_ns=at_ns))
    requests = [request("a.example/m", 100), request("b.example/m", 140)]

    assert comments(trace, *requests) == [
        None, "a.example/m@v1.0.0", None, "b.example/m@v1.0.0", None,
    ]  # fmt: skip


def test_module_of_the_request_that_paid() -> None:
    """The set-up of a connection belongs to the request that caused it."""
    trace = Trace()
    trace.add(packet(b"", 1, at_ns=105))

    assert comments(trace, request("a.example/m", 100, paid_setup=True)) == ["a.example/m@v1.0.0"]


def test_request_without_a_connection() -> None:
    """A request whose connection was not seen names no packet."""
    trace = Trace()
    trace.add(packet(b"", 1, at_ns=105))

    assert comments(trace, request("a.example/m", 100, connection=None)) == [None]


def test_pending_request() -> None:
    """A request without an end is in flight until the end."""
    trace = Trace()
    trace.add(packet(b"", 1, at_ns=10**12))

    assert comments(trace, request("a.example/m", 1, transfer_ns=None)) == ["a.example/m@v1.0.0"]


@pytest.mark.parametrize("origin", [Origin(1, 2), Origin(4194304, 2**63, "m.example@v1.0.0")])
def test_comment(origin: Origin) -> None:
    """A comment is read back as it was written; a stranger's is not ours."""
    assert parse_comment(write_comment(origin)) == origin
    assert parse_comment("frame 3 looks odd") is None


def test_time_order() -> None:
    """Packets of two processors are written in the order of time."""
    trace = Trace()
    for at_ns in (30, 10, 20):
        trace.add(packet(b"", 1, at_ns=at_ns))
    blocks = list(trace.blocks(1000, ()))

    assert [int.from_bytes(block[16:20], "little") for block in blocks[1:]] == [1010, 1020, 1030]
