"""
Rows of (name, count) and (bucket, count), as older layouts had them, as cells: for migrations.
"""

import sqlite3
from collections import Counter

from modpulse.agent.batch.sketch import MAX_BUCKET, ZERO_BUCKET

from ..intake.cells import CODES, MOST_COUNT, PHASE_CODES, Cell, added, appended, pack, sketch_of
from ..intake.cells import unpack as unpacked
from . import tiers


def teach(db: sqlite3.Connection) -> None:
    """Let SQL say `rollup_key`, `packed_counts`, `packed_buckets` and `joined`."""
    db.create_function("rollup_key", 3, _key, deterministic=True)
    db.create_function("joined", 2, _joined, deterministic=True)
    # Typeshed knows of aggregates of numbers only.
    db.create_aggregate("packed_counts", 2, _Counts)  # type: ignore[arg-type]
    db.create_aggregate("packed_buckets", 3, _Buckets)  # type: ignore[arg-type]


def _key(proxy_id: int, period_s: int, start_s: int) -> int:
    """Return the key of a row of a proxy as a whole."""
    return tiers.key_of(tiers.series_of(proxy_id, ""), tiers.PERIODS_S.index(period_s), start_s)


def _joined(one: bytes, other: bytes) -> bytes:
    longer = appended(one, other)
    if longer is not None:
        return longer
    rows = [{name: cell} for row in (one, other) for name, cell in unpacked(row)]
    return pack(added(rows, "")[0])


class _Counts:
    """Rows of one period as bytes."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def step(self, *row: object) -> None:
        """Take (name, count); what makes no sense is left out."""
        name, count = row
        if name in CODES and isinstance(count, int) and count > 0:
            self._counts[str(name)] += min(count, MOST_COUNT)

    def finalize(self) -> bytes:
        """Return a row of cells."""
        return pack({"": Cell(self._counts)})


class _Buckets:
    """Rows of one period as bytes."""

    def __init__(self) -> None:
        self._buckets: dict[str, Counter[int]] = {}

    def step(self, *row: object) -> None:
        """Take (phase, bucket, count); what makes no sense is left out."""
        phase, bucket, count = row
        if not isinstance(bucket, int) or not ZERO_BUCKET <= bucket <= MAX_BUCKET:
            return
        if phase in PHASE_CODES and isinstance(count, int) and count > 0:
            held = self._buckets.setdefault(str(phase), Counter())
            held[bucket] += min(count, MOST_COUNT)

    def finalize(self) -> bytes:
        """Return a row of cells."""
        sketches = [(phase, sketch_of(buckets)) for phase, buckets in self._buckets.items()]
        return pack({"": Cell(sketches=sketches)})
