"""
Why a request, dial, handshake or lookup failed: from facts, and where these do not decide from
the Go error value.

Knows nothing of time. Type names are as Go writes them; the walk is cmd/go's own path: url.Error
> net.OpError > the cause. Evidence is one sentence in words.
"""

import struct
from collections.abc import Sequence

from ..events import GoError
from ..failures import FailureClass
from ..records import Certificate, Query

_ERRNO: dict[int, tuple[FailureClass, str]] = {
    111: ("tcp.refused", "refused the connection"),
    104: ("tcp.reset", "reset the connection"),
    32: ("tcp.reset", "closed the connection"),
    110: ("tcp.timeout", "did not answer"),
    101: ("tcp.unreachable", "cannot be reached: no route to its network"),
    113: ("tcp.unreachable", "cannot be reached: no route to host"),
}
"""include/uapi/asm-generic/errno.h."""

_TLS_TYPES: dict[str, FailureClass] = {
    "x509.UnknownAuthorityError": "tls.untrusted",
    "x509.HostnameError": "tls.hostname",
    "x509.SystemRootsError": "tls.untrusted",
    "tls.RecordHeaderError": "tls.not_tls",
    "http.tlsHandshakeTimeoutError": "tls.timeout",
    "tls.alert": "tls.alert",
    "tls.AlertError": "tls.alert",
}
_X509_EXPIRED = 1
"""crypto/x509/verify.go: InvalidReason Expired; also "not yet valid"."""

_CONNECT_ANSWERS: dict[str, tuple[FailureClass, str]] = {
    "Proxy Authentication Required": ("auth.407", "is an HTTP proxy and answered 407"),
    "Forbidden": ("auth.403", "is an HTTP proxy and answered 403"),
    "Unauthorized": ("auth.401", "is an HTTP proxy and answered 401"),
    "Too Many Requests": ("http.429", "is an HTTP proxy and answered 429"),
    "Bad Gateway": ("http.5xx", "is an HTTP proxy and answered 502"),
    "Service Unavailable": ("http.5xx", "is an HTTP proxy and answered 503"),
    "Gateway Timeout": ("http.5xx", "is an HTTP proxy and answered 504"),
    "Internal Server Error": ("http.5xx", "is an HTTP proxy and answered 500"),
}
"""net/http/transport.go: the text of a refused CONNECT is the whole error, without its number."""

_DEADLINES = (
    "*poll.DeadlineExceededError",
    "poll.DeadlineExceededError",
    "context.deadlineExceededError",
    "*net.timeoutError",
    "net.timeoutError",
)
_CANCELLED = ("*net.canceledError", "net.canceledError", "context.cancelCtx")

Cause = tuple[FailureClass, str]
"""Class, and the end of a sentence that begins with who failed."""


def is_cancelled(error: GoError) -> bool:
    """The caller gave up, nothing failed: a lost race, or the end of the command."""
    return error.types[-1] in _CANCELLED or error.text == "context canceled"


def status_cause(status: int) -> Cause | None:
    """Judge a final status; None for 200 and for the protocol's own "not here"."""
    if status in (200, 404, 410):
        return None
    if status in (401, 403, 407):
        return ("auth.401" if status == 401 else "auth.403" if status == 403 else "auth.407"), (
            f"answered {status}"
        )
    if status == 429:
        return "http.429", "answered 429, too many requests"
    if status >= 500:
        return "http.5xx", f"answered {status}"
    return "http.protocol", f"answered {status}, which the protocol does not know"


def network_cause(error: GoError, queries: Sequence[Query] = ()) -> Cause:
    """
    Judge the error of a lookup, dial, handshake or round trip that gave no response.

    Args:
        error: From the outside in.
        queries: Of the lookup behind it, for what a `*net.DNSError` does not say.
    """
    leaf = error.types[-1]
    if "*net.DNSError" in error.types:
        return dns_cause(error, queries)
    if leaf == "syscall.Errno":
        return _errno(error)
    if leaf == "x509.CertificateInvalidError":
        (reason,) = struct.unpack_from("<q", error.leaf, 8)
        expired = reason == _X509_EXPIRED
        return ("tls.expired" if expired else "tls.untrusted"), "showed an invalid certificate"
    if leaf in _TLS_TYPES:
        return _TLS_TYPES[leaf], _tls_words(_TLS_TYPES[leaf])
    if leaf in _DEADLINES or error.text == "i/o timeout":
        return "tcp.timeout", "did not answer the connection attempt"
    return _by_text(error)


