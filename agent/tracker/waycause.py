"""
Why an HTTP or SOCKS proxy opened no way to the host: by what it answered.
"""

from ..events.events import GoError
from ..wire.socks import REFUSES_LOGIN
from .answercause import status_cause
from .cause import CLOSED, Cause, is_at_http_proxy
from .openconnection import OpenConnection

_PHRASES = {
    "Moved Permanently": 301, "Found": 302, "See Other": 303, "Temporary Redirect": 307,
    "Bad Request": 400, "Unauthorized": 401, "Forbidden": 403, "Not Found": 404,
    "Method Not Allowed": 405, "Proxy Authentication Required": 407, "Request Timeout": 408,
    "Gone": 410, "Too Many Requests": 429, "Internal Server Error": 500, "Not Implemented": 501,
    "Bad Gateway": 502, "Service Unavailable": 503, "Gateway Timeout": 504,
    "Network Authentication Required": 511,
}  # fmt: skip
"""RFC 9110 section 15. Of an answer within TLS go tells the phrase alone."""


def way_cause(connection: OpenConnection, error: GoError | None) -> Cause | None:
    """
    Judge what a proxy answered instead of opening a way; None where it did not answer.

    Args:
        connection: To the proxy.
        error: That `go` had of it.
    """
    if connection.tunnel == "refused" and connection.connect_status is not None:
        if connection.is_socks:
            return _socks_cause(connection.connect_status)
        return _connect_cause(connection.connect_status)
    if connection.tunnel == "asked" and error is not None and _is_phrase(error):
        status = _PHRASES.get(error.text)
        words = "answered CONNECT, within TLS, with a status of its own words instead of 200"
        return Cause("http.protocol", words) if status is None else _connect_cause(status)
    return None


def _connect_cause(status: int) -> Cause:
    if status == 200:
        return Cause(
            "http.content", "answered CONNECT with 200, and with a page instead of the way"
        )
    words = f"answered CONNECT with {status}"
    answered = status_cause(status)
    return Cause("http.4xx", words) if answered is None else answered._replace(words=words)


def _socks_cause(code: int) -> Cause | None:
    if code != REFUSES_LOGIN:
        return None  # go says what it answered
    words = "lets go in neither without a login nor with the one in its URL, if any"
    return Cause("auth.407", words)


def _is_phrase(error: GoError) -> bool:
    """net/http/transport.go, dialConn: what stands behind the status is all of the error."""
    is_bare = error.types[-1] == "*errors.errorString" and not is_at_http_proxy(error)
    return is_bare and error.text not in CLOSED
