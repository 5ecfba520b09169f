"""
The one document that a watched command leaves: all its records, and what was lost on the way.

Knows nothing of files, terminals or clocks. docs/records.md describes the JSON; within schema 1
it is only ever added to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..service.foreign import say_arguments
from .losses import ACCOUNT
from .records import (
    Connection,
    Handshake,
    Lookup,
    Process,
    Program,
    Reason,
    Record,
    Request,
    to_json,
)

SCHEMA = 1
"""Version of the document; a reader that knows it may ignore members it does not know."""
MAX_PROGRAMS = 256
"""Of those that did not end well: a `configure` asks by hundreds that do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one command, or one capture file, did on the network."""

    command: tuple[str, ...]
    """argv of the command; empty for a capture."""
    exit_code: int | None
    """None while running, after a signal, and for a capture."""
    started_at: str
    """RFC 3339 in UTC, with fractions of a second."""
    started_at_ns: int
    """The same instant on the document's clock."""
    ended_at_ns: int | None = None
    """When the command ended, or the capture; None where nothing tells."""
    signal: int | None = None
    """That ended the command; None where none did."""
    oom_kills: int | None = None
    """Processes of this machine that the kernel killed for want of memory meanwhile; None where it
    does not tell."""
    clock: Literal["monotonic", "realtime"] = "monotonic"
    """What every `_at_ns` counts on; `realtime` (since 1970) in a replay."""
    processes: tuple[Process, ...] = ()
    """Each a `go`."""
    fetchers: tuple[Process, ...] = ()
    """git and ssh below them; in JSON they are processes like those."""
    programs: tuple[Program, ...] = ()
    """The last MAX_PROGRAMS of other programs that did not end well."""
    lookups: tuple[Lookup, ...] = ()
    connections: tuple[Connection, ...] = ()
    handshakes: tuple[Handshake, ...] = ()
    requests: tuple[Request, ...] = ()
    reasons: tuple[Reason, ...] = ()
    """Why the command failed beside what requests say; none where it did not."""
    losses: Mapping[str, int] = field(default_factory=dict)
    """Count of each counter of the loss account, by its name."""

    @property
    def lost(self) -> dict[str, int]:
        """The counters that mean a missing event, where they are not zero."""
        return {name: count for name, count in self.losses.items() if count and name not in ACCOUNT}

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON values, its members in the order of docs/records.md."""
        return {
            "schema": SCHEMA,
            "command": list(say_arguments(self.command)),
            "exit_code": self.exit_code,
            "started_at": self.started_at,
            "started_at_ns": self.started_at_ns,
            "ended_at_ns": self.ended_at_ns,
            "signal": self.signal,
            "oom_kills": self.oom_kills,
            "clock": self.clock,
            "processes": [
                to_json(record)
                for record in sorted(
                    (*self.processes, *self.fetchers), key=lambda made: made.start_at_ns
                )
            ],
            "programs": [to_json(record) for record in self.programs],
            "lookups": [to_json(record) for record in self.lookups],
            "connections": [to_json(record) for record in self.connections],
            "handshakes": [to_json(record) for record in self.handshakes],
            "requests": [to_json(record) for record in self.requests],
            "reasons": [to_json(reason) for reason in self.reasons],
            "losses": dict(self.losses),
        }


def document_of(
    records: Iterable[Record],
    losses: Mapping[str, int],
    *,
    command: tuple[str, ...],
    exit_code: int | None,
    started_at: str,
    started_at_ns: int,
    ended_at_ns: int | None = None,
    signal: int | None = None,
    oom_kills: int | None = None,
    clock: Literal["monotonic", "realtime"] = "monotonic",
) -> Document:
    """Sort records by kind and time; of a request reported more than once the last stays."""
    sorted_records: dict[type, list[Any]] = {kind: [] for kind in _KINDS}
    latest: dict[str, Request] = {}
    for record in records:
        if isinstance(record, Request):
            latest[record.id] = record
        elif not isinstance(record, Process) or record.pid:  # 0: a capture does not tell whose
            sorted_records[type(record)].append(record)
    sorted_records[Process].sort(key=lambda process: process.start_at_ns)
    sorted_records[Program].sort(key=lambda program: program.end_at_ns)
    for kind in (Lookup, Connection, Handshake):
        sorted_records[kind].sort(key=lambda record: record.at_ns)
    return Document(
        command=command,
        exit_code=exit_code,
        started_at=started_at,
        started_at_ns=started_at_ns,
        ended_at_ns=ended_at_ns,
        signal=signal,
        oom_kills=oom_kills,
        clock=clock,
        processes=tuple(made for made in sorted_records[Process] if made.role == "go"),
        fetchers=tuple(made for made in sorted_records[Process] if made.role != "go"),
        programs=tuple(sorted_records[Program][-MAX_PROGRAMS:]),
        lookups=tuple(sorted_records[Lookup]),
        connections=tuple(sorted_records[Connection]),
        handshakes=tuple(sorted_records[Handshake]),
        requests=tuple(sorted(latest.values(), key=lambda request: request.at_ns)),
        losses=losses,
    )


_KINDS = (Process, Program, Lookup, Connection, Handshake)
