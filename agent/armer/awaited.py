"""
Paths at which a `go` was written or deleted: when to look at them, and when to probe what is there.

Whoever opens a probed file without waiting (O_NONBLOCK) is refused by the kernel, and may try again
after minutes, as a job does that is run once more. So a file that was let go for somebody and has
not changed is left alone for so long.
"""

from dataclasses import dataclass

from ..service.bounded import Bounded
from .registry import MAX_BINARIES, Content, Key

AWAITED_NS = 600_000_000_000
"""How long a path is looked at, and a file that has not changed is left alone."""
SOONEST_NS, LATEST_NS = 20_000_000, 2_000_000_000
"""Between two looks; in between a quarter of the time that has passed."""
_QUARTER = 4


@dataclass(slots=True)
class _Wait:
    since_ns: int
    look_at_ns: int
    left: Content | None
    """What it was let go with; None where it was deleted."""
    seen: Key | None = None


class Awaited:
    """A bounded number of paths."""

    def __init__(self) -> None:
        """Nothing is awaited."""
        self._waits: Bounded[str, _Wait] = Bounded(MAX_BINARIES)

    def add(self, path: str, left: Content | None, now_ns: int) -> None:
        """Look at it from now on; the one that was added first is given up for it."""
        self._waits.pop(path, None)
        self._waits[path] = _Wait(now_ns, now_ns + SOONEST_NS, left)

    def drop(self, path: str) -> None:
        """It is probed, or will never be."""
        self._waits.pop(path, None)

    def spares(self, key: Key, now_ns: int) -> bool:
        """Tell whether this is a file that is left alone."""
        return any(
            wait.left == key[:-1] and now_ns - wait.since_ns < AWAITED_NS
            for wait in self._waits.values()
        )

    def next_look_ns(self) -> int | None:
        """Return when to look again."""
        return min((wait.look_at_ns for wait in self._waits.values()), default=None)

    def due(self, now_ns: int) -> list[str]:
        """Return the paths to look at now."""
        return [path for path, wait in self._waits.items() if now_ns >= wait.look_at_ns]

    def is_whole(self, path: str, key: Key | None, now_ns: int) -> bool:
        """
        Tell whether to probe what is there: whoever wrote it seems to have finished.

        Args:
            path: One that is due.
            key: Of what was found there; None where there is no candidate.
            now_ns: CLOCK_MONOTONIC.
        """
        wait = self._waits[path]
        is_over = now_ns - wait.since_ns >= AWAITED_NS
        passed_ns = (now_ns - wait.since_ns) // _QUARTER
        wait.look_at_ns = now_ns + min(max(passed_ns, SOONEST_NS), LATEST_NS)
        # Who writes in several goes, or sets times and modes at the end, is let finish.
        is_whole = key is not None and key == wait.seen and (is_over or key[:-1] != wait.left)
        wait.seen = key
        if is_over and not is_whole:
            self.drop(path)
        return is_whole
