"""Batches in a store, with all that its tables learn of them."""

from collections.abc import Sequence

from modpulse.collector.intake.arrival import Arrival
from modpulse.collector.intake.cells import Cells, added, unpack
from modpulse.collector.intake.dimensions import Dimension
from modpulse.collector.intake.rollup import roll_up
from modpulse.collector.store.database import Store
from modpulse.collector.store.tiers import LATEST_START_S


def append(store: Store, arrivals: Sequence[Arrival]) -> list[bool]:
    """Take a group and roll it up at once; returns for each whether it was new."""
    fresh, log_id = store.append(arrivals)
    store.add(roll_up(a for a, new in zip(arrivals, fresh, strict=True) if new), log_id)
    return fresh


def cells(store: Store, proxy: str, dimension: Dimension = "", period_s: int = 60) -> Cells:
    """Return what all rows say of a proxy, each fact once: by value, added up."""
    rows = [
        {name: cell}
        for range_ in store.plan(proxy, dimension, period_s, 0, LATEST_START_S)
        for _, row in store.rollups(range_, -1)
        for name, cell in unpack(row)
    ]
    return added(rows, dimension)[0]


def tier(store: Store, number: int) -> int:
    """Return how many rows of all series a tier has."""
    sql = "SELECT COUNT(*) FROM rollups WHERE (key >> 32 & 3) = ?"
    return int(store._db.execute(sql, (number,)).fetchone()[0])
