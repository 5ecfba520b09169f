"""
What is wrong with an answer: its status, where it sends on to, its body, its content.
"""

import re

from ..events.events import GoError
from ..records.failures import FailureClass
from .cause import DEADLINES, NET_CLOSING, Cause, errno_of, is_cancelled, with_reason
from .http2cause import http2_cause
from .localcause import local_cause

NO_FAILURE = (200, 404, 410)
"""An answer, and the protocol's own "not here"."""


_BROKEN = re.compile(
    r"(?:^|: )(?:"
    r"stream error: stream ID \d+; .+|use of closed network connection|connection closed"
    r"|http: server closed idle connection|http: read on closed response body"
    r"|http2: (?:response body closed|stream closed|client conn(?:ection)? .+)"
    r"|io: read/write on closed pipe|tls: use of closed connection|(?:unexpected )?EOF"
    r"|(?:malformed chunked encoding|chunked encoding contains too much non-data)"
    r"|invalid (?:byte in chunk length|CR in chunked line)|chunked line ends with bare LF"
    r"|empty hex number for chunk length|http chunk length too large"
    r"|http: (?:suspiciously long trailer after chunked body|unexpected EOF reading trailer)"
    r")$|; received from peer$",
)
"""
Constants with which a body ends that broke off, also behind the words of who read it; of a long
text only the last bytes are there, which may begin within an error of HTTP/2. Sources:
net/http, net/http/internal/chunked.go, x/net/http2, io, crypto/tls, internal/poll.
"""


def status_cause(status: int) -> Cause | None:
    """Judge a final status; None for 200 and for the protocol's own "not here"."""
    if status in NO_FAILURE:
        return None
    if status in (401, 403, 407):
        cls: FailureClass = (
            "auth.401" if status == 401 else "auth.403" if status == 403 else "auth.407"
        )
        return Cause(cls, f"answered {status}")
    if status == 429:
        return Cause("http.429", "answered 429, too many requests")
    if 500 <= status < 600:
        return Cause("http.5xx", f"answered {status}")
    if 400 <= status < 500:
        return Cause("http.4xx", f"answered {status}, which the protocol does not know")
    if 300 <= status < 400:
        return Cause("http.redirect", f"answered {status}, which leads nowhere")
    if 200 <= status < 300:
        return Cause("http.content", f"answered {status} instead of 200")
    return Cause("http.protocol", f"answered {status}, which is no status of HTTP")


def redirect_cause(status: int, error: GoError) -> Cause:
    """Judge an answer that sent on to where `go` did not go."""
    known = {
        "redirected from secure": "sent on to an insecure address: from https to another scheme",
        "stopped after": "redirects without end: more than 10",
        "failed to parse Location": f"answered {status} with a Location that cannot be read",
    }
    for beginning, words in known.items():
        if error.text.startswith(beginning):
            return Cause("http.redirect", words)
    if error.text.endswith("response missing Location header") or "*web.HTTPError" in error.types:
        return Cause("http.redirect", f"answered {status} without a Location")
    return with_reason("http.redirect", f"answered {status} and cannot be followed", error)


def body_cause(error: GoError) -> Cause | None:
    """Judge an operation that failed after a 200; None when no proxy is to blame."""
    leaf = error.types[-1]
    if is_cancelled(error) or leaf == "codehost.noCommitsError":
        return None  # the latter: a module without versions, which is an answer
    local = local_cause(error)
    if local is not None:
        return local
    http2 = http2_cause(error, from_peer=True)
    if http2 is not None:
        return Cause("http.body", f"broke off in the middle of the body: it {http2.words}")
    if errno_of(error) is not None or leaf in DEADLINES or _is_broken(error):
        return Cause("http.body", "broke off in the middle of the body")
    return content_cause(error)


def _is_broken(error: GoError) -> bool:
    return error.types[-1] == NET_CLOSING or _BROKEN.search(error.text) is not None


def content_cause(error: GoError) -> Cause:
    """Judge a whole answer that `go` refused."""
    if any(name.startswith(("json.", "*json.")) for name in error.types):
        return Cause("http.content", "answered something that is not the JSON of the protocol")
    if error.types[-1] == "*time.ParseError":
        return Cause("http.content", "answered with a time that go cannot read")
    is_packed = error.types[-1].startswith(("flate.", "*flate."))
    if is_packed or error.text.startswith(("gzip: ", "zlib: ")):
        return Cause("http.content", "sent packed content that cannot be unpacked")
    return with_reason("http.content", "sent content that go refused", error)
