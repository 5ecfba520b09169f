"""What packets add: DNS messages, hellos, alerts and tunnels."""

import struct
from pathlib import Path

import dns.message
import pytest
from builders import HOST, PID, at, packet, segment, tcp, udp
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent.events.events import TcpState
from modpulse.agent.records.records import Handshake, Lookup, Process, Record
from modpulse.agent.tracker import packets
from modpulse.agent.tracker.account import Account
from modpulse.agent.tracker.connections import Connections
from modpulse.agent.tracker.openprocess import OpenProcess
from modpulse.agent.tracker.packets import Packets
from modpulse.agent.tracker.suspects import Suspects

DATA = Path(__file__).parents[2] / "data"
QUERY = dns.message.make_query("a.test.", "A", id=7)


def answer(rcode: int = 0) -> bytes:
    made = dns.message.make_response(QUERY)
    made.set_rcode(rcode)
    return made.to_wire()


class Wire:
    """A process with one connection, and what packets told of it."""

    def __init__(self) -> None:
        self.connections = Connections(Account())
        self.account = Account()
        self.packets = Packets(self.connections, self.account)
        process = Process(pid=PID, start_at_ns=at(0))
        self.watched = OpenProcess(process, self.connections, Suspects(), self.account, 0)
        self.connections.change(tcp(0, TcpState.SYN_SENT))
        self.connections.change(tcp(1, TcpState.ESTABLISHED))
        self._seq = {True: 1, False: 1}

    def feed(self, ms: float, data: bytes, outgoing: bool = True, cookie: int = 1):
        return self.packets.feed(packet(ms, data, cookie, outgoing), self.watched)

    def say(self, ms: float, payload: bytes, outgoing: bool = True, port: int = 443):
        data = segment(payload, self._seq[outgoing], outgoing, port)
        self._seq[outgoing] += len(payload)
        return self.feed(ms, data, outgoing)

    def play(self, name: str) -> list[Record]:
        """Replay recorded handshakes: the hello, the answer, the rest of the client's side."""
        client = (DATA / f"{name}-client.bin").read_bytes()
        server = (DATA / f"{name}-server.bin").read_bytes()
        first = 5 + int.from_bytes(client[3:5], "big")
        self.say(2, client[:first])
        self.say(4, server[:60_000], False)
        self.say(6, client[first:])
        return self.close()

    def close(self) -> list[Record]:
        connection = self.connections.get(1)
        assert connection is not None
        return self.packets.close(connection, at(9))


def test_dns_over_udp() -> None:
    """Question and answer make a lookup, here without Go's call."""
    wire = Wire()

    asked = wire.feed(1, udp(QUERY.to_wire()))
    answered = wire.feed(3, udp(answer(), outgoing=False), outgoing=False)

    assert (asked, answered) == ([], [])
    (lookup,) = wire.watched.lookups.drain()
    (query,) = lookup.queries
    assert (query.qtype, query.server, query.transport, query.rcode) == (
        "A", "10.0.0.53", "udp", "NOERROR",
    )  # fmt: skip


def test_an_unasked_answer() -> None:
    """It belongs to nothing."""
    assert Wire().feed(3, udp(answer(), outgoing=False), outgoing=False) is None


def test_dns_over_tcp() -> None:
    """Messages of a stream are put together, however it was cut."""
    wire = Wire()
    question, reply = (struct.pack(">H", len(m)) + m for m in (QUERY.to_wire(), answer()))

    for start in range(0, len(question), 5):
        assert wire.say(1, question[start : start + 5], port=53) == []
    wire.say(2, reply, False, port=53)

    (lookup,) = wire.watched.lookups.drain()
    assert [(query.transport, query.rcode) for query in lookup.queries] == [("tcp", "NOERROR")]
    wire.close()
    assert wire.packets._dns_streams == {}


