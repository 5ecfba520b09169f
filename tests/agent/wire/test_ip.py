"""Headers of captured packets; scapy writes them, independently of the parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers import inet
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q, Ether

from modpulse.agent.wire.ip import (
    ACK,
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_RAW,
    SYN,
    TCP,
    UDP,
    IpPacket,
    link_header_bytes,
    parse_ip,
)
from modpulse.agent.wire.reader import WireError

SEGMENT = inet.TCP(sport=40000, dport=443, seq=7, flags="SA", options=[("MSS", 1460)])
EXPECTED = IpPacket("10.0.0.1", "10.0.0.2", TCP, 40000, 443, SYN | ACK, 7, b"hello", 5)


def test_ipv4_tcp() -> None:
    """Options of IP and TCP are not payload, nor is padding behind the packet."""
    packet = bytes(IP(src="10.0.0.1", dst="10.0.0.2", options=[b"\x01" * 4]) / SEGMENT / b"hello")

    assert parse_ip(packet) == EXPECTED
    assert parse_ip(packet + bytes(6), len(packet) + 6) == EXPECTED


def test_ipv6_with_extension_headers() -> None:
    """Extension headers are walked; a first fragment still has its ports."""
    packet = IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrHopByHop()
    packet = packet / IPv6ExtHdrFragment(m=1) / SEGMENT / b"hello"

    found = parse_ip(bytes(packet))

    assert (
        found.src, found.dst, found.dport, found.payload,
    ) == ("2001:db8::1", "2001:db8::2", 443, b"hello")  # fmt: skip


def test_udp() -> None:
    """A datagram has neither flags nor a sequence number."""
    packet = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / inet.UDP(sport=5, dport=53) / b"q")

    assert IpPacket("10.0.0.1", "10.0.0.2", UDP, 5, 53, 0, 0, b"q", 1) == parse_ip(packet)


def test_mapped_addresses_are_ipv4() -> None:
    """An IPv4-mapped IPv6 address is written as what it stands for."""
    packet = bytes(IPv6(src="::ffff:10.0.0.1", dst="::ffff:10.0.0.2") / SEGMENT / b"hello")

    assert parse_ip(packet) == EXPECTED


def test_snapped() -> None:
    """A packet cut behind its headers still says how large it was; one cut before is refused."""
    packet = bytes(IP(src="10.0.0.1", dst="10.0.0.2") / SEGMENT / bytes(1000))
    cut = parse_ip(packet[:46])

    assert (cut.payload, cut.payload_bytes) == (b"\0\0", 1000)
    for size in range(34):
        with pytest.raises(WireError):
            parse_ip(packet[:size])


def test_offloaded_packet_without_a_length() -> None:
    """Where offload leaves the length of IP at 0, the captured length counts."""
    packet = bytearray(bytes(IP(src="10.0.0.1", dst="10.0.0.2") / SEGMENT / b"hello"))
    packet[2:4] = b"\0\0"

    assert parse_ip(bytes(packet), len(packet)) == EXPECTED


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (IP() / ICMP(), "protocol 1 is neither"),
        (IP(frag=5) / bytes(40), "a fragment without"),
        (IPv6() / IPv6ExtHdrFragment(offset=5) / SEGMENT, "a fragment without"),
        (IP(ihl=3) / bytes(40), "IPv4 header of 12 bytes"),
        (IP() / inet.TCP(dataofs=3), "TCP header of 12 bytes"),
        (IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrHopByHop(len=200), "expected"),
    ],
)
def test_refused(packet: IP, reason: str) -> None:
    """What is no whole TCP or UDP header is refused with the reason."""
    with pytest.raises(WireError, match=reason):
        parse_ip(bytes(packet))


def test_link_headers() -> None:
    """IP is found behind Ethernet, with VLAN tags too, and behind nothing."""
    inner = IP(src="10.0.0.1", dst="10.0.0.2") / SEGMENT / b"hello"
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    for frame in (bytes(link / inner), bytes(link / Dot1Q() / Dot1Q() / inner)):
        assert parse_ip(frame[link_header_bytes(LINKTYPE_ETHERNET, frame) :]) == EXPECTED

    assert (
        link_header_bytes(LINKTYPE_RAW, b""), link_header_bytes(LINKTYPE_LINUX_SLL2, b""),
    ) == (0, 20)  # fmt: skip
    with pytest.raises(WireError, match="link type 147"):
        link_header_bytes(147, b"")
    with pytest.raises(WireError, match="Ethernet"):
        link_header_bytes(LINKTYPE_ETHERNET, b"\x81\x00" * 7)


@given(st.binary(max_size=120), st.sampled_from([b"", b"\x45", b"\x46", b"\x60"]))
def test_only_wire_errors(data: bytes, start: bytes) -> None:
    """Arbitrary bytes raise nothing but WireError."""
    try:
        packet = parse_ip(start + data)
    except WireError:
        return
    assert packet.payload_bytes >= len(packet.payload)
