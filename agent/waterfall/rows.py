"""
What a waterfall shows: a row per request, or per connection where requests were not seen.

Knows nothing of terminals, widths or colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..records.document import Document
from ..records.failures import CLASSES, FailureClass, failure
from ..records.phases import Joins, Setup, Span, has_ended, request_spans, setup_spans
from ..records.records import Connection, Failure, Handshake, Lookup, Request
from ..screen import words
from ..wire.hosts import join_port

MAX_ROWS = 40
"""More than fits on a screen is not read: from here on, what went well is folded."""
MAX_FAILED_ROWS = 40
"""Failed rows that are never folded; a proxy that is down can fail hundreds of times."""
SLOWEST_ROWS = 12
"""Of the rows that went well, the ones worth looking at when there are too many."""
LONE_ROWS = 2
"""A fold takes a line itself, so that fewer rows than this are not worth folding."""

Mood = Literal["ok", "miss", "failed", "pending"]

_TCP_CLASSES: dict[str, FailureClass] = {
    "refused": "tcp.refused",
    "timeout": "tcp.timeout",
    "reset": "tcp.reset",
    "unreachable": "tcp.unreachable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the waterfall; its texts still hold what the network sent."""

    at_ns: int
    end_ns: int
    proxy: str
    """GOPROXY entry, or the host of a connection."""
    kind: str
    """The endpoint, or what packets tell of a connection: `tls 1.3`, `tcp`, `dns`."""
    module: str
    """Module path, or the address of a connection."""
    version: str | None = None
    status: str
    mood: Mood
    spans: tuple[Span, ...] = ()
    follows: bool = False
    """It was made because an earlier entry of the chain did not have the answer."""
    leads: bool = False
    """The next entry of the chain was asked because of it."""
    failure: Failure | None = None
    request: Request | None = None
    connection: Connection | None = None
    lookup: Lookup | None = None
    pid: int


@dataclass(frozen=True, slots=True)
class Fold:
    """A run of rows that one line stands for."""

    rows: tuple[Row, ...]


def rows_of(document: Document) -> list[Row]:
    """Return all rows in time order."""
    joins = Joins(document.lookups, document.connections, document.handshakes)
    seen_pids = {request.pid for request in document.requests}
    rows = [
        *_request_rows(document, joins),
        *_connection_rows(document, joins, seen_pids),
        *_lookup_rows(document, seen_pids),
    ]
    return sorted(rows, key=lambda row: (row.at_ns, row.end_ns))


def fold(rows: Sequence[Row], all_rows: bool = False) -> list[Row | Fold]:
    """Fold the uninteresting when there are more than `MAX_ROWS`; slow and failed ones stay."""
    if all_rows or len(rows) <= MAX_ROWS:
        return list(rows)
    failed = [i for i, row in enumerate(rows) if row.mood in ("failed", "pending")]
    others = sorted(set(range(len(rows))) - set(failed), key=lambda i: _took_ns(rows[i]))
    shown = {*failed[:MAX_FAILED_ROWS], *others[-SLOWEST_ROWS:]}
    folded: list[Row | Fold] = []
    run: list[Row] = []
    for index, row in enumerate(rows):
        if index not in shown:
            run.append(row)
            continue
        folded += [*_folded(run), row]
        run = []
    return folded + _folded(run)


def _folded(run: Sequence[Row]) -> list[Row | Fold]:
    return list(run) if len(run) < LONE_ROWS else [Fold(tuple(run))]


def _took_ns(row: Row) -> int:
    return row.end_ns - row.at_ns


def _request_rows(document: Document, joins: Joins) -> list[Row]:
    requests = sorted(document.requests, key=lambda request: request.at_ns)
    ends_ns = {
        process.pid: process.end_at_ns or document.ended_at_ns for process in document.processes
    }
    successors = _successors(requests)
    followers = {later.id for later in successors.values()}
    rows = []
    for request in requests:
        successor = successors.get(request.id)
        last_ns = successor.at_ns if successor is not None else ends_ns.get(request.pid)
        setup = joins.of_request(request, last_ns)
        hung = successor is not None or request.final in (None, "cancelled")
        until_ns = last_ns if hung or not has_ended(request, setup) else None
        until_ns = request.given_up_at_ns or _fetched_at_ns(request) or until_ns
        spans = request_spans(request, setup, until_ns)
        lookup = setup.lookups[-1] if setup.lookups else None
        rows.append(
            Row(
                at_ns=request.at_ns,
                end_ns=max((span.end_ns for span in spans), default=request.at_ns),
                proxy=request.proxy or request.host,
                kind=request.endpoint or "?",
                module=request.module or _repository(request),
                version=request.version,
                status=_request_status(request),
                mood=_mood(request),
                spans=tuple(spans),
                follows=request.id in followers,
                leads=request.id in successors,
                failure=request.failure,
                request=request,
                connection=joins.connection(request.connection)
                or (setup.connections[-1] if setup.connections else None),
                lookup=lookup,
                pid=request.pid,
            )
        )
    return rows


