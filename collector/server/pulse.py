"""
GET /healthz and /readyz on an address of their own, by a thread of their own.

The loop answers them too, in its turn: where thousands come back at once that takes a second. Who
restarts what does not answer must not be misled by a storm; nor by a thread that answers while the
loop stands still, so what it says is the loop's last word, with its age.
"""

import contextlib
import json
import selectors
import socket
import threading
import time
from dataclasses import dataclass

from .limits import EXHAUSTED, EXHAUSTED_S, MAX_PULSE_BYTES, MAX_PULSES, PULSE_S

OLD_S = 10.0
"""A loop that has said nothing for so long stands still; a turn of it takes milliseconds."""
SAYS_EVERY_S = 0.5
"""How often it is to say how it is."""


@dataclass(frozen=True, slots=True)
class Word:
    """What the loop said last."""

    at_s: float | None
    """Of the monotonic clock; None before the loop began."""
    is_alive: bool
    trouble: str | None
    """Why it takes no batches."""


def answer_of(head: bytes, word: Word, now_s: float) -> bytes:
    """Return the whole answer to a request, of which the first line counts (RFC 9112 section 3)."""
    age_s = None if word.at_s is None else round(now_s - word.at_s, 3)
    is_held = age_s is not None and age_s > OLD_S
    match head.split(b" ")[:2]:
        case [b"GET" | b"HEAD", b"/healthz"]:
            status = 200 if word.is_alive and not is_held else 503
            body: dict[str, object] = {"alive": status == 200, "age_s": age_s}
        case [b"GET" | b"HEAD", b"/readyz"]:
            trouble = "the loop stands still" if is_held else word.trouble
            status = 503 if trouble or not word.is_alive else 200
            body = {"ready": status == 200, "reason": trouble, "age_s": age_s}
        case [b"GET" | b"HEAD", _]:
            status, body = 404, {"error": "here are /healthz and /readyz only"}
        case _:
            status, body = 405, {"error": "use GET"}
    text = json.dumps(body, separators=(",", ":")).encode()
    lines = (
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
        "Cache-Control: no-store",
        "Connection: close",
    )
    sent = "\r\n".join((*lines, "", "")).encode()
    return sent if head.startswith(b"HEAD ") else sent + text


_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class Pulse:
    """The thread, and what it was told."""

    def __init__(self, listener: socket.socket) -> None:
        """
        Args:
            listener: Listens already; closed by whoever opened it, after `end`.
        """
        self._word = Word(None, is_alive=True, trouble="starting")
        self._listener = listener
        self._listener.setblocking(False)
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._heads: dict[socket.socket, tuple[float, bytearray]] = {}
        """Open connections, the oldest first: until when each may take, and what it said."""
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def say(self, is_alive: bool, trouble: str | None) -> None:
        """Take the loop's word."""
        self._word = Word(time.monotonic(), is_alive, trouble)

    def end(self) -> None:
        """Answer no more."""
        self._wake.close()
        if self._thread.ident is not None:
            self._thread.join()
        for sock in self._heads:
            sock.close()
        self._woken.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select(PULSE_S):
                if key.fileobj is self._woken:
                    return
                with contextlib.suppress(OSError):
                    if key.fileobj is self._listener:
                        self._admit()
                    # What was ready together with the listener may have gone for a new one.
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._heads:
                        self._hear(key.fileobj)
            now_s = time.monotonic()
            for sock in [sock for sock, (until_s, _) in self._heads.items() if until_s < now_s]:
                self._close(sock)

    def _admit(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._exhausted()
            return
        if len(self._heads) >= MAX_PULSES:
            self._close(next(iter(self._heads)))
        sock.setblocking(False)
        self._heads[sock] = time.monotonic() + PULSE_S, bytearray()
        self._selector.register(sock, selectors.EVENT_READ)

    def _exhausted(self) -> None:
        """The listener stays ready: asked again at once, it would take the interpreter from all."""
        if self._heads:
            self._close(next(iter(self._heads)))
        else:
            time.sleep(EXHAUSTED_S)

    def _hear(self, sock: socket.socket) -> None:
        head = self._heads[sock][1]
        try:
            data = sock.recv(MAX_PULSE_BYTES)
        except OSError:
            data = b""
        head += data
        if b"\r\n\r\n" in head:
            with contextlib.suppress(OSError):
                sock.send(answer_of(bytes(head), self._word, time.monotonic()))
                sock.shutdown(socket.SHUT_WR)
            self._close(sock)
        elif not data or len(head) > MAX_PULSE_BYTES:
            self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        del self._heads[sock]
        sock.close()
