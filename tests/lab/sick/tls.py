"""
TLS broken by hand: the first label of the name that the client asks for says how.

    alert-N        answers the ClientHello with this alert
    warning-N      the same at warning level
    NAME           one of RAW (bytes instead of a ServerHello) or of the words in `serve`
"""

import asyncio
import contextlib

from ..http_server import FOREVER_S, reset

ENOUGH = 16_384
DELAY_S = 0.02


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def server_hello(version: int = 0x0303, cipher: int = 0xC02B, more: bytes = b"") -> bytes:
    """A ServerHello that goes no further."""
    body = version.to_bytes(2, "big") + b"R" * 32 + b"\0" + cipher.to_bytes(2, "big") + b"\0"
    body += len(more).to_bytes(2, "big") + more if more else b""
    return record(22, b"\x02" + len(body).to_bytes(3, "big") + body)


RAW: dict[str, bytes] = {
    "http": b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "http-page": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
    "text": b"Access denied by policy\r\n",
    "zeros": b"\0" * 64,
    "oversized": bytes.fromhex("160303ffff") + b"x" * 64,
    "tls10": server_hello(0x0301),
    "tls11": server_hello(0x0302),
    "ssl3": server_hello(0x0300),
    "odd-cipher": server_hello(cipher=0x0005),
    "odd-alpn": server_hello(more=bytes.fromhex("0010000700050474616c6b")),
    "odd-message": record(22, b"\x0b\x00\x00\x03\x00\x00\x00"),
    "odd-record": record(99, b"abc"),
    "app-data": record(23, b"abc" * 20),
    "ccs": record(20, b"\x02"),
    "broken-hello": record(22, b"\x02\x00\x00\x05abcde"),
    "empty-alert": record(21, b""),
    "close-notify": record(21, b"\x01\x00"),
}
SILENT_AFTER = {"half-hello": server_hello(more=bytes.fromhex("00170000"))}


def sni(hello: bytes) -> str:
    """The name in a ClientHello, "" without one."""
    with contextlib.suppress(IndexError, UnicodeDecodeError):
        at = 5 + 4 + 2 + 32
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at : at + 2])
        at += 1 + hello[at]
        end = at + 2 + int.from_bytes(hello[at : at + 2])
        at += 2
        while at + 4 <= end:
            kind, length = (
                int.from_bytes(hello[at : at + 2]),
                int.from_bytes(hello[at + 2 : at + 4]),
            )
            if kind == 0:
                return hello[at + 9 : at + 4 + length].decode("ascii")
            at += 4 + length
    return ""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the ClientHello and break as it says."""
    with contextlib.suppress(OSError):
        hello = b""
        while len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5]):
            data = await reader.read(ENOUGH)
            if not data:
                break
            hello += data
        await _break(sni(hello).split(".")[0], writer)
    writer.close()


async def _break(word: str, writer: asyncio.StreamWriter) -> None:
    kind, _, number = word.partition("-")
    if kind in ("alert", "warning") and number.isdigit():
        writer.write(record(21, bytes([2 if kind == "alert" else 1, int(number)])))
    elif word in RAW:
        writer.write(RAW[word])
    elif word in SILENT_AFTER:
        writer.write(SILENT_AFTER[word])
        await asyncio.sleep(FOREVER_S)
    elif word == "silent":
        await asyncio.sleep(FOREVER_S)
    elif word == "half-close":
        writer.write(server_hello()[:20])
    elif word == "reset":
        reset(writer)
        return
    elif word == "half-reset":
        writer.write(server_hello()[:20])
        await writer.drain()
        await asyncio.sleep(DELAY_S)
        reset(writer)
        return
    await writer.drain()
    await asyncio.sleep(DELAY_S)
