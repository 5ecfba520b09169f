"""
Routes events to the processes they belong to, and gives out records as they are done.

Pure: events and times in, records out. Keeps the loss account's second half: every event that is
fed counts as decoded, and then as joined, late, orphan or pending.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..events.events import (
    Event,
    Exec,
    Exit,
    GoEvent,
    Packet,
    Tcp,
    TcpState,
)
from ..records.records import Process, Record
from ..service.bounded import Bounded
from .account import Account
from .connections import Connections
from .direct import Direct
from .ending import failed_program
from .handlers import HANDLERS
from .openconnection import OpenConnection
from .openprocess import Handled, OpenProcess
from .packets import Packets
from .suspects import Suspects

MAX_PROCESSES = 4096
"""Watched at a time; those that linger are the first to be forgotten. As many are remembered of
those that are gone, and of those that were no `go`."""
LINGER_NS = 2_000_000_000
"""After its end a process still has connections that close; then it is forgotten."""


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
        self._watched: dict[int, OpenProcess] = {}
        self._connections = Connections(self.account)
        self._packets = Packets(self._connections, self.account)
        self._suspects = Suspects()
        self._direct = Direct(self.account)
        self._gone: Bounded[int, int] = Bounded(MAX_PROCESSES)
        """Processes that are gone, with their end."""
        self._dismissed: Bounded[int, Process | None] = Bounded(MAX_PROCESSES)
        """Processes that were no `go`, as they began."""
        self._given_up: list[Record] = []
        """Records of what had to go to make room."""

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
        return self._direct.give_out(watched.drain())

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
            self._count_lost(event.pid)
            records = []
        else:
            self.account.joined += 1
        if self._given_up:
            records = [*self._given_up, *records]
            self._given_up = []
        return self._direct.give_out(records)

    def _count_lost(self, pid: int) -> None:
        if pid in self._dismissed:
            self.account.dismissed += 1
        elif pid in self._gone and pid not in self._watched:
            self.account.late += 1
        else:
            self.account.orphan += 1

    def _route(self, event: Event) -> Handled:
        if isinstance(event, GoEvent):
            watched = self._watched.get(event.pid) or self._watch_go(event)
            if watched is None:
                return None
            watched.is_probed = True
            if event.parent_goid is not None:
                watched.note_parent(event.goid, event.parent_goid)
            return HANDLERS[type(event)](watched, event)
        if isinstance(event, Packet):
            watched = self._watch(event.pid, event.at_ns)
            return self._packets.feed(event, watched) if watched else None
        if isinstance(event, Tcp):
            return self._tcp(event)
        return self._exec(event) if isinstance(event, Exec) else self._exit(event)

    def _watch(self, pid: int, at_ns: int) -> OpenProcess | None:
        """Return the process of an event, beginning to watch one that was there before us."""
        watched = self._watched.get(pid)
        if watched is None:
            if pid in self._gone or pid in self._dismissed or not self._has_room(at_ns):
                return None
            watched = self._begin(Process(pid=pid, start_at_ns=at_ns))
        return watched

    def _watch_go(self, event: GoEvent) -> OpenProcess | None:
        """A probed `go` under another name begins without an exec, maybe in a pid that was used."""
        self._dismissed.pop(event.pid, None)
        end_ns = self._gone.get(event.pid)
        if end_ns is not None and event.at_ns > end_ns + LINGER_NS:
            del self._gone[event.pid]
        return self._watch(event.pid, event.at_ns)

    def _has_room(self, now_ns: int) -> bool:
        """Make room for a process; False when all that are watched still run."""
        if len(self._watched) < MAX_PROCESSES:
            return True
        ends = ((pid, watched.process.end_at_ns) for pid, watched in self._watched.items())
        ended = next((pid for pid, end_ns in ends if end_ns is not None), None)
        if ended is None:
            self.account.tracker_full += 1
            return False
        self._given_up += self._forget(ended, now_ns)
        return True

    def _begin(self, process: Process) -> OpenProcess:
        watched = OpenProcess(
            process, self._connections, self._suspects, self.account, self.wall_offset_ns
        )
        self._watched[process.pid] = watched
        return watched

    def _exec(self, event: Exec) -> Handled:
        """A new image: in a pid that is watched it is a toolchain switch."""
        self._gone.pop(event.pid, None)
        self._dismissed.pop(event.pid, None)
        self._direct.dismiss(event.pid)
        before = self._watched.pop(event.pid, None)
        records: list[Record] = []
        if before is not None:
            if before.process.end_at_ns is None:
                before.end(event.at_ns)
            records = self._settle(before)
        elif not self._has_room(event.at_ns):
            return None
        below, above = event.below_go, None
        if below is not None and not event.is_named:
            above = self._watched.get(below.go_pid)
        self._begin(
            Process(
                pid=event.pid,
                start_at_ns=event.at_ns,
                exe=event.filename or None,
                parent_pid=event.parent_pid,
            )
        )
        if below is not None and above is not None and not _runs_others(above.process):
            self._direct.begin(event.pid, event.at_ns, above, below)
        return records

    def is_unknown(self, pid: int) -> bool:
        """Whether a process is watched of which it is not known which release of `go` it is."""
        watched = self._watched.get(pid)
        return watched is not None and watched.process.go_version is None

    def describe(self, pid: int, facts: Mapping[str, Any]) -> None:
        """Add what /proc tells of a process: fields of the record, by name."""
        watched = self._watched.get(pid)
        if watched is not None:
            watched.process = replace(watched.process, **facts)
            self._direct.note(pid, facts.get("repository"))

    def dismiss(self, pid: int, now_ns: int) -> list[Record]:
        """
        Forget a process that has just begun and is no `go`; what else comes of it is counted.

        Returns the connections of the program that its pid ran before.
        """
        watched = self._watched.pop(pid, None)
        self._packets.forget(pid)
        self._dismissed[pid] = watched.process if watched is not None else None
        self._direct.dismiss(pid)
        return [
            record
            for connection in self._connections.of(pid)
            for record in self._release(connection, now_ns)
        ]

    def _exit(self, event: Exit) -> Handled:
        watched = self._watched.get(event.pid)
        if watched is None:
            return [failed_program(event, self._dismissed.get(event.pid))] if event.status else None
        watched.exit(event)
        return [*watched.drain()]

    def _tcp(self, event: Tcp) -> Handled:
        """A connection belongs to a process that is watched, and is forgotten with it at last."""
        if event.new == TcpState.SYN_SENT:
            if self._watch(event.pid, event.at_ns) is None:
                return None
            surplus = self._connections.surplus(event.pid)
            if surplus is not None:
                self.account.tracker_full += 1
                self._given_up += self._release(surplus, event.at_ns)
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
        for pid, watched in reversed(list(self._watched.items())):  # what is below ends first
            records += watched.expire(now_ns, self._stalled_after_ns)
            end = watched.process.end_at_ns
            if end is not None and now_ns - end > LINGER_NS:
                records += self._forget(pid, now_ns)
            else:
                records += self._closed(watched, now_ns)
        return self._direct.give_out(records)

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
            request.looked_at_ns = now_ns
            if request.body_bytes_in != bytes_in:
                request.body_bytes_in, request.grown_at_ns = bytes_in, now_ns

    def _closed(self, watched: OpenProcess, now_ns: int) -> list[Record]:
        """Return the connections that closed a while ago and that no request waits for."""
        records: list[Record] = []
        for connection in self._connections.of(watched.process.pid):
            closed = connection.closed_at_ns
            lingers = closed is None or now_ns - closed <= LINGER_NS
            if connection.gone and not lingers and not watched.needs(connection):
                records += self._release(connection, now_ns)
        return records

    def _forget(self, pid: int, now_ns: int) -> list[Record]:
        """Give out everything of a process that has ended, and remember that it was there."""
        watched = self._watched.pop(pid)
        self._gone[pid] = watched.process.end_at_ns or now_ns
        return self._end(watched, now_ns)

    def _settle(self, watched: OpenProcess) -> list[Record]:
        """Give out everything of a process but its connections, which are still closing."""
        self._connections.forget_dials(watched.process.pid)
        return [
            *watched.drain(),
            *watched.lookups.drain(),
            *watched.handshakes.drain(),
            watched.process,
        ]

    def _end(self, watched: OpenProcess, now_ns: int) -> list[Record]:
        """Give out everything of a process."""
        records = self._settle(watched)
        for connection in self._connections.of(watched.process.pid):
            records += self._release(connection, now_ns)
        self._packets.forget(watched.process.pid)
        return records

    def finish(self, now_ns: int) -> list[Record]:
        """Watching ends: give out everything."""
        records: list[Record] = []
        for watched in reversed(self._watched.values()):
            records += self._end(watched, now_ns)
        self._watched.clear()
        return self._direct.give_out(records)


def _runs_others(command: Process) -> bool:
    """Whether a `go` runs what its user told it to, which may be git for anything."""
    return (command.argv or ())[1:2] == ("generate",)
