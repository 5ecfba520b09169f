"""
What went wrong and whom that speaks against, and what an error value of Go shows at once.

Go's error value is read by type, never by what it prints: its leaf is the cause, and what stands
around it tells where it happened. The words of a cause are the end of a sentence that begins with
who failed.
"""

import struct
from typing import NamedTuple

from ..events.events import GoError
from ..records.failures import FailureClass
from ..records.records import Against
from .gowords import go_words


class Cause(NamedTuple):
    """What went wrong."""

    cls: FailureClass
    words: str
    """The end of a sentence that begins with who failed."""
    against: Against = "proxy"
    """Whom it speaks against; `proxy` is whoever was asked: also a database, a storage host."""
    unquoted: str | None = None
    """The words without what they quote of `go`; None of those that quote nothing."""
    quoted: str = ""
    """What they quote."""


_CANCELLED = frozenset({"*net.canceledError", "net.canceledError", "context.cancelCtx"})

DEADLINES = frozenset({
    "*poll.DeadlineExceededError", "poll.DeadlineExceededError", "context.deadlineExceededError",
    "*net.timeoutError", "net.timeoutError", "*http.timeoutError", "*http.httpError",
})  # fmt: skip

CLOSED = frozenset({"EOF", "unexpected EOF", "http: server closed idle connection"})
NET_CLOSING = "poll.errNetClosing"
"""Of a connection that go itself has closed; it is without fields, and so without a text."""

CONNECTING_TO_PROXY = frozenset({"proxyconnect", "socks connect"})
"""Operations of net.OpError while the way through an HTTP or SOCKS proxy is made."""


def is_cancelled(error: GoError) -> bool:
    """The caller gave up, nothing failed: a lost race, or the end of the command."""
    return error.types[-1] in _CANCELLED or error.text == "context canceled"


def is_at_http_proxy(error: GoError) -> bool:
    """It happened on the way to, or by, an HTTP or SOCKS proxy: Go says so."""
    return bool(CONNECTING_TO_PROXY.intersection(error.operations))


def errno_of(error: GoError) -> int | None:
    """Return the error number at the end of an error; None where it ends otherwise."""
    if error.types[-1] != "syscall.Errno":
        return None
    (number,) = struct.unpack_from("<Q", error.leaf.ljust(8, b"\0"))
    return int(number)


WORDLESS = ("*errors.errorString", "*fmt.wrapError", "*errors.joinError")
"""Types that tell nothing of an error."""


def with_reason(cls: FailureClass, words: str, error: GoError) -> Cause:
    """Add why, in Go's own words; where there are none of its own, go's output has them."""
    kind = error.types[-1]
    said = go_words(error.text) or ("" if kind in WORDLESS else kind)
    return Cause(cls, f"{words}: {said}" if said else words, unquoted=words, quoted=said)
