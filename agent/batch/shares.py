"""
Outcomes of requests, told apart by one thing they have: their endpoint, address or resolver.

Pure; used by the agent, and by the collector's simulator, so that both mean the same. What finds no
room goes to a row of its own, `other`: the sum over the rows stays right.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .batch import MISS, NOT_FAILURES, OK, SUSPECT, Outcomes
from .sketch import Sketch

OTHER = "other"
"""What is none of the protocol's, and what found no room."""


@dataclass(slots=True)
class _Share:
    outcomes: dict[str, int] = field(default_factory=dict)
    """No Counter: making one costs more than a request."""
    sketch: Sketch = field(default_factory=Sketch)


def merged(rows: Sequence[Outcomes]) -> tuple[Outcomes, ...]:
    """Return them as one row, `other`, without times; none where there is none."""
    failed: Counter[str] = Counter()
    for row in rows:
        failed.update(row.failures)
    one = Outcomes(
        name=OTHER,
        ok=sum(row.ok for row in rows),
        misses=sum(row.misses for row in rows),
        suspect_misses=sum(row.suspect_misses for row in rows),
        failures=dict(failed),
    )
    return (one,) if rows else ()


class Shares:
    """Outcomes by name, of one proxy and window."""

    __slots__ = ("_by_name", "_most")

    def __init__(self, most: int) -> None:
        """At most `most` rows, `other` among them."""
        self._most = most
        self._by_name: dict[str, _Share] = {}

    def count(self, name: str, outcome: str, bucket: int | None = None) -> None:
        """
        Count a request.

        Args:
            name: What it has, at most MAX_NAME_BYTES.
            outcome: `ok`, `miss`, `suspect` or a failure class.
            bucket: Of its time to first byte, which is kept of an answer with 200.
        """
        share = self._by_name.get(name) or self._of(name)
        outcomes = share.outcomes
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        if bucket is not None and outcome == OK:
            share.sketch.put(bucket)

    def time(self, name: str, duration_ns: int) -> None:
        """Add to a sketch what is no request."""
        self._of(name).sketch.add(duration_ns)

    def rows(self) -> tuple[Outcomes, ...]:
        """Return them as a batch has them, in the order of their names."""
        return tuple(
            Outcomes(
                name=name,
                ok=share.outcomes.get(OK, 0),
                misses=share.outcomes.get(MISS, 0),
                suspect_misses=share.outcomes.get(SUSPECT, 0),
                failures={cls: n for cls, n in share.outcomes.items() if cls not in NOT_FAILURES},
                sketch=share.sketch.to_bytes(),
            )
            for name, share in sorted(self._by_name.items())
        )

    def _of(self, name: str) -> _Share:
        share = self._by_name.get(name)
        if share is None:
            # One row is kept free for what finds none.
            if len(self._by_name) + (OTHER not in self._by_name) >= self._most:
                name = OTHER
            share = self._by_name.setdefault(name, _Share())
        return share
