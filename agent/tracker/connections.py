"""
TCP connections by socket cookie, joined with the dials of the process that made them.

Knows nothing of requests but their ids. A dial names the host and who wanted it; the kernel's
state changes tell what became of it.
"""

from dataclasses import dataclass, field

from ..events import DialDone, DialStart, GoError, SocketEnds, Tcp, TcpState
from ..records import Connection, Outcome
from ..wire.hello import TlsWatcher
from .verdict import is_cancelled, network_cause

MAX_OPEN = 16384
"""As many as the kernel side follows."""
MAX_DIALS = 512
"""Under way in one process."""

_OUTCOMES: dict[str, Outcome] = {
    "tcp.refused": "refused",
    "tcp.timeout": "timeout",
    "tcp.reset": "reset",
    "tcp.unreachable": "unreachable",
}


@dataclass(slots=True)
class Dial:
    """One call of dialTCP under way."""

    host: str
    """As asked for, without the port."""
    port: int
    address: str | None
    at_ns: int
    lookup_at_ns: int | None
    paid_by: str | None
    """Id of the request that caused it."""
    cookie: int | None = None


@dataclass(slots=True, eq=False)
class OpenConnection:
    """A connection that may still change."""

    cookie: int
    pid: int
    address: str
    port: int
    syn_at_ns: int
    at_ns: int
    """The dial, where it was seen."""
    host: str | None = None
    via: str | None = None
    lookup_at_ns: int | None = None
    paid_by: str | None = None
    dial_ns: int | None = None
    """As `go` saw it, from its call to its return."""
    sport: int = 0
    established_at_ns: int | None = None
    closed_at_ns: int | None = None
    """Since then nothing more is sent on it."""
    gone: bool = False
    """The kernel has forgotten it."""
    syn_retransmits: int = 0
    retransmits: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    reset: bool = False
    in_owner: bool = False
    error: GoError | None = None
    alpn: str | None = None
    shaken_at_ns: int | None = None
    """When its TLS handshake ended."""
    users: int = 0
    """Requests that had it in hand so far."""
    watcher: TlsWatcher = field(default_factory=TlsWatcher)

    @property
    def is_usable(self) -> bool:
        """Established and not yet closing."""
        return self.established_at_ns is not None and self.closed_at_ns is None

    def ends(self, sport: int) -> SocketEnds:
        """Return its ends, once the kernel has chosen the port on this side."""
        return SocketEnds(sport, self.address, self.port)

    def change(self, event: Tcp) -> None:
        """Take a state change from the kernel."""
        self.sport = event.sport or self.sport
        self.syn_retransmits = event.syn_retransmits
        self.retransmits = event.retransmits
        self.bytes_in, self.bytes_out = event.bytes_in, event.bytes_out
        if event.new == TcpState.ESTABLISHED:
            self.established_at_ns = self.established_at_ns or event.at_ns
        elif event.new != TcpState.SYN_SENT and self.closed_at_ns is None:
            self.closed_at_ns = event.at_ns
            self.reset, self.in_owner = event.reset, event.in_owner
        if event.new == TcpState.CLOSE:
            self.gone = True

    def record(self) -> Connection:
        """Make the record of what is known now."""
        decided_at_ns = self.established_at_ns or self.closed_at_ns
        kernel_ns = None if decided_at_ns is None else decided_at_ns - self.syn_at_ns
        return Connection(
            cookie=self.cookie,
            pid=self.pid,
            host=self.host,
            address=self.address,
            port=self.port,
            via=self.via,
            lookup_at_ns=self.lookup_at_ns,
            at_ns=self.at_ns,
            connect_ns=self.dial_ns if self.dial_ns is not None else kernel_ns,
            syn_retransmits=self.syn_retransmits,
            rtt_ns=kernel_ns if self.established_at_ns and not self.syn_retransmits else None,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            retransmits=self.retransmits,
            outcome=self._outcome(),
        )

    def _outcome(self) -> Outcome | None:
        if self.established_at_ns is not None:
            return "reset" if self.reset else "established"
        if self.closed_at_ns is None and self.error is None:
            return None
        if self.error is not None:
            if is_cancelled(self.error):
                return "cancelled"
            return _OUTCOMES.get(network_cause(self.error)[0], "unreachable")
        if self.reset:
            return "refused"
        if self.in_owner:
            return "timeout" if self.syn_retransmits >= 3 else "cancelled"
        return "timeout" if self.syn_retransmits else "unreachable"


class Connections:
    """Everything that is open on the host, whoever owns it."""

    def __init__(self) -> None:
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

    def start_dial(self, event: DialStart, lookup_at_ns: int | None, paid_by: str | None) -> bool:
        """A dial began; False when there are too many."""
        dials = self._dials.setdefault(event.pid, {})
        if len(dials) >= MAX_DIALS:
            return False
        host = event.host.rpartition(":")[0].strip("[]") or event.host
        dials[event.goid] = Dial(
            host, event.port, event.address, event.at_ns, lookup_at_ns, paid_by
        )
        return True

    def finish_dial(self, event: DialDone) -> bool:
        """A dial returned; False when its beginning was not seen."""
        pid, ends, error = event.pid, event.ends, event.error
        dial = self._dials.get(pid, {}).pop(event.goid, None)
        if dial is None:
            return False
        made = self.at(pid, ends) if ends else self.get(dial.cookie)
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
            if event.new != TcpState.SYN_SENT or len(self._by_cookie) >= MAX_OPEN:
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
        connection.host = connection.host if connection.via else dial.host
        connection.at_ns = dial.at_ns
        connection.lookup_at_ns = dial.lookup_at_ns
        connection.paid_by = dial.paid_by

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