def _successors(requests: Sequence[Request]) -> dict[str, Request]:
    """Map the id of each request that fell through to the request that the next entry got."""
    waiting: dict[tuple[object, ...], Request] = {}
    successors: dict[str, Request] = {}
    for request in requests:
        key = (request.pid, request.endpoint, request.module, request.version)
        earlier = waiting.pop(key, None)
        if earlier is not None and (request.chain_index or 0) > (earlier.chain_index or 0):
            successors[earlier.id] = request
        if request.final == "fell_through":
            waiting[key] = request
    return successors


def _mood(request: Request) -> Mood:
    if request.failure is not None:
        return "failed"
    if request.is_miss:
        return "miss"
    return "ok" if request.status is not None or request.is_ok else "pending"


def _fetched_at_ns(request: Request) -> int | None:
    """When git ended well: of its answers nothing is told apart."""
    waited_ns, took_ns = request.connect_wait_ns, request.transfer_ns
    if request.endpoint != "git" or waited_ns is None or took_ns is None:
        return None
    return request.at_ns + waited_ns + took_ns


def _repository(request: Request) -> str:
    is_git = request.endpoint == "git"
    return (request.url or "").partition("://")[2] if is_git else ""


def _request_status(request: Request) -> str:
    status = "" if request.status is None else str(request.status)
    if request.failure is None:
        if request.suspect:
            return f"{status}?"
        return status or (request.final or "pending")
    detail = request.failure.cls.partition(".")[2]
    if status and (detail in ("5xx", status) or request.failure.cls.startswith("auth.")):
        return status
    return f"{status} {detail}".strip()


def _connection_rows(document: Document, joins: Joins, seen_pids: set[int]) -> list[Row]:
    return [
        _connection_row(connection, joins.of_connection(connection))
        for connection in document.connections
        if connection.pid not in seen_pids
    ]


def _connection_row(connection: Connection, setup: Setup) -> Row:
    spans = tuple(setup_spans(setup))
    handshake = setup.handshake
    failed = connection_failure(connection, handshake)
    what = join_port(connection.address, connection.port)
    if handshake is not None and handshake.alpn:
        what += f" {handshake.alpn}"
    if connection.bytes_in is not None:
        what += f" {words.size(connection.bytes_in)} in"
    status = "pending" if connection.outcome is None else str(connection.outcome)
    if failed is not None:
        status = failed.cls.partition(".")[2]
    kind = "tcp" if handshake is None else f"tls {handshake.version or ''}".strip()
    return Row(
        at_ns=min((span.at_ns for span in spans), default=connection.at_ns),
        end_ns=max((span.end_ns for span in spans), default=connection.at_ns),
        proxy=connection.host or (handshake.sni if handshake else None) or connection.address,
        kind=kind,
        module=what,
        status="ok" if status == "established" else status,
        mood="failed" if failed else "ok" if connection.outcome else "pending",
        spans=spans,
        failure=failed,
        connection=connection,
        lookup=setup.lookups[0] if setup.lookups else None,
        pid=connection.pid,
    )


def connection_failure(connection: Connection, handshake: Handshake | None) -> Failure | None:
    """Name what was wrong with a connection that no request speaks for."""
    host = connection.host or (handshake.sni if handshake else None) or connection.address
    address = join_port(connection.address, connection.port)
    cls = _TCP_CLASSES.get(connection.outcome or "")
    if cls is not None:
        evidence = f"connection to {address} of {host}: {connection.outcome}"
        return failure(cls, evidence, host, address)
    cls = _failure_class(handshake.outcome) if handshake is not None else None
    if handshake is None or cls is None:
        return None
    evidence = f"TLS handshake with {host} at {address} failed"
    if handshake.alert:
        evidence += f", alert {handshake.alert}"
    return failure(cls, evidence, host, address)


def _lookup_rows(document: Document, seen_pids: set[int]) -> list[Row]:
    used = {(connection.pid, connection.lookup_at_ns) for connection in document.connections}
    return [
        _lookup_row(lookup)
        for lookup in document.lookups
        if lookup.pid not in seen_pids and (lookup.pid, lookup.at_ns) not in used
    ]


def _lookup_row(lookup: Lookup) -> Row:
    spans = tuple(setup_spans(Setup(lookups=(lookup,))))
    cls = _failure_class(lookup.outcome)
    failed = failure(cls, f"no address for {lookup.host}", lookup.host) if cls else None
    servers = dict.fromkeys(query.server for query in lookup.queries)
    status = (lookup.outcome or "pending").rpartition(".")[2]
    return Row(
        at_ns=lookup.at_ns,
        end_ns=max((span.end_ns for span in spans), default=lookup.at_ns),
        proxy=lookup.host,
        kind="dns",
        module=", ".join(servers) or lookup.source or "",
        status=status,
        mood="failed" if failed else "ok" if lookup.outcome else "pending",
        spans=spans,
        failure=failed,
        lookup=lookup,
        pid=lookup.pid,
    )


def _failure_class(outcome: str | None) -> FailureClass | None:
    return next((cls for cls in CLASSES if cls == outcome), None)
