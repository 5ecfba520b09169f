"""
HTTP/1.1 on one connection, one request at a time, each request an ASGI call.

Knows the parser, the application and the words between them; what a peer may hold, for how long,
and how it ends, is the line's (`connection.py`).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

import httptools

from .holding import Holding
from .limits import (
    ANSWER_S,
    CHUNK_BYTES,
    FRAMING_BYTES,
    MAX_CHUNKS,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    REFUSALS,
    UNREAD_BYTES,
    Limits,
    State,
)
from .request import Message, Request

RETRY_S = 2
"""After it one for whose answer there was no room may come again."""

log = logging.getLogger("modpulse.collector")

App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class Line(Protocol):
    """What a conversation needs of the connection that it is held on."""

    state: State
    limits: Limits
    names: frozenset[str]
    address: str
    """Where it comes from."""
    is_known: bool

    def enter(self, state: State, seconds: float, max_bytes: int = 0) -> None:
        """Begin a state, with its deadline and its bound of bytes."""

    def say(self, data: bytes) -> None:
        """Send."""

    def hear_no_more(self) -> None:
        """Take no more of what comes."""

    def rest(self) -> None:
        """Wait for the next request."""

    def close(self) -> None:
        """Say that we say no more, then hang up."""

    def know(self, caller: str) -> bool:
        """Whether there is a place for one more that we know."""

    def holding(self) -> Holding:
        """Return what a request is to hold its bytes with."""

    def stream(self) -> bool:
        """Whether there is a place for one more stream, which begins then."""

    def hold_answer(self, size_bytes: int) -> bool:
        """Whether there is room for an answer until it is read."""

    def count(self, what: str) -> None:
        """Something happened."""

    def figures(self) -> dict[str, int]:
        """Return places and counters of the door."""

    @property
    def is_ending(self) -> bool:
        """Whether all connections are to end."""


class Conversation:
    """What is said on one connection, as the parser tells."""

    def __init__(self, line: Line, app: App) -> None:
        self._line, self._app = line, app
        self._parser = httptools.HttpRequestParser(self)
        self.request = Request(line.holding())
        """The latest."""

    def feed(self, data: bytes) -> None:
        """Take what came; what is malformed ends the conversation."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.request.is_last = True
        except httptools.HttpParserError:
            self._malformed()

    def overflow(self) -> None:
        """More came than the state allows."""
        if self._line.state is State.HEAD:
            self.refuse("long_head", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self.refuse("long_body", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def more_follows(self) -> None:
        """Who asks again before the answer came is answered once."""
        if not self.request.is_last:
            self._line.count("pipelined")
        self.request.is_last = True
        self._line.hear_no_more()

    def break_off(self) -> None:
        """Nothing more of the request comes."""
        self.request.is_broken = not self.request.is_whole
        self.request.wake()
        if self.request.is_stream and self.request.task:
            self.request.task.cancel()  # nobody is left to be told

    def refuse(self, why: str, status: HTTPStatus) -> None:
        """Count, answer for the application, and close."""
        self._line.count(why)
        self._fail(status)

    def _malformed(self) -> None:
        if self._line.state is State.ANSWER:
            self.more_follows()
        elif self._line.state in (State.HEAD, State.BODY, State.IDLE):
            self.refuse("malformed", HTTPStatus.BAD_REQUEST)

    # The parser.

    def on_message_begin(self) -> None:
        """Begin a request; its time runs from here if it is not the first."""
        if self._line.state is State.IDLE:
            self._line.enter(State.HEAD, self._line.limits.read_s, MAX_HEAD_BYTES)
        elif self._line.state is not State.HEAD:
            raise ValueError("one at a time")  # ends the parsing, as what is malformed does
        self.request = Request(self._line.holding())

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self.request.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; trailers are none, and no more of them may be."""
        request = self.request
        if self._line.state is State.HEAD:
            has_room = request.add_header(name, value)
        else:
            request.trailers += 1
            has_room = request.trailers <= MAX_HEADERS
        if not has_room:
            self.refuse("long_head", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        """Call the application."""
        parser, request, line = self._parser, self.request, self._line
        request.method = parser.get_method().decode("ascii")
        request.is_last = parser.get_http_version() != "1.1" or not parser.should_keep_alive()
        # Without a host or a path of its own (CONNECT, OPTIONS *) it is none of ours.
        target = httptools.parse_url(request.url)
        path = target.path or b""
        scope = {
            "type": "http",
            "method": request.method,
            "path": path.decode("latin-1"),
            "query_string": target.query or b"",
            "headers": request.headers,
            "state": {
                "peer_names": line.names,
                "know": lambda caller: self._know(request, caller),
                "figures": line.figures,
                "address": line.address,
            },
        }
        line.enter(State.BODY, line.limits.read_s, line.limits.body_bytes + FRAMING_BYTES)
        request.task = asyncio.get_running_loop().create_task(self._run(request, scope))

    def on_chunk_header(self) -> None:
        """Begin a chunk; a body of crumbs costs far more than its bytes."""
        request = self.request
        request.chunks += 1
        if request.chunks > MAX_CHUNKS + request.body_bytes // CHUNK_BYTES:
            self.refuse("long_body", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            raise ValueError("too many chunks")

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; who asks for no batch has none to keep."""
        if not self.request.add_body(body):
            self._line.count("no_room")
        self.request.wake()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.request.is_whole = True
        self._line.enter(State.ANSWER, ANSWER_S)
        self.request.wake()

    # The application.

    async def _run(self, request: Request, scope: Message) -> None:
        try:
            await self._app(scope, lambda: request.receive(self._go_on), self._send)
        except Exception:
            log.exception("request.failed")
            self._fail(HTTPStatus.INTERNAL_SERVER_ERROR)
        finally:
            request.let_go()

    def _know(self, request: Request, caller: str) -> bool:
        request.belongs_to(caller)
        return self._line.know(caller)

    def _go_on(self) -> None:
        if self._line.state is State.BODY:
            self._line.say(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _send(self, message: Message) -> None:
        request, line = self.request, self._line
        if message["type"] == "http.response.start":
            request.answer = message
            return
        if line.state is State.STREAM:
            line.say(message["body"])
        if line.state not in (State.BODY, State.ANSWER) or request.answer is None:
            return
        if message.get("more_body"):
            self._begin_stream(request, message["body"])
            return
        status = request.answer["status"]
        if status == HTTPStatus.UNAUTHORIZED:
            line.is_known = False
            line.count("unauthorized")
        elif status == HTTPStatus.MISDIRECTED_REQUEST:
            line.count("misdirected")
        # Whom we do not know has said what it wanted; what is left of a body is no request.
        request.is_last |= status in REFUSALS or line.is_ending
        request.is_last |= not line.is_known or not request.is_whole
        body = b"" if request.method == "HEAD" else message["body"]
        if len(body) > UNREAD_BYTES and not line.hold_answer(len(body)):
            self.refuse("no_room", HTTPStatus.SERVICE_UNAVAILABLE)
            return
        line.say(_head(status, request.answer["headers"], request.is_last) + body)
        if request.is_last:
            line.close()
        else:
            line.rest()

    def _begin_stream(self, request: Request, body: bytes) -> None:
        """Send what is there; whatever follows is sent as it comes, until the connection ends."""
        if not self._line.stream():
            self.refuse("no_stream", HTTPStatus.SERVICE_UNAVAILABLE)
            return
        request.is_stream = request.is_last = True
        assert request.answer is not None
        answer = request.answer
        self._line.say(_head(answer["status"], answer["headers"], is_last=True) + body)

    def _fail(self, status: HTTPStatus) -> None:
        """Answer for the application, and close."""
        if self._line.state not in (State.CLOSING, State.CLOSED):
            headers = [(b"content-length", b"0")]
            if status is HTTPStatus.SERVICE_UNAVAILABLE:
                headers.append((b"retry-after", b"%d" % RETRY_S))
            self._line.say(_head(status, headers, is_last=True))
            self._line.close()
            self.break_off()


_date = (0, b"")


def _head(status: int, headers: list[tuple[bytes, bytes]], is_last: bool) -> bytes:
    global _date  # noqa: PLW0603  # one line that changes once a second
    now_s = int(time.time())
    if now_s != _date[0]:
        _date = now_s, formatdate(now_s, usegmt=True).encode()
    lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode()), b"date: " + _date[1]]
    lines += [b"%s: %s" % header for header in headers]
    if is_last:
        lines.append(b"connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"
