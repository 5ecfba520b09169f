"""
The phases of a request, from the records that belong to it.

Knows nothing of terminals or scores. Names are blackbox_exporter's five, plus `verify` (the
local share of tls) and `wait`: time spent waiting for a connection that somebody else set up.
A time that was not seen is left out, never 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

from .records import Connection, Handshake, Lookup, Request
from .spelling import asked_name

Phase = Literal["resolve", "connect", "tls", "processing", "transfer"]
Painted = Phase | Literal["wait"]
_Timed = TypeVar("_Timed", Lookup, Connection, Handshake)

MAX_NAMES = 1024
"""Hosts remembered without their port; a build farm has tens."""
PHASES: tuple[Phase, ...] = ("resolve", "connect", "tls", "processing", "transfer")
"""In the order in which a request lives them."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time spent in one phase; `end_ns` is exclusive."""

    phase: Painted
    at_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Setup:
    """The records of the set-up that one request, or one connection, paid for."""

    lookups: tuple[Lookup, ...] = ()
    connections: tuple[Connection, ...] = ()
    """More than one when address families raced and none won."""
    handshake: Handshake | None = None


@lru_cache(maxsize=MAX_NAMES)
def name_of(host: str) -> str:
    """Return a host without port and brackets, in its one spelling: what a lookup is for."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdecimal() and (":" not in name or name.endswith("]")):
        host = name
    return asked_name(host.strip("[]"))


class Joins:
    """Lookups, connections and handshakes, found by the ids that join them."""

    def __init__(
        self,
        lookups: Iterable[Lookup],
        connections: Iterable[Connection],
        handshakes: Iterable[Handshake],
    ) -> None:
        self._connections: dict[int, Connection] = {}
        self._lookups: dict[tuple[int, int], Lookup] = {}
        self._handshakes: dict[int, Handshake] = {}
        self._lookups_of: dict[tuple[int, str], list[Lookup]] = defaultdict(list)
        self._connections_of: dict[tuple[int, str], list[Connection]] = defaultdict(list)
        self._handshakes_of: dict[tuple[int, str], list[Handshake]] = defaultdict(list)
        for lookup in lookups:
            self._lookups[lookup.pid, lookup.at_ns] = lookup
            self._lookups_of[lookup.pid, name_of(lookup.host)].append(lookup)
        for connection in connections:
            self._connections[connection.cookie] = connection
            name = name_of(connection.host or connection.address)
            self._connections_of[connection.pid, name].append(connection)
        for handshake in handshakes:
            if handshake.connection is None:
                self._handshakes_of[handshake.pid, name_of(handshake.sni or "")].append(handshake)
            else:
                self._handshakes[handshake.connection] = handshake

    def connection(self, cookie: int | None) -> Connection | None:
        """Return the connection of a cookie, if it was seen."""
        return None if cookie is None else self._connections.get(cookie)

    def of_connection(self, connection: Connection) -> Setup:
        """Return what it took to have this connection."""
        lookup = None
        if connection.lookup_at_ns is not None:
            lookup = self._lookups.get((connection.pid, connection.lookup_at_ns))
        return Setup(
            lookups=() if lookup is None else (lookup,),
            connections=(connection,),
            handshake=self._handshakes.get(connection.cookie),
        )

    def of_request(self, request: Request, until_ns: int | None = None) -> Setup:
        """
        Return the set-up that this request paid for; empty when it used what was there.

        A request that never had a connection in hand has no id to join by: then it is what
        its process tried for the same host, from its start until `until_ns`.
        """
        connection = self.connection(request.connection)
        if connection is not None:
            return self.of_connection(connection) if request.paid_setup else Setup()
        if request.status is not None or request.paid_setup is False:
            return Setup()
        return self._tried(request, until_ns)

    def _tried(self, request: Request, until_ns: int | None) -> Setup:
        hosts = {name_of(host) for host in (request.host, *request.redirects)}
        if request.failure is not None and request.failure.host is not None:
            hosts.add(name_of(request.failure.host))

        def mine(found: Mapping[tuple[int, str], list[_Timed]]) -> list[_Timed]:
            tried = [
                record
                for host in hosts
                for record in found.get((request.pid, host), ())
                if request.at_ns <= record.at_ns and (until_ns is None or record.at_ns < until_ns)
            ]
            return sorted(tried, key=lambda record: record.at_ns)

        connections = mine(self._connections_of)
        handshakes = [
            self._handshakes[connection.cookie]
            for connection in connections
            if connection.cookie in self._handshakes
        ] or mine(self._handshakes_of)
        return Setup(
            lookups=tuple(mine(self._lookups_of)),
            connections=tuple(connections),
            handshake=handshakes[-1] if handshakes else None,
        )


def durations(request: Request, setup: Setup) -> dict[Phase | Literal["verify"], int]:
    """Return the time spent in each phase that was seen, in ns, in the order of `PHASES`."""
    seen: dict[Phase | Literal["verify"], int] = {}
    for span in _setup_spans(setup):
        if span.phase != "wait":
            seen[span.phase] = seen.get(span.phase, 0) + span.end_ns - span.at_ns
    if setup.handshake is not None and setup.handshake.verify_ns is not None:
        seen["verify"] = setup.handshake.verify_ns
    if request.processing_ns is not None:
        seen["processing"] = request.processing_ns
    if request.transfer_ns is not None:
        seen["transfer"] = request.transfer_ns
    return seen


def request_spans(request: Request, setup: Setup, until_ns: int | None = None) -> list[Span]:
    """
    Return the life of a request as spans in time order that neither overlap nor leave a gap.

    Set-up stands where it happened, also in the middle, after a redirect. `until_ns` is the
    latest moment at which a request without an answer was given up; without it, the last step
    that was seen is its end.
    """
    until_ns = None if request.status is not None else until_ns
    paid = [
        clipped
        for span in _setup_spans(setup, until_ns)
        if (clipped := _clip(span, request.at_ns, until_ns)) is not None
    ]
    spans: list[Span] = []
    at_ns = request.at_ns
    steps: tuple[tuple[Painted, int | None], ...] = (
        ("wait", request.connect_wait_ns),
        ("processing", request.processing_ns),
        ("transfer", request.transfer_ns),
    )
    for phase, duration_ns in steps:
        if duration_ns is None:
            if request.status is None or phase != "transfer":
                seen_ns = max((span.end_ns for span in paid), default=at_ns)
                end_ns = until_ns if until_ns is not None else seen_ns
                spans.append(Span(phase, at_ns, max(at_ns, end_ns)))
            break
        spans.append(Span(phase, at_ns, at_ns + duration_ns))
        at_ns += duration_ns
    return _overlay(spans, paid)


def has_ended(request: Request, setup: Setup) -> bool:
    """Tell whether the last step that was seen of a request has a measured end."""
    if request.status is not None:
        return True
    if request.connect_wait_ns is not None:
        return request.processing_ns is not None
    if setup.handshake is not None:
        return setup.handshake.handshake_ns is not None
    if setup.connections:
        return setup.connections[-1].connect_ns is not None
    return bool(setup.lookups) and setup.lookups[-1].lookup_ns is not None


def setup_spans(setup: Setup) -> list[Span]:
    """Return the spans of a connection of its own, without a request: resolve, connect, tls."""
    return _overlay([], _setup_spans(setup))


def _setup_spans(setup: Setup, until_ns: int | None = None) -> list[Span]:
    """Return the steps of the set-up; one that never ended lasted until `until_ns`."""
    steps: list[tuple[Phase, int, int | None]] = [
        *(("resolve", lookup.at_ns, lookup.lookup_ns) for lookup in setup.lookups),
        *(("connect", dial.at_ns, dial.connect_ns) for dial in setup.connections),
    ]
    if setup.handshake is not None:
        steps.append(("tls", setup.handshake.at_ns, setup.handshake.handshake_ns))
    spans = []
    for phase, at_ns, took_ns in steps:
        end_ns = until_ns if took_ns is None else at_ns + took_ns
        if end_ns is not None and at_ns < end_ns:
            spans.append(Span(phase, at_ns, end_ns))
    return _overlay([], spans)


def _clip(span: Span, at_ns: int, end_ns: int | None) -> Span | None:
    start = max(span.at_ns, at_ns)
    end = span.end_ns if end_ns is None else min(span.end_ns, end_ns)
    return Span(span.phase, start, end) if start < end else None


def _overlay(below: Iterable[Span], above: Iterable[Span]) -> list[Span]:
    """Lay spans over others, later ones over earlier ones, and cut what they cover."""
    laid: list[Span] = list(below)
    for top in above:
        kept = []
        for span in laid:
            if span.end_ns <= top.at_ns or span.at_ns >= top.end_ns:
                kept.append(span)
                continue
            if span.at_ns < top.at_ns:
                kept.append(Span(span.phase, span.at_ns, top.at_ns))
            if top.end_ns < span.end_ns:
                kept.append(Span(span.phase, top.end_ns, span.end_ns))
        laid = [*kept, top]
    return sorted(laid, key=lambda span: span.at_ns)
