"""
HTTP/1.1 and HTTP/2 whose answers break in transport. Faults, chosen by `Sick.fault`:

    close, reset, stall-head, stall-body, cut, reset-body, close-body    both versions
    rst.CODE, rst-body.CODE, goaway.CODE, goaway-body.CODE               HTTP/2
    goaway-all.CODE (nothing processed), frame.NAME, frame-body.NAME     HTTP/2
    raw.NAME, drip-body                                                  HTTP/1.1
"""

import asyncio
import contextlib
import struct

import h2.events

from ..answers import Answer, Request
from ..http_server import FOREVER_S, Http2, Respond, _headers, _http1, _request, reset
from .answers import Sick

DELAY_S = 0.05
"""For the client's own frames to arrive first."""
DRIP_S = 0.4
"""From one byte to the next."""
DATA, RST_STREAM, GOAWAY = 0, 3, 7

LONG = 2 << 20
RAW: dict[str, bytes] = {
    "garbage": b"\x00\x01\x02 this is not HTTP \r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "ftp": b"220 files.example FTP server ready\r\n",
    "bad-status": b"HTTP/1.1 abc OK\r\n\r\n",
    "short-status": b"HTTP/1.1 20 OK\r\n\r\n",
    "odd-version": b"HTTP/7.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "bad-header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "half-head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "huge-header": b"HTTP/1.1 200 OK\r\nx: " + b"y" * (11 << 20) + b"\r\n\r\n",
    "bad-length": b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "negative-length": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "short-body": b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\nmodule mod.lab.test/m00\n",
    "bad-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "no-last-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "long-chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
    "odd-encoding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: shrunk\r\n\r\nabc",
    "only-100": b"HTTP/1.1 100 Continue\r\n\r\n" * 7,
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "http2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18,
    "lf-only": b"\n\n\n",
}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One HTTP/2 frame (RFC 9113 section 4.1)."""
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def goaway(last: int, code: int, debug: bytes = b"on purpose") -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + debug)


FRAMES: dict[str, object] = {
    "garbage": lambda stream: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "huge": lambda stream: b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 64,
    "data-on-0": lambda stream: frame(DATA, 0, 0, b"abc"),
    "settings-odd": lambda stream: frame(4, 0, 0, b"abc"),
    "headers-broken": lambda stream: frame(1, 4, stream, b"\xff\xff\xff\xff\xff"),
    "window-zero": lambda stream: frame(8, 0, 0, b"\0\0\0\0"),
    "push": lambda stream: frame(5, 4, stream, b"\0\0\0\2" + b"\x82"),
    "no-status": lambda stream: frame(1, 5, stream, b"\x0f\x0d\x010"),
    "odd-name": lambda stream: frame(1, 5, stream, b"\x88\x00\x03Foo\x01x"),
    "odd-value": lambda stream: frame(1, 5, stream, b"\x88\x00\x03foo\x01\n"),
    "two-statuses": lambda stream: frame(1, 5, stream, b"\x88\x88"),
    "late-status": lambda stream: frame(1, 5, stream, b"\x00\x03foo\x01x\x88"),
    "odd-pseudo": lambda stream: frame(1, 5, stream, b"\x88\x00\x04:foo\x01x"),
    "odd-status": lambda stream: frame(1, 5, stream, b"\x08\x03abc"),
    "data-first": lambda stream: frame(DATA, 1, stream, b"abc"),
    "end-early": lambda stream: frame(DATA, 1, stream, b""),
    "rst-0": lambda stream: frame(RST_STREAM, 0, 0, b"\0\0\0\2"),
}


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
) -> None:
    """Answer requests until either side is done."""
    tls = writer.get_extra_info("ssl_object")
    speaks_h2 = tls is not None and tls.selected_alpn_protocol() == "h2"
    with contextlib.suppress(OSError, EOFError, h2.exceptions.ProtocolError):
        if speaks_h2:
            await SickHttp2(reader, writer, respond).run()
        else:
            await _sick_http1(reader, writer, respond)
    writer.close()


async def _sick_http1(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond
) -> None:
    broken: list[Sick] = []

    def note(request: Request, http: str) -> Answer:
        answer = respond(request, http)
        if isinstance(answer, Sick):
            broken.append(answer)
            raise EOFError  # ends the good server's loop, its connection stays
        return answer

    with contextlib.suppress(EOFError):
        await _http1(reader, writer, note)
    if broken:
        await _break_http1(broken[0], writer)


async def _break_http1(answer: Sick, writer: asyncio.StreamWriter) -> None:
    word, _, name = answer.fault.partition(".")
    await asyncio.sleep(DELAY_S)
    if word == "stall-head":
        await asyncio.sleep(FOREVER_S)
    if word == "reset":
        reset(writer)
    elif word == "raw":
        writer.write(RAW[name])
        await writer.drain()
    elif word != "close":
        fields = "".join(f"{name}: {value}\r\n" for name, value in _headers(answer))
        writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode())
        writer.write(answer.body[: len(answer.body) // 2])
        await writer.drain()
        if word == "drip-body":
            await _drip(answer, writer)
        if word == "stall-body":
            await asyncio.sleep(FOREVER_S)
        if word == "reset-body":
            await asyncio.sleep(DELAY_S)
            reset(writer)


async def _drip(answer: Sick, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        for byte in answer.body[len(answer.body) // 2 :]:
            await asyncio.sleep(DRIP_S)
            writer.write(bytes([byte]))
            await writer.drain()


class SickHttp2(Http2):
    """HTTP/2 whose frames go wrong after the state machine has had its say."""

    async def _stream(self, event: h2.events.RequestReceived) -> None:
        headers = {str(name): str(value) for name, value in event.headers}
        request = _request(
            self._writer, headers[":method"], headers[":path"], headers[":authority"], headers
        )
        answer = self._respond(request, "2")
        if not isinstance(answer, Sick):
            await asyncio.sleep(answer.delay_s)
            with contextlib.suppress(h2.exceptions.ProtocolError, OSError):
                await self._send(event.stream_id, answer)
            return
        with contextlib.suppress(h2.exceptions.ProtocolError, OSError):
            await self._break(event.stream_id, answer)

    async def _break(self, stream: int, answer: Sick) -> None:
        word, _, name = answer.fault.partition(".")
        await asyncio.sleep(DELAY_S)
        if word == "stall-head":
            await asyncio.sleep(FOREVER_S)
        if word.endswith("-body") or word == "cut":
            self._h2.send_headers(stream, [(":status", "200"), *_headers(answer)])
            self._h2.send_data(stream, answer.body[: max(1, len(answer.body) // 2)])
            self._flush()
            await self._writer.drain()
            await asyncio.sleep(FOREVER_S if word == "stall-body" else DELAY_S)
        match word.removesuffix("-body"):
            case "rst":
                self._writer.write(frame(RST_STREAM, 0, stream, int(name).to_bytes(4, "big")))
            case "cut":
                self._writer.write(frame(RST_STREAM, 0, stream, (2).to_bytes(4, "big")))
            case "goaway":
                self._writer.write(goaway(stream, int(name)))
                await self._writer.drain()
                self._writer.close()
            case "goaway-all":
                self._writer.write(goaway(0, int(name)))
                await self._writer.drain()
                self._writer.close()
            case "frame":
                self._writer.write(FRAMES[name](stream))  # type: ignore[operator]
                await self._writer.drain()
            case "reset":
                reset(self._writer)
            case "close":
                self._writer.close()
