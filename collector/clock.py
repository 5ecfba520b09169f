"""
The collector's time: what orders and ages evidence cannot be set back, nor forward.

Pure: whoever calls reads the machine's two clocks. One tells how long the machine runs, in
suspend too, and nobody sets it; the other is on the wall, for people and certificates. Time
here is the wall's when the database was new, and since then has only passed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, overload

from modpulse.agent.service.units import NS

STEP_NS = NS // 2
"""What the wall clock moves against the other is a step; a leap second is one, slewing is none."""
MAX_AWAY_NS = 3 * 86_400 * NS
"""
What is believed of a wall clock after a boot: the machine may have been off, or its clock may be
a year ahead until it asks the network. No evidence is left after less, and all of the past is.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment."""

    wall_ns: int
    """Since 1970, UTC; may be set."""
    boot_ns: int
    """Since the machine started, in suspend too."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the database keeps, so that time goes on where it was."""

    boot_id: str
    """Of the boot in which it was kept; empty: not known."""
    boot_offset_ns: int
    """Our time less the time since that boot."""
    wall_offset_ns: int
    """The wall's time less ours."""
    last_ns: int
    """No time was later when it was kept."""


class Steady:
    """Our time, in nanoseconds; 0 is about 1970."""

    def __init__(
        self, reading: Reading, boot_id: str, kept: Anchor | None = None, newest_ns: int = 0
    ) -> None:
        """
        Go on where the database ended.

        Args:
            reading: Of now.
            boot_id: Of this boot; empty: not known.
            kept: The anchor; None in a database that has none yet.
            newest_ns: The newest row of the database; 0 in an empty one.
        """
        self.steps = 0
        """Of the wall clock, as far as noticed."""
        self.last_step_ns: int | None = None
        """How far the last one went, back is negative; None before the first."""
        self.last_step_at_ns: int | None = None
        """Our time when it was noticed."""
        self._boot_id = boot_id
        self._boot_ns = reading.boot_ns
        self._now_ns = _start_ns(reading, boot_id, kept, newest_ns)
        self.wall_offset_ns = kept.wall_offset_ns if kept else 0
        """What is added to our time to show it."""
        if kept:
            self.notice(reading)

    def now_ns(self, reading: Reading) -> int:
        """Return our time of a reading; never less than before."""
        self._now_ns += max(0, reading.boot_ns - self._boot_ns)
        self._boot_ns = reading.boot_ns
        return self._now_ns

    def notice(self, reading: Reading) -> int | None:
        """Return how far the wall clock was set since it was looked at last; None: it was not."""
        offset_ns = reading.wall_ns - self.now_ns(reading)
        step_ns = offset_ns - self.wall_offset_ns
        if abs(step_ns) < STEP_NS:
            return None
        self.steps += 1
        self.last_step_ns, self.last_step_at_ns = step_ns, self._now_ns
        self.wall_offset_ns = offset_ns
        return step_ns

    def shown_ns(self, at_ns: int | None) -> int | None:
        """Return one of our times as the wall has it, for people."""
        return None if at_ns is None else at_ns + self.wall_offset_ns

    @property
    def anchor(self) -> Anchor:
        """What is to be kept."""
        return Anchor(
            self._boot_id, self._now_ns - self._boot_ns, self.wall_offset_ns, self._now_ns
        )


Time = Annotated[str, "date-time"]
"""As JSON has it, with the name of its format."""


@overload
def rfc3339(at_ns: int) -> Time: ...


@overload
def rfc3339(at_ns: int | None) -> Time | None: ...


def rfc3339(at_ns: int | None) -> Time | None:
    """Return the time in UTC to the millisecond; None stays None."""
    if at_ns is None:
        return None
    moment = datetime.fromtimestamp(at_ns // NS, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns % NS // 1_000_000:03d}Z"


def _start_ns(reading: Reading, boot_id: str, kept: Anchor | None, newest_ns: int) -> int:
    if kept is None:
        return reading.wall_ns
    by_wall_ns = reading.wall_ns - kept.wall_offset_ns
    if boot_id and boot_id == kept.boot_id:
        now_ns = reading.boot_ns + kept.boot_offset_ns
    else:
        now_ns = kept.last_ns + min(max(0, by_wall_ns - kept.last_ns), MAX_AWAY_NS)
    # Far ahead of every row and of the wall it is damage, by which all history would be old.
    known_ns = max(newest_ns, by_wall_ns)
    return known_ns if newest_ns and now_ns - known_ns > MAX_AWAY_NS else now_ns
