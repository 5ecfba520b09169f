"""
TLS handshakes of one process: Go's own calls, joined with what the packets showed.

Knows nothing of sockets. The certificate comes from the call that verifies it, which is the only
place where it can be read under TLS 1.3.
"""

from dataclasses import dataclass

from ..certificate import parse_certificate
from ..events import GoError, HandshakeDone
from ..records import Certificate, Handshake
from ..wire.reader import WireError
from ..wire.tls_names import alert_name, cipher_name, version_name
from .connections import OpenConnection
from .verdict import is_cancelled, network_cause

MAX_OPEN = 512
"""Under way in one process."""


@dataclass(slots=True)
class OpenHandshake:
    """A handshake that has not ended."""

    pid: int
    goid: int | None
    sni: str | None
    at_ns: int
    cookie: int | None = None
    verify_at_ns: int | None = None
    verify_ns: int | None = None
    certificate: Certificate | None = None
    client_hello_at_ns: int | None = None
    server_hello_at_ns: int | None = None
    version: str | None = None
    cipher: str | None = None
    alpn: str | None = None
    resumed: bool | None = None
    alert: str | None = None
    not_tls: bool = False
    end_ns: int | None = None
    error: GoError | None = None

    def record(self) -> Handshake:
        """Make the record of what is known now."""
        return Handshake(
            connection=self.cookie,
            pid=self.pid,
            sni=self.sni,
            alpn=self.alpn,
            version=self.version,
            cipher=self.cipher,
            at_ns=self.at_ns,
            handshake_ns=None if self.end_ns is None else self.end_ns - self.at_ns,
            verify_ns=self.verify_ns,
            client_hello_at_ns=self.client_hello_at_ns,
            server_hello_at_ns=self.server_hello_at_ns,
            resumed=self.resumed,
            outcome=self.outcome(),
            alert=self.alert,
            certificate=self.certificate,
        )

    def outcome(self) -> str | None:
        """`ok`, a failure class, `cancelled`, or None while it is under way."""
        if self.error is not None:
            if any("errNetClosing" in name for name in self.error.types):
                return "tls.timeout"  # addTLS closes the connection under the handshake
            return "cancelled" if is_cancelled(self.error) else network_cause(self.error)[0]
        if self.not_tls:
            return "tls.not_tls"
        if self.goid is None:
            return "tls.alert" if self.alert else "ok" if self.end_ns is not None else None
        return "ok" if self.end_ns is not None else None


class Handshakes:
    """All handshakes of one process that are under way, and the latest certificate of each host."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._open: dict[int, OpenHandshake] = {}
        self.bad_certificates = 0
        """Certificates that could not be read."""

    def start(
        self, goid: int, sni: str, at_ns: int, connection: OpenConnection | None
    ) -> OpenHandshake | None:
        """A call began; None when there are too many."""
        if len(self._open) >= MAX_OPEN:
            return None
        handshake = OpenHandshake(self._pid, goid, sni or None, at_ns)
        handshake.cookie = connection.cookie if connection else None
        self._open[goid] = handshake
        return handshake

    def verify(self, goid: int, at_ns: int, der: bytes | None) -> bool:
        """The certificates came; False when the handshake is not known."""
        handshake = self._open.get(goid)
        if handshake is None:
            return False
        handshake.verify_at_ns = at_ns
        if der is not None:
            try:
                handshake.certificate = parse_certificate(der)
            except WireError:
                self.bad_certificates += 1
        return True

    def verified(self, goid: int, at_ns: int) -> bool:
        """The certificates were judged; False when the handshake is not known."""
        handshake = self._open.get(goid)
        if handshake is None or handshake.verify_at_ns is None:
            return False
        handshake.verify_ns = at_ns - handshake.verify_at_ns
        return True

    def finish(self, event: HandshakeDone) -> OpenHandshake | None:
        """A call returned; None when its beginning was not seen."""
        handshake = self._open.pop(event.goid, None)
        if handshake is None:
            return None
        handshake.end_ns, handshake.error = event.at_ns, event.error
        if event.version:
            handshake.version = version_name(event.version)
        if event.cipher:
            handshake.cipher = cipher_name(event.cipher)
        if event.error is None:
            handshake.alpn, handshake.resumed = event.alpn or None, event.resumed
        elif event.error.types[-1] in ("tls.alert", "tls.AlertError"):
            handshake.alert = alert_name(event.error.leaf[0])
        return handshake

    def of_connection(self, cookie: int) -> OpenHandshake | None:
        """Find the handshake under way on a connection."""
        return next((open_ for open_ in self._open.values() if open_.cookie == cookie), None)

    def drain(self) -> list[Handshake]:
        """The process is gone: return what never ended, and forget it."""
        pending = [handshake.record() for handshake in self._open.values()]
        self._open.clear()
        return pending
