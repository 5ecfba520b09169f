"""
One watched process: joins the events of its goroutines into requests.

Knows nothing of other processes. `go` dials on other goroutines than it asks on and shares
connections, so a goroutine's ancestors tell who caused a dial, and the two ends of a socket tell
which connection a request has in hand.
"""

from dataclasses import replace

from ..binary.layouts import minor_release
from ..events.events import (
    BodyClosed,
    ContentFailed,
    ErrorSaid,
    Exit,
    GotConn,
    HandshakeDone,
    OperationFailed,
    RoundTripDone,
    RoundTripStart,
    StreamFailed,
    WebGet,
)
from ..events.sites import Site
from ..records.failures import failure
from ..records.phases import name_of
from ..records.records import Certificate, ChainEntry, Failure, Process, Record, Request
from ..service.bounded import Bounded
from ..service.units import NS
from ..wire.hosts import is_same_name
from .account import Account
from .answercause import NO_FAILURE
from .connections import Connections
from .ending import ending
from .files import conclude, judge_file, read_at_once
from .final import final_of
from .handshakes import Handshakes, OpenHandshake
from .lookups import Lookups
from .openconnection import OpenConnection
from .patience import hangs, has_verdict, is_body_late
from .refusals import Refusals, setting_failure
from .requests import CONTENT, MAX_HOPS, Hop, OpenRequest, open_request
from .route import address_of, address_tried, at_http_proxy, own_connection
from .sharing import Sharing
from .stages import ANSWERED, Move, Stage
from .streams import FailedStreams
from .suspects import Suspects
from .verdict import Surroundings, judge
from .waiting import waited_for

MAX_GOROUTINES = 4096
"""Ancestors remembered; the oldest are forgotten."""
MAX_HELD = 4096
"""Goroutines with requests under way or waiting for a verdict, two each; beyond it the oldest
wait no longer: up to Go 1.20 a goroutine that has ended does not tell."""
MAX_CERTIFICATES = 64
"""Hosts whose latest certificate is remembered."""
Handled = list[Record] | None
"""The records that an event completes; None where what it belongs to is not held."""


