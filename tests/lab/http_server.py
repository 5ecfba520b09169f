"""
HTTP/1.1 and HTTP/2 over one accepted connection, with answers that may stop half way.

Knows framing and nothing of modules: `respond` turns a request into an Answer.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .answers import Answer, Request

Respond = Callable[[Request, str], Answer]
"""Request and HTTP version (`1.1` or `2`)."""
FOREVER_S = 86_400.0
INTERNAL_ERROR = 2
"""RFC 9113 section 7."""


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
) -> None:
    """Answer requests until either side is done; connection errors end it silently."""
    tls = writer.get_extra_info("ssl_object")
    speaks_h2 = tls is not None and tls.selected_alpn_protocol() == "h2"
    with contextlib.suppress(OSError, EOFError, h2.exceptions.ProtocolError):
        await (
            Http2(reader, writer, respond).run() if speaks_h2 else _http1(reader, writer, respond)
        )
    writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with a RST instead of a FIN."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _request(
    writer: asyncio.StreamWriter, method: str, target: str, host: str, headers: dict[str, str]
) -> Request:
    parts = urlsplit(target)
    tls = writer.get_extra_info("ssl_object")
    client_port = writer.get_extra_info("peername")[1]
    version = tls.version() if tls else None
    return Request(method, host, parts.path, parts.query, headers, client_port, version)


def _headers(answer: Answer) -> list[tuple[str, str]]:
    return [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        *answer.headers,
    ]


def _sent_part(answer: Answer) -> bytes:
    return answer.body if answer.stop == "end" else answer.body[: len(answer.body) // 2]


async def _http1(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
) -> None:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
        }
        answer = respond(_request(writer, method, target, headers.get("host", ""), headers), "1.1")
        await asyncio.sleep(FOREVER_S if answer.stop == "stall_head" else answer.delay_s)
        if answer.stop == "reset":
            reset(writer)
            return
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in _headers(answer)]
        writer.write("\r\n".join([*lines, "\r\n"]).encode() + _sent_part(answer))
        await writer.drain()
        if answer.stop == "stall_body":
            await asyncio.sleep(FOREVER_S)
        if answer.stop == "cut":
            return


class Http2:
    """One HTTP/2 connection; each stream is a task, so that a stalled one holds up no other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
    ) -> None:
        self._reader, self._writer, self._respond = reader, writer, respond
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._window = asyncio.Event()

    async def run(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        streams: set[asyncio.Task[None]] = set()
        try:
            while data := await self._reader.read(65_536):
                for event in self._h2.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        stream = asyncio.create_task(self._stream(event))
                        streams.add(stream)
                        stream.add_done_callback(streams.discard)
                    elif isinstance(
                        event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged
                    ):
                        self._window.set()
                self._flush()
        finally:
            # The client is gone; whoever still sleeps, sleeps for nobody.
            for stream in streams:
                stream.cancel()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)

    async def _stream(self, event: h2.events.RequestReceived) -> None:
        headers = {str(name): str(value) for name, value in event.headers}
        request = _request(
            self._writer, headers[":method"], headers[":path"], headers[":authority"], headers
        )
        answer = self._respond(request, "2")
        await asyncio.sleep(FOREVER_S if answer.stop == "stall_head" else answer.delay_s)
        if answer.stop == "reset":
            reset(self._writer)
            return
        # The client may cancel its stream, or go, at any moment.
        with contextlib.suppress(h2.exceptions.ProtocolError, OSError):
            await self._send(event.stream_id, answer)

    async def _send(self, stream_id: int, answer: Answer) -> None:
        self._h2.send_headers(stream_id, [(":status", str(answer.status)), *_headers(answer)])
        rest = memoryview(_sent_part(answer))
        while rest:
            room = min(
                self._h2.local_flow_control_window(stream_id), self._h2.max_outbound_frame_size
            )
            if room <= 0:
                self._window.clear()
                self._flush()
                await self._window.wait()
                continue
            self._h2.send_data(stream_id, bytes(rest[:room]))
            rest = rest[room:]
            self._flush()
            await self._writer.drain()
        if answer.stop == "stall_body":
            self._flush()
            await asyncio.sleep(FOREVER_S)
        elif answer.stop == "cut":
            self._h2.reset_stream(stream_id, INTERNAL_ERROR)
        else:
            self._h2.end_stream(stream_id)
        self._flush()
