"""
What packets add to the records: DNS messages, TLS hellos, alerts, and tunnels of an HTTP proxy.

Knows nothing of where packets come from. Where Go's own calls are not seen, packets alone make
the lookups and handshakes.
"""

from typing import Literal

from ..certificate import parse_certificate
from ..events import Packet
from ..records import Lookup, Record
from ..wire.dns import parse_dns, take_message
from ..wire.hello import NotTls, Seen
from ..wire.http1 import HttpRequest
from ..wire.ip import TCP, IpPacket, parse_ip
from ..wire.reader import WireError
from ..wire.stream import Stream
from ..wire.tls import Alert, ClientHello, Encrypted, LeafCertificate, ServerHello
from ..wire.tls_names import alert_name, cipher_name, version_name
from .connections import Connections, OpenConnection
from .handshakes import OpenHandshake
from .watched import Watched

DNS_PORT = 53
MAX_DNS_STREAMS = 256
"""DNS over TCP, both directions of a connection counted."""


class Packets:
    """Joins the packets of all watched sockets."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._dns_streams: dict[tuple[int, bool], tuple[Stream, bytearray]] = {}
        self._hellos: dict[int, OpenHandshake] = {}
        self.bad_packets = 0
        """Packets that could not be read."""

    def feed(self, event: Packet, watched: Watched) -> list[Record] | None:
        """Take one packet; None when it belongs to nothing that is known."""
        connection = self._connections.get(event.cookie)
        if connection is not None and connection.watcher.done and connection.port != DNS_PORT:
            return []
        try:
            packet = parse_ip(event.data, event.length)
        except WireError:
            self.bad_packets += 1
            return None
        server_port = packet.dport if event.outgoing else packet.sport
        if server_port == DNS_PORT:
            return self._dns(event, packet, watched)
        if connection is None or packet.proto != TCP:
            return None
        for seen in connection.watcher.feed(event.at_ns, event.outgoing, packet):
            self._note(connection, watched, seen)
        return []

    def _dns(self, event: Packet, packet: IpPacket, watched: Watched) -> list[Record] | None:
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
                self.bad_packets += 1
                continue
            found = watched.lookups.packet(message, event.cookie, server, transport, event.at_ns)
            known = known or found is not None
            ended += found or []
        return list(ended) if known else None

    def _dns_messages(self, event: Packet, packet: IpPacket) -> list[bytes]:
        key = (event.cookie, event.outgoing)
        if key not in self._dns_streams and len(self._dns_streams) >= MAX_DNS_STREAMS:
            del self._dns_streams[next(iter(self._dns_streams))]
        stream, pending = self._dns_streams.setdefault(key, (Stream(), bytearray()))
        pending += stream.feed(packet.seq, packet.payload, packet.payload_bytes)
        messages = []
        while (taken := take_message(pending)) is not None:
            message, end = taken
            messages.append(message)
            del pending[:end]
        return messages

    def _note(self, connection: OpenConnection, watched: Watched, seen: Seen) -> None:
        """Put one fact where it belongs: Go's own handshake, or one made of packets."""
        if isinstance(seen.what, HttpRequest):
            if seen.what.method == "CONNECT":
                host = connection.host or connection.address
                connection.via = f"{host}:{connection.port}"
                connection.host = seen.what.target.rpartition(":")[0].strip("[]")
            return
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

    def close(self, connection: OpenConnection, at_ns: int) -> list[Record]:
        """A connection is gone: return the handshake that only packets told of."""
        handshake = self._hellos.get(connection.cookie)
        if handshake is not None:
            for seen in connection.watcher.finish(at_ns):
                _add(handshake, seen)
        self._hellos.pop(connection.cookie, None)
        for outgoing in (True, False):
            self._dns_streams.pop((connection.cookie, outgoing), None)
        if handshake is None:
            return []
        connection.host = connection.host or handshake.sni
        return [handshake.record()]


def _add(handshake: OpenHandshake, seen: Seen) -> None:
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


def _add_end(handshake: OpenHandshake, seen: Seen) -> None:
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
