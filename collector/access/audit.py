"""
What admins did, and what somebody tried who may not. Pure.

Whoever tries often is written down as often as MAX_REFUSED allows, and counted: it is shared by
caller, strangers are one of them, so that nobody's flood hides what another tries.
"""

from dataclasses import dataclass
from typing import Literal

from modpulse.agent.service.units import NS

from ..shares import Shares

Outcome = Literal["done", "failed", "refused"]
"""Failed: it asked for something that there is not, or made no sense."""

MAX_REFUSED = 60
"""Attempts in a minute that are written: of one caller as many as are left for others."""
MAX_TARGET_CHARS = 200
MAX_AUDIT = 100_000
"""Rows of acts; beyond it the oldest go."""
MAX_AUDIT_REFUSED = 20_000
"""Rows of attempts; beyond it the oldest go."""
MAX_AUDIT_SHOWN = 1_000
"""Rows of one answer, the newest."""
_MINUTE_NS = 60 * NS


@dataclass(frozen=True, slots=True)
class Act:
    """One row."""

    at_ns: int
    """The collector's time."""
    who: str
    """`token NAME`, `certificate NAME`; empty: a stranger."""
    act: str
    """`note.add`, `maintenance.add`, `maintenance.end`, `access.change`; or what was tried."""
    target: str
    """What it was about, in words that may leave."""
    outcome: Outcome
    address: str
    """Where the caller's connection comes from; empty: this machine's own file."""
    id: int = 0
    """Of its row; 0: it is not written yet."""


class Attempts:
    """How many attempts may still be written in this minute."""

    def __init__(self) -> None:
        self.unwritten = 0
        """Attempts that were only counted, since the start."""
        self._minute = 0
        self._written = Shares(MAX_REFUSED)

    def admits(self, who: str, now_ns: int) -> bool:
        """Whether one more of a caller (empty: a stranger) is written; else it is counted."""
        minute = now_ns // _MINUTE_NS
        if minute != self._minute:
            self._minute, self._written = minute, Shares(MAX_REFUSED)
        if not self._written.has_room(who, 1):
            self.unwritten += 1
            return False
        self._written.take(who, 1)
        return True
