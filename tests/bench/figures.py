"""From measured values to figures. Pure: the randomness comes as an argument."""

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 2000
INTERVAL = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the ratios of pairs, with a bootstrap interval that covers INTERVAL."""

    median: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.median:.4f} ({self.low:.4f} to {self.high:.4f}, {self.pairs} pairs)"


def quantile(values: Sequence[float], q: float) -> float:
    """Nearest-rank quantile of at least one value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def paired_ratio(pairs: Sequence[tuple[float, float]], rng: random.Random) -> Ratio:
    """Sum up pairs of (with, without), each measured one after the other in random order."""
    ratios = [with_it / without for with_it, without in pairs]
    medians = sorted(
        statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES)
    )
    edge = (1 - INTERVAL) / 2
    return Ratio(
        statistics.median(ratios), quantile(medians, edge), quantile(medians, 1 - edge), len(pairs)
    )


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles, relative to the median."""
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / middle


def milliseconds(values_ns: Sequence[float]) -> str:
    """`median / p95` in milliseconds."""
    return f"{statistics.median(values_ns) / 1e6:.3f} / {quantile(values_ns, 0.95) / 1e6:.3f} ms"
