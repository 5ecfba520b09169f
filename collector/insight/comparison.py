"""
Comparison: two mirrors side by side, from what `go` commands saw of both; and how it is made.

A value, made from rows of the history; who shows it knows nothing of these. What was not seen is
None, never 0. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from modpulse.agent.batch.batch import FIRST_BYTE, PHASES

from ..health.versions import Firsts
from ..intake.arrival import Leaf
from ..intake.cells import unpack
from ..intake.dimensions import OTHER, Dimension
from ..intake.rollup import HOUR_S, MINUTE_S
from .matched import Counted, Pair, Timed, percentiles, shares
from .mirror import Mirror, Seen, mirror_of

Side = Literal["a", "b"]
SIDES: tuple[Side, ...] = get_args(Side)
Kind = Literal["success", "misses", "p50", "p95", "p99"]
QUANTILES: Mapping[Kind, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
READ: Mapping[Dimension, int] = {"": 0, "site": 0, "endpoint": 0, "address": HOUR_S}
"""What is read of each mirror, and the finest period that is needed; 0: as is compared."""
BY_MINUTE_S = 12 * HOUR_S
"""What is no longer is compared by the minute, what is by the hour."""
MAX_SEEN = 150_000
"""Values of both mirrors in all periods: 90 days by hour, of five sites and six endpoints, are a
third of it."""
ERROR = 0.05
"""How often two equal mirrors are told apart, in any row."""
MOST_APART = 0.1
"""Of the requests that two mirrors got from different sites in the same hour: where it is more,
what is not kept by site is not judged."""


Note = Literal["apart", "after_a", "after_b"]
"""Sites asked them unlike; B may be asked for what A has not; the same with B before A."""
AFTER = 0.5
"""So often as the other was asked at all, it was left for the next entry of GOPROXY."""


class TooMuchError(ValueError):
    """So much is not compared at once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to have compared."""

    a: str
    b: str
    from_s: int
    until_s: int
    """Not of it."""

    @property
    def period_s(self) -> int:
        """How long times are in which both must have been asked."""
        return MINUTE_S if self.until_s - self.from_s <= BY_MINUTE_S else HOUR_S


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is compared."""

    kind: Kind
    endpoint: str | None
    """None: of all requests."""
    phase: str | None
    """Of a percentile: PHASES, or `first_byte`; else None."""
    by_site: bool
    """Whether sites are told apart; else hours alone."""
    pair: Pair | None
    """Shares, and percentiles in ns; None: never both at the same hour and site."""


@dataclass(frozen=True, slots=True)
class Together:
    """How much of both can be compared."""

    period_s: int
    periods: int
    """Hours or minutes in which both were asked from the same site."""
    sites: tuple[str, ...]
    """From which; the empty name: agents without one."""
    requests_a: int
    """Of A, then and there."""
    requests_b: int
    apart: float
    """Of the requests in an hour, those that came from other sites to A than to B; 0…1."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer."""

    asked: Asked
    a: Mirror
    b: Mirror
    together: Together
    rows: tuple[Row, ...]
    """Success, misses and time to first byte of all; of each endpoint; of each phase."""
    error: float
    """How often the interval of one row's difference may miss it."""
    notes: tuple[Note, ...]
    """What else may be the cause of a difference."""
    firsts: Firsts | None
    """What one has and the other has not; None: nothing was read."""

    def row(self, kind: Kind) -> Row:
        """Return one of those of all requests."""
        return next(row for row in self.rows if row.kind == kind and row.endpoint is None)


_Slots = dict[int, Seen]
"""By the start of the period."""


@dataclass(slots=True)
class _Side:
    total: Counter[str] = field(default_factory=Counter)
    seen: dict[Dimension, dict[str, _Slots]] = field(
        default_factory=lambda: {dimension: {} for dimension in READ}
    )


class Comparing:
    """Rows on their way to a comparison; each step takes some milliseconds at most."""

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
            if not isinstance(row, bytes):
                raise ValueError("expected bytes")
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
        timed: list[tuple[Row, list[Timed]]] = []
        by_site = self._strata("site", by_site=True)
        counted += self._counted(by_site, None, by_site=True)
        yield
        timed += self._timed(by_site, FIRST_BYTE, None, by_site=True)
        yield
        for endpoint in self._common("endpoint"):
            strata = self._strata("endpoint", only=endpoint)
            counted += self._counted(strata, endpoint)
            timed += self._timed(strata, FIRST_BYTE, endpoint)
            yield
        whole = self._strata("")
        for phase in PHASES:
            if phase != FIRST_BYTE:
                timed += self._timed(whole, phase, None)
                yield
        compared = sum(bool(strata) for _, strata in counted)
        compared += len(QUANTILES) * sum(bool(strata) for _, strata in timed)
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
        self, strata: list[tuple[int, Seen, Seen]], endpoint: str | None, by_site: bool = False
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
            (Row("success", endpoint, None, by_site, None), answered),
            (Row("misses", endpoint, None, by_site, None), missed),
        ]

    def _timed(
        self,
        strata: list[tuple[int, Seen, Seen]],
        phase: str,
        endpoint: str | None,
        by_site: bool = False,
    ) -> list[tuple[Row, list[Timed]]]:
        found = []
        for at, a, b in strata:
            of_a, of_b = a.buckets(phase), b.buckets(phase)
            if of_a and of_b:
                found.append(Timed(at, of_a, of_b))
        shown = "first_byte" if phase == FIRST_BYTE else phase
        return [(Row("p50", endpoint, shown, by_site, None), found)]

    def _compare(
        self,
        counted: list[tuple[Row, list[Counted]]],
        timed: list[tuple[Row, list[Timed]]],
    ) -> Iterator[None]:
        by_hour_too = self._apart() <= MOST_APART
        for row, strata in counted:
            self._rows.append(_judged(row, shares(strata, self._error), by_hour_too))
            yield
        for row, durations in timed:
            for kind, q in QUANTILES.items():
                pair = percentiles(durations, q, self._error)
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
