"""
What admins ask for, and the lists of that: a call in, an answer out.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from modpulse.agent.service.foreign import said

from ..access.audit import MAX_AUDIT_SHOWN, Act, Outcome
from ..alerts.incident import Incident
from ..alerts.maintenance import Announced, Window
from ..clock import Reading, rfc3339
from ..errors import RejectedError
from ..people import Person
from ..service import Service
from .answers import (
    ActDocument,
    AuditHead,
    EndedDocument,
    ListedWindowDocument,
    MaintenanceDocument,
    NoteDocument,
)
from .asked import MAX_ACT_BYTES, known_proxy, note_of, number_of, window_of
from .call import Answer, Call, read_body
from .document import SCHEMA
from .query import PAGED, page_of, parameters, row_id
from .shown import encoded, listed


class Acts:
    """Of one service."""

    def __init__(self, service: Service, read_clock: Callable[[], Reading]) -> None:
        self._service, self._read_clock = service, read_clock

    async def note(self, call: Call) -> Answer:
        """Write a note of an incident."""
        incident = self.incident(call.argument)
        words, is_public = note_of(await self._body(call))
        note = await self._service.people.note(self.person(call), incident, words, is_public)
        at = rfc3339(note.at_ns + self._offset_ns)
        told: NoteDocument = {
            "incident": incident.name,
            "at": at,
            "who": note.who,
            "text": words,
            "public": note.is_public,
        }
        return Answer(201, told)

    async def announce(self, call: Call) -> Answer:
        """Open a window of maintenance."""
        person = self.person(call)
        window = window_of(await self._body(call), person.wall_ns)
        window = replace(window, proxy=known_proxy(window.proxy, self._service.reports))
        announced = await self._service.people.announce(person, window)
        return Answer(201, self._announced(announced, person.wall_ns))

    async def end(self, call: Call) -> Answer:
        """End one that was announced."""
        number = number_of(call.argument)
        await self._service.people.end(self.person(call), number)
        ended: EndedDocument = {"ended": number}
        return Answer(200, ended)

    async def windows(self, call: Call) -> Answer:
        """List those of the configuration and those that were announced."""
        wall_ns = self.person(call).wall_ns
        configured = [_window(w, wall_ns) for w in self._service.config.maintenance]
        held = self._service.people.windows
        announced = [self._announced(held[number], wall_ns) for number in sorted(held)]
        shown = [w for w in (*configured, *announced) if not w["over"]]
        told: MaintenanceDocument = {
            "schema": SCHEMA,
            "at": rfc3339(wall_ns),
            "maintenance": shown,
        }
        return Answer(200, told)

    async def audit(self, call: Call) -> Answer:
        """List who did what, the newest first."""
        given = parameters(call.query, PAGED)
        before = row_id(given["after"]) if "after" in given else None
        most = page_of(given).limit or MAX_AUDIT_SHOWN
        acts, after = await self._service.people.audit(most, before)
        parts = []
        for act in acts:
            parts.append(encoded(self._act(act)))
            await asyncio.sleep(0)
        head: AuditHead = {
            "schema": SCHEMA,
            "at": rfc3339(self.person(call).wall_ns),
            "unwritten": self._service.people.unwritten,
            "next": None if after is None else str(after),
        }
        return Answer(200, encoded=listed(head, "audit", parts))

    def failed(self, call: Call, what: str, outcome: Outcome, why: str) -> None:
        """Write down that somebody asked in vain."""
        self._service.people.tried(self.person(call), what, outcome, why)

    def incident(self, name: str) -> Incident:
        """Return one of those that are held, or raise RejectedError 404."""
        held = self._service.incidents.state.incidents.values()
        found = next((incident for incident in held if incident.name == name), None)
        if found is None:
            raise RejectedError(404, "no such incident: GET /api/v1/incidents has those there are")
        return found

    async def _body(self, call: Call) -> bytes:
        kind = call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json" or b"content-encoding" in call.headers:
            raise RejectedError(415, "send application/json without a content-encoding")
        return await read_body(call, MAX_ACT_BYTES, self._service.config.read_timeout_seconds)

    def person(self, call: Call) -> Person:
        """Return who asks, and when."""
        at_ns = self._service.clock.now_ns(self._read_clock())
        return Person(call.caller.name, call.address, at_ns, at_ns + self._offset_ns)

    @property
    def _offset_ns(self) -> int:
        return self._service.clock.wall_offset_ns

    def _announced(self, announced: Announced, wall_ns: int) -> ListedWindowDocument:
        at = rfc3339(announced.at_ns + self._offset_ns)
        shown = _window(announced.window, wall_ns)
        return {**shown, "id": announced.id, "who": announced.who, "at": at}

    def _act(self, act: Act) -> ActDocument:
        told: ActDocument = {
            "at": rfc3339(act.at_ns + self._offset_ns),
            "who": act.who or None,
            "act": act.act,
            "target": act.target or None,
            "outcome": act.outcome,
            "address": act.address or None,
        }
        return said(told)


def _window(window: Window, wall_ns: int) -> ListedWindowDocument:
    told: ListedWindowDocument = {
        "id": None,
        "begins": window.begins,
        "minutes": window.minutes,
        "proxy": window.proxy or None,
        "site": window.site or None,
        "on": window.is_on(wall_ns),
        "over": window.is_over(wall_ns),
        "who": None,
        "at": None,
    }
    return said(told)
