"""What may answer at a collector's address: a server on loopback that says what a test wants."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable

WAIT_S = 10.0


class Server:
    """A TCP server on loopback: `answer` gets each connection and what was read of it."""

    def __init__(
        self,
        answer: Callable[[socket.socket, bytes], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with raw, contextlib.suppress(OSError):
                raw.settimeout(WAIT_S)
                wrap = self._context.wrap_socket if self._context else None
                with wrap(raw, server_side=True) if wrap else raw as peer:
                    while request := read_request(peer):
                        self.requests.append(request)
                        self._answer(peer, request)

    def close(self) -> None:
        """End it; a connection that it still holds ends first."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WAIT_S)


def read_request(peer: socket.socket) -> bytes:
    """One request with its body; empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = peer.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += peer.recv(65536)
    return head + b"\r\n\r\n" + body


def closes(peer: socket.socket, _request: bytes) -> None:
    """Hang up without a word."""
    peer.shutdown(socket.SHUT_RDWR)


def endlessly(part: bytes, pause_s: float = 0.0) -> Callable[[socket.socket, bytes], None]:
    """Say this again and again, until the client hangs up."""

    def answer(peer: socket.socket, _request: bytes) -> None:
        while True:
            peer.sendall(part)
            time.sleep(pause_s)

    return answer


def says(text: bytes) -> Callable[[socket.socket, bytes], None]:
    """Say this and close."""

    def answer(peer: socket.socket, _request: bytes) -> None:
        peer.sendall(text)
        peer.shutdown(socket.SHUT_WR)

    return answer


def hangs(peer: socket.socket, _request: bytes) -> None:
    """Never answer."""
    peer.recv(1)


BAD_SERVERS = {
    "closes": closes,
    "garbage": says(bytes(range(256)) * 4),
    "garbage lines": says(b"no http\r\n" * 100),
    "another protocol": says(b"220 mail.corp.example ESMTP\r\n"),
    "endless status line": endlessly(b"H" * 65536),
    "endless headers": endlessly(b"HTTP/1.1 202 Accepted\r\n" + b"X: y\r\n" * 1000),
    "endless header": endlessly(b"HTTP/1.1 202 Accepted\r\nX: " + b"y" * 70000),
    "endless 100": endlessly(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "bad chunks": says(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "bad status": says(b"HTTP/1.1 2x2 Accepted\r\n\r\n"),
    "byte by byte": endlessly(b"H", 0.05),
    "hangs": hangs,
}
