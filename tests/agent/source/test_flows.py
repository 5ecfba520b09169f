"""Captured packets to the events of the kernel side: transcripts in, events out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

from modpulse.agent.events.events import Event, Packet, Tcp, TcpState
from modpulse.agent.recorder.trace import Origin
from modpulse.agent.source import flows as flow_module
from modpulse.agent.source.flows import Flows

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 443)
SYN_SENT, ESTABLISHED, CLOSE = TcpState.SYN_SENT, TcpState.ESTABLISHED, TcpState.CLOSE
FIN_WAIT1, CLOSE_WAIT = TcpState.FIN_WAIT1, TcpState.CLOSE_WAIT


def out(flags: str, seq: int, payload: bytes = b"") -> bytes:
    return segment(CLIENT, SERVER, flags, seq, payload)


def back(flags: str, seq: int, payload: bytes = b"") -> bytes:
    return segment(SERVER, CLIENT, flags, seq, payload)


def segment(
    src: tuple[str, int], dst: tuple[str, int], flags: str, seq: int, payload: bytes
) -> bytes:
    header = TCP(sport=src[1], dport=dst[1], flags=flags, seq=seq)
    return bytes(IP(src=src[0], dst=dst[0]) / header / payload)


def replay(*packets: bytes, flows: Flows | None = None) -> list[Event]:
    """Feed packets, one per nanosecond."""
    flows = flows or Flows()
    return [
        event for at_ns, data in enumerate(packets) for event in flows.feed(at_ns, data, len(data))
    ]


def changes(events: list[Event]) -> list[tuple[int, int, int]]:
    """(at_ns, old, new) of each change of state."""
    return [(event.at_ns, event.old, event.new) for event in events if isinstance(event, Tcp)]


def last(events: list[Event]) -> Tcp:
    return [event for event in events if isinstance(event, Tcp)][-1]


OPENED = (out("S", 100), back("SA", 900), out("A", 101))


def test_a_connection() -> None:
    """A connection goes from its SYN to the second FIN, with payload counted on both ways."""
    events = replay(
        *OPENED, out("PA", 101, b"hello"), back("PA", 901, b"hi"), back("PA", 903, b"!"),
        out("FA", 106), back("FA", 904), out("A", 107),
    )  # fmt: skip

    assert changes(events) == [
        (0, CLOSE, SYN_SENT), (1, SYN_SENT, ESTABLISHED), (6, ESTABLISHED, FIN_WAIT1),
        (7, FIN_WAIT1, CLOSE),
    ]  # fmt: skip
    assert last(events) == Tcp(
        7, 0, 1, FIN_WAIT1, CLOSE, 40000, "10.0.0.2", 443, 3, 5, 0, 0, False, False, "10.0.0.1"
    )


def test_packets_follow_their_change() -> None:
    """Every packet is told, with its direction, behind the change that it makes."""
    first, second = replay(out("S", 100))

    assert isinstance(first, Tcp)
    assert second == Packet(0, 0, 1, True, 40, out("S", 100))


def test_server_closes_first() -> None:
    """A FIN of the server waits for the client's."""
    events = replay(*OPENED, back("FA", 901), out("FA", 101))

    assert changes(events)[2:] == [(3, ESTABLISHED, CLOSE_WAIT), (4, CLOSE_WAIT, CLOSE)]
    assert last(events).in_owner


def test_refused() -> None:
    """An RST instead of a SYN-ACK closes at once."""
    events = replay(out("S", 100), back("RA", 0))

    assert changes(events) == [(0, CLOSE, SYN_SENT), (1, SYN_SENT, CLOSE)]
    assert last(events).reset
    assert not last(events).in_owner


def test_reset() -> None:
    """An RST of the server is a reset, one of the client is its own decision."""
    assert last(replay(*OPENED, back("R", 901))).reset
    assert not last(replay(*OPENED, out("R", 101))).reset


def test_dropped_syn() -> None:
    """A SYN that is sent again is counted, and shows when an answer comes."""
    events = replay(out("S", 100), out("S", 100), back("SA", 900))

    assert changes(events) == [(0, CLOSE, SYN_SENT), (2, SYN_SENT, ESTABLISHED)]
    assert last(events).syn_retransmits == 1


