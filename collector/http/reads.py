"""
What anybody may read of the collector: a call in, an answer out.

Long answers are made piece by piece, and between two of them others are answered.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from zlib import crc32

from modpulse.agent.service.units import NS

from ..access.guard import Guard
from ..alerts.incident import Incident
from ..alerts.note import Note
from ..archive import SpanAsked
from ..clock import Reading, rfc3339
from ..errors import RejectedError
from ..past import PastAsked
from ..service import Service
from . import routes
from .agents import agent_document, agents_document
from .call import Answer, Call, Handler
from .compare import compared, pair_of
from .conditional import has, has_any, strong, weak
from .document import collector_document, incidents_document, told_document
from .history import asked_of, head_document, series_documents
from .incidents import incidents_of
from .openapi import document
from .past import (
    BEFORE_S,
    MAX_ALERTS_SHOWN,
    alert_name,
    alert_parts,
    past_head,
    past_parts,
    span_of,
)
from .public import public_document
from .query import PAGED, page_of, parameters
from .routes import Route
from .shown import Shown, encoded, listed

TOGETHER = 50
"""Small parts of an answer between which others are answered: some milliseconds."""

ASKED_AGAIN = (b"cache-control", b"private, no-cache")
"""Who asked may keep it, and asks whether it is still so."""


class Reads:
    """Of one service."""

    def __init__(self, service: Service, guard: Guard, read_clock: Callable[[], Reading]) -> None:
        self._service, self._guard, self._read_clock = service, guard, read_clock
        self._shown = Shown()
        self.handlers: dict[Route, Handler] = {
            route: self.versioned(route, handler)
            for route, handler in (
                (routes.PUBLIC, self.public),
                (routes.PROXIES, self.proxies),
                (routes.INCIDENTS, self.incidents),
                (routes.AGENTS, self.agents),
                (routes.HISTORY, self.history),
                (routes.COMPARE, self.compare),
                (routes.ALERTS, self.alerts),
                (routes.PAST, self.past),
            )
        }
        self.handlers[routes.OPENAPI] = self.openapi

    def versioned(self, route: Route, handler: Handler) -> Handler:
        """
        Return a handler that answers 304 to who has what another one would answer.

        All that is read is as of a judgement, and of what people did since: that is its version.
        A tag is of one address: who knows it was answered 200 there.
        """

        async def handle(call: Call) -> Answer:
            service = self._service
            if service.reading_back is not None:
                return await handler(call)
            judged = service.reported_at_ns, service.clock.wall_offset_ns
            address = crc32(b"%s?%s" % (route.path.encode(), call.query))
            tag = weak(*judged, service.people.changes, address)
            headers = ((b"etag", tag), ASKED_AGAIN)
            if has(call.headers, tag):
                return Answer(304, headers=headers)
            answer = await handler(call)
            if answer.status == 200 and has_any(call.headers):
                return Answer(304, headers=headers)
            return replace(answer, headers=(*answer.headers, *headers))

        return handle

    async def openapi(self, call: Call) -> Answer:
        """Return what there is to ask for, and what is answered."""
        body, tag = self._openapi
        headers = ((b"etag", tag), ASKED_AGAIN)
        if has(call.headers, tag) or has_any(call.headers):
            return Answer(304, headers=headers)
        return Answer(200, encoded=body, headers=headers)

    @cached_property
    def _openapi(self) -> tuple[bytes, bytes]:
        body = encoded(document())
        return body, strong(body)

    async def public(self, _: Call) -> Answer:
        """Return what anybody may know."""
        service = self._service
        incidents, words = service.incidents.state.incidents.values(), service.people.public_words()
        at_ns, offset_ns = service.reported_at_ns, service.clock.wall_offset_ns
        return Answer(200, public_document(service.reports, incidents, at_ns, offset_ns, words))

    async def proxies(self, call: Call) -> Answer:
        """Return how every proxy is, and how the collector does."""
        service = self._service
        page = page_of(parameters(call.query, PAGED))
        reports = service.reports
        parts = await self._shown.parts(reports, service.clock.wall_offset_ns)
        rows, after = page.cut(list(zip(reports, parts, strict=True)), lambda row: row[0].proxy)
        head = {
            **collector_document(service),
            "door": call.figures(),
            "access_trouble": self._guard.trouble,
            "next": after,
        }
        del head["proxies"]
        return Answer(200, encoded=listed(head, "proxies", (part for _, part in rows)))

    async def incidents(self, call: Call) -> Answer:
        """List incidents, the newest first: without a span the open and the last closed ones."""
        service, clock = self._service, self._service.clock
        now_ns, offset_ns = clock.now_ns(self._read_clock()), clock.wall_offset_ns
        asked = incidents_of(call.query, now_ns, offset_ns)
        told: Iterable[tuple[Incident, Iterable[Note]]]
        if asked is None:
            held, is_more = sorted(service.incidents.state.incidents.items(), reverse=True), False
            told = [(incident, service.people.notes(number)) for number, incident in held]
        else:
            told, is_more = await service.opened(SpanAsked(*asked))
        parts, last = [], None
        for incident, notes in told:
            parts.append(encoded(told_document(incident, offset_ns, notes)))
            last = incident.name
            await asyncio.sleep(0)
        head = {**incidents_document(service), "next": last if is_more else None}
        return Answer(200, encoded=listed(head, "incidents", parts))

    async def agents(self, call: Call) -> Answer:
        """List every agent."""
        page = page_of(parameters(call.query, PAGED))
        reading = self._read_clock()
        offset_ns = self._service.clock.wall_offset_ns
        reports = []
        for report in self._service.agents(reading):
            if report is None:
                await asyncio.sleep(0)
            else:
                reports.append(report)
        reports.sort(key=lambda report: report.agent_id)
        rows, after = page.cut(reports, lambda report: report.agent_id)
        parts = []
        for report in rows:
            parts.append(encoded(agent_document(report, offset_ns)))
            if len(parts) % TOGETHER == 0:
                await asyncio.sleep(0)
        now_ns = self._service.clock.now_ns(reading)
        head = {**agents_document(now_ns + offset_ns), "next": after}
        return Answer(200, encoded=listed(head, "agents", parts))

    async def history(self, call: Call) -> Answer:
        """Return one proxy's past."""
        clock = self._service.clock
        now_ns, offset_ns = clock.now_ns(self._read_clock()), clock.wall_offset_ns
        asked = asked_of(call.query, now_ns, offset_ns)
        history = await self._service.history(asked)
        if history is None:
            raise RejectedError(404, "no history of such a proxy")
        parts = []
        for series in series_documents(history, offset_ns):
            parts.append(encoded(series))
            await asyncio.sleep(0)
        head = head_document(history, now_ns, offset_ns)
        return Answer(200, encoded=listed(head, "history", parts))

    async def compare(self, call: Call) -> Answer:
        """Return two mirrors side by side."""
        clock = self._service.clock
        now_ns, offset_ns = clock.now_ns(self._read_clock()), clock.wall_offset_ns
        comparison = await self._service.compare(pair_of(call.query, now_ns, offset_ns))
        return Answer(200, compared(comparison, now_ns, offset_ns))

    async def alerts(self, call: Call) -> Answer:
        """List what waits and what fires."""
        asked = page_of(parameters(call.query, PAGED))
        page = replace(asked, limit=asked.limit or MAX_ALERTS_SHOWN)
        service, incidents = self._service, self._service.incidents
        now_ns, offset_ns = service.reported_at_ns, service.clock.wall_offset_ns
        state = incidents.state
        of = {key: state.incidents[number].name for key, number in state.of.items()}
        parts: list[bytes] = []
        held = [alert for alert in state.alerts.values() if alert.phase != "resolved"]
        rows = sorted(((alert_name(alert), alert) for alert in held), key=lambda row: row[0])
        shown, after = page.cut(rows, lambda row: row[0])
        more = sum(name > after for name, _ in rows) if after else 0
        alerts = [alert for _, alert in shown]
        for part in alert_parts(alerts, incidents.rules, of, now_ns, offset_ns):
            parts.append(encoded(part))
            if len(parts) % TOGETHER == 0:
                await asyncio.sleep(0)
        at = rfc3339(now_ns + offset_ns)
        head = {"schema": 1, "at": at, "alerts_more": more, "next": after}
        return Answer(200, encoded=listed(head, "alerts", parts))

    async def past(self, call: Call) -> Answer:
        """List what alerts did."""
        service, incidents = self._service, self._service.incidents
        now_ns, offset_ns = service.clock.now_ns(self._read_clock()), service.clock.wall_offset_ns
        asked = span_of(call.query, now_ns, offset_ns)
        unwritten = incidents.state.memory.unwritten()
        page = await service.past(
            PastAsked((asked.from_s - BEFORE_S) * NS, (asked.until_s + 1) * NS, asked.after)
        )
        # What is not written yet: only where nothing came in between.
        is_last = page.next_after is None and unwritten == incidents.state.memory.unwritten()
        rows = (*page.rows, *(unwritten if is_last else ()))
        parts = []
        for part in past_parts(rows):
            parts.append(encoded(part))
            if len(parts) % TOGETHER == 0:
                await asyncio.sleep(0)
        alerting, windows = service.config.alerting, incidents.windows
        head = past_head(asked, page.kept_from_ns, alerting, windows)
        head |= {"at": rfc3339(now_ns + offset_ns), "wall_offset_ns": offset_ns}
        head["next"] = page.next_after
        return Answer(200, encoded=listed(head, "past", parts))
