"""
The HTTP interface as a plain ASGI application: three GETs and one POST.

Decides nothing but status codes; docs/collector.md lists them. Written without a framework:
four routes, and ingest speed is why uvicorn was chosen.
"""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import OverloadedError, RejectedError, StoreUnavailableError
from .ingest import Clocks, Identity
from .service import Service

log = logging.getLogger("modpulse.collector")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OVERLOADED_RETRY_S = 2
DISK_RETRY_S = 30
MSGPACK_TYPES = frozenset(
    {"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: Any = None
    """JSON value."""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class App:
    """The ASGI application."""

    def __init__(
        self, service: Service, tokens: frozenset[bytes], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """
        Args:
            service: Takes the batches.
            tokens: Accepted bearer tokens; empty, with no client CA: nobody is asked.
            now_ns: The collector's wall clock.
        """
        self._service = service
        self._tokens = tokens
        self._now_ns = now_ns
        self._is_open = not tokens and not service.config.tls_client_ca

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        try:
            answer = await self._route(scope, headers, receive)
        except RejectedError as error:
            answer = Answer(error.status, {"error": error.reason})
        except OverloadedError as error:
            answer = _again(429, str(error), OVERLOADED_RETRY_S)
        except StoreUnavailableError as error:
            log.warning("batch.refused reason=%r", str(error))
            answer = _again(503, str(error), DISK_RETRY_S)
        await _send(send, answer)

    async def _route(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        routes = {
            "/healthz": ("GET", self._healthz),
            "/readyz": ("GET", self._readyz),
            "/api/v1/proxies": ("GET", self._proxies),
            "/api/v1/batches": ("POST", self._batches),
        }
        if path not in routes:
            raise RejectedError(404, f"no such path, try {', '.join(routes)}")
        wanted, handle = routes[path]
        if method != wanted and (method, wanted) != ("HEAD", "GET"):
            return Answer(405, {"error": f"use {wanted}"}, ((b"allow", wanted.encode()),))
        return await handle(scope, headers, receive)

    async def _healthz(self, _scope: Scope, _headers: dict[bytes, bytes], _: Receive) -> Answer:
        alive = self._service.is_alive
        return Answer(200 if alive else 503, {"alive": alive})

    async def _readyz(self, _scope: Scope, _headers: dict[bytes, bytes], _: Receive) -> Answer:
        trouble = self._service.trouble
        return Answer(503 if trouble else 200, {"ready": trouble is None, "reason": trouble})

    async def _proxies(self, scope: Scope, headers: dict[bytes, bytes], _: Receive) -> Answer:
        self._identify(scope, headers)
        return Answer(200, self._service.document())

    async def _batches(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        identity = self._identify(scope, headers)
        kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if kind not in MSGPACK_TYPES or b"content-encoding" in headers:
            raise RejectedError(415, "send application/msgpack without a content-encoding")
        config = self._service.config
        try:
            async with asyncio.timeout(config.read_timeout_s):
                body = await _read(receive, headers, config.max_batch_bytes)
        except TimeoutError:
            raise RejectedError(408, f"no body within {config.read_timeout_s:g} s") from None
        clocks = Clocks(self._now_ns(), _date_ns(headers.get(b"date")))
        try:
            fresh = await self._service.accept(body, identity, clocks)
        except RejectedError as error:
            log.warning("batch.rejected status=%d reason=%r", error.status, error.reason)
            raise
        return Answer(202, {"duplicate": False}) if fresh else Answer(200, {"duplicate": True})

    def _identify(self, scope: Scope, headers: dict[bytes, bytes]) -> Identity:
        """Return who calls, or raise RejectedError 401."""
        if self._is_open:
            return None
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            # Every token is compared, so that time does not tell which one came near.
            if sum(hmac.compare_digest(token.strip(), known) for known in self._tokens):
                return None
            raise RejectedError(401, "unknown token")
        names: frozenset[str] = scope.get("state", {}).get("peer_names", frozenset())
        if names:
            return names
        raise RejectedError(401, "a bearer token or a client certificate is needed")


async def _read(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise RejectedError(413, f"{int(announced)} bytes, at most {limit} are taken")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RejectedError(400, "the body broke off")
        body += message.get("body", b"")
        if len(body) > limit:
            raise RejectedError(413, f"more than {limit} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _date_ns(date: bytes | None) -> int | None:
    """Return the agent's clock when it sent (RFC 9110 section 6.6.1); None when it did not say."""
    try:
        moment = parsedate_to_datetime((date or b"").decode("latin-1"))
        return round(moment.timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None


def _again(status: int, reason: str, retry_s: int) -> Answer:
    return Answer(status, {"error": reason}, ((b"retry-after", str(retry_s).encode()),))


async def _send(send: Send, answer: Answer) -> None:
    body = json.dumps(answer.body, separators=(",", ":"), allow_nan=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *answer.headers,
    ]
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if answer.status in (408, 413):
        # What is left of the body must not be read as the next request.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
