"""
Puts the verdict on a request into words: class, who failed, and where.

Knows nothing of goroutines or events' order.
"""

from collections.abc import Sequence

from ..binary.probes import Site
from ..events import ContentFailed, Fatal, GoError
from ..failures import failure
from ..phases import name_of
from ..records import Certificate, Failure, Query
from .connections import OpenConnection
from .requests import OpenRequest
from .verdict import (
    Cause,
    body_cause,
    certificate_words,
    is_cancelled,
    network_cause,
    status_cause,
)


def judge(
    request: OpenRequest,
    connection: OpenConnection | None,
    queries: Sequence[Query],
    certificate: Certificate | None,
    now_s: int,
) -> Failure | None:
    """
    Say why a request failed; None for an answer, a miss, and what was given up by `go` itself.

    Args:
        request: As far as it went.
        connection: In hand, or tried last.
        queries: Of the lookup of its last hop's host.
        certificate: That this host showed last.
        now_s: Seconds since 1970 when it failed.
    """
    cause = request.rejected or _cause(request, queries)
    if cause is None:
        return None
    cls, words = cause
    via = connection.via if connection is not None else None
    host = request.last.host if request.last else request.host
    name = name_of(host)
    at_proxy = via is not None and (
        cls.startswith(("dns.", "tcp.")) or "an HTTP proxy" in words or cls == "auth.407"
    )
    who = via if at_proxy and via is not None else name
    evidence = f"{who} {words}"
    if certificate is not None and cls in ("tls.expired", "tls.untrusted", "tls.hostname"):
        evidence = certificate_words(cls, certificate, name, now_s)
    address = None
    if connection is not None and not cls.startswith("dns."):
        port = connection.port
        bare = connection.address
        address = f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
    return failure(cls, evidence, who, address)


def _cause(request: OpenRequest, queries: Sequence[Query]) -> Cause | None:
    hop = request.last
    if hop is None:
        return _of_error(request.operation_error, queries)
    if hop.status is not None and not request.is_redirect(hop.status):
        if hop.status == 200 and request.operation_error is not None:
            return body_cause(request.operation_error)
        if hop.status == 200 and request.reported and hop.closed_at_ns is None:
            return "http.stalled", "stopped sending in the middle of the body"
        return status_cause(hop.status)
    if hop.status is not None and request.operation_error is not None:
        return "http.protocol", f"redirects without end: {request.operation_error.text}"
    if hop.error is not None:
        return _of_error(hop.error, queries)
    if request.reported:
        return "http.stalled", "took the request and has not answered it"
    return _of_error(request.operation_error, queries)


def _of_error(error: GoError | None, queries: Sequence[Query]) -> Cause | None:
    if error is None or is_cancelled(error):
        return None
    return network_cause(error, queries)


def judge_rejection(event: ContentFailed | Fatal) -> Cause | None:
    """Say why content was refused; None where the event is about something else."""
    if isinstance(event, Fatal):
        if event.format.startswith("verifying %s"):
            return "checksum.gosum", "sent content that go.sum contradicts"
        return None
    if event.error is None:
        return None
    text = event.error.text
    if event.site is Site.CHECK_SUM_DB_RET and "checksum mismatch" in text:
        return "checksum.sumdb", "sent content that the checksum database contradicts"
    if event.site is Site.DOWNLOAD_ZIP_RET and "zip" in text:
        return "http.protocol", f"sent a zip that go refused: {text}"
    return None
