"""
Pages of incidents, of all agents and of maintenance, and what an admin does on them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from modpulse.agent.service.units import NS

from ..clock import Reading
from ..errors import RejectedError
from ..health.agents import AgentReport
from ..page.fleet import agent_lines, summary
from ..page.incident import story
from ..page.lines import lines, newest_first
from ..page.links import incident_page
from ..page.paging import paging
from ..page.public import TOPICS
from ..page.requests import longest_ms
from ..page.windows import window_lines
from ..service import Service
from . import routes
from .acts import Acts
from .asked import known_proxy, note_words, number_of, window_from
from .call import Answer, Call, Handler
from .identity import Identity
from .login import read_form
from .once import Once
from .pages import HTML, Pages
from .query import parameters
from .routes import Route

FLEET_EVERY_NS = 10 * NS
"""How often reports of all agents are made anew: of ten thousand they take a second."""
FORM_TOKEN = "form_token"  # the name of a field


class IncidentPages:
    """Of one service."""

    def __init__(
        self,
        service: Service,
        pages: Pages,
        acts: Acts,
        identity: Identity,
        read_clock: Callable[[], Reading],
    ) -> None:
        self._service, self._pages, self._acts = service, pages, acts
        self._identity, self._read_clock = identity, read_clock
        self._agents: Once[list[AgentReport]] = Once()
        self.handlers: dict[Route, Handler] = {
            routes.INCIDENT_LIST: self.incidents,
            routes.INCIDENT: self.incident,
            routes.WRITE_NOTE: self.write_note,
            routes.FLEET: self.fleet,
            routes.MAINTENANCE: self.maintenance,
            routes.OPEN_WINDOW: self.open_window,
            routes.END_WINDOW: self.end_window,
        }

    async def incidents(self, call: Call) -> Answer:
        """Open ones, then the last closed ones."""
        service, frame = self._service, self._pages.frame(call, "/incidents")
        held = newest_first(service.incidents.state.incidents.values())
        page = paging(parameters(call.query, ("page",)).get("page", ""), len(held))
        at_ns, offset_ns = service.reported_at_ns, service.clock.wall_offset_ns
        shown = lines(page.part(held), frame.look.language, at_ns, offset_ns)
        return self._pages.page(call, frame, "incidents.html", incidents=shown, page=page)

    async def incident(self, call: Call) -> Answer:
        """One of them."""
        service, frame = self._service, self._pages.frame(call, "/incidents")
        incident = self._acts.incident(call.argument)
        told = story(
            incident,
            service.people.notes(incident.id),
            frame.look.language,
            service.reported_at_ns,
            service.clock.wall_offset_ns,
        )
        longest = longest_ms(told.worst)
        is_public = service.config.public_summary == "on" and incident.topic in TOPICS
        values = {"incident": told, "longest": longest, "is_public": is_public}
        return self._pages.page(call, frame, "incident.html", **values)

    async def fleet(self, call: Call) -> Answer:
        """All agents."""
        service, frame = self._service, self._pages.frame(call, "/fleet")
        now_ns = service.clock.now_ns(self._read_clock())
        reports = await self._agents.get(now_ns // FLEET_EVERY_NS, self._reports)
        page = paging(parameters(call.query, ("page",)).get("page", ""), len(reports))
        shown = agent_lines(reports, page, now_ns)
        values = {"summary": summary(reports), "agents": shown, "page": page}
        return self._pages.page(call, frame, "fleet.html", **values)

    async def _reports(self) -> list[AgentReport]:
        reports = []
        for report in self._service.agents(self._read_clock()):
            if report is None:
                await asyncio.sleep(0)
            else:
                reports.append(report)
        return reports

    async def maintenance(self, call: Call) -> Answer:
        """Windows in which nobody is told."""
        service, frame = self._service, self._pages.frame(call, "/maintenance")
        wall_ns = self._acts.person(call).wall_ns
        shown = window_lines(service.config.maintenance, service.people.windows.values(), wall_ns)
        proxies = sorted(report.proxy for report in service.reports)
        return self._pages.page(call, frame, "maintenance.html", windows=shown, proxies=proxies)

    # What changes something; each is in the log of acts, also what is refused.

    async def write_note(self, call: Call) -> Answer:
        """Write a note of an incident."""
        form = await self._form(call, ("text", "public"))
        incident = self._acts.incident(call.argument)
        words = note_words(form.get("text"))
        person, is_public = self._acts.person(call), form.get("public") == "on"
        await self._service.people.note(person, incident, words, is_public)
        return _back(incident_page(incident.name))

    async def open_window(self, call: Call) -> Answer:
        """Announce a window."""
        form = await self._form(call, ("begins", "minutes", "proxy", "site"))
        person = self._acts.person(call)
        given = {name: value for name, value in form.items() if name != "minutes"}
        minutes = _number(form.get("minutes", "60"))
        window = window_from(given | {"minutes": minutes}, person.wall_ns)
        window = replace(window, proxy=known_proxy(window.proxy, self._service.reports))
        await self._service.people.announce(person, window)
        return _back("/maintenance")

    async def end_window(self, call: Call) -> Answer:
        """End one that was announced."""
        await self._form(call, ())
        await self._service.people.end(self._acts.person(call), number_of(call.argument))
        return _back("/maintenance")

    async def _form(self, call: Call, keys: tuple[str, ...]) -> dict[str, str]:
        """Return a form of this person's page, or raise RejectedError."""
        within_s = self._service.config.read_timeout_seconds
        form = await read_form(call, (*keys, FORM_TOKEN), within_s)
        token = form.pop(FORM_TOKEN, "")
        if not self._identity.sessions.is_form_token(call.caller.name, token):
            raise RejectedError(403, "this form is none of your pages: open the page again")
        return form


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _back(path: str) -> Answer:
    return Answer(303, encoded=b"", media_type=HTML, headers=((b"location", path.encode()),))
