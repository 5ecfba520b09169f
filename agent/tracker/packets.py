"""
What packets add to the records: DNS messages, TLS hellos, alerts, and tunnels of an HTTP proxy.

Knows nothing of where packets come from. Where Go's own calls are not seen, packets alone make
the lookups and handshakes.
"""

from typing import Literal

from ..events.events import Packet
from ..records.records import Lookup, Record
from ..wire.certificate import parse_certificate
from ..wire.dns import parse_dns, take_message
from ..wire.http1 import HttpRequest, HttpStatus
from ..wire.ip import TCP, IpPacket, parse_ip
from ..wire.opening import Fact, NotTls, SocksGreeting, Tunnel
from ..wire.reader import WireError
from ..wire.socks import SocksReply
from ..wire.stream import Stream
from ..wire.tls import Alert, ClientHello, Encrypted, LeafCertificate, ServerHello
from ..wire.tls_names import alert_name, cipher_name, version_name
from .account import Account
from .connections import Connections
from .handshakes import OpenHandshake
from .openconnection import OpenConnection
from .openprocess import OpenProcess

DNS_PORT = 53
MAX_DNS_STREAMS = 256
"""DNS over TCP of one process, both directions of a connection counted; beyond it the oldest is
forgotten."""


_Streams = dict[tuple[int, bool], tuple[Stream, bytearray]]
"""By cookie, and whether outgoing."""


class Packets:
    """Joins the packets of all watched sockets."""

    def __init__(self, connections: Connections, account: Account) -> None:
        """Begin with nothing; the account has what could not be read or held."""
        self._connections = connections
        self._account = account
        self._dns_streams: dict[int, _Streams] = {}
        self._hellos: dict[int, OpenHandshake] = {}

    def feed(self, event: Packet, watched: OpenProcess) -> list[Record] | None:
        """Take one packet; None when it belongs to nothing that is known."""
        connection = self._connections.get(event.cookie)
        if connection is not None and connection.opening.done and connection.port != DNS_PORT:
            return []
        try:
            packet = parse_ip(event.data, event.length)
        except WireError:
            self._account.bad_packets += 1
            return []
        server_port = packet.dport if event.outgoing else packet.sport
        if server_port == DNS_PORT:
            return self._dns(event, packet, watched)
        if connection is None or packet.proto != TCP:
            return None
        if event.outgoing and packet.payload_bytes:
            connection.sent_bytes = event.length
        opening = connection.opening
        errors = opening.errors
        for seen in opening.feed(event.at_ns, event.outgoing, packet):
            self._note(connection, watched, seen)
        self._account.bad_packets += opening.errors - errors
        return []

    def _dns(self, event: Packet, packet: IpPacket, watched: OpenProcess) -> list[Record] | None:
        transport: Literal["udp", "tcp"] = "tcp" if packet.proto == TCP else "udp"
        messages = [packet.payload]
        if transport == "tcp":
            messages = self._dns_messages(event, packet)
        server = packet.dst if event.outgoing else packet.src
        ended: list[Lookup] = []
        known = transport == "tcp"
        for payload in messages:
            try:
                message = parse_dns(payload)
            except WireError:
                # What answers nothing is the resolver's fault and a fact of the lookup.
                if event.outgoing or not watched.lookups.bad_answer(event.cookie):
                    self._account.bad_packets += 1
                known = True
                continue
            found = watched.lookups.packet(message, event.cookie, server, transport, event.at_ns)
            known = known or found is not None
            ended += found or []
        return list(ended) if known else None

    def _dns_messages(self, event: Packet, packet: IpPacket) -> list[bytes]:
        key = (event.cookie, event.outgoing)
        streams = self._dns_streams.setdefault(event.pid, {})
        if key not in streams and len(streams) >= MAX_DNS_STREAMS:
            self._account.tracker_full += 1
            del streams[next(iter(streams))]
        stream, pending = streams.setdefault(key, (Stream(), bytearray()))
        pending += stream.feed(packet.seq, packet.payload, packet.payload_bytes)
        messages = []
        while (taken := take_message(pending)) is not None:
            message, end = taken
            messages.append(message)
            del pending[:end]
        return messages

    def _note(self, connection: OpenConnection, watched: OpenProcess, seen: Fact) -> None:
        """Put one fact where it belongs: Go's own handshake, or one made of packets."""
        if isinstance(seen.what, HttpRequest | HttpStatus | Tunnel | SocksGreeting | SocksReply):
            _note_way(connection, seen.what)
            return
        if isinstance(seen.what, ServerHello) and connection.tunnel == "refused":
            connection.pass_on()  # what looked like a page was none
        handshake = watched.handshakes.of_connection(connection.cookie)
        if handshake is None:
            handshake = self._hellos.get(connection.cookie)
        if handshake is None:
            if not isinstance(seen.what, ClientHello):
                return
            handshake = OpenHandshake(connection.pid, None, seen.what.sni, seen.at_ns)
            handshake.cookie = connection.cookie
            self._hellos[connection.cookie] = handshake
        _add(handshake, seen)

    def forget(self, pid: int) -> None:
        """The process is gone."""
        self._dns_streams.pop(pid, None)

    def close(self, connection: OpenConnection, at_ns: int) -> list[Record]:
        """A connection is gone: return the handshake that only packets told of."""
        handshake = self._hellos.get(connection.cookie)
        if handshake is not None:
            for seen in connection.opening.finish(at_ns):
                _add(handshake, seen)
        self._hellos.pop(connection.cookie, None)
        streams = self._dns_streams.get(connection.pid, {})
        for outgoing in (True, False):
            streams.pop((connection.cookie, outgoing), None)
        if not streams:
            self.forget(connection.pid)
        if handshake is None:
            return []
        connection.host = connection.host or handshake.sni
        return [handshake.record()]


