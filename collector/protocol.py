"""
One HTTP connection: uvicorn's, with a time and a size for the head, and with who called.

What uvicorn leaves open: a client that sends its head byte by byte, a head without end, and
the names in a client's certificate.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 1 << 20
"""As Go's net/http; reads are of 256 KiB, so a head and its body may come in one."""


class TimedProtocol(HttpToolsProtocol):
    """Cut off slow heads; put the client certificate's names into the scope's state."""

    head_timeout_s = 10.0
    """Set by the server before it starts."""

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _peer_names: frozenset[str] = frozenset()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start the clock: a connection that says nothing is cut off as well."""
        super().connection_made(transport)
        self._peer_names = certificate_names(transport.get_extra_info("peercert"))
        self._start_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a head that goes on for too long ends the connection."""
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._head_timer else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start the clock of the next request's head on the same connection."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["state"]["peer_names"] = self._peer_names
        if self._head_timer is None:
            self._start_head()

    def on_headers_complete(self) -> None:
        """The head is whole; the body has a clock of its own, in the application."""
        self._stop_head()
        super().on_headers_complete()

    def _start_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.close)

    def _stop_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


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
