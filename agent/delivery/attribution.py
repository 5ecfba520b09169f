"""
Which proxies a lookup, connection or handshake was for: the ones whose requests used it.

Knows nothing of counts. Such records come before the request that needed them, which is only
known when it is over, so they are held until then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from ..phases import name_of
from ..records import Connection, Handshake, Lookup, Request

MAX_PROCESSES = 4096
"""Remembered, as many as the tracker watches; the oldest are forgotten."""
MAX_HELD = 20_000
"""Records that wait for their request, of all processes."""
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

    by_cookie: dict[int, set[str]] = field(default_factory=dict)
    by_name: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    """Name of a host to (host with its port if any, proxy)."""
    held: list[Step] = field(default_factory=list)
    ended: bool = False

    def note(self, request: Request, proxy: str) -> None:
        """Remember for which proxy a host was asked and a connection used."""
        name = name_of(request.host)
        _remember(self.by_name, name, MAX_NAMES).add((request.host, proxy))
        # After a redirect it is the connection to another host.
        if request.connection is not None and not request.redirects:
            _remember(self.by_cookie, request.connection, MAX_COOKIES).add(proxy)

    def proxies_of(self, step: Step) -> set[str]:
        """Return the proxies that a record was for; empty when none is known yet."""
        if isinstance(step, Lookup):
            return {proxy for _, proxy in self.by_name.get(step.host, ())}
        cookie = step.cookie if isinstance(step, Connection) else step.connection
        if cookie in self.by_cookie:
            return self.by_cookie[cookie]
        if isinstance(step, Handshake):
            return {proxy for _, proxy in self.by_name.get(step.sni or "", ())}
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
        if self._held >= MAX_HELD:
            self.dropped += 1
            return
        self._held += 1
        self._process(step.pid).held.append(step)

    def end(self, pid: int) -> None:
        """The process is gone: what finds no request now never will."""
        if pid in self._processes:
            self._processes[pid].ended = True

    def release(self) -> Iterator[tuple[str, Step]]:
        """Yield (proxy, record) of what is known by now; a record of two proxies twice."""
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
                self._held -= len(oldest.held)
                self.dropped += len(oldest.held)
            process = self._processes[pid] = _Process()
        process.ended = False
        return process


def _remember(memory: dict[_K, set[_V]], key: _K, limit: int) -> set[_V]:
    if key not in memory and len(memory) >= limit:
        del memory[next(iter(memory))]
    return memory.setdefault(key, set())


def _port(host: str) -> int | None:
    """Return the port that a host names; None: whatever is usual for its scheme."""
    name, _, port = host.rpartition(":")
    return int(port) if name and name_of(host) != host.strip("[]") else None
