"""
The HTTP interface as a plain ASGI application.

Decides nothing but status codes; docs/collector.md lists them, `routes.py` who may ask for what.
Written without a framework: a dozen routes, and speed matters.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from secrets import token_bytes
from typing import Any

from ..access.audit import Outcome
from ..access.guard import Caller, Guard
from ..access.sessions import Sessions
from ..clock import Reading
from ..errors import CrowdedError, OverloadedError, RejectedError, StoreUnavailableError
from ..service import Service
from . import routes
from .acts import Acts
from .call import Answer, Call, Handler, Receive, read_body
from .details import Details
from .hosts import MISDIRECTED, Hosts
from .identity import FORWARDED, Identity
from .incidentpages import IncidentPages
from .live import Live
from .login import Login
from .overview import Overview
from .pages import Pages
from .publicpage import PublicPage
from .reads import Reads
from .routes import ROUTES, Route
from .scrape import scraped
from .shown import encoded

log = logging.getLogger("modpulse.collector")

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CROWDED_RETRY_S = 2
DISK_RETRY_S = 30
MAX_DATES = 256
"""Texts of `Date` that are remembered: a thousand agents say the same few in a second."""
SINGLE_FIELDS = (b"authorization", b"content-type", b"cookie", b"date", b"host", FORWARDED)
MSGPACK_TYPES = frozenset(
    {b"application/msgpack", b"application/x-msgpack", b"application/vnd.msgpack"}
)
REFUSED = (RejectedError, CrowdedError, OverloadedError, StoreUnavailableError)
"""What an answer tells of."""
REFUSES = (401, 403, MISDIRECTED)
"""Of who or what asks, whatever it asks for."""
NOBODY = Caller("", None, frozenset())
"""Who has not said who it is."""

# Made once, for they are what nearly every request is answered.
TAKEN = Answer(202, encoded=encoded({"duplicate": False}))
KNOWN = Answer(200, encoded=encoded({"duplicate": True}))


class App:
    """The ASGI application."""

    def __init__(self, service: Service, guard: Guard, read_clock: Callable[[], Reading]) -> None:
        """
        Args:
            service: Takes the batches.
            guard: Knows who may do what.
            read_clock: Reads the machine's clocks.
        """
        self._service, self._guard = service, guard
        self._read_clock = read_clock
        self._acts = acts = Acts(service, read_clock)
        reads = Reads(service, guard, read_clock)
        config = service.config
        self._hosts = hosts = Hosts(config.host, config.host_names)
        self._identity = Identity(
            guard, Sessions(token_bytes), config.forwarded_user_from, config.tls, hosts
        )
        self._pages = pages = Pages(service, self._identity)
        self._handlers: dict[Route, Handler] = {
            **pages.handlers,
            **Login(service, pages, self._identity, read_clock).handlers,
            **Overview(service, pages, read_clock).handlers,
            **IncidentPages(service, pages, acts, self._identity, read_clock).handlers,
            **Live(service).handlers,
            **reads.handlers,
            **Details(service, pages, read_clock).handlers,
            **PublicPage(service, pages).handlers,
            routes.HEALTHZ: self._healthz,
            routes.READYZ: self._readyz,
            routes.METRICS: self._metrics,
            routes.BATCHES: self._batches,
            routes.NOTES: acts.note,
            routes.WINDOWS: reads.versioned(routes.WINDOWS, acts.windows),
            routes.ANNOUNCE: acts.announce,
            routes.END: acts.end,
            routes.AUDIT: acts.audit,
        }
        if config.public_summary == "off":
            for route in (routes.PUBLIC, routes.PUBLIC_PAGE, routes.BADGE):
                del self._handlers[route]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            _check_once(scope["headers"])
            answer = await self._route(scope, receive)
        except REFUSED as error:
            answer = self._refusal(error)
            if routes.is_page(scope["path"]):
                answer = self._pages.told(scope, answer)
        if scope["method"] == "HEAD":
            answer = replace(answer, stream=None)
        await _send(send, answer)

    def _refusal(self, error: Exception) -> Answer:
        if isinstance(error, RejectedError):
            return Answer(error.status, {"error": error.reason})
        if isinstance(error, CrowdedError):
            return _again(503, str(error), CROWDED_RETRY_S)
        if isinstance(error, OverloadedError):
            return _again(429, str(error), self._service.again_s())
        log.warning("batch.refused reason=%s", error)
        return _again(503, str(error), DISK_RETRY_S)

    async def _route(self, scope: Scope, receive: Receive) -> Answer:
        found, argument = routes.routes_of(scope["path"])
        there = tuple(route for route in found if route in self._handlers)
        if not there:
            paths = dict.fromkeys(route.path for route in ROUTES if route in self._handlers)
            raise RejectedError(404, f"no such path, try {', '.join(paths)}")
        route = routes.chosen(there, scope["method"])
        if route is None:
            methods = ", ".join(routes.methods(there))
            return Answer(405, {"error": f"use {methods}"}, ((b"allow", methods.encode()),))
        headers, state = dict(scope["headers"]), scope["state"]
        if route.is_page:
            await self._pages.prepare(headers)

        def call(caller: Caller) -> Call:
            return Call(
                caller,
                scope["path"],
                argument,
                scope.get("query_string", b""),
                state["address"],
                headers,
                receive,
                state["figures"],
            )

        if route.role is None:
            self._check_origin(route, headers)
            return await self._handlers[route](call(NOBODY))
        if route.role != "admin":
            caller = self._identify(scope, route)
            self._check_origin(route, headers)
            _check(route, caller)
            return await self._handlers[route](call(caller))
        caller = NOBODY
        try:
            caller = self._identify(scope, route)
            self._check_origin(route, headers)
            _check(route, caller)
            return await self._handlers[route](call(caller))
        except RejectedError as error:
            outcome: Outcome = "refused" if error.status in REFUSES else "failed"
            what = f"{scope['method']} {scope['path']}"
            self._acts.failed(call(caller), what, outcome, error.reason)
            raise

    def _identify(self, scope: Scope, route: Route) -> Caller:
        """Return who calls, or raise RejectedError 401, or CrowdedError when too many are in."""
        state, headers = scope["state"], dict(scope["headers"])
        if self._guard.is_open:
            self._hosts.check(headers)
        reading = self._read_clock()
        if route.is_page:
            now_ns = self._service.clock.now_ns(reading)
            peer = state["address"], state["peer_names"]
            caller = self._identity.of_page(headers, *peer, now_ns, reading.wall_ns)
        else:
            presented = [headers[b"authorization"]] if b"authorization" in headers else []
            caller = self._guard.caller(presented, state["peer_names"], reading.wall_ns)
        if not state["know"](caller.name):
            raise CrowdedError("too many connections")
        return caller

    def _check_origin(self, route: Route, headers: Mapping[bytes, bytes]) -> None:
        if route.method != "GET":
            self._hosts.check_origin(headers)

    async def _healthz(self, _: Call) -> Answer:
        alive = self._service.is_alive
        return Answer(200 if alive else 503, {"alive": alive})

    async def _readyz(self, _: Call) -> Answer:
        trouble, reading_back = self._service.trouble, self._service.reading_back
        return Answer(
            503 if trouble else 200,
            {
                "ready": trouble is None,
                "reason": trouble,
                "reading_back": reading_back and reading_back.document(),
            },
        )

    async def _metrics(self, call: Call) -> Answer:
        accept = call.headers.get(b"accept", b"")
        reading = self._read_clock()
        body, media_type = await scraped(self._service, reading, call.figures(), accept)
        return Answer(200, encoded=body, media_type=media_type)

    async def _batches(self, call: Call) -> Answer:
        caller, headers = call.caller, call.headers
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind not in MSGPACK_TYPES or b"content-encoding" in headers:
            raise RejectedError(415, "send application/msgpack without a content-encoding")
        config = self._service.config
        body = await read_body(call, config.max_batch_bytes, config.read_timeout_seconds)
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


def _check(route: Route, caller: Caller) -> None:
    """Raise RejectedError where a caller lacks the role that a route wants."""
    if route.role is None or caller.may(route.role):
        return
    if not caller.name:
        raise RejectedError(401, "an admin's token is needed, see access_file")
    raise RejectedError(403, f"{caller.name} has not the role {route.role}")


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
    body, headers = b"", list(answer.headers)
    if answer.status != 304:  # which has no body, and no length but that of the 200
        body = encoded(answer.body) if answer.encoded is None else answer.encoded
        headers.append((b"content-type", answer.media_type))
        if answer.stream is None:
            headers.append((b"content-length", str(len(body)).encode()))
    if all(name != b"cache-control" for name, _ in answer.headers):
        headers.append((b"cache-control", b"no-store"))
    if answer.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    has_more = answer.stream is not None
    await send({"type": "http.response.body", "body": body, "more_body": has_more})
    if answer.stream is not None:
        async for part in answer.stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})
