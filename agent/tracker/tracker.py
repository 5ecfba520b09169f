"""
Routes events to the processes they belong to, and gives out records as they are done.

Pure: events and times in, records out. Keeps the loss account's second half: every event that is
fed counts as decoded, and then as joined, late, orphan or pending.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..events import (
    BodyClosed,
    ContentFailed,
    DialDone,
    DialStart,
    Event,
    Exec,
    Exit,
    Fatal,
    GoEvent,
    GotConn,
    HandshakeDone,
    HandshakeStart,
    LookupDone,
    LookupStart,
    OperationFailed,
    OsExit,
    Packet,
    ProxyList,
    RoundTrip,
    RoundTripDone,
    Tcp,
    TcpState,
    VerifyDone,
    VerifyStart,
    WebGet,
)
from ..records import Process, Record
from ..wire.goproxy import chain_entries
from .connections import Connections, OpenConnection
from .lookups import is_address
from .packets import Packets
from .suspects import Suspects
from .watched import Handled, Watched

MAX_PROCESSES = 4096
"""Watched at a time, those that linger included."""
LINGER_NS = 2_000_000_000
"""After its end a process still has connections that close; then it is forgotten."""


@dataclass(slots=True)
class Account:
    """The tracker's share of the loss account."""

    decoded: int = 0
    joined: int = 0
    late: int = 0
    """Of a process or connection that is gone."""
    orphan: int = 0
    """Without the event that should have come before, or beyond a bound."""
    pending: int = 0


