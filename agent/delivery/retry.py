"""
What an answer of the collector means for a batch, and when to try again.

Pure: knows nothing of sockets or clocks.
"""

import enum
import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from ..service.foreign import say

FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 1.0, 60.0
SLOW_SECONDS = 120.0
"""Between attempts that a person must make succeed: a new token, a right URL."""
MAX_RETRY_AFTER_SECONDS = 3600.0
"""The longest wait: a collector that asks for a longer one is tried again after this."""
MAX_REASON_CHARS = 200
"""Of the reason that an answer gives, or of why none came."""


class Verdict(enum.Enum):
    """What an answer means for the batch."""

    DELIVERED = "delivered"
    POISON = "poison"
    """Will never be taken: drop and count."""
    REFUSED = "refused"
    """Not from us, or not there: keep, and a person must look."""
    BUSY = "busy"
    """Not now: keep."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the collector said."""

    status: int
    is_duplicate: bool = False
    retry_after_seconds: float | None = None
    reason: str = ""
    """Its own words, shortened."""


def verdict_on(answer: Reply) -> Verdict:
    """Return what the answer means. Source: docs/collector.md, the table of statuses."""
    if answer.status == 202 or (answer.status == 200 and answer.is_duplicate):
        return Verdict.DELIVERED
    if answer.status in (400, 413, 415):
        return Verdict.POISON
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Verdict.BUSY
    return Verdict.REFUSED


def next_attempt(
    verdict: Verdict | None, failures: int, retry_after_seconds: float | None, jitter: float
) -> float:
    """
    Return how many seconds to wait before the next attempt.

    Args:
        verdict: Of the last attempt; None when there was no answer.
        failures: Attempts in a row, this one included, that delivered nothing.
        retry_after_seconds: What the collector asked for; never waited less.
        jitter: 0…1, random: so that a fleet does not come back all at once.
    """
    if verdict in (Verdict.DELIVERED, Verdict.POISON):
        return 0.0
    if verdict is Verdict.REFUSED:
        wait = SLOW_SECONDS
    elif retry_after_seconds is not None:
        wait = min(max(retry_after_seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
        return wait + (1.0 + wait / 4) * jitter
    else:
        doublings = min(max(failures - 1, 0), 16)
        wait = min(FIRST_BACKOFF_SECONDS * 2**doublings, LAST_BACKOFF_SECONDS)
    return wait * (1 - jitter / 2)


def parse_retry_after(text: str, now_seconds: float) -> float | None:
    """Read a number of seconds or a date (RFC 9110 section 10.2.3); None when it is neither."""
    if re.fullmatch(r"[0-9]{1,10}", text.strip()):
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now_seconds, 0.0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def parse_reply(status: int, retry_after: str | None, body: bytes, now_seconds: float) -> Reply:
    """Read what counts of an answer; anything may be in its body."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    told = document if isinstance(document, dict) else {}
    reason = say(str(told.get("error", "")), MAX_REASON_CHARS)
    seconds = parse_retry_after(retry_after, now_seconds) if retry_after else None
    return Reply(status, told.get("duplicate") is True, seconds, reason)
