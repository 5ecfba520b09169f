"""
What a proxy cost one command: counts, percentiles and the time lost waiting for nothing.

Knows nothing of terminals; the fleet's numbers are made elsewhere, from sketches.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..records.records import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One line below the waterfall."""

    proxy: str
    requests: int
    misses: int
    """404 and 410, the suspect ones too."""
    suspect: int
    failures: int
    """Without those of an HTTP proxy on the way and of this machine, which are not this proxy's."""
    p50_ns: int | None
    """Median time to first byte; None when no answer came."""
    p95_ns: int | None
    lost_ns: int
    """Wall time during which at least one request waited for an answer that never came."""


def tally(requests: Iterable[Request], ends_ns: Mapping[str, int]) -> list[Tally]:
    """Sum up the requests per proxy, in the order in which proxies were first asked."""
    by_proxy: dict[str, list[Request]] = {}
    for request in sorted(requests, key=lambda request: request.at_ns):
        by_proxy.setdefault(request.proxy or request.host, []).append(request)
    return [_tally(proxy, asked, ends_ns) for proxy, asked in by_proxy.items()]


def _tally(proxy: str, asked: Sequence[Request], ends_ns: Mapping[str, int]) -> Tally:
    first_bytes = sorted(ns for request in asked if (ns := request.first_byte_ns) is not None)
    return Tally(
        proxy=proxy,
        requests=len(asked),
        misses=sum(request.is_miss for request in asked),
        suspect=sum(request.suspect for request in asked),
        failures=sum(
            request.failure is not None and request.failure.is_of_proxy for request in asked
        ),
        p50_ns=quantile(first_bytes, 0.5),
        p95_ns=quantile(first_bytes, 0.95),
        lost_ns=_union_ns(
            (request.at_ns, ends_ns.get(request.id, request.at_ns))
            for request in asked
            if request.status is None and not request.is_ok
        ),
    )


def quantile(ordered: Sequence[int], q: float) -> int | None:
    """Return the nearest-rank quantile of sorted values; None of none."""
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None


def _union_ns(intervals: Iterable[tuple[int, int]]) -> int:
    total = 0
    covered_ns: int | None = None
    for at_ns, end_ns in sorted(intervals):
        start = at_ns if covered_ns is None else max(at_ns, covered_ns)
        total += max(0, end_ns - start)
        covered_ns = end_ns if covered_ns is None else max(covered_ns, end_ns)
    return total
