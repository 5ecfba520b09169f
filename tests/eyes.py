"""The agent's eyes within the test process: everything a real `go` of a test did, as records."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from modpulse.agent.events.events import Event
from modpulse.agent.kernel.attach import Compilation, KernelOptions
from modpulse.agent.observer import Observer
from modpulse.agent.records.records import Connection, Handshake, Lookup, Process, Record, Request

WAIT_SECONDS = 20.0
"""For the end of a process that the test thinks has ended."""
_CLOSING_SECONDS = 0.15
"""For its connections to close."""


@dataclass
class Seen:
    """The records of some processes, the last report of each request."""

    processes: list[Process] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    handshakes: list[Handshake] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def of(self, host: str) -> list[Request]:
        """The requests for one host, in time order."""
        return [request for request in self.requests if request.host.split(":")[0] == host]


class Eyes:
    """An observer of what this process starts, armed once, asked after each command."""

    def __init__(
        self, go_paths: Sequence[Path] = (), *, ring_bytes: int = 4 << 20, multi: bool = True,
        stalled_after_ns: int = 3_000_000_000,
    ) -> None:  # fmt: skip
        self.events: list[Event] = []
        self._records: list[Record] = []
        self.observer = Observer(
            Compilation(KernelOptions(ring_bytes=ring_bytes, scoped=True, multi_uprobe=multi)),
            os.environ,
            stalled_after_ns,
            extra_paths=[str(path) for path in go_paths],
            witness=self.events.append,
        )
        self.observer.kernel.watch(os.getpid())

    def __enter__(self) -> "Eyes":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.observer.close()

    def forget(self) -> None:
        """Before a command: what was seen of others is not of interest."""
        self.observer.finish()
        self._records.clear()
        self.events.clear()

    def look(self, seconds: float = 0.0, *, step_seconds: float = 0.02) -> None:
        """Keep reading for a while, so that the ring does not fill during a long command."""
        until = time.monotonic() + seconds
        self._records += self.observer.poll(0)
        while time.monotonic() < until:
            self._records += self.observer.poll(step_seconds)

    def seen(self) -> Seen:
        """Wait until every `go` process that was seen has ended; return all records."""
        until = time.monotonic() + WAIT_SECONDS
        self._records += self.observer.poll(0)
        while self.observer.tracker.is_running() and time.monotonic() < until:
            self._records += self.observer.poll(0.02)
        self.look(_CLOSING_SECONDS)
        self._records += self.observer.finish()
        return gather(self._records)


def gather(records: Sequence[Record]) -> Seen:
    """Sort records by kind and time."""
    latest = {record.id: record for record in records if isinstance(record, Request)}
    found = Seen(requests=sorted(latest.values(), key=lambda request: request.at_ns))
    found.processes = [record for record in records if isinstance(record, Process)]
    found.lookups = [record for record in records if isinstance(record, Lookup)]
    found.connections = [record for record in records if isinstance(record, Connection)]
    found.handshakes = [record for record in records if isinstance(record, Handshake)]
    for kind in (found.lookups, found.connections, found.handshakes):
        kind.sort(key=lambda record: record.at_ns)
    return found


def assert_identity(losses: Mapping[str, int]) -> None:
    """The three equations of the loss account, from the kernel to the records."""
    lost = sum(losses[name] for name in ("ring_full", "map_full", "process_full", "filtered"))
    assert losses["seen"] == losses["submitted"] + lost
    read = losses["decoded"] + losses["decode_errors"] + losses["queue_dropped"]
    assert losses["submitted"] == read + losses["in_ring"]
    unjoined = sum(losses[name] for name in ("late", "orphan", "dismissed", "pending"))
    assert losses["decoded"] == losses["joined"] + unjoined
