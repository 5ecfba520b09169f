"""
One logical request of `go`, hop by hop, as its goroutine lives it.

Knows nothing of other requests. How far it has come is its stage, see stages.py. Attempts,
redirects and times are derived from the hops: nothing is probed that can be concluded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

from ..events.events import GoError, RoundTripDone, SocketEnds
from ..records.phases import name_of
from ..records.records import ChainEntry, Failure, Final, Request
from ..wire.goproxy import ChainPlace, attribute
from ..wire.urls import shown_path
from .cause import Cause
from .dials import Attempt
from .stages import NEXT, REDIRECTS, UNFINISHED, Move, Stage, move_of
from .streams import FailedStreams

MAX_HOPS = 32
"""`go` follows 10 redirects and asks twice at most."""

PATH_BYTES = 512
"""What the kernel side copies of a path: one of this length may have been cut."""
_PLAIN_IN_PATHS = "/!$&'()*+,;=:@~"
"""RFC 3986 section 3.3."""
_NEEDS_NO_QUOTES = re.compile(rf"[\w.{_PLAIN_IN_PATHS}-]*", re.ASCII)
_AS_IT_IS = re.compile(r"[\w./!+~-]*(?:/@v/[\w.!+~-]*|/@latest)?", re.ASCII)
"""Nearly every path: needs no quotes, and has nothing to hide."""

MAX_PLACES = 1024
"""URLs whose place in a chain is remembered."""
_place = lru_cache(maxsize=MAX_PLACES)(attribute)
"""One build after another asks for the same modules."""

CONTENT = ("mod", "zip", "toolchain")
"""Endpoints whose answer is checked against go.sum or the checksum database."""


@dataclass(slots=True)
class Hop:
    """One round trip."""

    at_ns: int
    host: str
    in_hand_at_ns: int | None = None
    ends: SocketEnds | None = None
    cookie: int | None = None
    reused: bool | None = None
    head_at_ns: int | None = None
    status: int | None = None
    http_version: str | None = None
    content_length: int | None = None
    closed_at_ns: int | None = None
    error: GoError | None = None
    streams: FailedStreams | None = None
    """Over HTTP/2, those that gave no answer; None without one."""
    attempts: list[Attempt] = field(default_factory=list)
    """The addresses that were tried for it, in order, see route.py."""


@dataclass(slots=True)
class OpenRequest:
    """A request that may still change."""

    id: str
    pid: int
    goid: int
    at_ns: int
    scheme: str
    host: str
    path: str
    where: ChainPlace
    stage: Stage = Stage.BEGUN
    since_ns: int = 0
    """When it came to that stage."""
    hops: list[Hop] = field(default_factory=list)
    operation_error: GoError | None = None
    """What the operation failed with."""
    refusal: Cause | None = None
    """Why content was refused after it had arrived; None of an answer that says no."""
    body_bytes_in: int | None = None
    """What its connection had received when the body was last seen to grow."""
    grown_at_ns: int | None = None
    """When that was: the growth itself was before, maybe by a second."""
    looked_at_ns: int | None = None
    """When it was last looked whether it had grown."""
    failure: Failure | None = None
    final: Final | None = None
    suspect: bool = False
    paid_setup: bool | None = None
    address: str | None = None
    """Of the last hop, where it goes straight."""
    resolver: str | None = None
    """That decided the lookup of the host which it caused."""
    ended_at_ns: int | None = None
    """When its process ended, where that came first."""

    @property
    def is_file(self) -> bool:
        """Read from a folder: no network has any part in it."""
        return self.scheme == "file"

    @property
    def last(self) -> Hop | None:
        """The hop under way, or the last one."""
        return self.hops[-1] if self.hops else None

    @property
    def status(self) -> int | None:
        """Of the last response head."""
        return self.hops[-1].status if self.hops else None

    @property
    def closed_at_ns(self) -> int | None:
        """When the body of the last response was read or given up."""
        last = self.last
        return last.closed_at_ns if last else None

    @property
    def is_unfinished(self) -> bool:
        """Neither answered whole nor failed."""
        return self.stage in UNFINISHED

    @property
    def given_up_at_ns(self) -> int | None:
        """When there was an error instead of an answer, or the process ended first."""
        if self.final == "cancelled":
            return self.ended_at_ns
        last = self.last
        return last.head_at_ns if last is not None and last.error is not None else None

    def url(self) -> str | None:
        """Return what was asked for first; None where more of it followed than was copied."""
        if len(self.path) < PATH_BYTES and _AS_IT_IS.fullmatch(self.path):
            return f"{self.scheme}://{self.host}{self.path}"
        if _NEEDS_NO_QUOTES.fullmatch(self.path):
            path, path_bytes = self.path, len(self.path)
        else:
            path, path_bytes = quote(self.path, safe=_PLAIN_IN_PATHS), len(self.path.encode())
        if path_bytes >= PATH_BYTES:
            return None
        return f"{self.scheme}://{self.host}{path if self.is_file else shown_path(path)}"

    @staticmethod
    def is_redirect(status: int | None) -> bool:
        """net/http/client.go: redirectBehavior."""
        return status in REDIRECTS

    def move(self, move: Move, at_ns: int) -> None:
        """Go on to the stage that this leads to, if it leads to one."""
        stage = NEXT[self.stage].get(move)
        if stage is not None:
            self.stage, self.since_ns = stage, at_ns

    def round_trip_start(self, hop: Hop) -> None:
        """A round trip begins."""
        self.hops.append(hop)
        self.move(Move.ROUND_TRIP_START, hop.at_ns)

    def got_conn(self, hop: Hop, at_ns: int, ends: SocketEnds | None) -> None:
        """A connection is in hand, the first or another one."""
        if hop.in_hand_at_ns is None:
            hop.in_hand_at_ns = at_ns
        if hop.streams is not None:
            hop.streams.in_a_row = 0
        hop.ends = ends
        self.move(Move.GOT_CONN, at_ns)

    def round_trip_done(self, hop: Hop, event: RoundTripDone, tells_bodies: bool) -> None:
        """A head came, or an error instead of one."""
        hop.head_at_ns, hop.error = event.at_ns, event.error
        hop.status, hop.http_version = event.status, event.http_version
        hop.content_length = event.content_length
        self.move(move_of(event.status, tells_bodies), event.at_ns)

    def body_closed(self, hop: Hop, at_ns: int) -> None:
        """The body was read or given up."""
        hop.closed_at_ns = at_ns
        self.move(Move.BODY_CLOSED, at_ns)

    def operation_failed(self, error: GoError | None, at_ns: int) -> None:
        """The operation failed, also after a whole answer."""
        self.operation_error = error
        if error is not None:
            self.move(Move.OPERATION_FAILED, at_ns)

    def refused(self, cause: Cause | None, at_ns: int) -> None:
        """Content was refused after it had come; without a cause it is an answer that says no."""
        self.refusal = cause
        self.move(Move.REFUSED, at_ns)

    def counted_hops(self) -> list[Hop]:
        """
        Return the hops whose times count.

        Since Go 1.24 every 4xx over https is asked twice, with credentials or without: the second
        answer, where it is the same, only repeats the first.
        """
        if len(self.hops) < 2:
            return self.hops
        hops = list(self.hops)
        while len(hops) > 1 and self._repeats(hops[-2], hops[-1]):
            hops.pop()
        return hops

    @staticmethod
    def _repeats(first: Hop, second: Hop) -> bool:
        asked_again = first.status is not None and 400 <= first.status < 500
        same_answer = second.head_at_ns is None or second.status == first.status
        return asked_again and first.host == second.host and same_answer

    def attempts(self) -> int:
        """Count the times the same thing was asked, redirects apart."""
        if len(self.hops) < 2:
            return 1
        answered_4xx = [
            hop for hop in self.hops[:-1] if hop.status is not None and 400 <= hop.status < 500
        ]
        return 1 + len(answered_4xx)

    def redirects(self) -> tuple[str, ...]:
        """Return the hosts it was sent on to."""
        if len(self.hops) < 2:
            return ()
        sent_on = (
            after.host
            for before, after in zip(self.hops, self.hops[1:], strict=False)
            if self.is_redirect(before.status)
        )
        return tuple(sent_on)

    def wait_ns(self, hops: Sequence[Hop]) -> int | None:
        """Sum the waiting for connections; None where it is not known to have ended."""
        total, since = 0, self.at_ns
        for hop in hops:
            if hop.in_hand_at_ns is None:
                return None
            total += hop.in_hand_at_ns - since
            since = hop.head_at_ns if hop.head_at_ns is not None else hop.in_hand_at_ns
        return total if hops else None

    def _connection(self) -> int | None:
        """Return the last that is known."""
        if len(self.hops) == 1:
            return self.hops[0].cookie or None
        return next((hop.cookie for hop in reversed(self.hops) if hop.cookie), None)

    def record(self) -> Request:
        """Make the record of what is known now."""
        hops = self.counted_hops()
        last = hops[-1] if hops else None
        head_at_ns = last.head_at_ns if last and last.status is not None else None
        wait_ns = self.wait_ns(hops)
        closed_at_ns = last.closed_at_ns if last else None
        return Request(
            id=self.id,
            pid=self.pid,
            proxy=self.where.proxy,
            chain_index=self.where.chain_index,
            url=self.url(),
            host=name_of(self.host),
            endpoint=self.where.target.endpoint,
            module=self.where.target.module,
            version=self.where.target.version,
            connection=self._connection(),
            paid_setup=self.paid_setup,
            at_ns=self.at_ns,
            connect_wait_ns=wait_ns,
            processing_ns=(
                None if head_at_ns is None or wait_ns is None else head_at_ns - self.at_ns - wait_ns
            ),
            transfer_ns=(
                None
                if head_at_ns is None or closed_at_ns is None or self.is_file
                else closed_at_ns - head_at_ns
            ),
            given_up_at_ns=self.given_up_at_ns,
            status=last.status if last else None,
            http_version=last.http_version if last else None,
            attempts=self.attempts(),
            redirects=self.redirects(),
            reused=last.reused if last else None,
            body_bytes=last.content_length if last else None,
            address=self.address,
            resolver=self.resolver,
            suspect=self.suspect,
            failure=self.failure,
            final=self.final,
        )


def open_request(
    pid: int,
    goid: int,
    at_ns: int,
    scheme: str,
    host: str,
    path: str,
    chain: tuple[ChainEntry, ...] | None,
) -> OpenRequest:
    """Begin a request; its id is unique on the host since boot."""
    where = _place(scheme, host, path, chain)
    id_ = f"{pid}-{goid}-{at_ns}"
    return OpenRequest(id_, pid, goid, at_ns, scheme, host, path, where, since_ns=at_ns)
