"""
TLS handshakes of one process: Go's own calls, joined with what the packets showed.

Knows nothing of sockets. The certificate comes from the call that verifies it, which is the only
place where it can be read under TLS 1.3.
"""

from dataclasses import dataclass

from ..events.events import GoError, HandshakeDone
from ..records.records import Certificate, Handshake
from ..wire.certificate import parse_certificate
from ..wire.reader import WireError
from ..wire.tls_names import alert_name, cipher_name, version_name
from .account import Account
from .cause import is_cancelled
from .networkcause import network_cause
from .openconnection import OpenConnection

MAX_OPEN = 512
"""Under way in one process; beyond it the oldest is given out as it is."""


def is_remote_alert(error: GoError) -> bool:
    """Say whether the other side sent an alert; `local error` is what `go` found, and told it."""
    return (
        error.types[-1] in ("tls.alert", "tls.AlertError") and "local error" not in error.operations
    )


@dataclass(slots=True)
class OpenHandshake:
    """A handshake that has not ended."""

    pid: int
    goid: int | None
    sni: str | None
    at_ns: int
    cookie: int | None = None
    with_proxy: bool = False
    """It is the one with an `https://` proxy, before any tunnel."""
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

    def __init__(self, pid: int, account: Account) -> None:
        self._pid = pid
        self._account = account
        self._open: dict[int, OpenHandshake] = {}

    def start(
        self, goid: int, sni: str, at_ns: int, connection: OpenConnection | None
    ) -> list[Handshake]:
        """A call began; return what had to go to make room."""
        given_up = []
        if len(self._open) >= MAX_OPEN:
            self._account.tracker_full += 1
            given_up.append(self._open.pop(next(iter(self._open))).record())
        handshake = OpenHandshake(self._pid, goid, sni or None, at_ns)
        if connection is not None:
            handshake.cookie = connection.cookie
            handshake.with_proxy = connection.shaken_with_proxy(handshake.sni)
            if connection.via and connection.tunnel != "refused" and not handshake.with_proxy:
                connection.pass_on()  # `go` begins it after the proxy's 200
        self._open[goid] = handshake
        return given_up

    def verify(self, goid: int, at_ns: int, der: bytes | None) -> bool:
        """The certificates came; False when the handshake is not known."""
        handshake = self._open.get(goid)
        if handshake is None:
            return False
        handshake.verify_at_ns = at_ns
        try:
            handshake.certificate = parse_certificate(der or b"")
        except WireError:
            self._account.bad_certificates += 1
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
        elif is_remote_alert(event.error):
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
