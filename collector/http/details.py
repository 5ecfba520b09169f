"""
Pages of one thing: a proxy, a host. From the service to a view's values, a part at a time.

docs/page.md says how a page is made.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from modpulse.agent.batch.proxies import proxy_name
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..clock import Reading
from ..errors import RejectedError
from ..health.reason import Language
from ..health.report import Report
from ..insight import comparison
from ..insight.history import Asked, History, Point, step_of
from ..intake.dimensions import Dimension
from ..page import chainflow, charts, hosts
from ..page.compare import compare_view
from ..page.grid import grid
from ..page.lines import lines, newest_first
from ..page.links import compare_page, proxy_page
from ..page.parts import TOLD, part_rows
from ..page.proxy import certificates, name_of, now_of, past_of, span_links
from ..page.requests import longest_ms, request_lines
from ..page.span import LENGTHS_S, Span, ns, span_of
from ..page.words import moment
from ..service import Service
from . import routes
from .call import Answer, Call
from .pages import Pages
from .query import parameters, span_s
from .routes import Route
from .shown import encoded

KEYS = ("proxy", "range", "since", "until")
MAX_INCIDENTS_SHOWN = 20


class Details:
    """Of one service."""

    def __init__(self, service: Service, pages: Pages, read_clock: Callable[[], Reading]) -> None:
        """
        Args:
            service: Is asked.
            pages: Make the pages.
            read_clock: Reads the machine's clocks.
        """
        self._service, self._pages, self._read_clock = service, pages, read_clock
        self.handlers: dict[Route, Callable[[Call], Awaitable[Answer]]] = {
            routes.PROXY: self.proxy,
            routes.NOW: self.now,
            routes.LINES: self.lines,
            routes.HOST: self.host,
            routes.MIRRORS: self.mirrors,
        }

    async def proxy(self, call: Call) -> Answer:
        """One proxy: now, and in a time that is chosen."""
        service, frame = self._service, self._pages.frame(call, "/")
        proxy, span = self._asked(call)
        report = self._report(proxy)
        whole = await self._history(proxy, "", span, charts.PHASES)
        if report is None and whole is None:
            raise RejectedError(404, "nobody has asked such a proxy")
        now_ns, offset_ns = self._now_ns(), service.clock.wall_offset_ns
        page, language = proxy_page(proxy), frame.look.language
        held = service.incidents.state.incidents.values()
        about = newest_first([one for one in held if proxy in one.proxies])
        worst = request_lines(report.worst if report else (), offset_ns)
        values: dict[str, Any] = self._now_values(proxy, report, frame.look.language) | {
            "ranges": span_links(page, span, tuple(LENGTHS_S)),
            "custom": None if span.name else _between(span, offset_ns),
            "compare": compare_page(proxy),
            "lines": page.replace("/proxy?", "/proxy/lines?") + _said(span, offset_ns),
            "past": past_of(whole, proxy, offset_ns),
            "hosts": [],
            "cells_from": moment(ns(span.starts[0], offset_ns)),
            "cells_until": moment(ns(span.until_s, offset_ns)),
            "tables": [],
            "flows": await self._flows(proxy, span, whole),
            "certificates": certificates(report, now_ns + offset_ns, offset_ns),
            "incidents": lines(about[:MAX_INCIDENTS_SHOWN], language, now_ns, offset_ns),
            "worst": worst,
            "longest": longest_ms(worst),
        }
        by_agent = await self._history(proxy, "agent", span, period_s=span.cell_s)
        for row in grid(by_agent, span, offset_ns):
            values["hosts"].append(row)
            await asyncio.sleep(0)
        for by in TOLD:
            rows = part_rows(await self._history(proxy, by, span))
            if rows:
                values["tables"].append((by, rows))
        return self._pages.page(call, frame, "proxy.html", **values)

    async def now(self, call: Call) -> Answer:
        """How a proxy is now, alone."""
        proxy = _canonical(parameters(call.query, ("proxy",)).get("proxy", ""))
        frame = self._pages.frame(call, "/")
        values = self._now_values(proxy, self._report(proxy), frame.look.language)
        return self._pages.page(call, frame, "proxynow.html", **values)

    def _now_values(self, proxy: str, report: Report | None, language: Language) -> dict[str, Any]:
        at_ns = self._service.reported_at_ns
        return {
            "proxy": say(proxy),
            "name": name_of(proxy),
            "now": now_of(report, at_ns, language) if report else None,
            "live": proxy_page(proxy).replace("/proxy?", "/proxy/now?"),
        }

    async def lines(self, call: Call) -> Answer:
        """The lines of a proxy's page, as columns."""
        proxy, span = self._asked(call)
        period_s = step_of(span.until_s - span.from_s, "", "")
        found = await self._history(proxy, "", span, charts.PHASES, period_s)
        if found is None:
            raise RejectedError(404, "nobody has asked such a proxy")
        made = await asyncio.to_thread(charts.columns, found, self._service.clock.wall_offset_ns)
        return Answer(200, encoded=encoded(made))

    async def host(self, call: Call) -> Answer:
        """One agent and what it sees."""
        service, frame = self._service, self._pages.frame(call, "")
        agent_id = parameters(call.query, ("agent",)).get("agent", "")
        reading = self._read_clock()
        report = None
        for one in service.agents(reading):
            if one is None:
                await asyncio.sleep(0)
            elif one.agent_id == agent_id:
                report = one
        now_ns, offset_ns = self._now_ns(), service.clock.wall_offset_ns
        asks = service.fleet.asks_of(agent_id, now_ns)
        if report is None and not asks:
            raise RejectedError(404, "no agent of such a name was heard lately")
        span = span_of("24h", now_ns // NS)
        states = {one.proxy: one.track.state for one in service.reports}
        rows = []
        for number, ask in enumerate(asks):
            past = None
            if number < hosts.MOST_PICTURES:
                past = await self._history(ask.proxy, "agent", span, period_s=span.cell_s)
            state = states.get(ask.proxy, "unknown")
            rows.append(hosts.ask_line(ask, state, past, agent_id, span, offset_ns))
            await asyncio.sleep(0)
        worst = request_lines(hosts.worst_of(agent_id, service.reports), offset_ns)
        held = service.incidents.state.incidents.values()
        about = newest_first([one for one in held if hosts.is_about(one, agent_id)])
        language = frame.look.language
        values = {
            "agent_id": say(agent_id),
            "agent": report and hosts.agent_facts(report, now_ns, offset_ns),
            "asks": rows,
            "worst": worst,
            "longest": longest_ms(worst),
            "incidents": lines(about[:MAX_INCIDENTS_SHOWN], language, now_ns, offset_ns),
        }
        return self._pages.page(call, frame, "host.html", **values)

    async def mirrors(self, call: Call) -> Answer:
        """Two proxies side by side; without two of them a form to choose them."""
        service, frame = self._service, self._pages.frame(call, "/compare")
        said = parameters(call.query, ("a", "b", "range"))
        a, b = (_canonical(said.get(side, "")) for side in ("a", "b"))
        now_ns, offset_ns = self._now_ns(), service.clock.wall_offset_ns
        span = _span(said, now_ns)
        if a and a == b:
            raise RejectedError(400, "a and b: expected two mirrors")
        view = None
        if a and b:
            found = await service.compare(comparison.Asked(a, b, span.from_s, span.until_s))
            view = compare_view(found, now_ns + offset_ns)
        names = dict.fromkeys((*(one.proxy for one in service.reports), *filter(None, (a, b))))
        proxies = [(name, name_of(name)) for name in names]
        # The form has two that differ, where there are two.
        values = {
            "view": view,
            "proxies": proxies,
            "a": a or next((name for name, _ in proxies if name != b), ""),
            "b": b or next((name for name, _ in proxies[::-1] if name != a), ""),
            "range": span.name,
        }
        return self._pages.page(call, frame, "compare.html", **values)

    async def _flows(self, proxy: str, span: Span, whole: History | None) -> list[chainflow.Flow]:
        service = self._service
        found = chainflow.chains_of(proxy, service.fleet.chains.reports())
        totals: dict[str, Point] = {}
        for name in chainflow.entries_of(found):
            past = whole if name == proxy else await self._history(name, "", span)
            if past and past.series:
                totals[name] = past.series[0].total
        states = {one.proxy: one.track.state for one in service.reports}
        return chainflow.flows(proxy, found, states, totals)

    async def _history(
        self,
        proxy: str,
        by: Dimension,
        span: Span,
        phases: tuple[str, ...] = (),
        period_s: int | None = None,
    ) -> History | None:
        period_s = period_s or span.period_s
        return await self._service.history(
            Asked(proxy, by, period_s, span.from_s, span.until_s, phases)
        )

    def _asked(self, call: Call) -> tuple[str, Span]:
        said = parameters(call.query, KEYS)
        if not said.get("proxy"):
            raise RejectedError(400, "proxy: expected the entry of GOPROXY")
        proxy = _canonical(said["proxy"])
        now_ns, offset_ns = self._now_ns(), self._service.clock.wall_offset_ns
        if "since" in said or "until" in said:
            return proxy, Span("", *span_s(said, now_ns, offset_ns))
        return proxy, _span(said, now_ns)

    def _report(self, proxy: str) -> Report | None:
        return next((one for one in self._service.reports if one.proxy == proxy), None)

    def _now_ns(self) -> int:
        return self._service.clock.now_ns(self._read_clock())


def _canonical(proxy: str) -> str:
    """Return the name of an entry of GOPROXY, as somebody wrote it; empty stays so."""
    return (proxy and proxy_name(proxy)) or proxy


def _between(span: Span, offset_ns: int) -> str:
    return f"{moment(ns(span.from_s, offset_ns))} – {moment(ns(span.until_s, offset_ns))}"


def _said(span: Span, offset_ns: int) -> str:
    """Return what follows an address to show the same time."""
    if span.name:
        return f"&range={span.name}"
    page = proxy_page("", ns(span.from_s, offset_ns), ns(span.until_s, offset_ns))
    return page.removeprefix("/proxy?proxy=")


def _span(said: Mapping[str, str], now_ns: int) -> Span:
    name = said.get("range", "")
    if name and name not in LENGTHS_S:
        raise RejectedError(400, f"range: {name}: expected {', '.join(LENGTHS_S)}")
    return span_of(name, now_ns // NS)
