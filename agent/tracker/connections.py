"""
TCP connections by socket cookie, joined with the dials of the process that made them.

Knows nothing of requests but their ids. A dial names the host and who wanted it; the kernel's
state changes tell what became of it.
"""

from ..events.events import DialDone, DialStart, SocketEnds, Tcp, TcpState
from ..records.phases import name_of
from ..wire.hosts import is_same_name
from .account import Account
from .dials import Attempt, Dial, Way
from .openconnection import OpenConnection

MAX_OPEN = 16384
"""As many as the kernel side follows."""
MAX_OF_PROCESS = 1024
"""Twice what the kernel side follows of one: closed ones wait for the requests that used them."""
MAX_DIALS = 512
"""Under way in one process; beyond it the oldest is forgotten."""


class Connections:
    """Everything that is open on the host, whoever owns it."""

    def __init__(self, account: Account) -> None:
        """Begin with nothing; the account has what is given up at a bound."""
        self._account = account
        self._by_cookie: dict[int, OpenConnection] = {}
        self._by_pid: dict[int, dict[int, OpenConnection]] = {}
        self._by_ends: dict[tuple[int, SocketEnds], OpenConnection] = {}
        self._dials: dict[int, dict[int, Dial]] = {}

    def __len__(self) -> int:
        return len(self._by_cookie)

    def get(self, cookie: int | None) -> OpenConnection | None:
        """Return the connection of a cookie."""
        return None if cookie is None else self._by_cookie.get(cookie)

    def of(self, pid: int) -> list[OpenConnection]:
        """Return the connections of one process, the oldest first."""
        return list(self._by_pid.get(pid, {}).values())

    def at(self, pid: int, ends: SocketEnds) -> OpenConnection | None:
        """Find a connection by its two ends as the process knows them; the newest wins."""
        return self._by_ends.get((pid, ends))

    def surplus(self, pid: int) -> OpenConnection | None:
        """Return what a process must give up before it may have another: a closed one, if any."""
        held = self._by_pid.get(pid, {})
        if len(held) < MAX_OF_PROCESS:
            return None
        return next((found for found in held.values() if found.gone), next(iter(held.values())))

    def start_dial(
        self,
        event: DialStart,
        lookup_at_ns: int | None,
        paid_by: str | None,
        attempt: Attempt | None = None,
        way: Way | None = None,
    ) -> None:
        """A dial began; the attempt is told how it ends."""
        dials = self._dials.setdefault(event.pid, {})
        if len(dials) >= MAX_DIALS:
            self._account.tracker_full += 1
            del dials[next(iter(dials))]
        dials[event.goid] = Dial(
            name_of(event.host) or event.host,
            event.port,
            event.address,
            event.at_ns,
            lookup_at_ns,
            paid_by,
            attempt,
            way,
        )

    def finish_dial(self, event: DialDone) -> bool:
        """A dial returned; False when its beginning was not seen."""
        pid, ends, error = event.pid, event.ends, event.error
        dial = self._dials.get(pid, {}).pop(event.goid, None)
        if dial is None:
            return False
        made = self.at(pid, ends) if ends else self.get(dial.cookie)
        if dial.attempt is not None:
            dial.attempt.end_ns, dial.attempt.error = event.at_ns, error
        if made is not None:
            self._join(made, dial)
            made.dial_ns = event.at_ns - dial.at_ns
            if error is not None:
                made.error = error
        return True

    def change(self, event: Tcp) -> OpenConnection | None:
        """Take a state change; None for a connection that is not followed."""
        connection = self._by_cookie.get(event.cookie)
        if connection is None:
            if event.new != TcpState.SYN_SENT:
                return None
            if len(self._by_cookie) >= MAX_OPEN:
                self._account.tracker_full += 1
                return None
            connection = OpenConnection(
                event.cookie, event.pid, event.address, event.dport, event.at_ns, event.at_ns
            )
            self._by_cookie[event.cookie] = connection
            self._by_pid.setdefault(event.pid, {})[event.cookie] = connection
            self._claim(connection)
        if event.sport and not connection.sport:
            self._by_ends[connection.pid, connection.ends(event.sport)] = connection
        connection.change(event)
        return connection

    def _claim(self, connection: OpenConnection) -> None:
        """A connect() runs within the dial that made it: the oldest to this address without one."""
        for dial in self._dials.get(connection.pid, {}).values():
            same = (dial.address, dial.port) == (connection.address, connection.port)
            if same and dial.cookie is None:
                dial.cookie = connection.cookie
                self._join(connection, dial)
                return

    @staticmethod
    def _join(connection: OpenConnection, dial: Dial) -> None:
        if connection.via is None:  # else a CONNECT has told more
            connection.host = dial.host
            if dial.way is not None and dial.way.via is not None:
                connection.host, connection.via = dial.way.host, dial.way.via
        connection.at_ns = dial.at_ns
        connection.lookup_at_ns = dial.lookup_at_ns
        connection.paid_by = dial.paid_by
        if dial.attempt is not None:
            dial.attempt.cookie = connection.cookie

    def in_tunnel(self, pid: int, sni: str) -> OpenConnection | None:
        """
        Find the connection on which a handshake begins that has no socket of its own.

        So it is within the TLS of an `https://` proxy: the oldest tunnel to that host that was
        asked for and is not known to stand.
        """
        for found in self.of(pid):
            if found.tunnel == "asked" and found.is_usable and is_same_name(sni, found.host):
                return found
        return None

    def forget(self, cookie: int) -> None:
        """Nothing more will be known of it."""
        connection = self._by_cookie.pop(cookie, None)
        if connection is None:
            return
        siblings = self._by_pid[connection.pid]
        del siblings[cookie]
        if not siblings:
            del self._by_pid[connection.pid]
        at = connection.pid, connection.ends(connection.sport)
        if self._by_ends.get(at) is connection:
            del self._by_ends[at]

    def forget_dials(self, pid: int) -> None:
        """The process is gone."""
        self._dials.pop(pid, None)
