"""
One logical request of `go`, hop by hop, as its goroutine lives it.

Knows nothing of other requests. Attempts, redirects, times and the end of the chain are derived
from the hops: nothing is probed that can be concluded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..events import GoError, SocketEnds
from ..phases import name_of
from ..records import ChainEntry, Failure, Final, Request
from ..wire.goproxy import Attribution, attribute
from .verdict import Cause

MAX_HOPS = 32
"""`go` follows 10 redirects and asks twice at most."""

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
    where: Attribution
    hops: list[Hop] = field(default_factory=list)
    operation_error: GoError | None = None
    """What the operation failed with, also after a whole answer."""
    rejected: Cause | None = None
    """The content was refused after it had arrived."""
    reported: bool = False
    """It was reported hanging; an answer may still come."""
    body_bytes_in: int | None = None
    """What its connection had received when the body was last seen to grow."""
    grown_at_ns: int | None = None
    """When that was."""
    failure: Failure | None = None
    final: Final | None = None
    suspect: bool = False
    paid_setup: bool | None = None

    @property
    def last(self) -> Hop | None:
        """The hop under way, or the last one."""
        return self.hops[-1] if self.hops else None

    @property
    def status(self) -> int | None:
        """Of the last response head."""
        last = self.last
        return last.status if last else None

    @property
    def closed_at_ns(self) -> int | None:
        """When the body of the last response was read or given up."""
        last = self.last
        return last.closed_at_ns if last else None

    @property
    def is_answered(self) -> bool:
        """A final response head came, or an error instead."""
        last = self.last
        return (
            last is not None and last.head_at_ns is not None and not self.is_redirect(last.status)
        )

    def is_unfinished(self, sees_bodies: bool) -> bool:
        """Neither answered whole nor failed."""
        hop = self.last
        if hop is None:
            return self.operation_error is None
        if hop.head_at_ns is None:
            return True
        body_open = hop.closed_at_ns is None and sees_bodies and self.operation_error is None
        return hop.status == 200 and body_open

    @staticmethod
    def is_redirect(status: int | None) -> bool:
        """net/http/client.go: redirectBehavior."""
        return status in (301, 302, 303, 307, 308)

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

    def record(self) -> Request:
        """Make the record of what is known now."""
        hops = self.counted_hops()
        last = hops[-1] if hops else None
        head_at_ns = last.head_at_ns if last and last.status is not None else None
        wait_ns = self.wait_ns(hops)
        closed_at_ns = last.closed_at_ns if last else None
        connection = next((hop.cookie for hop in reversed(self.hops) if hop.cookie), None)
        return Request(
            id=self.id,
            pid=self.pid,
            proxy=self.where.proxy,
            chain_index=self.where.chain_index,
            host=name_of(self.host),
            endpoint=self.where.target.endpoint,
            module=self.where.target.module,
            version=self.where.target.version,
            connection=connection,
            paid_setup=self.paid_setup,
            at_ns=self.at_ns,
            connect_wait_ns=wait_ns,
            processing_ns=(
                None if head_at_ns is None or wait_ns is None else head_at_ns - self.at_ns - wait_ns
            ),
            transfer_ns=(
                None if head_at_ns is None or closed_at_ns is None else closed_at_ns - head_at_ns
            ),
            status=last.status if last else None,
            http_version=last.http_version if last else None,
            attempts=self.attempts(),
            redirects=self.redirects(),
            reused=last.reused if last else None,
            body_bytes=last.content_length if last else None,
            suspect=self.suspect,
            failure=self.failure,
            final=self.final,
        )

    def final_of(
        self,
        chain: Sequence[ChainEntry] | None,
        then: "OpenRequest | None",
        ended: bool,
        sees_bodies: bool,
    ) -> Final:
        """
        Say what `go` did after this request. Source: modfetch/proxy.go, TryProxies.

        Args:
            chain: The effective GOPROXY; None when not known.
            then: The next request of the same goroutine, if any.
            ended: The process is gone.
            sees_bodies: Its release tells when a body was read.
        """
        if self.rejected is not None:
            return "stopped"
        if ended and self.is_unfinished(sees_bodies):
            return "cancelled"
        is_miss = self.status in (404, 410)
        if self.failure is None and not is_miss:
            return "ok" if self.status == 200 else "cancelled"
        if is_miss and self._asks_for_sumdb():
            return "fell_through"  # to the next entry, and after the last to the database itself
        index = self.where.chain_index
        if chain is not None and index is not None and index < len(chain):
            asks_on = (
                index + 1 < len(chain)
                and chain[index + 1].url != "off"
                and (is_miss or chain[index].fallback == "|")
                and (self.where.target.endpoint != "sumdb" or self._asks_for_sumdb())
            )
            return "fell_through" if asks_on else "stopped"
        if then is not None and then.where.target == self.where.target:
            return "fell_through" if then.where.proxy != self.where.proxy else "stopped"
        return "stopped"

    def _asks_for_sumdb(self) -> bool:
        """Of the checksum database only `/supported` is asked of one proxy after the other."""
        return self.where.target.endpoint == "sumdb" and self.path.endswith("/supported")


def open_request(
    pid: int,
    goid: int,
    at_ns: int,
    scheme: str,
    host: str,
    path: str,
    chain: Sequence[ChainEntry] | None,
) -> OpenRequest:
    """Begin a request; its id is unique on the host since boot."""
    where = attribute(scheme, host, path, chain)
    return OpenRequest(f"{pid}-{goid}-{at_ns}", pid, goid, at_ns, scheme, host, path, where)