class Tracker:
    """The state of everything that is watched on one host."""

    def __init__(self, stalled_after_ns: int, wall_offset_ns: int) -> None:
        """
        Begin with nothing.

        Args:
            stalled_after_ns: How long a request may wait for its head before it counts as hanging.
            wall_offset_ns: What to add to `at_ns` to get the time since 1970.
        """
        self.account = Account()
        self._stalled_after_ns = stalled_after_ns
        self.wall_offset_ns = wall_offset_ns
        """Another one when the clock was set or the machine slept: for processes that begin."""
        self._watched: dict[int, Watched] = {}
        self._connections = Connections()
        self._packets = Packets(self._connections)
        self._suspects = Suspects()
        self._gone: dict[int, None] = {}

    def running(self) -> list[int]:
        """Return the processes that are watched and have not ended."""
        return [pid for pid, found in self._watched.items() if found.process.end_at_ns is None]

    def is_running(self) -> bool:
        """Whether any process that is watched has not ended."""
        return bool(self.running())

    def miss(self, pid: int, now_ns: int) -> list[Record]:
        """A process is no longer there, and the event of its end was lost."""
        watched = self._watched[pid]
        watched.end(now_ns)
        return [*watched.drain()]

    def is_busy(self) -> bool:
        """Whether anything that was seen has not ended: a process, or a connection of one."""
        return self.is_running() or any(
            connection.closed_at_ns is None
            for pid in self._watched
            for connection in self._connections.of(pid)
        )

    def feed(self, event: Event) -> list[Record]:
        """Take one event; return the records that it completes."""
        self.account.decoded += 1
        records = self._route(event)
        if records is None:
            gone = event.pid in self._gone and event.pid not in self._watched
            self.account.late += gone
            self.account.orphan += not gone
            return []
        self.account.joined += 1
        return records

    def _route(self, event: Event) -> Handled:
        if isinstance(event, GoEvent):
            watched = self._watch(event.pid, event.at_ns)
            if watched is None:
                return None
            watched.note_parent(event)
            return _HANDLERS[type(event)](watched, event)
        if isinstance(event, Packet):
            watched = self._watch(event.pid, event.at_ns)
            return self._packets.feed(event, watched) if watched else None
        if isinstance(event, Tcp):
            return self._tcp(event)
        return self._exec(event) if isinstance(event, Exec) else self._exit(event)

    def _watch(self, pid: int, at_ns: int) -> Watched | None:
        """Return the process of an event, beginning to watch one that was there before us."""
        watched = self._watched.get(pid)
        if watched is None:
            if pid in self._gone or len(self._watched) >= MAX_PROCESSES:
                return None
            watched = self._begin(Process(pid=pid, start_at_ns=at_ns))
        return watched

    def _begin(self, process: Process) -> Watched:
        watched = Watched(process, self._connections, self._suspects, self.wall_offset_ns)
        self._watched[process.pid] = watched
        return watched

    def _exec(self, event: Exec) -> Handled:
        """A new image: in a pid that is watched it is a toolchain switch."""
        self._gone.pop(event.pid, None)
        before = self._watched.pop(event.pid, None)
        records: list[Record] = []
        if before is not None:
            before.end(event.at_ns)
            records = self._settle(before)
        elif len(self._watched) >= MAX_PROCESSES:
            return None
        self._begin(
            Process(
                pid=event.pid,
                start_at_ns=event.at_ns,
                exe=event.filename or None,
                parent_pid=event.parent_pid,
            )
        )
        return records

    def describe(self, pid: int, facts: Mapping[str, Any]) -> None:
        """Add what /proc tells of a process: fields of the record, by name."""
        watched = self._watched.get(pid)
        if watched is not None:
            watched.process = replace(watched.process, **facts)

    def _exit(self, event: Exit) -> Handled:
        watched = self._watched.get(event.pid)
        if watched is None:
            return None
        watched.end(event.at_ns)
        return [*watched.drain()]

    def _tcp(self, event: Tcp) -> Handled:
        """A connection belongs to a process that is watched, and is forgotten with it at last."""
        if event.new == TcpState.SYN_SENT and self._watch(event.pid, event.at_ns) is None:
            return None
        connection = self._connections.change(event)
        if connection is None:
            return None
        # One that failed waits until its dial has said why, see _closed.
        if not connection.gone or connection.established_at_ns is None:
            return []
        if self._watched[connection.pid].needs(connection):
            return []
        return self._release(connection, event.at_ns)

    def _release(self, connection: OpenConnection, at_ns: int) -> list[Record]:
        """Give out a connection, for good."""
        records = self._packets.close(connection, at_ns)
        self._connections.forget(connection.cookie)
        return [*records, connection.record()]

    def expire(self, now_ns: int) -> list[Record]:
        """Return what time alone decides: hanging requests, processes that are gone."""
        records: list[Record] = []
        for pid, watched in list(self._watched.items()):
            records += watched.expire(now_ns, self._stalled_after_ns)
            end = watched.process.end_at_ns
            if end is not None and now_ns - end > LINGER_NS:
                del self._watched[pid]
                records += self._end(watched, now_ns)
                self._remember_gone(pid)
            else:
                records += self._closed(watched, now_ns)
        return records

    def slow_bodies(self, now_ns: int) -> list[int]:
        """Return the cookies of connections on which a body has been under way for a while."""
        return [
            request.last.cookie
            for watched in self._watched.values()
            for request in watched.open_bodies(now_ns)
            if request.last is not None and request.last.cookie is not None
        ]

    def note_bytes(self, cookie: int, bytes_in: int, now_ns: int) -> None:
        """Take what the kernel has counted on such a connection."""
        connection = self._connections.get(cookie)
        if connection is None:
            return
        for request in self._watched[connection.pid].open_bodies(now_ns):
            if request.last is None or request.last.cookie != cookie:
                continue
            if request.body_bytes_in != bytes_in:
                request.body_bytes_in, request.grown_at_ns = bytes_in, now_ns

    def _closed(self, watched: Watched, now_ns: int) -> list[Record]:
        """Return the connections that closed a while ago and that no request waits for."""
        records: list[Record] = []
        for connection in self._connections.of(watched.process.pid):
            closed = connection.closed_at_ns
            lingers = closed is None or now_ns - closed <= LINGER_NS
            if connection.gone and not lingers and not watched.needs(connection):
                records += self._release(connection, now_ns)
        return records

    def _remember_gone(self, pid: int) -> None:
        if len(self._gone) >= MAX_PROCESSES:
            del self._gone[next(iter(self._gone))]
        self._gone[pid] = None

    def _settle(self, watched: Watched) -> list[Record]:
        """Give out everything of a process but its connections, which are still closing."""
        self._connections.forget_dials(watched.process.pid)
        return [
            *watched.drain(),
            *watched.lookups.drain(),
            *watched.handshakes.drain(),
            watched.process,
        ]

    def _end(self, watched: Watched, now_ns: int) -> list[Record]:
        """Give out everything of a process."""
        records = self._settle(watched)
        for connection in self._connections.of(watched.process.pid):
            records += self._release(connection, now_ns)
        return records

    def finish(self, now_ns: int) -> list[Record]:
        """Watching ends: give out everything."""
        records: list[Record] = []
        for watched in self._watched.values():
            records += self._end(watched, now_ns)
        self._watched.clear()
        return records


