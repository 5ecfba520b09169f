"""
Ask a running collector over its HTTP API.

Whoever answers at the address may answer anything: it ends in a document or in one line for the
user, within DEADLINE_S. The token goes to that address and to no other.
"""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from modpulse.agent.service.credentials import client_context, first_token
from modpulse.agent.service.foreign import say
from modpulse.agent.service.loopback import is_loopback

from ..config import Config
from .answer import document_of, object_of, reason_of

PATH = "/api/v1/"
"""Below it are `proxies`, `incidents` and others, which list what their names say."""
_GOOD = frozenset({http.client.OK, http.client.CREATED})
SILENCE_S = 10
"""Without a byte for so long it counts as gone."""
DEADLINE_S = 30
"""For all of it: a byte now and then, or another `100 Continue`, does not keep it alive."""
MAX_ANSWER_BYTES = 64 << 20
"""A thousand proxies need about 2 MB."""
MAX_REASON_BYTES = 65536
"""Of an answer that is no document; the collector's have a line."""
MAX_PLACE_CHARS = 255
"""Of the address that a redirect names."""
_READ_BYTES = 65536
_NOT_IN_ADDRESSES = frozenset(' @?#<>"`')
"""Begin, end or belong to what is no part of an address, a password perhaps."""


class ClientError(Exception):
    """The collector could not be asked; the message has words of others, and is for `say`."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for."""

    rows: str
    """The end of the path."""
    method: str = "GET"
    body: bytes | None = None
    query: str = ""
    """What follows the path: empty, or with its `?`."""
    silence_s: float = SILENCE_S


@dataclass(frozen=True, slots=True)
class _Server:
    """Whom to ask."""

    address: str
    host: str
    port: int | None
    path: str
    asked: _Asked
    context: ssl.SSLContext | None
    """None: without TLS."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of it."""

    status: int
    reason: str
    location: str | None
    body: bytes


def fetch(
    config: Config,
    url: str,
    rows: str,
    query: Mapping[str, str] | None = None,
    silence_s: float = SILENCE_S,
) -> dict[str, Any]:
    """
    Return the document of GET /api/v1/`rows`, checked as `document_of` has it.

    Args:
        config: Has token and CA.
        url: Of the collector.
        rows: The end of the path.
        query: What follows it.
        silence_s: Of a collector that thinks for longer.

    Raises:
        ClientError: not reachable, refused, or no modpulse collector.
        ConfigError: CA or token file cannot be read.
    """
    asked = _Asked(rows, query=f"?{urlencode(query)}" if query else "", silence_s=silence_s)
    return _answered(config, url, asked, lambda body: document_of(body, rows.rpartition("/")[2]))


def send(
    config: Config, url: str, method: str, rows: str, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    Ask for a change at /api/v1/`rows`, and return what is answered.

    Args:
        config: Has token and CA.
        url: Of the collector.
        method: `POST` or `DELETE`.
        rows: The end of the path.
        asked: Sent as JSON; None: no body.

    Raises:
        ClientError, ConfigError: as of `fetch`; after a silence it may have been done.
    """
    body = None if asked is None else json.dumps(asked).encode()
    return _answered(config, url, _Asked(rows, method, body), object_of)


def _answered(
    config: Config, url: str, asked: _Asked, read: Callable[[bytes], dict[str, Any]]
) -> dict[str, Any]:
    headers = {"Accept": "application/json", "Connection": "close"}
    if asked.body is not None:
        headers["Content-Type"] = "application/json"
    if config.token_file:
        headers["Authorization"] = f"Bearer {first_token(config.token_file)}"
    context = client_context(config.ca_file)
    try:
        server = _server(url, asked, context)
        if "Authorization" in headers and not (server.context or is_loopback(server.host)):
            raise ClientError(
                f"the token for {url} would travel in the clear; beyond loopback it needs https://"
            )
        answer = _ask_in_time(server, headers)
        if answer.status in _GOOD:
            return read(answer.body)
        place = _place(server, answer)
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(f"no collector answers at {url}: {_words(error)}") from None
    except ValueError as error:
        raise ClientError(f"no modpulse collector at {url}: {error}") from None
    if place is not None:
        raise ClientError(f"the collector at {url} redirects to {place}; ask there with --url")
    reason = reason_of(answer.body) or answer.reason
    raise ClientError(f"the collector at {url} answers {answer.status}: {reason}")


def _server(url: str, asked: _Asked, context: ssl.SSLContext) -> _Server:
    """Read the address; what is none is not quoted, nor is what is thought of it."""
    if not url.isprintable() or any(mark in url for mark in _NOT_IN_ADDRESSES):
        raise ClientError(
            "the collector's address has a user, a query or a blank in it: expected none; "
            "see token_file"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise ClientError(
            "the collector's address is none: expected http or https, a host and perhaps a port"
        )
    path = parts.path.rstrip("/") + PATH + asked.rows
    address = f"{parts.scheme}://{parts.netloc}{path}"
    return _Server(address, host, port, path, asked, context if parts.scheme == "https" else None)


def _ask_in_time(server: _Server, headers: dict[str, str]) -> _Answer:
    """Ask from a thread: nothing else ends a lookup, or a reader that is given byte after byte."""
    came: list[_Answer | Exception] = []

    def ask() -> None:
        try:
            came.append(_ask(server, headers))
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            came.append(error)

    thread = threading.Thread(target=ask, name="ask", daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    if not came:
        raise TimeoutError(f"no whole answer within {DEADLINE_S} s")
    if isinstance(came[0], Exception):
        raise came[0]
    return came[0]


def _ask(server: _Server, headers: dict[str, str]) -> _Answer:
    silence_s = server.asked.silence_s
    # The collector is ours and near: an http_proxy of the environment is not meant for it.
    if server.context is None:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=silence_s)
    else:
        connection = http.client.HTTPSConnection(
            server.host, server.port, timeout=silence_s, context=server.context
        )
    try:
        place = server.path + server.asked.query
        connection.request(server.asked.method, place, server.asked.body, headers)
        with connection.getresponse() as response:
            is_document = response.status in _GOOD
            body = _read(response, MAX_ANSWER_BYTES if is_document else MAX_REASON_BYTES)
            if is_document and len(body) > MAX_ANSWER_BYTES:
                raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
            return _Answer(response.status, response.reason, response.getheader("Location"), body)
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    """
    Return the body; where it has more bytes than `most`, as many and some more.

    Not by `read`, which takes all there is for a chunk of -1 bytes.
    """
    body = bytearray()
    while len(body) <= most and (piece := response.read1(_READ_BYTES)):
        body += piece
    return bytes(body)


def _place(server: _Server, answer: _Answer) -> str | None:
    """Return where a redirect leads, in the form of --url; None where it is none."""
    if not 300 <= answer.status < 400 or not answer.location:
        return None
    place = urljoin(server.address, answer.location)
    return say(place.removesuffix(PATH + server.asked.rows), MAX_PLACE_CHARS)


def _words(error: Exception) -> str:
    # Not Python's own "[Errno 111] Connection refused".
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
