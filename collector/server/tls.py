"""
TLS of one connection, between bytes and bytes: no socket, so that whoever holds one sees every
byte of a stranger, also those of a handshake.
"""

import contextlib
import ssl
from typing import Any

READ_BYTES = 1 << 18


class Tls:
    """The server's side."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.is_open = False
        """The handshake is done."""
        self.is_ended = False
        """The peer said that it sends no more."""

    def feed(self, data: bytes) -> bytes:
        """
        Take what came, return what it said.

        Raises:
            ssl.SSLError: it is no TLS, or not for us; an alert may wait in `sendable`.
        """
        self._incoming.write(data)
        said: list[bytes] = []
        try:
            if not self.is_open:
                self._ssl.do_handshake()
                self.is_open = True
            while self._incoming.pending or self._ssl.pending():
                part = self._ssl.read(READ_BYTES)
                if not part:
                    self.is_ended = True
                    break
                said.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_ended = True
        return said[0] if len(said) == 1 else b"".join(said)

    def say(self, data: bytes) -> bytes:
        """Return what is to be sent so that the peer reads `data`."""
        self._ssl.write(data)
        return self._outgoing.read()

    def sendable(self) -> bytes:
        """Return what is to be sent of its own: handshake, alerts."""
        return self._outgoing.read()

    def end(self) -> bytes:
        """Return the word that we send no more."""
        with contextlib.suppress(ssl.SSLError):
            self._ssl.unwrap()  # it wants the peer's word too, for which we do not wait
        return self._outgoing.read()

    @property
    def certificate(self) -> object:
        """The peer's, as of `ssl.SSLSocket.getpeercert`; None without one."""
        return self._ssl.getpeercert()


def certificate_names(certificate: Any) -> frozenset[str]:
    """Return the common names and alternative names of `ssl.SSLSocket.getpeercert()`."""
    if not certificate:
        return frozenset()
    common = (
        value
        for name in certificate.get("subject", ())
        for key, value in name
        if key == "commonName"
    )
    alternative = (value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")
    return frozenset((*common, *alternative))
