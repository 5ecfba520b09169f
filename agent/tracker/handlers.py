"""
What each event of a probe in `go` means to the process that it belongs to: one table.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..events.events import (
    BodyClosed,
    ContentFailed,
    DialDone,
    DialStart,
    ErrorSaid,
    GoEvent,
    GotConn,
    HandshakeDone,
    HandshakeStart,
    LookupDone,
    LookupStart,
    OperationFailed,
    OsExit,
    ProxyList,
    RoundTripDone,
    RoundTripStart,
    StreamFailed,
    VerifyDone,
    VerifyStart,
    WebGet,
)
from ..records.phases import name_of
from ..wire.goproxy import chain_entries
from .lookups import is_address
from .openprocess import Handled, OpenProcess
from .route import begin_attempt, way_of


def _handshake_start(watched: OpenProcess, event: HandshakeStart) -> Handled:
    connection = watched.connections.at(event.pid, event.ends) if event.ends else None
    if connection is None and event.sni:
        connection = watched.connections.in_tunnel(event.pid, event.sni)
    return [*watched.handshakes.start(event.goid, event.sni, event.at_ns, connection)]


def _handshake_done(watched: OpenProcess, event: HandshakeDone) -> Handled:
    handshake = watched.handshake_done(event)
    return None if handshake is None else [handshake.record()]


def _lookup_start(watched: OpenProcess, event: LookupStart) -> Handled:
    if is_address(event.host):
        return []
    payer = watched.payer(event.goid, event.host)
    paid_by = payer.id if payer else None
    return [*watched.lookups.start(event.host, event.goid, event.at_ns, paid_by)]


def _lookup_done(watched: OpenProcess, event: LookupDone) -> Handled:
    # Without a lookup it is the return of one for an address, which is none.
    lookup = watched.lookups.finish(event.goid, event.at_ns, event.error)
    return [lookup] if lookup else []


def _dial_start(watched: OpenProcess, event: DialStart) -> Handled:
    host = name_of(event.host.rpartition(":")[0])
    payer = watched.payer(event.goid, host)
    lookup = watched.lookups.before_dial(host, event.address, payer.id if payer else None)
    way = way_of(event, payer, watched.open_requests()) if payer else None
    attempt = begin_attempt(event, watched.parent_of(event.goid), payer) if payer else None
    watched.connections.start_dial(
        event, lookup.at_ns if lookup else None, payer.id if payer else None, attempt, way
    )
    return []


def _dial_done(watched: OpenProcess, event: DialDone) -> Handled:
    known = watched.connections.finish_dial(event)
    return [] if known else None


def _proxy_list(watched: OpenProcess, event: ProxyList) -> Handled:
    watched.process = replace(watched.process, goproxy=chain_entries(event.entries))
    return []


def _os_exit(watched: OpenProcess, event: OsExit) -> Handled:
    watched.process = replace(watched.process, exit_code=event.code & 0xFF)
    return []


def _verify_start(watched: OpenProcess, event: VerifyStart) -> Handled:
    return [] if watched.handshakes.verify(event.goid, event.at_ns, event.der) else None


def _verify_done(watched: OpenProcess, event: VerifyDone) -> Handled:
    return [] if watched.handshakes.verified(event.goid, event.at_ns) else None


HANDLERS: Mapping[type[GoEvent], Callable[[OpenProcess, Any], Handled]] = {
    WebGet: OpenProcess.web_get,
    RoundTripStart: OpenProcess.round_trip_start,
    RoundTripDone: OpenProcess.round_trip_done,
    StreamFailed: OpenProcess.stream_failed,
    GotConn: OpenProcess.got_conn,
    BodyClosed: OpenProcess.body_closed,
    OperationFailed: OpenProcess.operation_failed,
    ContentFailed: OpenProcess.content_failed,
    ErrorSaid: OpenProcess.error_said,
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
