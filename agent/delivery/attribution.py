"""
Which proxies a lookup, connection or handshake was for: the ones whose requests used it.

Knows nothing of counts. Such records come before the request that needed them, which is only
known when it is over, so they are held until then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from ..records.phases import name_of
from ..records.records import Connection, Handshake, Lookup, Request
from ..service.bounded import Bounded
from ..wire.hosts import split_port

MAX_PROCESSES = 4096
"""Remembered, as many as the tracker watches; the oldest are forgotten."""
MAX_HELD = 20_000
"""Records that wait for their request, of all processes; the one with the most gives way."""
MAX_HELD_OF_PROCESS = 1024
"""The share of one, which may live for months and ask for nothing: its oldest are dropped."""
MAX_COOKIES = 256
"""Connections remembered of one process; the oldest are forgotten."""
MAX_NAMES = 64
"""Hosts remembered of one process; the oldest are forgotten."""

Step = Lookup | Connection | Handshake
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(slots=True)
class _Process:
    """What one process asked for, and what waits."""

    by_cookie: Bounded[int, set[str]] = field(default_factory=lambda: Bounded(MAX_COOKIES))
    by_name: Bounded[str, set[tuple[str, str]]] = field(default_factory=lambda: Bounded(MAX_NAMES))
    """Name of a host to (host with its port if any, proxy)."""
    held: list[Step] = field(default_factory=list)
    stopped_by: tuple[int, str] | None = None
    """When the last request ended that had failed and was followed by none, and whose it was."""
    ended: bool = False

    def note(self, request: Request, proxy: str) -> None:
        """Remember for which proxy a host was asked and a connection used."""
        if not request.host:
            return  # a folder: no lookup, connection or handshake is for it
        name = name_of(request.host)
        _of(self.by_name, name).add((request.host, proxy))
        # After a redirect it is the connection to another host.
        if request.connection is not None and not request.redirects:
            _of(self.by_cookie, request.connection).add(proxy)

    def proxies_of(self, step: Step) -> set[str]:
        """Return the proxies that a record was for; empty when none is known yet."""
        if isinstance(step, Lookup):
            return {proxy for _, proxy in self.by_name.get(name_of(step.host), ())}
        cookie = step.cookie if isinstance(step, Connection) else step.connection
        if cookie is not None and cookie in self.by_cookie:
            return self.by_cookie[cookie]
        if isinstance(step, Handshake):
            return {proxy for _, proxy in self.by_name.get(name_of(step.sni or ""), ())}
        known = self.by_name.get(step.host or step.address, ())
        return {proxy for host, proxy in known if _port(host) in (None, step.port)}


class Attribution:
    """The processes of one host."""

    def __init__(self) -> None:
        self._processes: dict[int, _Process] = {}
        self._held = 0
        self.dropped = 0
        """Records that could not be held, since the beginning."""

    def note(self, request: Request, proxy: str) -> None:
        """Learn from a request."""
        self._process(request.pid).note(request, proxy)

    def hold(self, step: Step) -> None:
        """Keep a record until its request is known."""
        process = self._process(step.pid)
        if len(process.held) >= MAX_HELD_OF_PROCESS:
            self._drop(process, 1)
        elif self._held >= MAX_HELD:
            greediest = max(self._processes.values(), key=lambda found: len(found.held))
            # By halves, for to find it takes long.
            self._drop(greediest, (len(greediest.held) + 1) // 2)
        self._held += 1
        process.held.append(step)

    def _drop(self, process: _Process, number: int) -> None:
        """Give up the oldest records that a process has waiting."""
        del process.held[:number]
        self._held -= number
        self.dropped += number

    def stop(self, pid: int, proxy: str, end_ns: int) -> None:
        """A request failed at a proxy, and no other was asked after it."""
        process = self._process(pid)
        if process.stopped_by is None or end_ns >= process.stopped_by[0]:
            process.stopped_by = end_ns, proxy

    def end(self, pid: int) -> str | None:
        """
        The process is gone: what finds no request now never will.

        Returns:
            The proxy at which it was stopped last, if it was.
        """
        process = self._processes.get(pid)
        if process is None:
            return None
        process.ended = True
        stopped_by, process.stopped_by = process.stopped_by, None
        return None if stopped_by is None else stopped_by[1]

    def release(self) -> Iterator[tuple[str, Step]]:
        """Yield (proxy, record) of what is known by now, once for each proxy of a record."""
        for pid, process in list(self._processes.items()):
            waiting = []
            for step in process.held:
                proxies = process.proxies_of(step)
                if not proxies:
                    waiting.append(step)
                for proxy in sorted(proxies):
                    yield proxy, step
            self._held -= len(process.held) - len(waiting)
            process.held = waiting
            if process.ended:
                self._held -= len(waiting)
                del self._processes[pid]

    def _process(self, pid: int) -> _Process:
        process = self._processes.get(pid)
        if process is None:
            if len(self._processes) >= MAX_PROCESSES:
                oldest = self._processes.pop(next(iter(self._processes)))
                self._drop(oldest, len(oldest.held))
            process = self._processes[pid] = _Process()
        process.ended = False
        return process


def _of(memory: Bounded[_K, set[_V]], key: _K) -> set[_V]:
    found = memory.get(key)
    if found is None:
        found = memory[key] = set()
    return found


def _port(host: str) -> int | None:
    """Return the port that a host names; None: whatever is usual for its scheme."""
    return split_port(host)[1]