class OpenProcess:
    """The state of one process."""

    def __init__(
        self,
        process: Process,
        connections: Connections,
        suspects: Suspects,
        account: Account,
        wall_offset_ns: int,
    ) -> None:
        """
        Begin to watch.

        Args:
            process: What is known of it so far.
            connections: Of the whole host.
            suspects: Memory of what proxies have served.
            account: Has what is given up at a bound.
            wall_offset_ns: What to add to `at_ns` to get the time since 1970.
        """
        self.process = process
        self.connections = connections
        self.lookups = Lookups(process.pid, account)
        self.handshakes = Handshakes(process.pid, account)
        self.is_probed = False
        """A probe of it was hit."""
        self._suspects = suspects
        self._account = account
        self._wall_offset_ns = wall_offset_ns
        self._requests: dict[int, list[OpenRequest]] = {}
        self._parents: Bounded[int, int] = Bounded(MAX_GOROUTINES)
        self._sharing = Sharing(process.pid, connections)
        self._refusals = Refusals()
        self._certificates: Bounded[str, Certificate] = Bounded(MAX_CERTIFICATES)

    def end(self, at_ns: int) -> None:
        """The process has ended, or become another program."""
        self.process = replace(
            self.process,
            end_at_ns=at_ns,
            failure=self._refusals.failure() or setting_failure(self.process),
            said=self._refusals.said(),
            told=self._refusals.told(),
        )

    def exit(self, event: Exit) -> None:
        """The process has ended, for good."""
        armed_at_ns = self.process.armed_at_ns
        was_watched = self.is_probed if armed_at_ns is None else armed_at_ns <= event.at_ns
        code, ended_by = ending(event.status, self.process.exit_code, was_watched)
        self.process = replace(self.process, exit_code=code, ended_by=ended_by)
        self.end(event.at_ns)
        if event.for_memory:
            words = "this machine: the kernel killed it for want of memory"
            self.process = replace(self.process, failure=failure("local.memory", words))

    @property
    def chain(self) -> tuple[ChainEntry, ...] | None:
        """The effective GOPROXY, once it is known."""
        return self.process.goproxy

    def _tells_bodies(self) -> bool:
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

    def note_parent(self, goid: int, parent_goid: int) -> None:
        """Remember who started a goroutine."""
        if goid not in self._parents:
            self._parents[goid] = parent_goid

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
        waiting = [request for request in self.open_requests() if request.stage is Stage.CONNECTING]
        named = (found for found in waiting if is_same_name(name_of(found.hops[-1].host), host))
        return next(named, waiting[0] if waiting else None)  # whom nobody asks is a proxy

    def parent_of(self, goid: int) -> int | None:
        """Return who started a goroutine, where it is known."""
        return self._parents.get(goid)

    def _current(self, goid: int) -> OpenRequest | None:
        stack = self._requests.get(goid)
        return stack[-1] if stack else None

    def web_get(self, event: WebGet) -> list[Record]:
        """`web.get`: the goroutine is done with its previous request, but for verdicts."""
        request = open_request(
            event.pid, event.goid, event.at_ns, event.scheme, event.host, event.path, self.chain
        )
        if request.is_file:
            read_at_once(request)
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

    def round_trip_start(self, event: RoundTripStart) -> Handled:
        """A round trip began."""
        request = self._current(event.goid)
        if request is None:
            return None
        if len(request.hops) >= MAX_HOPS:
            self._account.tracker_full += 1
            return None
        request.round_trip_start(Hop(event.at_ns, event.host))
        return []

    def got_conn(self, event: GotConn) -> Handled:
        """A connection is in hand; or not, then the round trip's own return says why."""
        request = self._current(event.goid)
        if request is None or not request.hops:
            return None
        hop = request.hops[-1]
        if event.error is None:
            request.got_conn(hop, event.at_ns, event.ends)
            if event.ends is not None:
                self._sharing.take(request, hop, event.tls_state)
            # Of HTTP/2 only the response tells which: two dials at once race, and one is closed.
        return []

    def round_trip_done(self, event: RoundTripDone) -> Handled:
        """A response head, or an error instead of one."""
        request = self._current(event.goid)
        if request is None or not request.hops:
            return None
        hop = request.hops[-1]
        request.round_trip_done(hop, event, self._tells_bodies())
        if event.error is None and hop.in_hand_at_ns is None:
            hop.in_hand_at_ns = hop.at_ns  # HTTP/2 on a live connection never asks for one
        if event.error is None and hop.cookie is None:
            self._sharing.take(request, hop, event.tls_state)
        elif event.error is not None and hop.in_hand_at_ns is None and not hop.attempts:
            self._sharing.presume(hop)
        if event.tls_state and hop.cookie is not None:
            self._sharing.remember(event.tls_state, hop.cookie)
        return []

    def stream_failed(self, event: StreamFailed) -> Handled:
        """An HTTP/2 stream gave no answer; another may."""
        request = self._current(event.goid)
        if request is None or not request.hops:
            return None
        hop = request.hops[-1]
        hop.streams = hop.streams or FailedStreams(hop.at_ns)
        hop.streams.add(event.at_ns, event.error)
        return []

    def body_closed(self, event: BodyClosed) -> Handled:
        """The body was read or given up."""
        request = self._current(event.goid)
        if request is None or not request.hops:
            return None
        hop = request.hops[-1]
        request.body_closed(hop, event.at_ns)
        return []

    def operation_failed(self, event: OperationFailed) -> Handled:
        """One operation failed at one proxy."""
        request = self._current(event.goid)
        if request is None:
            return None
        if not (request.is_file and request.operation_error):  # the first says what was read
            request.operation_failed(event.error, event.at_ns)
        return []

    def content_failed(self, event: ContentFailed) -> Handled:
        """Content was refused after it had arrived: the answer of the module proxy, not the
        checksum database's, is what was wrong."""
        if event.site is Site.READ_REMOTE_FAILED:
            asked = self._current(event.goid)
            if asked is not None and asked.where.target.endpoint == "sumdb":
                asked.operation_failed(event.error, event.at_ns)
            return []
        stack = self._requests.get(event.goid, [])
        return self._refused(self._refusals.of_content(event, stack, self.open_requests()))

    def error_said(self, event: ErrorSaid) -> Handled:
        """The command told its user what went wrong: maybe of content that it refused."""
        stack = self._requests.get(event.goid, [])
        return self._refused(self._refusals.of_words(event, stack, self.open_requests()))

    def _refused(self, found: OpenRequest | None) -> list[Record]:
        if found is None or found.final is None:
            return []
        # It has been told as good: the same request once more, with what became of it.
        return [self.settle(found)]

    def handshake_done(self, event: HandshakeDone) -> OpenHandshake | None:
        """Remember what a connection speaks, and the certificate that evidence may quote."""
        handshake = self.handshakes.finish(event)
        if handshake is None:
            return None
        connection = self.connections.get(handshake.cookie)
        if connection is not None:
            alpn = handshake.alpn or ("http/1.1" if event.error is None else None)
            connection.shake(alpn, event.at_ns, handshake.with_proxy)
        if handshake.certificate is not None and handshake.sni:
            self._certificates[name_of(handshake.sni)] = handshake.certificate
        return handshake

    def settle(
        self, request: OpenRequest, then: OpenRequest | None = None, ended: bool = False
    ) -> Request:
        """Decide what became of a request, for good."""
        if request.is_file:
            conclude(request, then, ended and self.process.ended_by == "signal")
            request.failure = judge_file(request)
        else:
            self._sharing.correct(request)
            head_at_ns = request.hops[-1].head_at_ns if request.hops else None
            self._judge(request, head_at_ns or request.ended_at_ns)
        request.final = final_of(request, self.chain, then, ended)
        if request.final == "ok" and request.paid_setup is None and request.last is not None:
            request.paid_setup = False if request.last.cookie is not None else None
        if request.final == "ok":
            self._refusals.remember(request)
        record = request.record()
        request.suspect = self._suspects.is_suspect(record)
        return request.record() if request.suspect else record

    def _judge(self, request: OpenRequest, at_ns: int | None) -> None:
        hop = request.last
        connection = self.connections.get(hop.cookie) if hop and hop.cookie else None
        if connection is None and hop is not None and hop.in_hand_at_ns is not None:
            self._sharing.take(request, hop, 0)
            connection = self.connections.get(hop.cookie)
        if connection is None and hop is not None:
            connection = own_connection(hop, self.connections)
            if hop.cookie is None and connection is not None:
                hop.cookie = connection.cookie
                request.paid_setup = True
        if connection is not None:
            request.address = address_of(connection)
        if request.paid_setup or request.status is None:
            # Whoever used what was there waited for nobody's name.
            own = self.lookups.resolver_of(request.id, name_of(request.host))
            request.resolver = own or request.resolver
        if request.stage in ANSWERED and request.status in NO_FAILURE:
            request.failure = None  # most requests: nothing around them is asked for
            return
        host = name_of(hop.host if hop else request.host)
        lookup = self.lookups.of_request(request.id, host, at_ns)
        error = (hop.error if hop else None) or request.operation_error
        around = Surroundings(
            connection,
            lookup.failed() if lookup else None,
            self._certificates.get(host),
            ((at_ns or request.at_ns) + self._wall_offset_ns) // NS,
            self.process.authorities,
            hop is not None and at_http_proxy(hop, connection, lookup, error),
            at_ns,
            {"HTTPS_PROXY": self.process.https_proxy, "HTTP_PROXY": self.process.http_proxy},
        )
        request.failure = judge(request, around)
        if connection is None and request.failure is not None:
            request.address = address_tried(request.failure) or request.address

    def expire(self, now_ns: int, stalled_after_ns: int) -> list[Request]:
        """Return what hangs, once, and what no verdict is to be expected for any more."""
        found: list[Request] = []
        for goid, stack in list(self._requests.items()):
            for request in list(stack):
                if has_verdict(request, now_ns):
                    stack.remove(request)
                    found.append(self.settle(request))
                elif hangs(request, self._sharing, now_ns, stalled_after_ns):
                    found.append(self._report_stalled(request, now_ns))
            if not stack:
                del self._requests[goid]
        return found

    def _report_stalled(self, request: OpenRequest, now_ns: int) -> Request:
        request.move(Move.OVERDUE, now_ns)
        self._judge(request, now_ns)
        return request.record()

    def open_bodies(self, now_ns: int) -> list[OpenRequest]:
        """Return the requests whose body has been under way for a while."""
        return [request for request in self.open_requests() if is_body_late(request, now_ns)]

    def drain(self) -> list[Request]:
        """The process is gone: nothing more can change its requests."""
        found = []
        end_ns = self.process.end_at_ns
        for request in self.open_requests():
            request.ended_at_ns = end_ns
            record = self.settle(request, ended=True)
            if request.final == "cancelled" and request.failure is None and end_ns is not None:
                request.failure = self._waited_for(request, end_ns)
                record = request.record()
            found.append(record)
        self._requests.clear()
        return found

    def _waited_for(self, request: OpenRequest, end_ns: int) -> Failure | None:
        """The command was ended while a request was under way."""
        hop = request.last
        if hop is None or request.is_file or self.process.exit_code is not None:
            return None
        if hop.head_at_ns is not None and hop.closed_at_ns is None:
            hop.closed_at_ns = end_ns
        if hop.cookie is None and not hop.attempts:
            self._sharing.presume(hop)
        made = [found for found in self.connections.of(request.pid) if found.paid_by == request.id]
        held = self.connections.get(hop.cookie) or (made[-1] if made else None)
        return waited_for(request, held, self.lookups.is_open(name_of(hop.host)), end_ns)