def _errno(error: GoError) -> Cause:
    (number,) = struct.unpack_from("<Q", error.leaf)
    return _ERRNO.get(number, ("tcp.unreachable", f"cannot be reached: errno {number}"))


def _by_text(error: GoError) -> Cause:
    text = error.text
    if text == "http: server gave HTTP response to HTTPS client":
        return "tls.not_tls", _tls_words("tls.not_tls")
    if text in _CONNECT_ANSWERS:
        return _CONNECT_ANSWERS[text]
    if text in ("EOF", "unexpected EOF") or "server closed" in text or "errNetClosing" in text:
        return "tcp.reset", "closed the connection without an answer"
    if any("http2" in name.lower() for name in error.types):
        return "http.protocol", "broke the HTTP/2 stream without an answer"
    return "http.protocol", f"gave no usable answer: {text or error.types[-1]}"


def _tls_words(cls: FailureClass) -> str:
    return {
        "tls.untrusted": "showed a certificate of an unknown authority",
        "tls.hostname": "showed a certificate for another name",
        "tls.not_tls": "answered the TLS handshake in plain text",
        "tls.timeout": "did not finish the TLS handshake",
        "tls.alert": "refused the TLS handshake with an alert",
    }[cls]


def dns_cause(error: GoError | None, queries: Sequence[Query]) -> Cause:
    """Judge a failed lookup: what servers answered, else what the error says."""
    rcodes = {query.rcode for query in queries}
    servers = ", ".join(dict.fromkeys(query.server for query in queries)) or "the resolver"
    if "NXDOMAIN" in rcodes or (error is not None and error.text == "no such host"):
        return "dns.nxdomain", f"does not exist, says {servers}"
    if "SERVFAIL" in rcodes:
        return "dns.servfail", f"could not be resolved: {servers} answered SERVFAIL"
    if "REFUSED" in rcodes:
        return "dns.refused", f"could not be resolved: {servers} answered REFUSED"
    if (error is not None and error.text == "timeout") or (queries and rcodes == {None}):
        return "dns.timeout", f"could not be resolved: no answer from {servers}"
    return "dns.servfail", f"could not be resolved by {servers}"


def body_cause(error: GoError) -> Cause | None:
    """Judge an operation that failed after a 200; None when no proxy is to blame."""
    leaf = error.types[-1]
    if is_cancelled(error) or leaf == "codehost.noCommitsError":
        return None  # the latter: a module without versions, which is an answer
    broken = (
        leaf == "syscall.Errno"
        or leaf in _DEADLINES
        or any("StreamError" in name or "GoAwayError" in name for name in error.types)
        or error.text in ("unexpected EOF", "EOF", "http2: client connection lost")
        or "connection lost" in error.text
        or "closed" in error.text
    )
    if broken:
        return "http.body", "broke off in the middle of the body"
    if any("json" in name for name in error.types):
        return "http.protocol", "answered something that is not the JSON of the protocol"
    return "http.protocol", f"sent content that go refused: {error.text or leaf}"


def certificate_words(cls: FailureClass, certificate: Certificate, host: str, now_s: int) -> str:
    """Say what is wrong with a certificate, in words with a time or a name in them."""
    if cls == "tls.expired":
        if now_s < certificate.not_before:
            return f"certificate of {host} is valid only in {_span(certificate.not_before - now_s)}"
        return f"certificate of {host} expired {_span(now_s - certificate.not_after)} ago"
    if cls == "tls.hostname":
        names = ", ".join(certificate.dns_names[:3]) or certificate.subject
        return f"certificate is for {names}, not for {host}"
    return f"certificate of {host} is signed by an unknown authority: {certificate.issuer}"


def _span(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
