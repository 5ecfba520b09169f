"""
One mirror of a comparison: what is known of it alone, at whatever hours it was asked.

Pure. What was not seen is None, never 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modpulse.agent.batch.sketch import estimate_ns
from modpulse.agent.service.units import NS

from ..intake.arrival import Leaf
from ..intake.cells import FAILED, Cell
from ..intake.dimensions import OTHER, Dimension
from ..intake.fold import Stack


@dataclass(slots=True)
class Seen:
    """What was seen of one value in one period."""

    ok: int = 0
    failed: int = 0
    misses: int = 0
    """Suspect ones too."""
    body_bytes: int = 0
    sketches: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Every outcome."""
        return self.ok + self.failed + self.misses

    def add(self, cell: Cell) -> None:
        """Add what a row says."""
        self.ok += cell.counts["ok"]
        self.failed += cell.failed
        self.misses += cell.counts["miss"] + cell.counts["suspect"]
        self.body_bytes += cell.counts["bytes"]
        self.sketches += cell.sketches


def durations(periods: Iterable[Seen], phase: str) -> Stack:
    """Return those of a phase in each period."""
    return Stack([[data for name, data in seen.sketches if name == phase] for seen in periods])


@dataclass(frozen=True, slots=True)
class Mirror:
    """What is known of one of the two."""

    proxy: str
    requests: int
    ok: int
    misses: int
    """Suspect ones too."""
    failures: Mapping[str, int]
    """By class."""
    periods: int
    """Hours or minutes in which it was asked."""
    sites: Mapping[str, int]
    """Requests by the site that asked; the empty name: agents without one."""
    addresses: tuple[str, ...]
    """That answered or failed, those asked most first."""
    certificate: Leaf | None
    """The newest; None: none was shown."""
    min_ttl_s: int | None
    """The smallest TTL of DNS that is remembered; None: no answer was seen."""
    serves_sumdb: bool | None
    """Whether it passes the checksum database on; None: nobody asked it to."""
    body_bytes: int
    transfer_bytes_per_s: float | None
    """Of bodies while they come: what one download gets."""
    most_bytes_per_s: float | None
    """Over the busiest hour, or minute."""
    most_zips_per_s: float | None
    """The same of zips: a module each."""
    fallbacks: int
    """Requests after which the next entry of GOPROXY was asked."""
    fallback_ms: int
    """Time that these took."""
    failed_ms: int
    """Time that failures took after which no other was asked."""
    commands_stopped: int

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return sum(self.failures.values())


_SLOTS = Mapping[int, Seen]


def mirror_of(
    proxy: str,
    seen: Mapping[Dimension, Mapping[str, _SLOTS]],
    total: Counter[str],
    certificate: Leaf | None,
    min_ttl_s: int | None,
    period_s: int,
) -> Mirror:
    """
    Return what is known.

    Args:
        proxy: Its name.
        seen: By dimension, value and start of the period.
        total: Of the proxy as a whole, by the names of cells.
        certificate: The newest.
        min_ttl_s: The smallest TTL of DNS.
        period_s: Of `seen`.
    """
    whole = seen[""].get("", {})
    zips = seen["endpoint"].get("zip", {})
    addresses = Counter({n: _requests(s) for n, s in seen["address"].items() if n != OTHER})
    return Mirror(
        proxy=proxy,
        requests=_requests(whole),
        ok=total["ok"],
        misses=total["miss"] + total["suspect"],
        failures={name: n for name, n in total.items() if name in FAILED and n},
        periods=sum(bool(each.requests) for each in whole.values()),
        sites={name: n for name, slots in seen["site"].items() if (n := _requests(slots))},
        addresses=tuple(name for name, _ in addresses.most_common()),
        certificate=certificate,
        min_ttl_s=min_ttl_s,
        serves_sumdb=_serves_sumdb(seen["endpoint"].get("sumdb", {})),
        body_bytes=total["bytes"],
        transfer_bytes_per_s=_while_coming(whole),
        most_bytes_per_s=_most([each.body_bytes for each in whole.values()], period_s),
        most_zips_per_s=_most([each.ok for each in zips.values()], period_s),
        fallbacks=total["fallback"],
        fallback_ms=total["fallback_ms"],
        failed_ms=total["failed_ms"],
        commands_stopped=total["stopped"],
    )


def _requests(slots: _SLOTS) -> int:
    return sum(each.requests for each in slots.values())


def _serves_sumdb(slots: _SLOTS) -> bool | None:
    if any(each.ok for each in slots.values()):
        return True
    return False if any(each.misses for each in slots.values()) else None


def _while_coming(slots: _SLOTS) -> float | None:
    periods = [each for each in slots.values() if each.body_bytes]
    transfers = durations(periods, "transfer")
    timed = zip(periods, transfers.totals, strict=True)
    body_bytes = sum(each.body_bytes for each, total in timed if total)
    buckets = zip(*transfers.mixed([1.0] * len(periods)), strict=True)
    took_ns = sum(estimate_ns(bucket) * count for bucket, count in buckets)
    return body_bytes / (took_ns / NS) if took_ns and body_bytes else None


def _most(counts: list[int], period_s: int) -> float | None:
    most = max(counts, default=0)
    return most / period_s if most else None
