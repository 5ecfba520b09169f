"""
What one window showed of each proxy: records in, the per-proxy parts of a batch out.

Knows nothing of sockets, files or clocks. Takes nothing of a process but its end: argv, paths and
job labels never get into a batch.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..batch.batch import (
    MAX_ASKED,
    MAX_PROXIES,
    MAX_TEXT_BYTES,
    MISS,
    OK,
    Asked,
    Chain,
    ProxyWindow,
)
from ..records.fetched import Fetched
from ..records.records import Process, Program, Record, Request
from ..service.bounded import Bounded
from ..service.foreign import said
from .attribution import Attribution
from .commands import Commands, sent_name
from .counted import Counted, counted_as, cut, end_of
from .window import Window

MAX_IDS = 65_536
"""Requests remembered, so that a later report of the same one is known; the oldest go first."""
MAX_FETCHED = 16_384
"""Things remembered that were fetched: some thousand modules, 2 MB; the oldest go first."""
MAX_ASKED_BYTES = 256 * 1024
"""Of names in a batch's `asked`, so that a batch stays below its limit whatever they are."""
_KEPT = ("id", "url", "http_version", "redirects")
"""Fields of records that no batch has; to say a URL is half of what a request costs here."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a window adds to its batch, under the batch's own names."""

    proxies: tuple[ProxyWindow, ...]
    proxies_dropped: int
    commands: int = 0
    commands_failed: int = 0
    chains: tuple[Chain, ...] = ()
    chains_dropped: int = 0

    def fields(self) -> dict[str, Any]:
        """Return them by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Aggregator:
    """Counts records until `flush`; remembers across windows what must not be counted twice."""

    def __init__(self, name_key: bytes | None = None) -> None:
        """
        Begin with nothing.

        Args:
            name_key: Module names are hashed with it, 64 bytes at most; None: they are kept.
        """
        self._name_key = name_key
        self._attribution = Attribution()
        self._reported: Bounded[str, bool] = Bounded(MAX_IDS)
        self._fetched: Bounded[int, bool] = Bounded(MAX_FETCHED)
        self._windows: dict[str, Window] = {}
        self._commands = Commands()
        self._zips: dict[Fetched, list[tuple[Window, int]]] = {}
        """Places in what was asked for where a sum is missing; as many as MAX_ASKED."""
        self._dropped = 0
        self._asked = 0
        self._asked_bytes = 0

    @property
    def unattributed(self) -> int:
        """Records that could not wait for their request, since the beginning."""
        return self._attribution.dropped

    def add(self, record: Record, now_ns: int) -> None:
        """Take one record; `now_ns` is of the records' clock."""
        record = said(record, _KEPT)
        if isinstance(record, Request):
            self._request(record, now_ns)
        elif isinstance(record, Process):
            self._end(record)
        elif not isinstance(record, Program):
            self._attribution.hold(record)

    def fetched(self) -> tuple[Fetched, ...]:
        """Return the zips of this window, whose sums are to be found."""
        return tuple(self._zips)

    def flush(self, wall_offset_ns: int, sums: Mapping[Fetched, str] | None = None) -> Parts:
        """
        End the window and begin the next.

        Args:
            wall_offset_ns: What to add to `at_ns` to get the time since 1970.
            sums: The `h1:` sums of zips that were fetched, as far as they are known.
        """
        for one, found in (sums or {}).items():
            for of, index in self._zips.get(one, ()):
                of.asked[index] = replace(of.asked[index], h1=self._sent(found))
        for proxy, step in self._attribution.release():
            window = self._window(proxy)
            if window is not None:
                window.step(step)
        proxies = tuple(
            window.part(proxy, wall_offset_ns) for proxy, window in sorted(self._windows.items())
        )
        commands = self._commands
        parts = Parts(
            proxies,
            self._dropped,
            commands=commands.ended,
            commands_failed=commands.failed,
            chains=commands.chains(),
            chains_dropped=commands.chains_dropped,
        )
        self._windows, self._commands, self._zips = {}, Commands(), {}
        self._dropped = self._asked = self._asked_bytes = 0
        return parts

    def _end(self, process: Process) -> None:
        stopped_by = self._attribution.end(process.pid)
        if self._commands.end(process) and stopped_by is not None:
            window = self._window(stopped_by)
            if window is not None:
                window.commands_stopped += 1

    def _request(self, request: Request, now_ns: int) -> None:
        proxy = sent_name(request.proxy or request.host)
        self._attribution.note(request, proxy)
        outcome = counted_as(request)
        reported_as_final = self._reported.get(request.id)
        if outcome is None or reported_as_final:
            return
        window = self._window(proxy)
        self._remember(request)
        if window is None:
            return
        if request.final == "cancelled":
            window.cancelled += reported_as_final is None
        elif request.failure is not None and not request.failure.is_of_proxy:
            apart = window.local_failures if request.failure.is_local else window.via_failures
            apart[outcome] += reported_as_final is None
        else:
            seen = Counted(request, outcome, end_of(request, now_ns), self._module(request))
            window.conclude(seen)
            if request.final == "stopped" and outcome not in (OK, MISS):
                self._attribution.stop(request.pid, proxy, seen.end_ns)
            if reported_as_final is None:
                window.count(seen, self._is_again(proxy, request, outcome))
                self._list(window, seen)

    def _window(self, proxy: str) -> Window | None:
        window = self._windows.get(proxy)
        if window is None:
            if len(self._windows) >= MAX_PROXIES:
                self._dropped += 1
                return None
            window = self._windows[proxy] = Window(is_hashed=self._name_key is not None)
        return window

    def _remember(self, request: Request) -> None:
        self._reported[request.id] = request.final is not None

    def _is_again(self, proxy: str, request: Request, outcome: str) -> bool | None:
        """Return whether it was answered with the same before, and remember that it was now."""
        if request.module is None:
            return None
        # A number for each: names would be as much again as all that is held here.
        thing = hash((proxy, request.module, request.version, request.endpoint))
        is_again = thing in self._fetched
        if outcome == OK and not is_again:
            self._fetched[thing] = True
        return is_again

    def _module(self, request: Request) -> str | None:
        if request.module is None:
            return None
        return self._sent(request.module)

    def _sent(self, name: str) -> str | None:
        """Return a name as it is sent; of a known module also the sum is a name."""
        if self._name_key is None:
            return cut(name, MAX_TEXT_BYTES)
        data = name.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._name_key, digest_size=16).hexdigest()

    def _list(self, window: Window, seen: Counted) -> None:
        """Add to what was asked for, as far as it fits into a batch."""
        request = seen.request
        version = cut(request.version, MAX_TEXT_BYTES)
        size = len((seen.module or "").encode()) + len((version or "").encode())
        if self._asked >= MAX_ASKED or self._asked_bytes + size > MAX_ASKED_BYTES:
            window.asked_dropped += 1
            return
        self._asked += 1
        self._asked_bytes += size
        if request.endpoint == "zip" and seen.outcome == OK and request.module and request.version:
            zipped = Fetched(request.pid, request.module, request.version)
            self._zips.setdefault(zipped, []).append((window, len(window.asked)))
        window.asked.append(
            Asked(
                module=seen.module,
                version=version,
                endpoint=request.endpoint,
                outcome=seen.outcome,
                body_bytes=seen.body_bytes,
                h1=None,
            )
        )
