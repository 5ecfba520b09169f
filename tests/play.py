"""A tracker that is fed transcripts: events in, records out."""

from collections.abc import Iterable

from builders import (
    CHAIN,
    S,
    at,
    exec_,
    proxy_list,
)

from modpulse.agent.events.events import Event
from modpulse.agent.records.records import Record, Request
from modpulse.agent.tracker.tracker import Tracker

STALLED_AFTER_NS = 30 * S
ZIP = "/example.test/m/@v/v1.0.0.zip"
LIST = "/example.test/m/@v/list"
SUPPORTED = "/sumdb/sum.golang.org/supported"


class Play:
    """A tracker, and all records that it has given out."""

    def __init__(self, *events: Event | Iterable[Event]) -> None:
        self.tracker = Tracker(STALLED_AFTER_NS, 0)
        self.records: list[Record] = []
        self(*events)

    def __call__(self, *events: Event | Iterable[Event]) -> list[Record]:
        """Feed events, or lists of them; return the records that they completed."""
        given = []
        for event in events:
            for each in event if isinstance(event, list) else [event]:
                given += self.tracker.feed(each)
        self.records += given
        return given

    def expire(self, ms: float) -> list[Record]:
        """Let time pass."""
        given = self.tracker.expire(at(ms))
        self.records += given
        return given

    def finish(self, ms: float = 99_000) -> "Play":
        """End the watch."""
        self.records += self.tracker.finish(at(ms))
        return self

    def of(self, kind: type) -> list:
        """The records of one kind; of a request the last report."""
        if kind is Request:
            latest = {record.id: record for record in self.records if isinstance(record, Request)}
            return list(latest.values())
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def account(self) -> tuple[int, int, int]:
        """Joined, late, orphan; checks the loss identity on the way."""
        account = self.tracker.account
        lost = account.late + account.orphan + account.dismissed
        assert account.decoded == account.joined + lost + account.pending
        return account.joined, account.late, account.orphan


def only_request(*events: Event | list[Event], entries: tuple = CHAIN) -> Request:
    """The one request of a process whose chain is known."""
    play = Play(exec_(), proxy_list(0, entries), *events).finish()
    (request,) = play.of(Request)
    return request