def _note_way(
    connection: OpenConnection,
    what: HttpRequest | HttpStatus | Tunnel | SocksGreeting | SocksReply,
) -> None:
    """Note what goes between `go` and a proxy in clear text, before the tunnel or without one."""
    if isinstance(what, HttpRequest):
        if what.method == "CONNECT":
            connection.ask_tunnel(what.target)
    elif isinstance(what, SocksGreeting):
        connection.is_socks = True
        connection.ask_tunnel(None)
    elif isinstance(what, Tunnel):
        connection.pass_on()
    elif connection.tunnel == "asked":
        is_socks = isinstance(what, SocksReply)
        connection.answer_tunnel(what.code if isinstance(what, SocksReply) else what.status)
        if is_socks and connection.connect_status == 0:
            connection.pass_on()


def _add(handshake: OpenHandshake, seen: Fact) -> None:
    what = seen.what
    if isinstance(what, ClientHello):
        handshake.client_hello_at_ns = handshake.client_hello_at_ns or seen.at_ns
        handshake.sni = handshake.sni or what.sni
    elif isinstance(what, ServerHello):
        handshake.server_hello_at_ns = seen.at_ns
        handshake.version = version_name(what.version)
        handshake.cipher = cipher_name(what.cipher)
        handshake.resumed = what.resumed
        handshake.alpn = handshake.alpn or what.alpn
    elif isinstance(what, LeafCertificate):
        _add_certificate(handshake, what.der)
    elif isinstance(what, Alert):
        if not seen.outgoing:
            handshake.alert = alert_name(what.description)
    elif isinstance(what, NotTls):
        handshake.not_tls = True
    elif isinstance(what, Encrypted):
        _add_end(handshake, seen)


def _add_end(handshake: OpenHandshake, seen: Fact) -> None:
    """Under TLS 1.3 the client's first encrypted record ends its handshake; before, the later
    of both sides does. Go's own call knows better."""
    ends = seen.outgoing or handshake.version != "1.3"
    if ends and handshake.goid is None and handshake.server_hello_at_ns:
        handshake.end_ns = seen.at_ns


def _add_certificate(handshake: OpenHandshake, der: bytes) -> None:
    if handshake.certificate is None:
        try:
            handshake.certificate = parse_certificate(der)
        except WireError:
            return
