"""
Makes the verdict on a request: class, evidence in words, whom it speaks against, and where.

The status decides before what `go` did with the answer. Knows nothing of goroutines or events'
order; what was wrong is found in cause.py.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ..events.events import GoError
from ..records.failures import failure
from ..records.phases import name_of
from ..records.records import Certificate, Failure
from ..records.searched import found_by_search
from ..wire.hosts import join_port
from .answercause import body_cause, redirect_cause, status_cause
from .cause import Cause, is_cancelled
from .networkcause import network_cause
from .openconnection import OpenConnection
from .pathcause import path_cause
from .proxysetting import misread
from .requests import OpenRequest
from .resolution import FailedLookup, is_given_up, is_of_lookup, resolution_cause
from .route import decided
from .stages import Stage
from .tlscause import certificate_words
from .waycause import way_cause

MAX_LISTED = 4
"""Addresses that a sentence lists."""

_NO_ANSWER = ("dns.", "tcp.", "tls.", "http.reset", "http.protocol")
_NOT_SENT = "go asks nobody, because of how it is to ask"
_SUBJECTS = {"machine": "this machine", "configuration": "the configuration"}
_NO_AUTHORITIES = Cause(
    "local.ca",
    "no certificate authorities where go looks for them (SSL_CERT_FILE, SSL_CERT_DIR, /etc/ssl)",
    "machine",
)


class Surroundings(NamedTuple):
    """What is known around a request that failed."""

    connection: OpenConnection | None = None
    """In hand, or the one whose failure decided."""
    lookup: FailedLookup | None = None
    """Of its last hop's host, or of its HTTP proxy's."""
    certificate: Certificate | None = None
    """That this host showed last."""
    now_s: int = 0
    """Seconds since 1970 when it failed."""
    authorities: bool | None = None
    """False where `go` has none to trust."""
    at_http_proxy: bool = False
    """It failed at an HTTP or SOCKS proxy, not at whom it asks."""
    at_ns: int | None = None
    """When it failed, or was given up."""
    proxy_settings: Mapping[str, str | None] = {}
    """What HTTPS_PROXY and HTTP_PROXY are set to, without secrets."""


def judge(request: OpenRequest, around: Surroundings) -> Failure | None:
    """Say why a request failed; None for an answer, a miss, and what `go` itself gave up."""
    error = _error_of(request)
    cause = _settled(request, around, error)
    if cause is None:
        return None
    name = name_of(request.last.host if request.last else request.host)
    subject = _SUBJECTS.get(cause.against)
    if subject is not None:
        host = name if error is not None and is_of_lookup(error) else None
        return failure(cause.cls, f"{subject}: {cause.words}", host, against=cause.against)
    who = name
    # Content that a checksum contradicts is a forgery, or another release: no proxy's own page.
    if around.at_http_proxy and not cause.cls.startswith("checksum."):
        who, cause = _of_http_proxy(_dialled(request) or name, cause, error, around)
        if (setting := _misread(request, who, cause, around)) is not None:
            return failure("local.config", f"the configuration: {setting}", against="configuration")
        if request.status is not None and request.status < 400:
            cause = cause._replace(words=f"{cause.words}, as the answer of {name}")
    connection = around.connection
    way = connection.way if connection is not None and cause.against == "proxy" else ""
    evidence = _evidence(request, who, cause, error, around) + way + _also_tried(request, cause)
    if cause.cls.startswith("dns."):
        return failure(cause.cls, evidence, who, None, cause.against)
    # Of one that a proxy was asked to reach, the address is not known.
    address, against = None if way else _address(request, connection), cause.against
    searched = around.lookup and found_by_search(around.lookup.host, around.lookup.queries)
    if searched:
        evidence += f"; its address is that of {searched}, by a search domain of resolv.conf"
        # Its certificate tells that it is another; else it may be who was meant, as in a cluster.
        against = "resolver" if cause.cls == "tls.hostname" else against
    return failure(cause.cls, evidence, who, address, against)


def _settled(request: OpenRequest, around: Surroundings, error: GoError | None) -> Cause | None:
    """Return what went wrong, by all that is known around it."""
    cause = request.refusal or _cause(request, around)
    if cause is None:
        return None
    cause = path_cause(around.connection, cause) or cause
    if cause.cls == "http.protocol" and not _has_asked(request, around):
        why = cause.words if cause.unquoted is None else cause.quoted
        words = f"{_NOT_SENT}: {why}" if why else _NOT_SENT
        cause = Cause("local.config", words, "configuration")
    if cause.cls == "http.reset" and _is_being_made(request, around.connection):
        cause = cause._replace(cls="tcp.reset")  # before it could be asked anything
    if error is not None and error.types[-1] == "x509.UnknownAuthorityError":
        cause = _NO_AUTHORITIES if around.authorities is False else cause
    return cause


def _has_asked(request: OpenRequest, around: Surroundings) -> bool:
    """Whether anybody may be to blame: somebody was looked up, dialled, or asked."""
    if around.connection is not None or around.lookup is not None or request.status is not None:
        return True
    return any(hop.attempts or hop.cookie is not None or hop.streams for hop in request.hops)


def _dialled(request: OpenRequest) -> str | None:
    """Return who was dialled without a name, which is this machine itself (net.Dial)."""
    tried = decided(request.last.attempts) if request.last is not None else None
    return None if tried is None or tried.address is not None else f"localhost:{tried.port}"


def _of_http_proxy(
    name: str, cause: Cause, error: GoError | None, around: Surroundings
) -> tuple[str, Cause]:
    """Return the HTTP proxy that failed, and what it did: by its answer to CONNECT, if any."""
    connection, lookup = around.connection, around.lookup
    who = name if lookup is None else lookup.host
    if connection is not None and connection.via is not None:
        who = connection.via
        cause = way_cause(connection, error) or cause
    return who, cause._replace(against="http_proxy")


def _misread(request: OpenRequest, who: str, cause: Cause, around: Surroundings) -> str | None:
    """Say what is wrong with the setting that named the proxy, where that did not answer as one."""
    if not cause.cls.startswith(_NO_ANSWER):
        return None
    names = ("HTTPS_PROXY",) if request.scheme == "https" else ("HTTP_PROXY", "HTTPS_PROXY")
    for name in names[: len(request.hops)]:  # a redirect may lead from http to https
        words = misread(around.proxy_settings.get(name), who)
        if words is not None:
            return f"{name} {words}"
    return None


def _is_being_made(request: OpenRequest, connection: OpenConnection | None) -> bool:
    if connection is None or connection.paid_by != request.id or request.status is not None:
        return False
    return request.scheme == "https" and connection.alpn is None


def _evidence(
    request: OpenRequest, who: str, cause: Cause, error: GoError | None, around: Surroundings
) -> str:
    certificate = around.certificate
    if certificate is not None and error is not None and cause.cls.startswith("tls."):
        words = certificate_words(error, certificate, who, around.now_s)
        if words is not None:
            return words
    role = "the HTTP proxy " if cause.against == "http_proxy" else ""
    # Where it was sent on, the port is not the one that the user has given.
    is_sent_on = len(request.redirects()) > 0 and name_of(request.hops[-1].host) == who
    return f"{role}{request.hops[-1].host if is_sent_on else who} {cause.words}"


def _also_tried(request: OpenRequest, cause: Cause) -> str:
    """List what became of the other addresses, where more than one was tried."""
    attempts = request.last.attempts if request.last is not None else []
    first = decided(attempts)
    if not cause.cls.startswith("tcp.") or first is None:
        return ""
    others = {
        join_port(attempt.address, attempt.port): attempt.outcome or "given up"
        for attempt in attempts
        if attempt.address is not None and attempt.address != first.address
    }
    if not others:
        return ""
    listed = [f"{address} {outcome}" for address, outcome in list(others.items())[:MAX_LISTED]]
    return f"; also tried: {', '.join(listed)}"


def _address(request: OpenRequest, connection: OpenConnection | None) -> str | None:
    if connection is not None:
        return join_port(connection.address, connection.port)
    tried = decided(request.last.attempts) if request.last is not None else None
    return None if tried is None or tried.address is None else join_port(tried.address, tried.port)


def _error_of(request: OpenRequest) -> GoError | None:
    hop = request.last
    return hop.error if hop is not None and hop.error is not None else request.operation_error


def _cause(request: OpenRequest, around: Surroundings) -> Cause | None:
    hop = request.last
    if hop is None:
        return _of_error(request.operation_error, around.lookup)
    if hop.status is not None:
        return _of_answer(request, hop.status)
    at_ns = around.at_ns or hop.at_ns
    if hop.error is not None:
        is_again = hop.streams is not None and hop.streams.count > 1
        cause = _of_error(hop.error, around.lookup, is_again)
        return cause if cause is None or hop.streams is None else hop.streams.counted(cause, at_ns)
    if request.stage is Stage.HANGING:
        asked_again = hop.streams.cause(at_ns) if hop.streams is not None else None
        return asked_again or Cause("http.stalled", "took the request and has not answered it")
    return _of_error(request.operation_error, around.lookup)


def _of_answer(request: OpenRequest, status: int) -> Cause | None:
    error = request.operation_error
    if request.is_redirect(status):
        return redirect_cause(status, error) if error is not None else None
    if status != 200:
        return status_cause(status)
    if error is not None:
        return body_cause(error)
    if request.stage is Stage.STALLED:
        return Cause("http.stalled", "stopped sending in the middle of the body")
    return None


def _of_error(
    error: GoError | None, lookup: FailedLookup | None, is_again: bool = False
) -> Cause | None:
    if error is None or is_cancelled(error):
        return None
    if not is_of_lookup(error):
        return network_cause(error, from_peer=is_again)
    return None if is_given_up(error) else resolution_cause(error, lookup)
