"""
What a request was waiting for when its command was ended, and since when.

`go` has no time-out after a connection stands: a job's own, or a person, ends what hangs.
"""

from dataclasses import replace

from ..records.failures import FailureClass, failure
from ..records.phases import name_of
from ..records.records import Against, Failure
from ..wire.hosts import join_port
from .openconnection import OpenConnection
from .requests import OpenRequest
from .stages import Stage

MIN_WAITED_NS = 1_000_000_000
"""Who is ended sooner has not waited."""


def waited_for(
    request: OpenRequest, connection: OpenConnection | None, resolving: bool, end_ns: int
) -> Failure | None:
    """Say what an unfinished request was waiting for, and through whom; see _waited_for."""
    found = _waited_for(request, connection, resolving, end_ns)
    way = "" if connection is None else connection.way
    if found is None or found.against != "proxy" or not way:
        return found
    return replace(found, evidence=f"{found.evidence}{way}", address=None)


def _waited_for(
    request: OpenRequest, connection: OpenConnection | None, resolving: bool, end_ns: int
) -> Failure | None:
    """
    Say what an unfinished request was waiting for; None where that was nothing, or not for long.

    Args:
        request: Neither answered whole nor failed.
        connection: In hand, or being made for it.
        resolving: A lookup of its host is under way.
        end_ns: When its command was ended.
    """
    hop = request.last
    if hop is None or not request.is_unfinished:
        return None
    name = name_of(hop.host)
    is_at_proxy = connection is not None and _is_at_proxy(connection)
    who = connection.via or name if connection is not None and is_at_proxy else name
    against: Against = "http_proxy" if is_at_proxy else "proxy"
    address = None if connection is None else join_port(connection.address, connection.port)
    if request.stage in (Stage.READING, Stage.STALLED):
        grown_at_ns, looked_at_ns = request.grown_at_ns, request.looked_at_ns
        if grown_at_ns is None or looked_at_ns is None:
            return None  # nobody looked whether it still came
        words = (
            "had sent nothing more of the body for at least {}, after "
            f"{request.body_bytes_in} bytes on its connection, with heads and TLS,"
        )
        return _failure("http.stalled", who, words, grown_at_ns, looked_at_ns, address, against)
    asked_again = hop.streams.cause(end_ns) if hop.streams is not None else None
    if asked_again is not None:
        return _failure(
            asked_again.cls, who, asked_again.words, hop.at_ns, end_ns, address, against
        )
    if request.stage is Stage.WAITING:
        words = "had not answered for {}: no head of an answer"
        return _failure("http.stalled", who, words, request.since_ns, end_ns, address, against)
    if connection is None and resolving:
        words = "could not be resolved: no DNS answer for {}"
        return _failure("dns.timeout", name, words, hop.at_ns, end_ns, None, "resolver")
    if connection is None:
        return None
    cls, words, since_ns = _stage(connection, hop.at_ns)
    return _failure(cls, who, words, since_ns, end_ns, address, against)


def _is_at_proxy(connection: OpenConnection) -> bool:
    return connection.via is not None and connection.tunnel != "stands"


def _stage(connection: OpenConnection, asked_at_ns: int) -> tuple[FailureClass, str, int]:
    """Return what a connection that no request had in hand was waiting for, and since when."""
    if connection.established_at_ns is None:
        words = "had not answered the connection attempt for {} (SYN without an answer)"
        return "tcp.timeout", words, connection.at_ns
    if _is_at_proxy(connection) and not connection.is_shaking_with_proxy:
        asked = "the greeting of SOCKS, or to open a way," if connection.is_socks else "CONNECT"
        return "http.stalled", f"had not answered {asked} for {{}}", connection.established_at_ns
    if connection.shaken_at_ns is None:
        words = "had not finished the TLS handshake for {}"
        return "tls.timeout", words, connection.established_at_ns
    words = "had not answered for {}: no head of an answer"
    return "http.stalled", words, max(asked_at_ns, connection.shaken_at_ns)


def _failure(
    cls: FailureClass,
    who: str,
    words: str,
    since_ns: int,
    end_ns: int,
    address: str | None,
    against: Against,
) -> Failure | None:
    if end_ns - since_ns < MIN_WAITED_NS:
        return None
    waited = f"{(end_ns - since_ns) / 1e9:.1f} s"
    role = "the HTTP proxy " if against == "http_proxy" else ""
    words = words.replace("{}", waited)
    return failure(cls, f"{role}{who} {words} when it was ended", who, address, against)
