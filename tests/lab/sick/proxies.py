"""
HTTP and SOCKS proxies, each with a port of its own at `hp.lab.test`: PORTS says which.

A word of `HTTP` is what a CONNECT is answered; `tls-…` do TLS with the client first.
"""

import asyncio
import contextlib
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from ..connect_proxy import _copy
from ..http_server import FOREVER_S, reset
from . import places
from .answers import PAGE

DELAY_S = 0.02
TLS_RECORD = b"\x16"
_EMPTY = "\r\ncontent-length: 0\r\n\r\n"
LOGIN = "http://login.lab.test/"
HTTP: dict[str, bytes] = {
    **{
        f"{code}": f"HTTP/1.1 {code} {reason}{_EMPTY}".encode()
        for code, reason in {
            400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            405: "Method Not Allowed", 407: "Proxy Authentication Required", 410: "Gone",
            429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
            502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
        }.items()
    },
    "502-odd": f"HTTP/1.1 502 Upstream has gone fishing{_EMPTY}".encode(),
    "403-odd": f"HTTP/1.1 403 Blocked by policy 17{_EMPTY}".encode(),
    "407-odd": f"HTTP/1.1 407 authenticationrequired{_EMPTY}".encode(),
    "503-bare": f"HTTP/1.1 503 {_EMPTY}".encode(),
    "599": f"HTTP/1.1 599 Who knows{_EMPTY}".encode(),
    "302": b"HTTP/1.1 302 Found\r\nlocation: https://login.example/\r\ncontent-length: 0\r\n\r\n",
    "page": b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n" + PAGE,
    "then-garbage": b"\0\1\2\3" * 20,
    "then-http": b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
    "then-close": b"",
    "garbage": b"\0\1\2 not HTTP\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "close": b"",
    "half": b"HTTP/1.1 200 Conn",
    "odd": f"HTTP/1.1 403 Blocked by policy 17{_EMPTY}".encode(),
    "511": f"HTTP/1.1 511 Network Authentication Required{_EMPTY}".encode(),
    "200-empty": f"HTTP/1.1 200 OK{_EMPTY}".encode(),
    "cut": b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nmodule",
    "login": f"HTTP/1.1 302 Found\r\nlocation: {LOGIN}{_EMPTY}".encode(),
    "loop": f"HTTP/1.1 302 Found\r\nlocation: /again{_EMPTY}".encode(),
}  # fmt: skip
WAITING = ("silent", "then-silent")
SOCKS_CODES = range(1, 10)
_NAMES = (
    *HTTP, *WAITING, "reset", "good",
    "tls-good", "tls-expired", "tls-stranger", "tls-other-name", "tls-407", "tls-alert",
    *(f"socks-{code}" for code in SOCKS_CODES),
    "socks-good", "socks-auth", "socks-version", "socks-silent", "socks-close", "socks-half",
    "socks-way-silent", "socks-login", "tls-silent", "tls-odd", "tls-502",
)  # fmt: skip
PORTS = {name: 3201 + number for number, name in enumerate(_NAMES)}
NOBODY_PORT = 3999
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
ALERT = bytes.fromhex("15 0303 0002 02 28")
CERTIFICATES = {
    "tls-expired": "expired-1h",
    "tls-stranger": "stranger",
    "tls-other-name": "other-name",
}


def url(name: str, scheme: str = "") -> str:
    """What HTTPS_PROXY is set to."""
    kind = "socks5" if name.startswith("socks") else "https" if name.startswith("tls") else "http"
    return f"{scheme or kind}://{places.fqdn('hp')}:{PORTS[name]}"


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    upstream = await asyncio.open_connection(host, port)
    await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
    """One request in clear text, and its answer."""
    method, target, rest = head.split(" ", 2)
    url = urlsplit(target)
    upstream = await asyncio.open_connection(url.hostname, url.port or 80)
    asked = f"{method} {url.path} " + rest.removesuffix("\r\n") + "connection: close\r\n\r\n"
    upstream[1].write(asked.encode("latin-1"))
    await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))


async def _http(word: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    first = await reader.readexactly(1)
    if first == TLS_RECORD:
        writer.write(HTTP["400"])
        await writer.drain()
        return
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, target, _ = head.split(" ", 2)
    if word == "reset":
        reset(writer)
        return
    if word == "good" and method == "CONNECT":
        host, _, port = target.rpartition(":")
        writer.write(ESTABLISHED)
        await _join(reader, writer, host, int(port))
        return
    if word == "good":
        await _pass_on(reader, writer, head)
        return
    if target == LOGIN:
        word = "page"
    if word == "silent":
        await asyncio.sleep(FOREVER_S)
    if word == "then-silent":
        writer.write(ESTABLISHED)
        await asyncio.sleep(FOREVER_S)
    if word.startswith("then-"):
        writer.write(ESTABLISHED)
        await reader.read(4096)
    writer.write(HTTP[word])
    await writer.drain()
    await asyncio.sleep(DELAY_S)


async def _refuse_login(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Name and password are asked for, and wrong (RFC 1929)."""
    await reader.readexactly(1)  # the greeting has two ways to log in
    writer.write(b"\x05\x02")
    await reader.readexactly(1)
    for _ in ("name", "password"):
        await reader.readexactly((await reader.readexactly(1))[0])
    writer.write(b"\x01\x01")
    await writer.drain()
    await asyncio.sleep(DELAY_S)


async def _socks(word: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(3)
    if word == "silent":
        await asyncio.sleep(FOREVER_S)
    if word == "close":
        return
    if word == "login":
        await _refuse_login(reader, writer)
        return
    first = {"auth": b"\x05\xff", "version": b"HTTP/1.1 400 Bad Request\r\n\r\n", "half": b"\x05"}
    writer.write(first.get(word, b"\x05\x00"))
    await writer.drain()
    if word in first:
        await asyncio.sleep(DELAY_S)
        return
    await reader.readexactly(4)
    host = await reader.readexactly((await reader.readexactly(1))[0])
    port = int.from_bytes(await reader.readexactly(2))
    if word == "way-silent":
        await asyncio.sleep(FOREVER_S)
    code = 0 if word == "good" else int(word)
    writer.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
    await writer.drain()
    if word == "good":
        await _join(reader, writer, host.decode(), port)
    await asyncio.sleep(DELAY_S)


async def _serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, EOFError):
        if name == "tls-alert":
            await reader.read(4096)
            writer.write(ALERT)
            await writer.drain()
        elif name.startswith("socks-"):
            await _socks(name.removeprefix("socks-"), reader, writer)
        else:
            word = name.removeprefix("tls-")
            known = word in HTTP or word in WAITING or name == word
            await _http(word if known else "good", reader, writer)
    writer.close()


async def listen(certificates: dict[str, Path]) -> None:
    """Open every port."""
    for name, port in PORTS.items():
        context = None
        if name.startswith("tls-") and name != "tls-alert":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates[CERTIFICATES.get(name, "hp")])

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name
        ) -> None:
            await _serve(name, reader, writer)

        await asyncio.start_server(serve, places.PROXIES, port, ssl=context)