def test_unanswered_syn() -> None:
    """At the end a connection whose SYN was repeated in vain is given up, one sent once is not."""
    flows = Flows()
    replay(out("S", 100), out("S", 100), flows=flows)
    other = segment(("10.0.0.1", 40001), SERVER, "S", 5, b"")
    flows.feed(9, other, len(other))
    end = flows.finish()

    assert changes(end) == [(9, SYN_SENT, CLOSE)]
    assert last(end).syn_retransmits == 1


def test_payload_after_the_end_of_one_side() -> None:
    """What still came in when the client had closed counts, also where no reset was captured."""
    flows = Flows()
    replay(*OPENED, out("FA", 101), back("PA", 901, b"hi"), flows=flows)
    end = flows.finish()

    assert changes(end) == [(4, FIN_WAIT1, FIN_WAIT1)]
    assert last(end).bytes_in == 2


def test_retransmitted_payload() -> None:
    """Payload that the client sends again is a retransmit."""
    hello = out("PA", 101, b"hello")
    events = replay(*OPENED, hello, hello, out("PA", 106, b"x"), out("FA", 107))

    assert (last(events).retransmits, last(events).bytes_out) == (1, 11)


def test_port_reuse() -> None:
    """A SYN with another initial sequence number from the same port is another connection."""
    events = replay(*OPENED, out("S", 5000), back("SA", 7000))

    assert [event.cookie for event in events if isinstance(event, Tcp)] == [1, 1, 2, 2]


def test_capture_that_began_late() -> None:
    """Without the SYN the lower port is the server's, and no change of state is made up."""
    events = replay(back("PA", 901, b"hi"), out("FA", 101))

    assert changes(events) == []
    assert [event.outgoing for event in events if isinstance(event, Packet)] == [False, True]


def test_origin() -> None:
    """A comment of ours gives pid and cookie, the direction of the file is believed."""
    data = segment(("10.0.0.1", 80), ("10.0.0.2", 9000), "PA", 1, b"x")
    (event,) = Flows().feed(3, data, len(data), outgoing=True, origin=Origin(42, 77))

    assert event == Packet(3, 42, 77, True, 41, data)


def test_dns_and_other_udp() -> None:
    """DNS of both families is told, other UDP and other protocols are counted."""
    flows = Flows()
    query = bytes(IPv6(src="fd00::1", dst="fd00::2") / UDP(sport=5000, dport=53) / b"q")
    answer = bytes(IPv6(src="fd00::2", dst="fd00::1") / UDP(sport=53, dport=5000) / b"a")
    other = bytes(IP() / UDP(sport=5000, dport=123) / b"ntp")
    events = replay(query, answer, other, b"\x00", flows=flows)

    assert [(event.cookie, event.outgoing) for event in events if isinstance(event, Packet)] == [
        (1, True), (1, False),
    ]  # fmt: skip
    assert flows.losses == {"not_dns": 1, "not_ip": 1}


def test_very_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of too many connections is forgotten, and counted where it was open."""
    monkeypatch.setattr(flow_module, "MAX_FLOWS", 2)
    flows = Flows()
    replay(out("S", 100), back("RA", 0), flows=flows)
    replay(*(segment(("10.0.0.1", p), SERVER, "S", 5, b"") for p in range(1, 5)), flows=flows)

    assert len(flows._flows) == 2
    assert flows.losses["flows_forgotten"] == 2


FLAGS = st.sampled_from(["S", "SA", "A", "PA", "FA", "R", "RA", "FRS", ""])


@given(st.lists(st.tuples(st.booleans(), FLAGS, st.integers(0, 9), st.binary(max_size=3))))
def test_any_packets(packets: list[tuple[bool, str, int, bytes]]) -> None:
    """Whatever the flags, every packet is told once and each change begins where one ended."""
    events = replay(*((out if is_out else back)(*rest) for is_out, *rest in packets))
    per_cookie: dict[int, int] = {}
    for event in events:
        if isinstance(event, Tcp):
            assert event.old == per_cookie.get(event.cookie, CLOSE)
            per_cookie[event.cookie] = event.new

    assert sum(isinstance(event, Packet) for event in events) == len(packets)


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes(packets: list[bytes]) -> None:
    """Arbitrary packets are used or counted."""
    flows = Flows()
    events = replay(*packets, flows=flows)

    told = sum(isinstance(event, Packet) for event in events)

    assert told + sum(flows.losses.values()) == len(packets)
