"""
The certificates that a proxy shows by turns: each of its addresses may have another.

The one that ends first is what counts, for as long as it may still be in use. Pure.
"""

from dataclasses import dataclass

from ..intake.arrival import Leaf
from .evidence import HORIZON_NS

MAX_LEAVES = 8
"""Certificates of one proxy at a time; beyond it the one that was seen longest ago goes."""
_CHANCE = 0.01
"""That one is not seen by chance alone is no more likely, where it is taken for replaced."""
_MANY = 100
"""Sightings; of older ones half are forgotten, so that shares are those of lately."""


@dataclass(slots=True)
class _Shown:
    count: float
    seen_ns: int
    share: float = 0.0
    """Of all sightings, when it was seen last; less than one: of few nobody knows the rest."""
    others: int = 0
    """Sightings of others since."""


class Leaves:
    """Of one proxy."""

    __slots__ = ("_shown",)

    def __init__(self) -> None:
        self._shown: dict[Leaf, _Shown] = {}

    def __bool__(self) -> bool:
        """Whether any is known."""
        return bool(self._shown)

    def note(self, leaf: Leaf, seen_ns: int) -> None:
        """Somebody was shown one in the window that ended then."""
        if len(self._shown) == 1 and leaf in self._shown:
            # As nearly always.
            only = self._shown[leaf]
            if seen_ns >= only.seen_ns - HORIZON_NS:
                only.count = (only.count / 2 if only.count >= _MANY else only.count) + 1
                only.seen_ns = max(only.seen_ns, seen_ns)
                only.share = only.count / (only.count + 1)
            return
        newest_ns = max((shown.seen_ns for shown in self._shown.values()), default=0)
        if seen_ns < newest_ns - HORIZON_NS:
            return
        if sum(shown.count for shown in self._shown.values()) >= _MANY:
            for shown in self._shown.values():
                shown.count /= 2
        own = self._shown.pop(leaf, None) or _Shown(0, seen_ns)
        own.count, own.seen_ns, own.others = own.count + 1, max(own.seen_ns, seen_ns), 0
        self._shown[leaf] = own
        own.share = own.count / (sum(shown.count for shown in self._shown.values()) + 1)
        for other, shown in list(self._shown.items()):
            if other != leaf:
                shown.others += 1
                if (1 - shown.share) ** shown.others < _CHANCE:
                    del self._shown[other]
        if len(self._shown) > MAX_LEAVES:
            del self._shown[next(iter(self._shown))]

    @property
    def first_to_end(self) -> Leaf | None:
        """Return the one that counts; None where none is known."""
        return min(self._shown, key=lambda leaf: leaf.not_after_s, default=None)
