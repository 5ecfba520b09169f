"""
What a `go` with httptrace logging said of itself, and how far the agent's records are from it.

Pure. The log is that of tests/lab/gomain/httptrace; both sides use CLOCK_MONOTONIC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from eyes import Seen

from modpulse.agent.events.events import DialDone, DialStart, Event
from modpulse.agent.records.records import Request

NEAR_NS = 20_000_000
"""A record that began further from what the process logged is another one's."""


@dataclass(slots=True)
class Differences:
    """Of one phase: record minus own log, and what the log has and no record."""

    name: str
    ns: list[int] = field(default_factory=list)
    missing: int = 0

    def add(self, recorded_ns: int | None, own_ns: int) -> None:
        """Compare one duration."""
        if recorded_ns is None:
            self.missing += 1
        else:
            self.ns.append(recorded_ns - own_ns)


@dataclass(frozen=True, slots=True)
class Span:
    """Two points of the log: a phase as the process lived it."""

    pid: int
    at_ns: int
    ns: int

    @property
    def end_ns(self) -> int:
        return self.at_ns + self.ns


@dataclass(slots=True)
class Attempt:
    """One (*http.Client).Do."""

    pid: int
    url: str
    points: dict[str, int]
    reused: bool = False


def attempts(entries: Iterable[dict[str, Any]]) -> list[Attempt]:
    """Gather the points of each attempt; of a point that is passed again the first counts."""
    found: dict[tuple[int, int], Attempt] = {}
    for entry in sorted(entries, key=lambda entry: entry["at_ns"]):
        key = entry["pid"], entry["attempt"]
        if entry["event"] == "Start":
            found[key] = Attempt(entry["pid"], entry["url"], {})
        attempt = found[key]
        attempt.points.setdefault(entry["event"], entry["at_ns"])
        if entry["event"] == "GotConn":
            attempt.reused = entry.get("reused", False)
    return list(found.values())


def spans(entries: Iterable[dict[str, Any]], start: str, end: str) -> list[Span]:
    """Pair each start with the next end of the same attempt and address."""
    started: dict[tuple[int, int, str], int] = {}
    found = []
    for entry in sorted(entries, key=lambda entry: entry["at_ns"]):
        key = entry["pid"], entry["attempt"], _address(entry)
        if entry["event"] == start:
            started[key] = entry["at_ns"]
        elif entry["event"] == end and key in started:
            at_ns = started.pop(key)
            found.append(Span(entry["pid"], at_ns, entry["at_ns"] - at_ns))
    return found


def _address(entry: dict[str, Any]) -> str:
    return str(entry.get("address", "")) if entry["event"].startswith("Connect") else ""


def dials(events: Iterable[Event]) -> list[Span]:
    """Pair the probes at the beginning and the end of a dial."""
    started: dict[tuple[int, int], int] = {}
    found = []
    for event in events:
        if isinstance(event, DialStart):
            started[event.pid, event.goid] = event.at_ns
        elif isinstance(event, DialDone) and (event.pid, event.goid) in started:
            at_ns = started.pop((event.pid, event.goid))
            found.append(Span(event.pid, at_ns, event.at_ns - at_ns))
    return found


def compare(
    entries: Sequence[dict[str, Any]], seen: Seen, events: Sequence[Event]
) -> list[Differences]:
    """Compare every phase of every request; one attempt is expected of each."""
    connects = spans(entries, "ConnectStart", "ConnectDone")
    start, wait = Differences("start"), Differences("connection wait")
    first_byte, transfer = Differences("time to first byte"), Differences("transfer")
    for attempt in attempts(entries):
        request = request_of(attempt, seen)
        points = attempt.points
        if request is None:
            for phase in (start, wait, first_byte, transfer):
                phase.missing += 1
            continue
        start.add(request.at_ns - points["Start"], 0)
        wait.add(request.connect_wait_ns, points["GotConn"] - points["Start"])
        answered_ns = points["GotFirstResponseByte"]
        first_byte.add(request.first_byte_ns, answered_ns - points["Start"])
        transfer.add(request.transfer_ns, points["BodyClose"] - answered_ns)
    return [
        start,
        _by_time("lookup", spans(entries, "DNSStart", "DNSDone"), seen.lookups, "lookup_ns"),
        _by_time("connect", connects, seen.connections, "connect_ns"),
        _by_time("connect, until go woke up (no record)", connects, dials(events), "ns"),
        _by_time(
            "tls",
            spans(entries, "TLSHandshakeStart", "TLSHandshakeDone"),
            seen.handshakes,
            "handshake_ns",
        ),
        wait,
        first_byte,
        transfer,
    ]


def request_of(attempt: Attempt, seen: Seen) -> Request | None:
    """Find its record; module paths are lower-case and each URL is asked for once."""
    module, _, file = urlsplit(attempt.url).path.lstrip("/").partition("/@v/")
    version, _, endpoint = file.rpartition(".")
    wanted = attempt.pid, module, version, endpoint
    for request in seen.requests:
        if (request.pid, request.module, request.version, request.endpoint) == wanted:
            return request
    return None


def _by_time(name: str, own: list[Span], records: Sequence[Any], key: str) -> Differences:
    """
    Join by process and nearest beginning, each record once.

    Spans that overlap in one process cannot be told apart: they must have a record, but are not
    compared.
    """
    found = Differences(name)
    left = list(records)
    for span in own:
        near = [record for record in left if record.pid == span.pid]
        best = min(near, key=lambda record: abs(record.at_ns - span.at_ns), default=None)
        if best is None or abs(best.at_ns - span.at_ns) > NEAR_NS:
            found.missing += 1
            continue
        left.remove(best)
        if sum(_overlap(span, other) for other in own) == 1:
            found.add(getattr(best, key), span.ns)
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one.pid == other.pid and one.at_ns <= other.end_ns and other.at_ns <= one.end_ns
