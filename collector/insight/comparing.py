"""
Rows of the history on their way to a comparison: which of them are of the same hour and site.

Pure: each step takes some milliseconds at most.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Literal, get_args

from modpulse.agent.batch.batch import FIRST_BYTE, PHASES

from ..health.versions import Firsts
from ..intake.arrival import Leaf
from ..intake.cells import unpack
from ..intake.dimensions import OTHER, Dimension
from ..intake.rollup import HOUR_S
from .comparison import QUANTILES, Asked, Comparison, Note, Row, Together
from .matched import Counted, Pair, Timed, percentiles, shares, timed_in
from .mirror import Mirror, Seen, durations, mirror_of

Side = Literal["a", "b"]
SIDES: tuple[Side, ...] = get_args(Side)
READ: Mapping[Dimension, int] = {
    "": 0,
    "site": 0,
    "endpoint": 0,
    "circumstance": 0,
    "address": HOUR_S,
}
"""What is read of each mirror, and the finest period that is needed; 0: as is compared."""
MAX_SEEN = 150_000
"""Values of both mirrors in all periods: 90 days by hour, of five sites and six endpoints, are a
third of it."""
ERROR = 0.05
"""How often two equal mirrors are told apart, in any row."""
MOST_APART = 0.1
"""Of the requests that two mirrors got from different sites in the same hour: where it is more,
what is not kept by site is not judged."""
AFTER = 0.5
"""So often as the other was asked at all, one was left for the next entry of GOPROXY: then the
other may be asked for what the one has not."""


class TooMuchError(ValueError):
    """So much is not compared at once."""


_Slots = dict[int, Seen]
"""By the start of the period."""


@dataclass(slots=True)
class _Side:
    total: Counter[str] = field(default_factory=Counter)
    seen: dict[Dimension, dict[str, _Slots]] = field(
        default_factory=lambda: {dimension: {} for dimension in READ}
    )


class Comparing:
    """Of two mirrors."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._sides: Mapping[Side, _Side] = {side: _Side() for side in SIDES}
        self._held = 0
        self._rows: list[Row] = []
        self._error = ERROR
        self.unreadable = 0
        """Rows that made no sense."""

    def take(
        self, side: Side, dimension: Dimension, start_s: int, period_s: int, row: object
    ) -> None:
        """
        Add a row of some period; one of a day is left out, for it has both day and night.

        Raises:
            TooMuchError: it is more than is compared at once.
        """
        wanted_s = READ[dimension] or self.asked.period_s
        if period_s > HOUR_S:
            return
        try:
            cells = list(unpack(row))
        except ValueError:
            self.unreadable += 1
            return
        into = self._sides[side]
        slot = start_s - start_s % max(period_s, wanted_s)
        for name, cell in cells:
            slots = into.seen[dimension].setdefault(name, {})
            seen = slots.get(slot)
            if seen is None:
                self._held += 1
                if self._held > MAX_SEEN:
                    raise TooMuchError("so much is not compared at once: ask for less time")
                seen = slots[slot] = Seen()
            seen.add(cell)
            if not dimension:
                into.total.update(cell.counts)

    def finish(self) -> Iterator[None]:
        """Compare, a step for each row."""
        counted: list[tuple[Row, list[Counted]]] = []
        timed: list[tuple[Row, Timed]] = []
        by_site = self._strata("site", by_site=True)
        counted += self._counted(by_site, by_site=True)
        yield
        timed += self._timed(by_site, FIRST_BYTE, by_site=True)
        yield
        for endpoint in self._common("endpoint"):
            strata = self._strata("endpoint", only=endpoint)
            counted += self._counted(strata, endpoint)
            timed += self._timed(strata, FIRST_BYTE, endpoint)
            yield
        for circumstance in self._common("circumstance"):
            strata = self._strata("circumstance", only=circumstance)
            counted += self._counted(strata, None, circumstance)
            timed += self._timed(strata, FIRST_BYTE, None, circumstance)
            yield
        whole = self._strata("")
        for phase in PHASES:
            if phase != FIRST_BYTE:
                timed += self._timed(whole, phase)
                yield
        compared = sum(bool(strata) for _, strata in counted)
        compared += len(QUANTILES) * sum(bool(times.starts_s) for _, times in timed)
        self._error = ERROR / max(1, compared)
        yield from self._compare(counted, timed)

    def comparison(
        self,
        certificates: Mapping[str, Leaf],
        min_ttls_s: Mapping[str, int | None],
        firsts: Firsts | None,
    ) -> Comparison:
        """
        Return what was made.

        Args:
            certificates: The newest of each proxy, where one was seen.
            min_ttls_s: The smallest of DNS that is remembered of each.
            firsts: What one of both has and the other has not, as far as is remembered.
        """
        a, b = (
            mirror_of(
                name,
                self._sides[side].seen,
                self._sides[side].total,
                certificates.get(name),
                min_ttls_s.get(name),
                self.asked.period_s,
            )
            for name, side in zip((self.asked.a, self.asked.b), SIDES, strict=True)
        )
        together = self._together()
        notes = _notes(a, b, together)
        return Comparison(self.asked, a, b, together, tuple(self._rows), self._error, notes, firsts)

    def _common(self, dimension: Dimension) -> list[str]:
        """Return the values that both have, but not the one that is all others."""
        of_a, of_b = (self._sides[side].seen[dimension] for side in SIDES)
        return sorted(of_a.keys() & of_b.keys() - {OTHER})

    def _strata(
        self, dimension: Dimension, only: str = "", by_site: bool = False
    ) -> list[tuple[int, Seen, Seen]]:
        """Return the times at which both were asked, for each value or one of them."""
        found = []
        of_a, of_b = (self._sides[side].seen[dimension] for side in SIDES)
        for name in self._common(dimension) if by_site else [only]:
            slots_a, slots_b = of_a.get(name, {}), of_b.get(name, {})
            found += [(at, slots_a[at], slots_b[at]) for at in sorted(slots_a.keys() & slots_b)]
        return found

    def _counted(
        self,
        strata: list[tuple[int, Seen, Seen]],
        endpoint: str | None = None,
        circumstance: str | None = None,
        by_site: bool = False,
    ) -> list[tuple[Row, list[Counted]]]:
        answered = [
            Counted(at, a.ok, a.ok + a.failed, b.ok, b.ok + b.failed)
            for at, a, b in strata
            if a.ok + a.failed and b.ok + b.failed
        ]
        missed = [
            Counted(at, a.misses, a.requests, b.misses, b.requests)
            for at, a, b in strata
            if a.requests and b.requests
        ]
        return [
            (Row("success", endpoint, circumstance, None, by_site, None), answered),
            (Row("misses", endpoint, circumstance, None, by_site, None), missed),
        ]

    def _timed(
        self,
        strata: list[tuple[int, Seen, Seen]],
        phase: str,
        endpoint: str | None = None,
        circumstance: str | None = None,
        by_site: bool = False,
    ) -> list[tuple[Row, Timed]]:
        of_a = durations((a for _, a, _ in strata), phase)
        of_b = durations((b for _, _, b in strata), phase)
        timed = timed_in([start_s for start_s, _, _ in strata], of_a, of_b)
        shown = "first_byte" if phase == FIRST_BYTE else phase
        return [(Row("p50", endpoint, circumstance, shown, by_site, None), timed)]

    def _compare(
        self,
        counted: list[tuple[Row, list[Counted]]],
        timed: list[tuple[Row, Timed]],
    ) -> Iterator[None]:
        by_hour_too = self._apart() <= MOST_APART
        for row, strata in counted:
            self._rows.append(_judged(row, shares(strata, self._error), by_hour_too))
            yield
        for row, times in timed:
            pairs = percentiles(times, [*QUANTILES.values()], self._error)
            for kind, pair in zip_longest(QUANTILES, pairs):
                self._rows.append(_judged(replace(row, kind=kind), pair, by_hour_too))
            yield

    def _together(self) -> Together:
        of_a, of_b = (self._sides[side].seen["site"] for side in SIDES)
        sites, times, requests_a, requests_b = [], set(), 0, 0
        for site in sorted(of_a.keys() & of_b):
            both = [
                at
                for at in of_a[site].keys() & of_b[site]
                if of_a[site][at].requests and of_b[site][at].requests
            ]
            if both and site != OTHER:
                sites.append(site)
                times.update(both)
                requests_a += sum(of_a[site][at].requests for at in both)
                requests_b += sum(of_b[site][at].requests for at in both)
        period_s = self.asked.period_s
        return Together(period_s, len(times), tuple(sites), requests_a, requests_b, self._apart())

    def _apart(self) -> float:
        """Return how much of the requests of the same times came from different sites."""
        by_time: dict[int, tuple[Counter[str], Counter[str]]] = {}
        for place, side in enumerate(SIDES):
            for site, slots in self._sides[side].seen["site"].items():
                for at, seen in slots.items():
                    by_time.setdefault(at, (Counter(), Counter()))[place][site] += seen.requests
        weight = apart = 0.0
        for of_a, of_b in by_time.values():
            n_a, n_b = of_a.total(), of_b.total()
            if n_a and n_b:
                each = n_a * n_b / (n_a + n_b)
                off = sum(abs(of_a[site] / n_a - of_b[site] / n_b) for site in of_a | of_b)
                weight, apart = weight + each, apart + each * off / 2
        return apart / weight if weight else 0.0


def _notes(a: Mirror, b: Mirror, together: Together) -> tuple[Note, ...]:
    notes: list[Note] = ["apart"] if together.apart > MOST_APART else []
    if b.requests and a.fallbacks >= AFTER * b.requests:
        notes.append("after_a")
    if a.requests and b.fallbacks >= AFTER * a.requests:
        notes.append("after_b")
    return tuple(notes)


def _judged(row: Row, pair: Pair | None, by_hour_too: bool) -> Row:
    """Return the row with its pair; what other sites may be the cause of is no verdict."""
    if pair is not None and not (row.by_site or by_hour_too):
        pair = replace(pair, verdict="unknown")
    return replace(row, pair=pair)
