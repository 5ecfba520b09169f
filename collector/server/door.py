"""
The collector's door: takes connections, gives them places, looks after their time, counts.

A few connections are taken at a time, so that those which are in can go on: what comes
back together after an outage waits in the kernel's queue and not for our handshakes.
"""

import asyncio
import logging
import resource
import socket
import ssl
from collections import Counter

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.logs import counters

from ..shares import Shares
from ..turns import Turns
from .connection import Connection
from .conversation import App
from .limits import EXHAUSTED, EXHAUSTED_S, MAX_STREAMS, SPARE_DESCRIPTORS, Limits
from .places import Places
from .tls import Tls

log = logging.getLogger("modpulse.collector")

ACCEPTED_AT_ONCE = 16
SWEEP_S = 0.25
"""How exactly deadlines are kept."""
LOG_EVERY_S = 60.0
SHUTDOWN_S = 5.0


class Door:
    """Of one listening socket."""

    def __init__(
        self,
        app: App,
        listener: socket.socket,
        context: ssl.SSLContext | None,
        max_connections: int,
        limits: Limits,
        held: Shares,
        turns: Turns,
    ) -> None:
        self.limits, self.held, self.turns = limits, held, turns
        self.is_closing = False
        self.should_exit = False
        self.started = False
        self._app, self._listener, self._context = app, listener, context
        self._places: Places[Connection] = Places(max_connections)
        self._connections: set[Connection] = set()
        self._streams: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts: Counter[str] = Counter()
        self._logged: Counter[str] = Counter()
        self._logged_at = -LOG_EVERY_S
        self._loop = asyncio.get_running_loop()

    async def serve(self) -> None:
        """Serve until `should_exit`, then let what is asked be answered."""
        self._listener.setblocking(False)
        self._open()
        self.started = True
        try:
            while not self.should_exit:
                await asyncio.sleep(SWEEP_S)
                self._sweep()
        finally:
            await self._close()

    def _open(self) -> None:
        if not self.is_closing:
            self._loop.add_reader(self._listener, self._accept)

    async def _close(self) -> None:
        self.is_closing = True
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in tuple(self._connections):
            connection.shutdown()
        until = self._loop.time() + SHUTDOWN_S
        while self._connections and self._loop.time() < until:
            await asyncio.sleep(SWEEP_S / 10)
        for connection in tuple(self._connections):
            connection.abort()

    # Coming and going.

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in EXHAUSTED:
                    self._exhausted()
                    return
                continue  # that one has gone already
            self._admit(sock, address[0])

    def _admit(self, sock: socket.socket, address: str) -> None:
        sock.setblocking(False)
        tls = Tls(self._context) if self._context else None
        connection = Connection(self, self._app, tls, address)
        must_go = self._places.admit(connection, address)
        self._connections.add(connection)
        self.count("accepted")
        if must_go is not None:
            self.count("evicted")
            must_go.abort()
        task = self._loop.create_task(self._attach(connection, sock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attach(self, connection: Connection, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, sock)
        except OSError:
            sock.close()
            self.leave(connection)

    def _exhausted(self) -> None:
        """No descriptor is left: the kernel's queue waits until somebody goes."""
        self.count("no_descriptors")
        longest = self._places.longest_waiting()
        if longest is not None:
            longest.abort()
        self._loop.remove_reader(self._listener)
        self._loop.call_later(EXHAUSTED_S, self._open)

    def know(self, connection: Connection, caller: str) -> bool:
        """Give one that said who it is a place among those we know; False: there is none."""
        must_go = self._places.crowded_out(connection, caller)
        if must_go is not None:
            self.count("crowded_out")
            self._places.leave(must_go)
            must_go.abort()
        is_known = self._places.know(connection, caller)
        if not is_known:
            self.count("crowded")
        return is_known

    def stream(self, connection: Connection) -> bool:
        """Give one a place among the streams; False: there is none."""
        if len(self._streams) >= MAX_STREAMS:
            return False
        self._streams.add(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """It is gone."""
        self._streams.discard(connection)
        self._places.leave(connection)
        self._connections.discard(connection)

    # Time and numbers.

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in tuple(self._connections):
            if connection.deadline < now:
                connection.overdue()
        grown = self._counts - self._logged
        del grown["accepted"], grown["idle"]
        if grown and now - self._logged_at >= LOG_EVERY_S:
            self._logged, self._logged_at = self._counts.copy(), now
            figures = self._places
            log.warning(
                "door.closed_on causes=%s known=%d strangers=%d",
                counters(grown), figures.known, figures.strangers,
            )  # fmt: skip

    def count(self, what: str) -> None:
        """Something happened."""
        self._counts[what] += 1

    def figures(self) -> dict[str, int]:
        """Return places and counters, as GET /api/v1/proxies shows them."""
        places = self._places
        return {
            "known": places.known,
            "known_max": places.for_known,
            "strangers": places.strangers,
            "strangers_max": places.for_strangers,
            "streams": len(self._streams),
            "streams_max": MAX_STREAMS,
            "held_bytes": self.held.held,
            "held_bytes_max": self.held.total,
            **dict(sorted(self._counts.items())),
        }


def raise_descriptors(max_connections: int) -> None:
    """
    Have a descriptor for each connection.

    Raises:
        ConfigError: this process may not have so many.
    """
    wanted = max_connections + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ConfigError(
            f"max_connections = {max_connections}: needs {wanted} descriptors, "
            f"{hard} are allowed: have fewer, or raise LimitNOFILE"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
