"""What may happen on the TLS port instead of TLS, from the moment a connection is accepted."""

import asyncio
from collections.abc import Awaitable, Callable

from .http_server import FOREVER_S, reset

Fault = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ALERT = bytes.fromhex("15 0303 0002 02 50")
"""A TLS record: fatal alert 80, internal_error (RFC 8446 section 6)."""
PLAIN_ANSWER = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
ENOUGH_FOR_A_HELLO = 4096


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and never say a word."""
    await asyncio.sleep(FOREVER_S)


async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the ClientHello with an alert."""
    await reader.read(ENOUGH_FOR_A_HELLO)
    writer.write(ALERT)
    await writer.drain()


async def plain_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the ClientHello as an HTTP server does that expected HTTP."""
    await reader.read(ENOUGH_FOR_A_HELLO)
    writer.write(PLAIN_ANSWER)
    await writer.drain()


async def reset_after_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset TCP in the middle of the handshake."""
    await reader.read(ENOUGH_FOR_A_HELLO)
    reset(writer)


async def close_after_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close TCP in the middle of the handshake."""
    await reader.read(ENOUGH_FOR_A_HELLO)


WIRE_FAULTS: dict[str, Fault] = {
    "hang": hang,
    "alert": alert,
    "plain_http": plain_http,
    "reset": reset_after_hello,
    "close": close_after_hello,
}
