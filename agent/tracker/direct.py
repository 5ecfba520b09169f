"""
What git and ssh did on the network below a `go`: one request to `direct` for each that it ran.

Pure. Their lookups, connections and handshakes are told by packets alone, and given out as the
`go` command's, on whose behalf they are; their own process records tell how they ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..events.events import BelowGo
from ..records.failures import CLASSES, FailureClass, failure
from ..records.phases import name_of
from ..records.records import (
    Connection,
    Failure,
    Final,
    Handshake,
    Lookup,
    Process,
    Program,
    Record,
    Request,
)
from ..wire.hosts import join_port
from ..wire.repository import host_of
from .account import Account
from .openprocess import OpenProcess
from .resolution import FailedLookup, resolution_cause

MAX_FETCHES = 1024
"""Under way on this host; beyond it the oldest is told of by the records of its parts alone."""
MAX_STEPS = 64
"""Kept of one fetch: git keeps to one connection, a helper may try each address of a host."""
_TCP: dict[str, FailureClass] = {
    "refused": "tcp.refused",
    "timeout": "tcp.timeout",
    "cancelled": "tcp.timeout",
    "unreachable": "tcp.unreachable",
}

Step = Lookup | Connection | Handshake


@dataclass(slots=True, eq=False)
class Fetch:
    """One git, or what else `go` ran, with all below it."""

    above: OpenProcess
    """The `go`."""
    top_pid: int
    at_ns: int
    repository: str | None = None
    open: dict[int, int] = field(default_factory=dict)
    """Processes of it whose records have not been given out, with their start."""
    top: Process | None = None
    ended_ns: int | None = None
    steps: list[Step] = field(default_factory=list)

    def connection(self) -> Connection | None:
        """The last that stood, else the last that was tried."""
        made = [step for step in self.steps if isinstance(step, Connection)]
        stood = [step for step in made if step.outcome in ("established", "reset")]
        return next(iter((stood or made)[-1:]), None)


class Direct:
    """All fetches of the host that are under way."""

    def __init__(self, account: Account) -> None:
        """Begin with nothing; the account has what is given up at a bound."""
        self._account = account
        self._fetches: dict[tuple[int, int], Fetch] = {}
        self._by_pid: dict[int, Fetch] = {}

    def begin(self, pid: int, at_ns: int, above: OpenProcess, below: BelowGo) -> None:
        """A process began that may fetch."""
        key = (below.go_pid, below.top_pid)
        fetch = self._fetches.get(key)
        if fetch is None:
            if len(self._fetches) >= MAX_FETCHES:
                self._account.tracker_full += 1
                self._drop(next(iter(self._fetches)))
            fetch = self._fetches[key] = Fetch(above, below.top_pid, at_ns)
        fetch.open[pid] = at_ns
        self._by_pid[pid] = fetch

    def note(self, pid: int, repository: object) -> None:
        """It asks for this; what `go` named comes first."""
        fetch = self._by_pid.get(pid)
        if fetch is not None and isinstance(repository, str):
            fetch.repository = fetch.repository or repository

    def dismiss(self, pid: int) -> None:
        """It fetches nothing."""
        fetch = self._by_pid.pop(pid, None)
        if fetch is not None:
            fetch.open.pop(pid, None)
            if not fetch.open and fetch.top is None and not fetch.steps:
                self._drop((fetch.above.process.pid, fetch.top_pid))

    def _drop(self, key: tuple[int, int]) -> None:
        fetch = self._fetches.pop(key, None)
        for pid in fetch.open if fetch is not None else ():
            self._by_pid.pop(pid, None)

    def give_out(self, records: Iterable[Record]) -> list[Record]:
        """Return records as they are told: steps as the command's, and what they were for."""
        told: list[Record] = []
        for record in sorted(records, key=lambda made: isinstance(made, Process)):
            fetch = self._by_pid.get(record.pid)
            if fetch is None or isinstance(record, Request | Program):
                told.append(record)
            elif isinstance(record, Process):
                told += [record, *self._end(fetch, record)]
            else:
                step = _with_lookup(replace(record, pid=fetch.above.process.pid), fetch.steps)
                if len(fetch.steps) < MAX_STEPS:
                    fetch.steps.append(step)
                told.append(step)
        return told

    def _end(self, fetch: Fetch, record: Process) -> list[Record]:
        if fetch.open.get(record.pid) != record.start_at_ns:
            return []  # of the script that became it
        del fetch.open[record.pid]
        del self._by_pid[record.pid]
        ended_ns = record.end_at_ns or 0
        if record.pid == fetch.top_pid or fetch.top is None:
            fetch.top = record
        fetch.ended_ns = max(fetch.ended_ns or 0, ended_ns) or None
        if fetch.open:
            return []
        self._fetches.pop((fetch.above.process.pid, fetch.top_pid), None)
        return [] if fetch.repository is None else [request_of(fetch, fetch.repository)]


