"""
`modpulse replay`: the records of a capture file, as far as packets tell.
"""

from datetime import UTC, datetime
from pathlib import Path

from ..records.document import Document, document_of
from ..records.records import Record
from ..source.capture import Capture
from ..tracker.account import Account
from ..tracker.tracker import Tracker

_NEVER_NS = 1 << 62
"""No request is seen in packets, so none can hang."""


def replay(path: Path) -> Document:
    """
    Read a capture.

    Raises:
        CaptureError: no capture file, or unreadable.
    """
    capture = Capture(path)
    tracker = Tracker(_NEVER_NS, wall_offset_ns=0)
    records: list[Record] = []
    last_at_ns = 0
    for event in capture.events():
        last_at_ns = max(last_at_ns, event.at_ns)
        records += tracker.feed(event)
    records += tracker.finish(last_at_ns)
    started_at_ns = capture.started_at_ns or 0
    started_at = datetime.fromtimestamp(started_at_ns // 1_000_000_000, UTC)
    fraction = f"{started_at_ns % 1_000_000_000:09d}"
    return document_of(
        records,
        capture.losses | _losses(tracker.account),
        command=(),
        exit_code=None,
        started_at=f"{started_at:%Y-%m-%dT%H:%M:%S}.{fraction}Z",
        started_at_ns=started_at_ns,
        ended_at_ns=last_at_ns or None,
        clock="realtime",
    )


def _losses(account: Account) -> dict[str, int]:
    """Return what the tracker has lost, where it has; packets of others are orphans by nature."""
    counts = {
        "tracker_full": account.tracker_full,
        "bad_packets": account.bad_packets,
        "bad_certificates": account.bad_certificates,
    }
    return {name: count for name, count in counts.items() if count}
