"""A receiver of webhooks on loopback that fails in every way it is told to."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Behaviour = Callable[[socket.socket], None]
"""What is done once the request was read."""
WAIT_S = 30.0


def answer(status: int, body: bytes = b"", *headers: str) -> Behaviour:
    """Answer as HTTP has it."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]

    def behave(connection: socket.socket) -> None:
        connection.sendall("\r\n".join(lines).encode() + body)

    return behave


def reset(connection: socket.socket) -> None:
    """Break off with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def close(_connection: socket.socket) -> None:
    """Say nothing."""


def garbage(connection: socket.socket) -> None:
    """Say something that is not HTTP."""
    connection.sendall(b"\x16\x03\x01 no such protocol\r\n\r\n")


def cut(connection: socket.socket) -> None:
    """Announce more than comes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")


def hang(connection: socket.socket) -> None:
    """Answer nothing for as long as the other end waits."""
    connection.settimeout(WAIT_S)
    with suppress(OSError):
        connection.recv(1)


class Receiver:
    """Takes requests one at a time; `script` is what it does to each, then it answers 200."""

    def __init__(self, *script: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self.script = list(script)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        """(path, headers in lower case, body) of each request."""
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WAIT_S)

    def bodies(self) -> list[dict[str, Any]]:
        """What came, as JSON."""
        return [json.loads(body) for _, _, body in self.got]

    def wait(self, count: int, seconds: float = WAIT_S) -> "Receiver":
        """Wait until so many requests came."""
        until = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < until, f"{len(self.got)} of {count} requests came"
            time.sleep(0.02)
        return self

    def _run(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            with connection, suppress(OSError):
                self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(WAIT_S)
        with connection.makefile("rb") as reader:
            path = reader.readline().split()[1].decode()
            headers = {}
            while (line := reader.readline().decode().strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = reader.read(int(headers.get("content-length", "0")))
        behave = self.script.pop(0) if self.script else answer(200, b"{}")
        self.got.append((path, headers, body))
        behave(connection)


@contextmanager
def receiving(*script: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that ends with the test."""
    receiver = Receiver(*script, context=context)
    try:
        yield receiver
    finally:
        receiver.end()