def test_dns_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one process the oldest is forgotten and counted, of another none for its sake."""
    monkeypatch.setattr(packets, "MAX_DNS_STREAMS", 2)
    wire = Wire()
    wire.packets.feed(packet(1, segment(b"\0", server_port=53), 9, pid=PID + 1), wire.watched)
    for cookie in range(5):
        wire.feed(1, segment(b"\0", server_port=53), cookie=cookie)

    held = wire.packets._dns_streams
    assert [list(streams) for streams in held.values()] == [[(9, True)], [(3, True), (4, True)]]
    assert wire.account.tracker_full == 3
    wire.packets.forget(PID)
    assert list(held) == [PID + 1]


@pytest.mark.parametrize("data", [b"", b"\x45\0", udp(b"not dns")])
def test_bad_packets_are_counted(data: bytes) -> None:
    """What cannot be read tells nothing, and is told by its own name alone."""
    wire = Wire()

    assert wire.feed(1, data) == []
    assert wire.account.bad_packets == 1


def test_a_handshake_that_cannot_be_read_is_counted() -> None:
    """It takes nothing from what is known of its connection, and is told once."""
    wire = Wire()

    wire.say(2, b"\x16\x03\x01\x00\x05" + b"\x01\x00\x00\x01\xff")
    wire.say(3, b"\x16\x03\x01\x00\x01\x01")

    assert wire.account.bad_packets == 1


def test_packets_of_unknown_connections() -> None:
    """A connection that is not followed has no packets; nor has one of another protocol."""
    wire = Wire()

    assert wire.feed(1, segment(b"x"), cookie=9) is None
    other = bytearray(udp(b""))
    other[22:24] = (443).to_bytes(2, "big")
    assert wire.feed(1, bytes(other)) is None


@pytest.mark.parametrize(
    ("name", "version", "outcome", "has_certificate"),
    [
        ("go-tls13", "1.3", "ok", False),
        ("go-tls12", "1.2", "ok", True),
        ("openssl-tls12-resumed", "1.2", "ok", False),
    ],
)
def test_handshake_told_by_packets(name, version, outcome, has_certificate) -> None:
    """Real handshakes, without Go's own call: names, times, and under TLS 1.2 the certificate."""
    (made,) = Wire().play(name)

    assert isinstance(made, Handshake)
    assert (made.connection, made.version, made.outcome) == (1, version, outcome)
    assert made.sni is not None
    assert (made.at_ns, made.client_hello_at_ns, made.server_hello_at_ns) == (at(2), at(2), at(4))
    assert made.handshake_ns is not None
    assert (made.certificate is not None) == has_certificate


def test_alert() -> None:
    """An alert of the server is why it failed; the connection has the name that was asked for."""
    wire = Wire()

    (made,) = wire.play("go-alert")

    assert isinstance(made, Handshake)
    assert (made.outcome, made.alert is not None) == ("tls.alert", True)
    assert [connection.host for connection in wire.connections.of(PID)] == [made.sni]


def test_an_answer_in_plain_text() -> None:
    """A server that speaks no TLS."""
    wire = Wire()
    wire.say(2, (DATA / "go-tls13-client.bin").read_bytes())
    wire.say(3, b"HTTP/1.1 400 Bad Request\r\n\r\n", False)

    (made,) = wire.close()
    assert isinstance(made, Handshake)
    assert made.outcome == "tls.not_tls"


def test_go_s_own_handshake() -> None:
    """Packets of a handshake that Go's call tells of add to it, and make none of their own."""
    wire = Wire()
    wire.watched.handshakes.start(2, HOST, at(1), wire.connections.get(1))
    own = wire.watched.handshakes.of_connection(1)

    others = wire.play("go-tls12")

    assert own is not None
    assert (others, own.sni, own.client_hello_at_ns, own.end_ns) == ([], HOST, at(2), None)
    assert own.certificate is not None


def test_a_tunnel() -> None:
    """A CONNECT tells the way and the host; a request in plain text neither."""
    wire = Wire()
    (connection,) = wire.connections.of(PID)
    connection.host = "squid.test"
    wire.say(2, b"CONNECT [fd00::7]:443 HTTP/1.1\r\n\r\n")
    other = Wire()
    other.say(2, b"GET / HTTP/1.1\r\n\r\n")

    assert (connection.via, connection.host) == ("squid.test:443", "fd00::7")
    assert [made.via for made in other.connections.of(PID)] == [None]
    assert (wire.close(), other.close()) == ([], [])


def test_a_certificate_that_cannot_be_read() -> None:
    """The handshake is told without it."""
    wire = Wire()
    server = bytearray((DATA / "go-tls12-server.bin").read_bytes())
    at_leaf = server.index(b"\x30\x82")
    server[at_leaf] = 0
    wire.say(2, (DATA / "go-tls12-client.bin").read_bytes())
    wire.say(3, bytes(server), False)

    (made,) = wire.close()
    assert isinstance(made, Handshake)
    assert (made.version, made.certificate) == ("1.2", None)


def test_a_server_that_speaks_first() -> None:
    """Without a ClientHello there is no handshake."""
    wire = Wire()
    wire.say(2, (DATA / "go-tls13-server.bin").read_bytes()[:500], False)

    assert wire.close() == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=120), st.booleans(), st.sampled_from([None, 53, 443]),
            st.booleans(), st.integers(1, 2),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_packets(sent: list[tuple[bytes, bool, int | None, bool, int]]) -> None:
    """Nothing that the network sends breaks anything."""
    wire = Wire()
    for number, (payload, outgoing, port, is_udp, cookie) in enumerate(sent):
        data = payload
        if port is not None:
            data = udp(payload, outgoing) if is_udp else segment(payload, 1, outgoing, port)
        wire.feed(number, data, outgoing, cookie)
    wire.close()

    found = wire.watched.lookups.drain()
    assert all(isinstance(record, Lookup) for record in found)
