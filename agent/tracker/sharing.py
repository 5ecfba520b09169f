"""
Which connection a request of one process used, where HTTP/2 shares them.

Knows nothing of goroutines. Over HTTP/1.1 the two ends of the socket in hand tell; over HTTP/2
only the response does, by the TLS state that it and its connection have in common.
"""

from ..records.phases import name_of
from ..service.bounded import Bounded
from ..wire.hosts import is_same_name
from .connections import Connections
from .openconnection import OpenConnection
from .requests import Hop, OpenRequest

MAX_TLS_STATES = 4096
"""Remembered of one process; the oldest are forgotten."""


class Sharing:
    """The connections of one process, and who has used them."""

    def __init__(self, pid: int, connections: Connections) -> None:
        self._pid = pid
        self._connections = connections
        self._tls_states: Bounded[int, int] = Bounded(MAX_TLS_STATES)

    def remember(self, tls_state: int, cookie: int) -> None:
        """A response with this TLS state came by this connection."""
        self._tls_states[tls_state] = cookie

    def take(self, request: OpenRequest, hop: Hop, tls_state: int) -> None:
        """Find the connection that a hop uses."""
        connection = self._connection_of(request, hop, tls_state)
        if connection is None:
            return
        hop.cookie = connection.cookie
        hop.reused = connection.users > 0
        connection.users += 1
        paid = connection.paid_by == request.id
        request.paid_setup = request.paid_setup or paid

    def presume(self, hop: Hop) -> None:
        """
        Find the HTTP/2 connection of a hop that asked for none and was not answered.

        It was there when the hop began. Where there were several, that one is it which closed
        meanwhile, as one does that breaks; else the one in use.
        """
        there = [
            found
            for found in self._of_host(hop)
            if found.users
            and (found.shaken_at_ns or 0) <= hop.at_ns
            and (found.closed_at_ns is None or found.closed_at_ns >= hop.at_ns)
        ]
        broken = (found for found in there if found.closed_at_ns is not None)
        found = next(broken, there[0] if there else None)
        if found is not None:
            hop.cookie, hop.reused = found.cookie, True
            found.users += 1

    def _connection_of(
        self, request: OpenRequest, hop: Hop, tls_state: int
    ) -> OpenConnection | None:
        if hop.ends is not None:
            return self._connections.at(request.pid, hop.ends)
        known = self._connections.get(self._tls_states.get(tls_state))
        if known is not None:
            return self._winner(hop, known) or known
        usable = self._shared(hop)
        used = [found for found in usable if found.users]
        return next(iter(used or usable), None)

    def _shared(self, hop: Hop) -> list[OpenConnection]:
        """
        Return those that HTTP/2 may share: one per host, and what lost the race to be it.

        In the order of their handshakes, for Go keeps the first (net/http: addConnIfNeeded).
        """
        return [found for found in self._of_host(hop) if found.is_usable]

    def _of_host(self, hop: Hop) -> list[OpenConnection]:
        """Return all that HTTP/2 has shared, whether they are still there or not."""
        host = name_of(hop.host)
        shared = [
            found
            for found in self._connections.of(self._pid)
            if found.established_at_ns is not None
            and found.alpn == "h2"
            and is_same_name(found.host, host)
        ]
        return sorted(shared, key=lambda found: found.shaken_at_ns or 0)

    def _winner(self, hop: Hop, lost: OpenConnection) -> OpenConnection | None:
        """
        Return the connection that answered where `lost` seemed to, with its users.

        Where two handshakes end together either may be kept. The other is closed, on a busy
        machine only after the first answers. What was dialled later did not race.
        """
        if hop.ends is not None or lost.is_usable or not lost.in_owner:
            return None
        raced = [found for found in self._shared(hop) if found.at_ns < (hop.in_hand_at_ns or 0)]
        if not raced:
            return None
        raced[0].users += lost.users
        lost.users = 0
        return raced[0]

    def correct(self, request: OpenRequest) -> None:
        """Name the connection that answered, now that those that lost a race are closed."""
        for hop in request.hops:
            taken = self._connections.get(hop.cookie)
            found = self._winner(hop, taken) if taken is not None else None
            if found is not None:
                hop.cookie = found.cookie
                made = (self._connections.get(other.cookie) for other in request.hops)
                request.paid_setup = any(it is not None and it.paid_by == request.id for it in made)
