"""
Why a dial, handshake or round trip gave no answer: by the type of Go's error, at last by its words.

Knows nothing of requests, times or other events.
"""

from functools import lru_cache

from ..events.events import GoError
from ..records.failures import FailureClass
from .cause import CLOSED, DEADLINES, NET_CLOSING, Cause, errno_of, is_at_http_proxy, with_reason
from .http2cause import http2_cause
from .localcause import local_cause
from .tlscause import tls_cause

_NETWORK: dict[int, tuple[FailureClass, str]] = {
    111: ("tcp.refused", "refused the connection"),
    104: ("tcp.reset", "reset the connection"),
    103: ("tcp.reset", "broke the connection off"),
    32: ("tcp.reset", "closed the connection"),
    110: ("tcp.timeout", "did not answer"),
    100: ("tcp.unreachable", "cannot be reached: the network is down"),
    101: ("tcp.unreachable", "cannot be reached: no route to its network"),
    112: ("tcp.unreachable", "cannot be reached: it is down"),
    113: ("tcp.unreachable", "cannot be reached: no route to host"),
}
"""include/uapi/asm-generic/errno.h: what a peer, or the way to it, can be the cause of."""

_NOT_HTTP = (
    "http: ", "net/http: ", "http2: ", "malformed HTTP", "malformed MIME", "bad Content-Length",
    "unsupported transfer", "invalid response from proxy",
)  # fmt: skip

_SETTINGS = {
    "http: no Host in request URL": "GOPROXY has an entry without a host",
    "unsupported protocol scheme": "GOPROXY or GOSUMDB has a scheme that go does not speak",
    "unsupported scheme": "GOPROXY or GOSUMDB has a scheme that go does not speak",
    "network disabled by cmdgonetlimit": "GODEBUG allows no network (cmdgonetlimit)",
    "refusing to use HTTP_PROXY value in CGI": "HTTP_PROXY is refused beside REQUEST_METHOD (CGI)",
    "refusing to pass credentials": "GOPROXY has a password for a server without https",
}
"""How errors begin that settings are the cause of."""

_MAX_ERRORS = 64
"""Errors of which the cause is remembered: whoever is down fails every request alike."""


@lru_cache(maxsize=_MAX_ERRORS)
def network_cause(error: GoError, from_peer: bool = False) -> Cause:
    """
    Judge the error of a dial, handshake or round trip that gave no response.

    Args:
        error: From the outside in; not one that is_cancelled, nor of a lookup (resolution.py).
        from_peer: See http2_cause.
    """
    cause = (
        local_cause(error) or tls_cause(error) or http2_cause(error, from_peer)
        or _errno_cause(error) or _time_cause(error) or _text_cause(error)
    )  # fmt: skip
    return cause._replace(against="http_proxy") if _blames_proxy(error, cause) else cause


def _blames_proxy(error: GoError, cause: Cause) -> bool:
    return cause.against == "proxy" and is_at_http_proxy(error)


def _errno_cause(error: GoError) -> Cause | None:
    number = errno_of(error)
    if number is None:
        return None
    return Cause(*_NETWORK.get(number, ("tcp.unreachable", f"cannot be reached: errno {number}")))


def _time_cause(error: GoError) -> Cause | None:
    if error.types[-1] in DEADLINES or error.text == "i/o timeout":
        return Cause("tcp.timeout", "did not answer the connection attempt")
    return None


def _text_cause(error: GoError) -> Cause:
    """Errors that Go makes of words alone; these are constants of net/http and io."""
    text = error.text
    for beginning, words in _SETTINGS.items():
        if text.startswith(beginning):
            return Cause("local.config", words, "configuration")
    if error.types[-1] == "*net.AddrError":
        words = "GOPROXY, or the HTTP proxy, has no valid port"
        return Cause("local.config", words, "configuration")
    if text in CLOSED or error.types[-1] == NET_CLOSING:
        return Cause("http.reset", "closed the connection without an answer")
    if is_at_http_proxy(error):
        return with_reason("http.protocol", "did not open a way", error)
    if text.startswith(_NOT_HTTP) or error.types[-1] == "textproto.ProtocolError":
        return with_reason("http.protocol", "did not answer in HTTP", error)
    return with_reason("http.protocol", "gave no usable answer", error)
