"""
What of a channel's outbox is next, and when: pure.

Of one incident the newest notice is told alone: who has not heard of it hears how it stands.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modpulse.agent.service.units import NS

from ..alerts.notice import Waiting

FIRST_S = 2
MAX_BACKOFF_S = 300
MAX_AGE_NS = 3 * 86_400 * NS
"""What is older is of no use to anybody, and is given up; the incident is kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about a channel."""

    superseded: tuple[int, ...] = ()
    expired: tuple[int, ...] = ()
    arrived: tuple[int, ...] = ()
    """What was delivered when that could not be written."""
    due: Waiting | None = None
    """To be sent now."""
    wait_ns: int | None = None
    """Until there is something to do; None: until somebody says so."""


def backoff_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row."""
    return min(FIRST_S * 2.0 ** min(max(0, failures - 1), 16), MAX_BACKOFF_S)


def plan(
    waiting: Sequence[Waiting], done: Collection[int], not_before_ns: int, now_ns: int
) -> Plan:
    """
    Return what to do.

    Args:
        waiting: The channel's outbox, oldest first.
        done: Ids of notices that were delivered, which is not written yet.
        not_before_ns: The channel is not asked before.
        now_ns: The collector's time.
    """
    arrived = tuple(row.id for row in waiting if row.id in done)
    rest = [row for row in waiting if row.id not in done]
    expired = tuple(row.id for row in rest if now_ns - row.made_ns > MAX_AGE_NS)
    rest = [row for row in rest if row.id not in expired]
    newest = {row.incident_id: row for row in rest}
    superseded = tuple(row.id for row in rest if newest[row.incident_id] is not row)
    # A clock that was wrong must not silence anybody.
    latest_ns = now_ns + round(MAX_BACKOFF_S * NS * 16)
    times = {
        row.id: max(row.next_ns if row.next_ns <= latest_ns else 0, not_before_ns)
        for row in newest.values()
    }
    first = min(newest.values(), key=lambda row: (times[row.id], row.id), default=None)
    if first is None:
        return Plan(superseded, expired, arrived)
    wait_ns = times[first.id] - now_ns
    if wait_ns > 0:
        return Plan(superseded, expired, arrived, wait_ns=wait_ns)
    return Plan(superseded, expired, arrived, due=first, wait_ns=0)
