"""
The lookups of one process: Go's own calls, joined with the DNS packets they caused.

Knows nothing of sockets or servers. Where the calls are not seen (no probes, or a capture file)
the packets alone make the records.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Literal

from ..events import GoError
from ..records import Lookup, Query
from ..wire.dns import DnsMessage
from .verdict import dns_cause, is_cancelled

MAX_OPEN = 256
"""Lookups under way in one process; `go` has at most GOMAXPROCS requests in flight."""
MAX_QUERIES = 32
"""Kept of one lookup: 2 types × 3 servers × 2 attempts, with a search list."""
MAX_ASKED = 1024
"""Questions of one process that may still be answered; the oldest are given up."""
REMEMBERED = 64
"""Finished lookups to which a dial may still be joined."""


@dataclass(slots=True, eq=False)
class OpenLookup:
    """A lookup under way, or just finished."""

    pid: int
    host: str
    at_ns: int
    goid: int | None
    queries: list[Query] = field(default_factory=list)
    sockets: list[int] = field(default_factory=list)
    answered_at_ns: int | None = None
    """When the last answer came."""
    end_ns: int | None = None
    error: GoError | None = None
    source: Literal["dns", "hosts", "cgo", "cache"] | None = None

    def is_answered(self) -> bool:
        """For a lookup told by packets: nothing more is to be expected."""
        types = {query.qtype for query in self.queries}
        return all(query.rcode for query in self.queries) and {"A", "AAAA"} <= types

    def record(self) -> Lookup:
        """Make the record of what is known now."""
        ended = self.end_ns is not None
        return Lookup(
            pid=self.pid,
            host=self.host,
            at_ns=self.at_ns,
            lookup_ns=None if self.end_ns is None else self.end_ns - self.at_ns,
            queries=tuple(self.queries),
            source=self.source,
            outcome=self._outcome() if ended else None,
        )

    def _outcome(self) -> str | None:
        if self.error is not None:
            if is_cancelled(self.error):
                return "cancelled"
            return dns_cause(self.error, self.queries)[0]
        if self.goid is None and not any(query.addresses for query in self.queries):
            return dns_cause(None, self.queries)[0]
        return "ok"


def is_address(host: str) -> bool:
    """Whether a host is an IP address, for which nothing is looked up."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class Lookups:
    """All lookups of one process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._open: list[OpenLookup] = []
        self._done: deque[OpenLookup] = deque(maxlen=REMEMBERED)
        self._asked: dict[tuple[int, int, str], tuple[OpenLookup, int]] = {}

    def start(self, host: str, goid: int, at_ns: int) -> bool:
        """A call began; False when there are too many."""
        if len(self._open) >= MAX_OPEN:
            return False
        self._open.append(OpenLookup(self._pid, host, at_ns, goid))
        return True

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
        return lookup.record()

    def _source(self, lookup: OpenLookup) -> Literal["dns", "hosts", "cgo", "cache"]:
        if lookup.queries:
            # libc asks for A and AAAA on one socket, Go on one each (net/dnsclient_unix.go).
            both = len({query.qtype for query in lookup.queries}) > 1
            return "cgo" if both and len(set(lookup.sockets)) == 1 else "dns"
        shared = any(
            other.host == lookup.host
            and other.queries
            and (other.end_ns or lookup.at_ns) >= lookup.at_ns
            for other in (*self._open, *self._done)
        )
        return "cache" if shared else "hosts"

    def packet(
        self,
        message: DnsMessage,
        cookie: int,
        server: str,
        transport: Literal["udp", "tcp"],
        at_ns: int,
    ) -> list[Lookup] | None:
        """Take one DNS message; None when it belongs to no lookup, else the lookups it ended."""
        key = (cookie, message.id, message.qtype)
        if not message.is_answer:
            return self._question(message, key, server, transport, at_ns)
        if key not in self._asked:
            return None
        lookup, index = self._asked.pop(key)
        query = lookup.queries[index]
        lookup.queries[index] = replace(
            query,
            answer_ns=at_ns - query.at_ns,
            rcode=message.rcode,
            truncated=message.truncated,
            min_ttl_s=message.min_ttl_s,
            addresses=message.addresses,
        )
        lookup.answered_at_ns = at_ns
        if lookup.goid is None and lookup.is_answered() and lookup in self._open:
            return [self._close(lookup, at_ns, None)]
        return []

    def _question(
        self,
        message: DnsMessage,
        key: tuple[int, int, str],
        server: str,
        transport: Literal["udp", "tcp"],
        at_ns: int,
    ) -> list[Lookup] | None:
        lookup = self._of(message.qname)
        if lookup is None:
            if len(self._open) >= MAX_OPEN:
                return None
            lookup = OpenLookup(self._pid, message.qname, at_ns, None)
            self._open.append(lookup)
        for index, query in enumerate(lookup.queries):
            same = (query.qtype, query.server, query.transport) == (
                message.qtype,
                server,
                transport,
            )
            if same and query.rcode is None:
                lookup.queries[index] = replace(query, attempts=query.attempts + 1)
                self._await(key, lookup, index)
                return []
        if len(lookup.queries) >= MAX_QUERIES:
            return None
        lookup.queries.append(
            Query(qtype=message.qtype, server=server, transport=transport, at_ns=at_ns)
        )
        lookup.sockets.append(key[0])
        self._await(key, lookup, len(lookup.queries) - 1)
        return []

    def _await(self, key: tuple[int, int, str], lookup: OpenLookup, index: int) -> None:
        if len(self._asked) >= MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        self._asked[key] = (lookup, index)

    def _of(self, qname: str) -> OpenLookup | None:
        """Find the lookup that a question belongs to: its name, maybe with a search domain."""
        for lookup in self._open:
            name = lookup.host.rstrip(".").lower()
            if qname == name or qname.startswith(f"{name}."):
                return lookup
        return None

    def before_dial(self, host: str, address: str | None) -> OpenLookup | None:
        """Return the lookup that gave a dial its address: the latest of that name."""
        for lookup in reversed(self._done):
            if lookup.host == host or (
                not host and address and any(address in query.addresses for query in lookup.queries)
            ):
                return lookup
        return None

    def drain(self) -> list[Lookup]:
        """The process is gone: return what never ended, and what only packets told of."""
        found = []
        for lookup in list(self._open):
            if lookup.goid is None and lookup.answered_at_ns is not None:
                found.append(self._close(lookup, lookup.answered_at_ns, None))
            else:
                found.append(lookup.record())
        self._open.clear()
        self._asked.clear()
        return found