def _handshake_start(watched: Watched, event: HandshakeStart) -> Handled:
    connection = watched.connections.at(event.pid, event.ends) if event.ends else None
    handshake = watched.handshakes.start(event.goid, event.sni, event.at_ns, connection)
    return None if handshake is None else []


def _handshake_done(watched: Watched, event: HandshakeDone) -> Handled:
    handshake = watched.finish_handshake(event)
    return None if handshake is None else [handshake.record()]


def _lookup_start(watched: Watched, event: LookupStart) -> Handled:
    if is_address(event.host):
        return []
    return [] if watched.lookups.start(event.host, event.goid, event.at_ns) else None


def _lookup_done(watched: Watched, event: LookupDone) -> Handled:
    # Without a lookup it is the return of one for an address, which is none.
    lookup = watched.lookups.finish(event.goid, event.at_ns, event.error)
    return [lookup] if lookup else []


def _dial_start(watched: Watched, event: DialStart) -> Handled:
    host = event.host.rpartition(":")[0].strip("[]")
    lookup = watched.lookups.before_dial(host, event.address)
    payer = watched.payer(event.goid, host)
    started = watched.connections.start_dial(
        event, lookup.at_ns if lookup else None, payer.id if payer else None
    )
    return [] if started else None


def _dial_done(watched: Watched, event: DialDone) -> Handled:
    known = watched.connections.finish_dial(event)
    return [] if known else None


def _proxy_list(watched: Watched, event: ProxyList) -> Handled:
    watched.process = replace(watched.process, goproxy=chain_entries(event.entries))
    return []


def _os_exit(watched: Watched, event: OsExit) -> Handled:
    watched.process = replace(watched.process, exit_code=event.code & 0xFF)
    return []


def _verify_start(watched: Watched, event: VerifyStart) -> Handled:
    return [] if watched.handshakes.verify(event.goid, event.at_ns, event.der) else None


def _verify_done(watched: Watched, event: VerifyDone) -> Handled:
    return [] if watched.handshakes.verified(event.goid, event.at_ns) else None


_HANDLERS: Mapping[type[GoEvent], Callable[[Watched, Any], Handled]] = {
    WebGet: Watched.begin,
    RoundTrip: Watched.hop,
    RoundTripDone: Watched.head,
    GotConn: Watched.in_hand,
    BodyClosed: Watched.close_body,
    OperationFailed: Watched.fail_operation,
    ContentFailed: Watched.reject,
    Fatal: Watched.reject,
    ProxyList: _proxy_list,
    LookupStart: _lookup_start,
    LookupDone: _lookup_done,
    DialStart: _dial_start,
    DialDone: _dial_done,
    HandshakeStart: _handshake_start,
    HandshakeDone: _handshake_done,
    VerifyStart: _verify_start,
    VerifyDone: _verify_done,
    OsExit: _os_exit,
}
