"""
The HTTP interface as a plain ASGI application: five GETs and one POST.

Decides nothing but status codes; docs/collector.md lists them. Written without a framework:
six routes, and speed matters.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from ..clock import Reading
from ..errors import CrowdedError, OverloadedError, RejectedError, StoreUnavailableError
from ..service import Service
from .agents import agent_document, agents_document
from .caller import ANYBODY, Caller, of_certificate, of_token
from .document import collector_document, incidents_document, told_document
from .history import asked_of, head_document, series_documents
from .shown import Shown, encoded

log = logging.getLogger("modpulse.collector")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CROWDED_RETRY_S = 2
DISK_RETRY_S = 30
MAX_DATES = 256
"""Texts of `Date` that are remembered: a thousand agents say the same few in a second."""
SINGLE_FIELDS = (b"authorization", b"content-type", b"date", b"host")
MSGPACK_TYPES = frozenset(
    {b"application/msgpack", b"application/x-msgpack", b"application/vnd.msgpack"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: Any = None
    """JSON value."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    encoded: bytes | None = None
    """The same as bytes, where they are made already."""


# Made once, for they are what nearly every request is answered.
TAKEN = Answer(202, encoded=encoded({"duplicate": False}))
KNOWN = Answer(200, encoded=encoded({"duplicate": True}))


