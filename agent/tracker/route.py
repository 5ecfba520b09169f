"""
Through whom a request goes, and where on the way it failed: by facts, not by words.

Knows nothing of classes and sentences. A proxy is whoever was dialled instead of the host that the
request asks; its tunnel stands once what follows is between `go` and that host.
"""

from collections.abc import Iterable, Sequence

from ..events.events import DialStart, GoError
from ..records.records import Failure
from ..wire.hosts import is_dial_of, is_same_name, split_port
from .connections import Connections
from .dials import Attempt, Way
from .openconnection import OpenConnection
from .openlookup import OpenLookup
from .requests import Hop, OpenRequest

MAX_ATTEMPTS = 64
"""Kept of one hop: the addresses of its host, asked again and again; the first and the latest."""
_OF_PROXY = ("proxyconnect", "socks connect")
"""What net/http calls the operation when it fails at the proxy (transport.go: wrapErr)."""
OWN_STATUSES = (407, 502, 503, 504, 511)
"""
Whose sender says that it stands between. Over plain HTTP nothing tells a proxy's own answer from
one that it passed on. These are taken for the proxy's: 407 and 511 are no server's, and with the
others a proxy says that it did not get through. So is an answer that cannot be used, below 400: a
login page, a redirect to one, a body that breaks off on the proxy's own connection. A module proxy
that sends them itself is acquitted; the opposite would blame every module proxy of a fleet for one
HTTP proxy that is down.
"""


def way_of(dial: DialStart, payer: OpenRequest, others: Iterable[OpenRequest]) -> Way | None:
    """
    Tell what a dial is for; None where no request has asked anybody yet.

    A request may have got another connection and gone on to the next host while its dial is under
    way, so a dial to whom any request asks is straight. A proxy at a module proxy's own host and
    port shows itself by the CONNECT.
    """
    if payer.last is None:
        return None
    asking = [payer, *others]
    is_straight = any(
        is_dial_of(dial.host, hop.host, request.scheme, index > 0)
        for request in asking
        for index, hop in enumerate(request.hops)
    )
    return Way(split_port(payer.last.host)[0], None if is_straight else dial.host)


def begin_attempt(dial: DialStart, parent_goid: int | None, payer: OpenRequest) -> Attempt | None:
    """Note an address that is tried for a request's hop."""
    hop = payer.last
    if hop is None:
        return None
    parent = None if parent_goid == payer.goid else parent_goid
    attempt = Attempt(dial.address, dial.port, dial.at_ns, dial.goid, parent)
    if len(hop.attempts) >= MAX_ATTEMPTS:
        del hop.attempts[MAX_ATTEMPTS // 2]
    hop.attempts.append(attempt)
    return attempt


def decided(attempts: Sequence[Attempt]) -> Attempt | None:
    """
    Return the attempt that decided: what was established, else the first of the last operation.

    The first error of the primary family is what `go` prints, and its first address is dialled
    first (net/dial.go: dialSerial, dialParallel).
    """
    last: list[Attempt] = []
    for attempt in attempts:
        if last and not any(_is_same_dial(before, attempt) for before in last):
            last = []
        last.append(attempt)
    made = (attempt for attempt in last if attempt.is_established)
    return next(made, last[0] if last else None)


def _is_same_dial(before: Attempt, after: Attempt) -> bool:
    """Whether two attempts are of one net.Dialer.DialContext, whose families race."""
    if before.goid == after.goid:
        return True
    if after.parent_goid is not None:
        return before.parent_goid == after.parent_goid
    return before.end_ns is None or after.at_ns < before.end_ns  # 1.19 does not tell parents


def own_connection(hop: Hop, connections: Connections) -> OpenConnection | None:
    """Return the connection of a hop: in hand, or of the attempt that decided."""
    in_hand = connections.get(hop.cookie)
    if in_hand is not None:
        return in_hand
    attempt = decided(hop.attempts)
    return connections.get(attempt.cookie) if attempt is not None else None


def address_of(connection: OpenConnection) -> str | None:
    """Return the address of whom a hop asks; None where a proxy is between, for it is not known."""
    return None if connection.via is not None else connection.address


def address_tried(failed: Failure) -> str | None:
    """Return the address of whom a hop asks, of a failure without a connection."""
    if failed.address is None or not failed.is_of_proxy:
        return None
    return split_port(failed.address)[0]


def at_http_proxy(
    hop: Hop,
    connection: OpenConnection | None,
    lookup: OpenLookup | None,
    error: GoError | None,
) -> bool:
    """
    Say whether a hop failed at an HTTP or SOCKS proxy, not at whom it asks.

    Args:
        hop: That failed, or was not answered.
        connection: Its own, if it got as far as one.
        lookup: Its own, if it got as far as one, also where that failed.
        error: Instead of an answer.
    """
    if error is not None and any(name in _OF_PROXY for name in error.operations):
        return True
    if connection is None:
        asked = split_port(hop.host)[0]
        return lookup is not None and not is_same_name(lookup.host, asked)
    if connection.via is None or connection.tunnel == "stands":
        return False
    return hop.status is None or hop.status < 400 or hop.status in OWN_STATUSES
