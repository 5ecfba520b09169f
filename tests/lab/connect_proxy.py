"""An HTTP proxy that understands CONNECT, or refuses it with a status."""

import asyncio
import contextlib
from collections.abc import Callable

PORT = 3128
STATUS = {"connect": 200, "connect-407": 407, "connect-502": 502}
"""What each of the lab's CONNECT proxies answers, by host."""
LINES = {
    200: "200 Connection established",
    407: "407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=lab",
    502: "502 Bad Gateway",
}
Log = Callable[[str, int], None]
"""Target (`host:port`) and status."""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int, log: Log
) -> None:
    """Answer one CONNECT and, when the status is 200, join the two connections."""
    with contextlib.suppress(OSError, EOFError):
        line = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[0]
        target = line.split(" ")[1]
        host, _, port = target.rpartition(":")
        log(target, status)
        upstream = None
        if status == 200:
            upstream = await asyncio.open_connection(host, int(port))
        writer.write(f"HTTP/1.1 {LINES[status]}\r\n\r\n".encode())
        await writer.drain()
        if upstream:
            await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
    writer.close()
