"""
How many lines of the log an event may take: a flood of it leaves some lines, and a number.

Pure: counts, and knows no clock. An event is what a line begins with (`batch.rejected`); a party is
whom it is about, so that one who floods the log leaves lines for what others do.
"""

from collections import Counter
from dataclasses import dataclass, field

from .units import NS

MINUTE_NS = 60 * NS
MAX_EVENT_LINES = 30
"""Of one event in a minute."""
MAX_PARTY_LINES = 5
"""Of these, about one party."""
MAX_EVENT_BYTES = 16 << 10
"""Of one event in a minute; the line that reaches it is whole."""
MAX_EVENTS = 64
"""Told apart in a minute; there are half as many. Those beyond share one account."""

Suppressed = list[tuple[str, int]]
"""Event and how many of its lines were left out."""


@dataclass(slots=True)
class _Minute:
    """What one event took since its first line."""

    end_ns: int
    lines: int = 0
    bytes: int = 0
    suppressed: int = 0
    parties: Counter[str] = field(default_factory=Counter)


class Lines:
    """The accounts of all events."""

    def __init__(self) -> None:
        self._minutes: dict[str, _Minute] = {}

    def admit(self, event: str, party: str, now_ns: int) -> bool:
        """
        Return whether a line may be written; if not it is counted.

        Args:
            event: What the line begins with.
            party: Whom it is about; empty: nobody.
            now_ns: Of a clock that is not set.
        """
        minute = self._minutes.get(event)
        if minute is None:
            event = event if len(self._minutes) < MAX_EVENTS else ""
            minute = self._minutes.setdefault(event, _Minute(now_ns + MINUTE_NS))
        is_full = minute.lines >= MAX_EVENT_LINES or minute.bytes >= MAX_EVENT_BYTES
        if is_full or (party and minute.parties[party] >= MAX_PARTY_LINES):
            minute.suppressed += 1
            return False
        minute.lines += 1
        minute.parties[party] += 1
        return True

    def wrote(self, event: str, size_bytes: int) -> None:
        """Count the bytes of an admitted line."""
        minute = self._minutes.get(event) or self._minutes.get("")
        if minute:
            minute.bytes += size_bytes

    def ended(self, now_ns: int) -> Suppressed:
        """Begin anew what is a minute old; return what was left out of it."""
        over = [event for event, minute in self._minutes.items() if minute.end_ns <= now_ns]
        gone = [(event or "other", self._minutes.pop(event).suppressed) for event in over]
        return [(event, count) for event, count in gone if count]

    def next_end_ns(self) -> int | None:
        """Return when the first number is to be told; None when nothing was left out."""
        return min((m.end_ns for m in self._minutes.values() if m.suppressed), default=None)
