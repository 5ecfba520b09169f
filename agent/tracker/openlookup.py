"""
One lookup of a process, under way or just finished: its questions, and what became of it.

Knows nothing of other lookups.
"""

from dataclasses import dataclass, field
from typing import Literal

from ..events.events import GoError
from ..records.records import Lookup, Query, decider
from .cause import is_cancelled
from .resolution import FailedLookup, is_given_up, resolution_cause


@dataclass(slots=True, eq=False)
class Question:
    """One query, and the socket that it was sent on first."""

    query: Query
    cookie: int


def plain_name(host: str) -> str:
    """Return a host as questions for it have it."""
    return host.rstrip(".").lower()


@dataclass(slots=True, eq=False)
class OpenLookup:
    """A lookup under way, or just finished."""

    pid: int
    host: str
    at_ns: int
    goid: int | None
    paid_by: str | None = None
    """Id of the request that caused it."""
    questions: list[Question] = field(default_factory=list)
    answered_at_ns: int | None = None
    """When the last answer came."""
    bad_answers: int = 0
    """Unreadable, or to another question: `go` goes on waiting."""
    end_ns: int | None = None
    error: GoError | None = None
    source: Literal["dns", "hosts", "cgo", "cache"] | None = None
    leader: "OpenLookup | None" = None
    """The one whose questions it shared."""
    is_served: bool = False
    """The flight that it shared has landed (net/lookup.go: lookupGroup), its own return is still to
    come: what is asked from now on is asked for others."""

    @property
    def name(self) -> str:
        """What is asked for, as questions have it."""
        return plain_name(self.host)

    def asked_before(self, query: Query) -> Question | None:
        """Return the same question that got no answer: then it was sent again."""
        for asked in self.questions:
            known = asked.query
            if known.rcode is None and (
                (known.qtype, known.name, known.server, known.transport)
                == (query.qtype, query.name, query.server, query.transport)
            ):
                return asked
        return None

    def is_answered(self) -> bool:
        """For a lookup told by packets: nothing more is to be expected."""
        last = {asked.query.qtype: asked.query for asked in self.questions}
        cut = any(query.truncated and query.transport == "udp" for query in last.values())
        all_came = all(asked.query.rcode for asked in self.questions if not asked.query.truncated)
        return {"A", "AAAA"} <= set(last) and all_came and not cut

    def failed(self) -> FailedLookup:
        """Return what its cause is judged from; a shared one's questions are the other's."""
        by = self.leader or self
        queries = tuple(asked.query for asked in by.questions)
        return FailedLookup(self.host, queries, by.bad_answers, self.end_ns)

    def resolver(self) -> str | None:
        """Return the DNS server that decided it, or the one whose questions it shared."""
        by = self.leader or self
        return decider([asked.query for asked in by.questions], self.error is None)

    def record(self) -> Lookup:
        """Make the record of what is known now."""
        ended = self.end_ns is not None
        return Lookup(
            pid=self.pid,
            host=self.host,
            at_ns=self.at_ns,
            lookup_ns=None if self.end_ns is None else self.end_ns - self.at_ns,
            queries=tuple(asked.query for asked in self.questions),
            source=self.source,
            outcome=self._outcome() if ended else None,
        )

    def _outcome(self) -> str | None:
        if self.error is not None:
            if is_cancelled(self.error) or is_given_up(self.error):
                return "cancelled"
            return resolution_cause(self.error, self.failed()).cls
        if self.goid is None and not any(asked.query.addresses for asked in self.questions):
            return resolution_cause(None, self.failed()).cls
        return "ok"
