"""
The lookups of one process: Go's own calls, joined with the DNS packets they caused.

Knows nothing of sockets or servers. Where the calls are not seen (no probes, or a capture file)
the packets alone make the records.
"""

from collections import deque
from dataclasses import replace
from ipaddress import ip_address
from typing import Literal

from ..events.events import GoError
from ..records.phases import name_of
from ..records.records import Lookup, Query
from ..service.bounded import Bounded
from ..wire.dns import DnsMessage
from .account import Account
from .openlookup import OpenLookup, Question, plain_name
from .resolution import is_given_up, was_sent

MAX_OPEN = 256
"""Lookups under way in one process, which has at most GOMAXPROCS requests in flight; beyond it the
oldest is given out as it is: of those told by packets some never end."""
MAX_QUERIES = 64
"""Kept of one lookup: 2 types × 3 servers × 2 attempts, for 5 names. Beyond it the oldest of a
search domain gives way, for the name itself decides."""
MAX_ASKED = 1024
"""Questions of one process that may still be answered; the oldest are given up."""
REMEMBERED = 64
"""Finished lookups to which a dial or a failed request may still be joined."""

_Key = tuple[int, int, str, str]
"""Socket, and the id, type and name of a question."""


def is_address(host: str) -> bool:
    """Whether a host is an IP address, for which nothing is looked up."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class Lookups:
    """All lookups of one process."""

    def __init__(self, pid: int, account: Account) -> None:
        self._pid = pid
        self._account = account
        self._open: list[OpenLookup] = []
        self._done: deque[OpenLookup] = deque(maxlen=REMEMBERED)
        self._asked: Bounded[_Key, tuple[OpenLookup, Question]] = Bounded(MAX_ASKED)

    def start(self, host: str, goid: int, at_ns: int, paid_by: str | None = None) -> list[Lookup]:
        """A call began, for the request `paid_by`; return what had to go to make room."""
        return self._begin(OpenLookup(self._pid, name_of(host), at_ns, goid, paid_by))

    def _begin(self, lookup: OpenLookup) -> list[Lookup]:
        given_up = []
        if len(self._open) >= MAX_OPEN:
            self._account.tracker_full += 1
            given_up.append(self._give_up(self._open[0]))
        self._open.append(lookup)
        return given_up

    def _give_up(self, lookup: OpenLookup) -> Lookup:
        """Say what is known of a lookup whose end will not be told."""
        if lookup.goid is None and lookup.answered_at_ns is not None:
            return self._close(lookup, lookup.answered_at_ns, None)
        self._open.remove(lookup)
        return lookup.record()

    def finish(self, goid: int, at_ns: int, error: GoError | None) -> Lookup | None:
        """A call returned; None when its beginning was not seen."""
        for lookup in self._open:
            if lookup.goid == goid:
                return self._close(lookup, at_ns, error)
        return None

    def _close(self, lookup: OpenLookup, at_ns: int, error: GoError | None) -> Lookup:
        self._open.remove(lookup)
        lookup.end_ns, lookup.error = at_ns, error
        lookup.source = self._source(lookup)
        self._done.append(lookup)
        if error is None or not is_given_up(error):
            self._land(lookup)
        return lookup.record()

    def _land(self, first: OpenLookup) -> None:
        """All that share a flight have its result with the first of them that returns."""
        for other in self._open:
            if other.host == first.host and not other.is_served:
                other.is_served = True
                other.leader = None if other.questions else first.leader or first

    def _source(self, lookup: OpenLookup) -> Literal["dns", "hosts", "cgo", "cache"] | None:
        if lookup.questions:
            # Go opens a socket for each question (net/dnsclient_unix.go: exchange), libc does not.
            sockets = {asked.cookie for asked in lookup.questions}
            return "dns" if len(sockets) == len(lookup.questions) else "cgo"
        lookup.leader = self._leader(lookup)
        if lookup.leader is not None:
            return "cache"
        if lookup.error is None:
            return "hosts"
        return "dns" if was_sent(lookup.error) else None

    def _leader(self, lookup: OpenLookup) -> OpenLookup | None:
        """Find whose answer a lookup without questions shared: net/lookup.go, lookupGroup."""
        text = lookup.error.text if lookup.error else None
        known = [*self._open, *self._done]
        if lookup.leader is not None:
            known.append(lookup.leader)
        for other in reversed(known):
            if other.host != lookup.host or not other.questions:
                continue
            if other.end_ns is None:
                return other
            told = other.error.text if other.error else None
            if other.end_ns >= lookup.at_ns and told == text:
                return other
        return None

    def packet(
        self,
        message: DnsMessage,
        cookie: int,
        server: str,
        transport: Literal["udp", "tcp"],
        at_ns: int,
    ) -> list[Lookup] | None:
        """Take one DNS message; None when it belongs to no lookup, else the lookups it ended."""
        key = (cookie, message.id, message.qtype, message.qname)
        if not message.is_answer:
            return self._question(message, key, server, transport, at_ns)
        if key not in self._asked:
            return [] if self.bad_answer(cookie) else None
        lookup, asked = self._asked.pop(key)
        asked.query = replace(
            asked.query,
            answer_ns=at_ns - asked.query.at_ns,
            rcode=message.rcode,
            truncated=message.truncated,
            min_ttl_s=message.min_ttl_s,
            addresses=message.addresses,
        )
        lookup.answered_at_ns = at_ns
        if lookup.goid is None and lookup.is_answered() and lookup in self._open:
            return [self._close(lookup, at_ns, None)]
        return []

    def bad_answer(self, cookie: int) -> bool:
        """Count what came on a socket and answers nothing; False where nothing was asked on it."""
        for (asked_on, *_), (lookup, _) in self._asked.items():
            if asked_on == cookie:
                lookup.bad_answers += 1
                return True
        return False

    def _question(
        self,
        message: DnsMessage,
        key: _Key,
        server: str,
        transport: Literal["udp", "tcp"],
        at_ns: int,
    ) -> list[Lookup] | None:
        lookup = self._of(message.qname)
        given_up: list[Lookup] = []
        if lookup is None:
            lookup = OpenLookup(self._pid, message.qname, at_ns, None)
            given_up = self._begin(lookup)
        query = Query(
            qtype=message.qtype, name=message.qname, server=server, transport=transport, at_ns=at_ns
        )
        asked = lookup.asked_before(query)
        if asked is not None:
            asked.query = replace(asked.query, attempts=asked.query.attempts + 1)
        else:
            if len(lookup.questions) >= MAX_QUERIES and not self._make_room(lookup, query):
                return None
            asked = Question(query, key[0])
            lookup.questions.append(asked)
        self._asked[key] = (lookup, asked)
        return given_up

    def _make_room(self, lookup: OpenLookup, query: Query) -> bool:
        """Forget the oldest question of a search domain, for what may decide."""
        self._account.tracker_full += 1
        for at, asked in enumerate(lookup.questions):
            if asked.query.name not in (lookup.name, query.name):
                del lookup.questions[at]
                return True
        return False

    def _of(self, qname: str) -> OpenLookup | None:
        """Find the lookup that a question belongs to: its name, maybe with a search domain."""
        found = [lookup for lookup in self._open if f"{qname}.".startswith(f"{lookup.name}.")]
        waiting = [lookup for lookup in found if not lookup.is_served]
        if not waiting and found:
            # It began between the landing and the first return of those who shared it.
            found[-1].is_served, found[-1].leader = False, None
            waiting = found[-1:]
        return max(waiting, key=lambda lookup: len(lookup.name), default=None)

    def of_request(
        self, request_id: str, host: str, until_ns: int | None = None
    ) -> OpenLookup | None:
        """
        Return the lookup behind a failed request.

        Its own for that host, else its own that failed (of an HTTP proxy, say), else the latest of
        that name that had ended by `until_ns`: the dial was another's.
        """
        known = [*reversed(self._open), *reversed(self._done)]
        own = [found for found in known if found.paid_by == request_id]
        named = [found for found in own if found.name == plain_name(host)]
        failed = [found for found in own if found.error is not None]
        if named or failed:
            return (named or failed)[0]
        for lookup in reversed(self._done):
            ended_ns = lookup.end_ns or lookup.at_ns
            if lookup.name == plain_name(host) and (until_ns is None or ended_ns <= until_ns):
                return lookup
        return None

    def resolver_of(self, request_id: str, host: str) -> str | None:
        """Return the DNS server that decided a request's own lookup of its host."""
        name = plain_name(host)
        for found in (*reversed(self._open), *reversed(self._done)):
            if found.paid_by == request_id and found.name == name:
                return found.resolver()
        return None

    def before_dial(
        self, host: str, address: str | None, paid_by: str | None = None
    ) -> OpenLookup | None:
        """Return the lookup that gave a dial its address: its request's, else the latest."""
        named = [lookup for lookup in reversed(self._done) if lookup.host == host]
        own = [lookup for lookup in named if paid_by is not None and lookup.paid_by == paid_by]
        if own or named:
            return (own or named)[0]
        if host or not address:
            return None
        for lookup in reversed(self._done):
            if any(address in asked.query.addresses for asked in lookup.questions):
                return lookup
        return None

    def is_open(self, host: str) -> bool:
        """Whether a lookup of that name is under way."""
        return any(lookup.host == host for lookup in self._open)

    def drain(self) -> list[Lookup]:
        """The process is gone: return what never ended, and what only packets told of."""
        found = [self._give_up(lookup) for lookup in list(self._open)]
        self._asked.clear()
        return found
