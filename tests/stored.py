"""Batches in a store, with all that its tables learn of them."""

from collections.abc import Sequence

from modpulse.collector.intake.arrival import Arrival
from modpulse.collector.intake.rollup import roll_up
from modpulse.collector.store.database import Store


def append(store: Store, arrivals: Sequence[Arrival]) -> list[bool]:
    """Take a group and roll it up at once; returns for each whether it was new."""
    fresh, log_id = store.append(arrivals)
    store.add(roll_up(a for a, new in zip(arrivals, fresh, strict=True) if new), log_id)
    return fresh
