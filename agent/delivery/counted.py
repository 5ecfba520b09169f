"""
One request of a window, with what is concluded from it: how it is counted, and when it was over.

Pure. What a server can make huge is clamped: a batch never fails for what somebody sent.
"""

from typing import TypeVar

from ..batch.batch import (
    MAX_NAME_BYTES,
    MAX_TEXT_BYTES,
    MAX_TOTAL,
    MISS,
    OK,
    SUSPECT,
    Exemplar,
)
from ..records.records import Request
from ..service.frozen import frozen

_Text = TypeVar("_Text", str, str | None)


@frozen()
class Counted:
    """A request with what is concluded from it."""

    request: Request
    outcome: str
    """`ok`, `miss`, `suspect` or a failure class."""
    end_ns: int
    """When it was over; when it was reported where nothing tells."""
    module: str | None
    """Hashed where names are."""

    @property
    def status(self) -> int | None:
        """Of the answer; 0 for what is no HTTP status, which HTTP/2 does not keep Go from."""
        status = self.request.status
        return status if status is None or 0 <= status <= 999 else 0

    @property
    def body_bytes(self) -> int | None:
        """As announced, but no more than a batch can say."""
        announced = self.request.body_bytes
        return None if announced is None else bounded(announced)

    @property
    def elapsed_ns(self) -> int:
        """From its beginning to its end."""
        return bounded(self.end_ns - self.request.at_ns)

    @property
    def address(self) -> str | None:
        """That answered or failed; None where it was not the proxy's own host."""
        return None if self.request.redirects else self.request.address

    @property
    def badness(self) -> tuple[bool, int]:
        """Sorts failures after all others, long ones after short ones."""
        return self.request.failure is not None, self.elapsed_ns

    def exemplar(self, wall_offset_ns: int, is_hashed: bool) -> Exemplar:
        """Return it as an exemplar; evidence and hosts could give a hashed name away."""
        request = self.request
        failure = None if is_hashed else request.failure
        times = {
            "wait": request.connect_wait_ns,
            "processing": request.processing_ns,
            "transfer": request.transfer_ns,
        }
        return Exemplar(
            at_ns=bounded(request.at_ns + wall_offset_ns),
            endpoint=request.endpoint,
            module=self.module,
            version=cut(request.version, MAX_TEXT_BYTES),
            outcome=self.outcome,
            final=request.final,
            status=self.status,
            elapsed_ns=self.elapsed_ns,
            phases={phase: bounded(ns) for phase, ns in times.items() if ns is not None},
            evidence=None if failure is None else cut(failure.evidence, MAX_TEXT_BYTES),
            host=None if failure is None else cut(failure.host, MAX_TEXT_BYTES),
            address=None if failure is None else cut(failure.address, MAX_NAME_BYTES),
        )


def counted_as(request: Request) -> str | None:
    """Return `ok`, `miss`, `suspect`, `cancelled` or a failure class; None while not known."""
    if request.final == "cancelled":
        return "cancelled"
    if request.failure is not None:
        return request.failure.cls
    if request.is_miss:
        return SUSPECT if request.suspect else MISS
    return OK if request.is_ok else None


def cut(text: _Text, limit: int) -> _Text:
    """Return text of at most so many bytes, without what UTF-8 cannot say."""
    if text is None or (len(text) <= limit and text.isascii()):
        return text
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def end_of(request: Request, now_ns: int) -> int:
    """Return when it was over; where nothing tells, it was reported soon after."""
    first_byte_ns = request.first_byte_ns
    if first_byte_ns is not None:
        end_ns = request.at_ns + first_byte_ns + (request.transfer_ns or 0)
    else:
        end_ns = request.given_up_at_ns or now_ns
    return max(request.at_ns, min(now_ns, end_ns))


def bounded(number: int) -> int:
    """Return what a batch can say of a sum or a time."""
    return number if 0 <= number <= MAX_TOTAL else 0 if number < 0 else MAX_TOTAL
