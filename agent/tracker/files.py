"""
A proxy that is a folder, `file:///path` in GOPROXY: what became of a request to it.

No network is involved, and no head of an answer is seen. `go` reads the file at once and makes an
answer of its own of it (cmd/go/internal/web, getFile): 404 where there is no such file, 403 where
it may not be read, an error where it is no file, else 200. What fails has a `local` class and
speaks against the folder, but for what no folder can be the cause of: a full cache. Knows nothing
of paths: they stay on the host.
"""

from ..events.events import GoError
from ..records.failures import failure
from ..records.records import Failure
from .answercause import body_cause
from .cause import Cause, errno_of
from .localcause import local_cause
from .requests import Hop, OpenRequest
from .stages import Move, Stage

WHO = "the file: entry of GOPROXY"
"""The culprit in evidence; there is no host, and the path is the user's own."""
_ENOENT = 2
_NOT_PERMITTED = (1, 13)
"""EPERM and EACCES, which Go takes for the same."""
_NO_FILE = {
    6: "has something that is no file",
    20: "has a file where a folder must be",
    21: "has a folder where a file must be",
    36: "has a name that is too long",
    40: "has a link that leads to itself",
}
"""include/uapi/asm-generic/errno.h: what stands where a file must be."""
_OF_A_FOLDER = frozenset({5, 116})
"""EIO and ESTALE: also of the disk that it lies on."""


def read_at_once(request: OpenRequest) -> None:
    """Begin: the file is there, until an error says otherwise."""
    at_ns = request.at_ns
    request.round_trip_start(Hop(at_ns, "", head_at_ns=at_ns, status=200, closed_at_ns=at_ns))
    request.move(Move.BODY_START, at_ns)
    request.move(Move.BODY_CLOSED, at_ns)


def conclude(request: OpenRequest, then: OpenRequest | None, was_killed: bool) -> None:
    """
    Find the status in the error of the operation, or in what was asked for next.

    Two misses go without an error: that of `@latest`, after which the same proxy is asked for its
    list, and that of a checksum database, after which another place is. A command that is killed
    may be waiting for what it last asked for: a pipe, a disk of the network.
    """
    hop, error = request.hops[-1], request.operation_error
    if error is not None:
        hop.status = _status_of(error)
        hop.error = error if hop.status is None else None
    elif then is not None and _is_second_choice(request, then):
        hop.status = 404
    elif was_killed and request.stage is Stage.READ:
        hop.status = hop.head_at_ns = None
        request.move(Move.TAKE_BACK, request.at_ns)


def _status_of(error: GoError) -> int | None:
    number = errno_of(error)
    if number is None:
        return 200
    if "*web.HTTPError" in error.types and number == _ENOENT:
        return 404
    return 403 if "*web.HTTPError" in error.types and number in _NOT_PERMITTED else None


def _is_second_choice(request: OpenRequest, then: OpenRequest) -> bool:
    asked, asked_then = request.where.target, then.where.target
    if asked.endpoint == "latest":
        same = then.where.proxy == request.where.proxy and asked_then.module == asked.module
        return same and asked_then.endpoint == "list"
    return (
        request.path.endswith("/supported")
        and asked.endpoint == asked_then.endpoint == "sumdb"
        and then.where.proxy != request.where.proxy
    )


def judge_file(request: OpenRequest) -> Failure | None:
    """Say why a request failed; None for an answer and for a miss. Nothing of it is quoted."""
    cause = _cause(request)
    return (
        None if cause is None else failure(cause.cls, f"{WHO} {cause.words}", against=cause.against)
    )


def _cause(request: OpenRequest) -> Cause | None:
    if request.refusal is not None:
        refusal = request.refusal
        return refusal._replace(words=refusal.unquoted or refusal.words)
    hop, error = request.hops[-1], request.operation_error
    if hop.status == 403:
        return Cause("local.permission", "has a file that go may not read")
    if error is None or hop.status == 404:
        return None
    number, local = errno_of(error), local_cause(error)
    if number in _NO_FILE:
        return Cause("local.disk", _NO_FILE[number])
    if local is not None and number not in _OF_A_FOLDER:
        return local
    if number is not None:
        words = local.words if local is not None else f"errno {number}"
        return Cause("local.disk", f"has a file that cannot be used: {words}")
    return Cause("http.content", "has content that go refused") if body_cause(error) else None
