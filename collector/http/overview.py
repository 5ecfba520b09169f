"""
The first page's request: rows are made a few at a time, once for each judgement.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ..clock import Reading
from ..health.reason import Language
from ..health.report import Report
from ..insight.recent import Recent
from ..page.headline import headline
from ..page.lines import lines, newest_first
from ..page.overview import ordered, past_of, row_of
from ..page.paging import Paging, paging
from ..service import Service
from . import routes
from .call import Answer, Call
from .once import Once
from .pages import Pages
from .query import parameters
from .routes import Route

MAX_OPEN_SHOWN = 20
"""Incidents of the first page; how many more there are is said."""
MAX_PASTS = 400
"""Bars and small lines that are kept as they were drawn, 12 kB each."""


class Overview:
    """Of one service."""

    def __init__(self, service: Service, pages: Pages, read_clock: Callable[[], Reading]) -> None:
        """
        Args:
            service: Is asked.
            pages: Make the pages.
            read_clock: Reads the machine's clocks.
        """
        self._service, self._pages, self._read_clock = service, pages, read_clock
        self._rows: Once[str] = Once()
        self._pasts: dict[tuple[str, Language], tuple[Recent | None, int, str]] = {}
        self.handlers: dict[Route, Callable[[Call], Awaitable[Answer]]] = {
            routes.OVERVIEW: self.overview
        }

    async def overview(self, call: Call) -> Answer:
        """What is wrong now, and every proxy."""
        service, frame = self._service, self._pages.frame(call, "/")
        language, reports = frame.look.language, service.reports
        at_ns, offset_ns = service.reported_at_ns, service.clock.wall_offset_ns
        page = paging(parameters(call.query, ("page",)).get("page", ""), len(reports))
        key = at_ns, offset_ns, service.recents.version, language, page.number
        rows = await self._rows.get(key, lambda: self._made(reports, at_ns, language, page))
        held = service.incidents.state.incidents.values()
        is_open = [incident for incident in held if incident.closed_ns is None]
        told = lines(newest_first(is_open)[:MAX_OPEN_SHOWN], language, at_ns, offset_ns)
        wall_ns = self._read_clock().wall_ns
        windows = (
            *service.config.maintenance,
            *(w.window for w in service.people.windows.values()),
        )
        values = {
            "page": page,
            "incidents": told,
            "more": len(is_open) - len(told),
            "quiet": [window for window in windows if window.is_on(wall_ns)],
        }
        return self._pages.page(
            call, frame, "overview.html", headline=headline(reports), rows=rows, **values
        )

    async def _made(
        self, reports: list[Report], at_ns: int, language: Language, page: Paging
    ) -> str:
        """Return the rows of a page."""
        parts = []
        for report in page.part(ordered(reports)):
            row, past = row_of(report, at_ns, language), self._past(report.proxy, language)
            parts.append(self._pages.render("row.html", language, row=row, past=past))
            await asyncio.sleep(0)
        return "".join(parts)

    def _past(self, proxy: str, language: Language) -> str:
        """Return the cells of the past, as they were drawn if nothing was read since."""
        service, key = self._service, (proxy, language)
        recent, offset_ns = service.recents.of(proxy), service.clock.wall_offset_ns
        held = self._pasts.get(key)
        if held is None or held[0] is not recent or held[1] != offset_ns:
            past = past_of(proxy, recent, service.config.alerting.objective, offset_ns)
            drawn = self._pages.render("past.html", language, past=past)
            held = self._pasts[key] = recent, offset_ns, drawn
            while len(self._pasts) > MAX_PASTS:
                self._pasts.pop(next(iter(self._pasts)))
        return held[2]