class App:
    """The ASGI application."""

    def __init__(
        self, service: Service, tokens: Sequence[bytes], read_clock: Callable[[], Reading]
    ) -> None:
        """
        Args:
            service: Takes the batches.
            tokens: Accepted bearer tokens, named by their places; empty, with no client CA:
                nobody is asked.
            read_clock: Reads the machine's clocks.
        """
        self._service = service
        self._tokens = tokens
        self._read_clock = read_clock
        self._shown = Shown()
        self._routes = {
            "/healthz": ("GET", self._healthz),
            "/readyz": ("GET", self._readyz),
            "/api/v1/proxies": ("GET", self._proxies),
            "/api/v1/incidents": ("GET", self._incidents),
            "/api/v1/agents": ("GET", self._agents),
            "/api/v1/history": ("GET", self._history),
            "/api/v1/batches": ("POST", self._batches),
        }
        self._is_open = not tokens and not service.config.tls_client_ca

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        try:
            _check_once(scope["headers"])
            answer = await self._route(scope, headers, receive)
        except RejectedError as error:
            answer = Answer(error.status, {"error": error.reason})
        except CrowdedError as error:
            answer = _again(503, str(error), CROWDED_RETRY_S)
        except OverloadedError as error:
            answer = _again(429, str(error), self._service.again_s())
        except StoreUnavailableError as error:
            log.warning("batch.refused reason=%s", error)
            answer = _again(503, str(error), DISK_RETRY_S)
        await _send(send, answer)

    async def _route(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        if path not in self._routes:
            raise RejectedError(404, f"no such path, try {', '.join(self._routes)}")
        wanted, handle = self._routes[path]
        if method != wanted and (method, wanted) != ("HEAD", "GET"):
            return Answer(405, {"error": f"use {wanted}"}, ((b"allow", wanted.encode()),))
        return await handle(scope, headers, receive)

    async def _healthz(self, _scope: Scope, _headers: dict[bytes, bytes], _: Receive) -> Answer:
        alive = self._service.is_alive
        return Answer(200 if alive else 503, {"alive": alive})

    async def _readyz(self, _scope: Scope, _headers: dict[bytes, bytes], _: Receive) -> Answer:
        trouble, reading_back = self._service.trouble, self._service.reading_back
        return Answer(
            503 if trouble else 200,
            {
                "ready": trouble is None,
                "reason": trouble,
                "reading_back": reading_back and reading_back.document(),
            },
        )

    async def _proxies(self, scope: Scope, headers: dict[bytes, bytes], _: Receive) -> Answer:
        self._identify(scope, headers)
        service = self._service
        document = collector_document(service) | {"door": scope["state"]["figures"]()}
        del document["proxies"]
        proxies = await self._shown.array(service.reports, service.clock.wall_offset_ns)
        return Answer(200, encoded=encoded(document)[:-1] + b',"proxies":' + proxies + b"}")

    async def _incidents(self, scope: Scope, headers: dict[bytes, bytes], _: Receive) -> Answer:
        self._identify(scope, headers)
        service = self._service
        offset_ns = service.clock.wall_offset_ns
        parts = []
        # The newest first; between two of them others are answered.
        for _number, incident in sorted(service.incidents.state.incidents.items(), reverse=True):
            parts.append(encoded(told_document(incident, offset_ns)))
            await asyncio.sleep(0)
        head = encoded(incidents_document(service))[:-1]
        return Answer(200, encoded=head + b',"incidents":[' + b",".join(parts) + b"]}")

    async def _agents(self, scope: Scope, headers: dict[bytes, bytes], _: Receive) -> Answer:
        self._identify(scope, headers)
        reading = self._read_clock()
        offset_ns = self._service.clock.wall_offset_ns
        parts = []
        for report in self._service.agents(reading):
            if report is None:
                await asyncio.sleep(0)
            else:
                parts.append(encoded(agent_document(report, offset_ns)))
        head = encoded(agents_document(self._service.clock.now_ns(reading) + offset_ns))[:-1]
        return Answer(200, encoded=head + b',"agents":[' + b",".join(parts) + b"]}")

    async def _history(self, scope: Scope, headers: dict[bytes, bytes], _: Receive) -> Answer:
        self._identify(scope, headers)
        clock = self._service.clock
        now_ns, offset_ns = clock.now_ns(self._read_clock()), clock.wall_offset_ns
        asked = asked_of(scope.get("query_string", b""), now_ns, offset_ns)
        history = await self._service.history(asked)
        if history is None:
            raise RejectedError(404, "no history of such a proxy")
        parts = []
        for series in series_documents(history, offset_ns):
            parts.append(encoded(series))
            await asyncio.sleep(0)
        head = encoded(head_document(history, now_ns, offset_ns))[:-1]
        return Answer(200, encoded=head + b',"history":[' + b",".join(parts) + b"]}")

    async def _batches(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        caller = self._identify(scope, headers)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind not in MSGPACK_TYPES or b"content-encoding" in headers:
            raise RejectedError(415, "send application/msgpack without a content-encoding")
        config = self._service.config
        try:
            body = await _read(receive, headers, config.max_batch_bytes)
        except TimeoutError:
            raise RejectedError(408, f"no body within {config.read_timeout_seconds:g} s") from None
        sent_ns = _date_ns(headers.get(b"date"))
        try:
            fresh = await self._service.accept(
                body, caller.identity, self._read_clock(), sent_ns, caller.name
            )
        except RejectedError as error:
            log.warning(
                "batch.rejected status=%d caller=%s reason=%s",
                error.status, caller.name, error.reason, extra={"whose": caller.name},
            )  # fmt: skip
            raise
        return TAKEN if fresh else KNOWN

    def _identify(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller:
        """Return who calls, or raise RejectedError 401, or CrowdedError when too many are in."""
        caller = self._caller(scope, headers)
        if not scope["state"]["know"](caller.name):
            raise CrowdedError("too many connections")
        return caller

    def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller:
        if self._is_open:
            return ANYBODY
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            # Every token is compared, so that time does not tell which one came near.
            same = [hmac.compare_digest(token.strip(), known) for known in self._tokens]
            if any(same):
                return of_token(same.index(True) + 1)
            raise RejectedError(401, "unknown token")
        names: frozenset[str] = scope["state"]["peer_names"]
        if names:
            return of_certificate(names)
        raise RejectedError(401, "a token or a client certificate is needed")


def _check_once(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """
    Of two credentials, lengths or types nobody knows which one a proxy in between has checked.

    Raises:
        RejectedError: 400, a field that comes once is there twice (RFC 9110 section 5.3).
    """
    names = [name for name, _ in headers]
    for name in SINGLE_FIELDS:
        if names.count(name) > 1:
            raise RejectedError(400, f"{name.decode()} comes more than once")


async def _read(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    # Python reads no number of 5000 digits; what follows the zeros the parser holds below 2^64.
    announced = headers.get(b"content-length", b"").lstrip(b"0")
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


@lru_cache(MAX_DATES)
def _date_ns(date: bytes | None) -> int | None:
    """Return the agent's clock when it sent (RFC 9110 section 6.6.1); None when it did not say."""
    if not date:
        return None
    try:
        moment = parsedate_to_datetime(date.decode("latin-1"))
        return round(moment.timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None


def _again(status: int, reason: str, retry_s: int) -> Answer:
    return Answer(status, {"error": reason}, ((b"retry-after", str(retry_s).encode()),))


async def _send(send: Send, answer: Answer) -> None:
    body = encoded(answer.body) if answer.encoded is None else answer.encoded
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *answer.headers,
    ]
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
