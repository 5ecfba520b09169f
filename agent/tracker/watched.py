"""
One watched process: joins the events of its goroutines into requests.

Knows nothing of other processes. `go` dials on other goroutines than it asks on and shares
connections, so a goroutine's ancestors tell who caused a dial, and the two ends of a socket tell
which connection a request has in hand.
"""

from dataclasses import replace

from ..binary.layouts import minor_release
from ..events import (
    BodyClosed,
    ContentFailed,
    Fatal,
    GoEvent,
    GotConn,
    HandshakeDone,
    OperationFailed,
    RoundTrip,
    RoundTripDone,
    WebGet,
)
from ..phases import name_of
from ..records import Certificate, ChainEntry, Process, Record, Request
from .connections import Connections, OpenConnection
from .handshakes import Handshakes, OpenHandshake
from .judge import judge, judge_rejection
from .lookups import Lookups
from .requests import CONTENT, MAX_HOPS, Hop, OpenRequest, open_request
from .sharing import Sharing
from .suspects import Suspects

MAX_GOROUTINES = 4096
"""Ancestors remembered; the oldest are forgotten."""
MAX_HELD = 4096
"""Goroutines with requests under way or waiting for a verdict, two each; beyond it the oldest
wait no longer: up to Go 1.20 a goroutine that has ended does not tell."""
MAX_CERTIFICATES = 64
"""Hosts whose latest certificate is remembered."""
_BODY_EXPECTED_NS = 1_000_000_000
"""A body that takes longer is looked after: whether it still grows."""
_VERDICT_NS = 2_000_000_000
"""How long after its last byte a request may still be refused: parsing, hashing."""
_CONTENT_VERDICT_NS = 10_000_000_000
"""The same for what is hashed, unpacked and looked up in the checksum database."""
Handled = list[Record] | None
"""The records that an event completes; None where what it belongs to is not held."""