def _with_lookup(step: Step, before: Iterable[Step]) -> Step:
    """A connection was made to what a lookup found."""
    if not isinstance(step, Connection) or step.lookup_at_ns is not None:
        return step
    for found in before:
        if isinstance(found, Lookup) and any(
            step.address in query.addresses for query in found.queries
        ):
            return replace(step, host=step.host or found.host, lookup_at_ns=found.at_ns)
    return step


def request_of(fetch: Fetch, repository: str) -> Request:
    """Return what was asked for, when all its processes have ended."""
    command, top = fetch.above.process, fetch.top
    code = None if top is None else top.exit_code
    urls = [entry.url for entry in command.goproxy or ()]
    connection = fetch.connection()
    handshake = _handshake_of(fetch, connection)
    in_hand_ns = _in_hand_ns(connection, handshake)
    final: Final = "ok" if code == 0 else "cancelled" if code is None else "stopped"
    failed = None if code == 0 else cause_of(fetch, repository, connection, handshake)
    host = host_of(repository)
    return Request(
        id=f"{command.pid}-{fetch.top_pid}-{fetch.at_ns}",
        pid=command.pid,
        proxy="direct",
        chain_index=urls.index("direct") if "direct" in urls else None,
        url=repository,
        host=host,
        endpoint="git",
        connection=None if connection is None else connection.cookie,
        paid_setup=None if connection is None else True,
        at_ns=fetch.at_ns,
        connect_wait_ns=None if in_hand_ns is None else max(in_hand_ns - fetch.at_ns, 0),
        transfer_ns=(
            fetch.ended_ns - max(in_hand_ns, fetch.at_ns)
            if code == 0 and in_hand_ns is not None and fetch.ended_ns is not None
            else None
        ),
        given_up_at_ns=None if code == 0 else fetch.ended_ns,
        address=(
            None
            if connection is None or connection.via is not None
            else join_port(connection.address, connection.port)
        ),
        resolver=next((s.resolver for s in fetch.steps if isinstance(s, Lookup)), None),
        failure=failed,
        final=final,
    )


def _handshake_of(fetch: Fetch, connection: Connection | None) -> Handshake | None:
    cookie = None if connection is None else connection.cookie
    for step in reversed(fetch.steps):
        if isinstance(step, Handshake) and step.connection == cookie:
            return step
    return None


def _in_hand_ns(connection: Connection | None, handshake: Handshake | None) -> int | None:
    if handshake is not None:
        took_ns = handshake.handshake_ns
        return None if took_ns is None else handshake.at_ns + took_ns
    if connection is None or connection.connect_ns is None:
        return None
    if connection.outcome not in ("established", "reset"):
        return None
    return connection.at_ns + connection.connect_ns


def cause_of(
    fetch: Fetch, repository: str, connection: Connection | None, handshake: Handshake | None
) -> Failure:
    """Say why a fetch failed: by the last step that did not do its work, else by how it ended."""
    host = name_of(host_of(repository))
    lookups = [step for step in fetch.steps if isinstance(step, Lookup)]
    if connection is None and lookups and lookups[-1].outcome != "ok":
        last = lookups[-1]
        cause = resolution_cause(None, FailedLookup(last.host, last.queries))
        return failure(cause.cls, f"{last.host} {cause.words}", last.host, None, cause.against)
    if connection is None:
        words = f"{_ended(fetch)}, and no connection to {host} was seen"
        return failure("git.failed", words, host)
    who, address = connection.host or host, join_port(connection.address, connection.port)
    cls = _TCP.get(connection.outcome or "timeout")
    if cls is not None:
        words = f"{who} did not answer the connection attempt"
        if cls != "tcp.timeout":
            words = f"the connection to {who}: {connection.outcome}"
        return failure(cls, f"{words}; {_ended(fetch)}", who, address)
    outcome = None if handshake is None else handshake.outcome
    found = next((known for known in CLASSES if known == outcome), None)
    if found is not None:
        alert = f", alert {handshake.alert}" if handshake and handshake.alert else ""
        words = f"the TLS handshake with {who} failed{alert}; {_ended(fetch)}"
        return failure(found, words, who, address)
    if handshake is not None and handshake.server_hello_at_ns is None:
        words = f"{who} did not answer the TLS handshake; {_ended(fetch)}"
        return failure("tls.timeout", words, who, address)
    sizes = f"{connection.bytes_out or 0} bytes out, {connection.bytes_in or 0} in"
    words = f"{_ended(fetch)} after it had reached {who} ({sizes}): what it printed says why"
    return failure("git.failed", words, who, address)


def _ended(fetch: Fetch) -> str:
    top = fetch.top
    name = "git" if top is None else top.role
    if top is None or top.exit_code is None:
        return f"{name} was ended"
    return f"{name} ended with exit code {top.exit_code}"