class Watched:
    """The state of one process."""

    def __init__(
        self,
        process: Process,
        connections: Connections,
        suspects: Suspects,
        wall_offset_ns: int,
    ) -> None:
        """
        Begin to watch.

        Args:
            process: What is known of it so far.
            connections: Of the whole host.
            suspects: Memory of what proxies have served.
            wall_offset_ns: What to add to `at_ns` to get the time since 1970.
        """
        self.process = process
        self.connections = connections
        self.lookups = Lookups(process.pid)
        self.handshakes = Handshakes(process.pid)
        self._suspects = suspects
        self._wall_offset_ns = wall_offset_ns
        self._requests: dict[int, list[OpenRequest]] = {}
        self._parents: dict[int, int] = {}
        self._sharing = Sharing(process.pid, connections)
        self._certificates: dict[str, Certificate] = {}

    def end(self, at_ns: int) -> None:
        """The process has ended, or become another program."""
        self.process = replace(self.process, end_at_ns=at_ns)

    @property
    def chain(self) -> tuple[ChainEntry, ...] | None:
        """The effective GOPROXY, once it is known."""
        return self.process.goproxy

    def _sees_bodies(self) -> bool:
        """Go 1.21 began to close bodies in a function of its own (web.hookCloser)."""
        return (minor_release(self.process.go_version or "") or 21) >= 21

    def open_requests(self) -> list[OpenRequest]:
        """Return what is under way or waiting for a verdict, the oldest first."""
        return [request for stack in self._requests.values() for request in stack]

    def needs(self, connection: OpenConnection) -> bool:
        """Whether a request that is not settled may have used a connection that has closed."""
        closed_at_ns = connection.closed_at_ns or 0
        return any(
            request.at_ns <= closed_at_ns for stack in self._requests.values() for request in stack
        )

    def note_parent(self, event: GoEvent) -> None:
        """Remember who started a goroutine."""
        if event.parent_goid is not None and event.goid not in self._parents:
            if len(self._parents) >= MAX_GOROUTINES:
                del self._parents[next(iter(self._parents))]
            self._parents[event.goid] = event.parent_goid

    def payer(self, goid: int, host: str) -> OpenRequest | None:
        """
        Return the request that caused a dial.

        By ancestry: a dial runs on a goroutine below the request's. Where the release does not
        tell ancestors (1.19), the oldest request to that host without a connection in hand.
        """
        ancestor: int | None = goid
        for _ in range(4):
            ancestor = self._parents.get(ancestor) if ancestor is not None else None
            if ancestor is not None and (request := self._current(ancestor)):
                return request
        if self._parents:
            return None
        for request in self.open_requests():
            hop = request.last
            if hop and hop.in_hand_at_ns is None and name_of(hop.host) == host:
                return request
        return None

    def _current(self, goid: int) -> OpenRequest | None:
        stack = self._requests.get(goid)
        return stack[-1] if stack else None

    def begin(self, event: WebGet) -> list[Record]:
        """`web.get`: the goroutine is done with its previous request, but for verdicts."""
        request = open_request(
            event.pid, event.goid, event.at_ns, event.scheme, event.host, event.path, self.chain
        )
        ended: list[Record] = []
        if event.goid not in self._requests and len(self._requests) >= MAX_HELD:
            oldest = self._requests.pop(next(iter(self._requests)))
            ended += [self.settle(held) for held in oldest]
        stack = self._requests.setdefault(event.goid, [])
        is_sumdb = request.where.target.endpoint == "sumdb"
        while stack and not (is_sumdb and stack[-1].where.target.endpoint in CONTENT):
            ended.append(self.settle(stack.pop(), request))
        stack.append(request)
        return ended

    def hop(self, event: RoundTrip) -> Handled:
        """A round trip began."""
        request = self._current(event.goid)
        if request is None or len(request.hops) >= MAX_HOPS:
            return None
        request.hops.append(Hop(event.at_ns, event.host))
        return []

    def in_hand(self, event: GotConn) -> Handled:
        """A connection is in hand; or not, then the round trip's own return says why."""
        request = self._current(event.goid)
        if request is None or request.last is None:
            return None
        if event.error is None:
            request.last.in_hand_at_ns = event.at_ns
            request.last.ends = event.ends
            if event.ends is not None:
                self._sharing.take(request, request.last, event.tls_state)
            # Of HTTP/2 only the response tells which: two dials at once race, and one is closed.
        return []

    def head(self, event: RoundTripDone) -> Handled:
        """A response head, or an error instead of one."""
        request = self._current(event.goid)
        hop = request.last if request else None
        if request is None or hop is None:
            return None
        hop.head_at_ns = event.at_ns
        hop.status, hop.http_version = event.status, event.http_version
        hop.content_length, hop.error = event.content_length, event.error
        if event.error is None and hop.in_hand_at_ns is None:
            hop.in_hand_at_ns = hop.at_ns  # HTTP/2 on a live connection never asks for one
        if event.error is None and hop.cookie is None:
            self._sharing.take(request, hop, event.tls_state)
        if event.tls_state and hop.cookie is not None:
            self._sharing.remember(event.tls_state, hop.cookie)
        return []

    def close_body(self, event: BodyClosed) -> Handled:
        """The body was read or given up."""
        request = self._current(event.goid)
        if request is None or request.last is None:
            return None
        request.last.closed_at_ns = event.at_ns
        return []

    def fail_operation(self, event: OperationFailed) -> Handled:
        """One operation failed at one proxy."""
        request = self._current(event.goid)
        if request is None:
            return None
        request.operation_error = event.error
        return []

    def reject(self, event: ContentFailed | Fatal) -> Handled:
        """Content was refused after it had arrived: the answer of the module proxy, not the
        checksum database's, is what was wrong."""
        rejection = judge_rejection(event)
        if rejection is None:
            return []
        stack = self._requests.get(event.goid, [])
        content = [request for request in stack if request.where.target.endpoint in CONTENT]
        found = (content or stack)[:1]
        if not found:
            return None
        request = found[0]
        if request.rejected is None:
            request.rejected = rejection
        return []

    def finish_handshake(self, event: HandshakeDone) -> OpenHandshake | None:
        """Remember what a connection speaks, and the certificate that evidence may quote."""
        handshake = self.handshakes.finish(event)
        if handshake is None:
            return None
        connection = self.connections.get(handshake.cookie)
        if connection is not None:
            connection.alpn = handshake.alpn or ("http/1.1" if event.error is None else None)
            connection.shaken_at_ns = event.at_ns
        if handshake.certificate is not None and handshake.sni:
            known = handshake.sni in self._certificates
            if not known and len(self._certificates) >= MAX_CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[handshake.sni] = handshake.certificate
        return handshake

    def settle(
        self, request: OpenRequest, then: OpenRequest | None = None, ended: bool = False
    ) -> Request:
        """Decide what became of a request, for good."""
        self._sharing.correct(request)
        self._judge(request, request.hops[-1].head_at_ns if request.hops else None)
        request.final = request.final_of(self.chain, then, ended, self._sees_bodies())
        if request.final == "ok" and request.paid_setup is None and request.last is not None:
            request.paid_setup = False if request.last.cookie is not None else None
        record = request.record()
        request.suspect = self._suspects.judge(record)
        return request.record() if request.suspect else record

    def _judge(self, request: OpenRequest, at_ns: int | None) -> None:
        hop = request.last
        connection = self.connections.get(hop.cookie) if hop and hop.cookie else None
        if connection is None and hop is not None and hop.in_hand_at_ns is not None:
            self._sharing.take(request, hop, 0)
            connection = self.connections.get(hop.cookie)
        if connection is None:
            tried = [
                found for found in self.connections.of(request.pid) if found.paid_by == request.id
            ]
            connection = tried[-1] if tried else None
            if hop is not None and hop.cookie is None and connection is not None:
                hop.cookie = connection.cookie
                request.paid_setup = True
        host = name_of(hop.host if hop else request.host)
        lookup = self.lookups.before_dial(host, None)
        request.failure = judge(
            request,
            connection,
            lookup.queries if lookup else (),
            self._certificates.get(host),
            ((at_ns or request.at_ns) + self._wall_offset_ns) // 1_000_000_000,
        )

    def expire(self, now_ns: int, stalled_after_ns: int) -> list[Request]:
        """Return what hangs, once, and what no verdict is to be expected for any more."""
        found: list[Request] = []
        for goid, stack in list(self._requests.items()):
            for request in list(stack):
                if self._has_verdict(request, now_ns):
                    stack.remove(request)
                    found.append(self.settle(request))
                elif self._hangs(request, now_ns, stalled_after_ns):
                    found.append(self._report_stalled(request, now_ns))
            if not stack:
                del self._requests[goid]
        return found

    @staticmethod
    def _has_verdict(request: OpenRequest, now_ns: int) -> bool:
        hop = request.last
        if hop is None or hop.head_at_ns is None or request.is_redirect(hop.status):
            return False
        if hop.error is None and hop.closed_at_ns is None and request.operation_error is None:
            return False
        wait_ns = _CONTENT_VERDICT_NS if request.where.target.endpoint in CONTENT else _VERDICT_NS
        return now_ns - max(hop.head_at_ns, hop.closed_at_ns or 0) > wait_ns

    @staticmethod
    def _hangs(request: OpenRequest, now_ns: int, stalled_after_ns: int) -> bool:
        hop = request.last
        if request.reported or hop is None or hop.in_hand_at_ns is None:
            return False
        if hop.head_at_ns is None:
            return now_ns - hop.in_hand_at_ns > stalled_after_ns
        grown_at_ns = request.grown_at_ns
        return grown_at_ns is not None and now_ns - grown_at_ns > stalled_after_ns

    def _report_stalled(self, request: OpenRequest, now_ns: int) -> Request:
        request.reported = True
        self._judge(request, now_ns)
        return request.record()

    def open_bodies(self, now_ns: int) -> list[OpenRequest]:
        """Return the requests whose body has been under way for a while."""
        if not self._sees_bodies():
            return []
        return [
            request
            for request in self.open_requests()
            if (hop := request.last) is not None
            and hop.status == 200
            and hop.head_at_ns is not None
            and hop.closed_at_ns is None
            and request.operation_error is None
            and not request.reported
            and now_ns - hop.head_at_ns > _BODY_EXPECTED_NS
        ]

    def drain(self) -> list[Request]:
        """The process is gone: nothing more can change its requests."""
        found = [self.settle(request, ended=True) for request in self.open_requests()]
        self._requests.clear()
        return found
