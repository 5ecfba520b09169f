"""Rules of two mirrors side by side, held against mirrors of which the truth is known."""

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.batch.sketch import Sketch, bucket_of
from modpulse.collector.health.versions import Firsts
from modpulse.collector.insight import comparing as module
from modpulse.collector.insight.comparing import SIDES, Comparing, Side, TooMuchError
from modpulse.collector.insight.comparison import Asked, Comparison
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.intake.cells import Cell, pack

HOUR_S, DAY_S = 3600, 86_400
T0_S = 1_800_000_000 // DAY_S * DAY_S
A, B = "https://a.example", "https://b.example"
NEAR, FAR = "near", "far"
NIGHT = range(6)


@dataclass(frozen=True)
class Truth:
    """A mirror as it is, and who asks it when."""

    first_byte_s: float = 0.1
    failing: float = 0.01
    hours: range = range(24)
    """Of the day, in which it is asked."""
    sites: Mapping[str, int] = field(default_factory=lambda: {NEAR: 10, FAR: 10})
    """Requests of an hour, on average."""
    lasting: float = 0.05
    """Spread of what a whole hour, and in part the next ones, is slower or faster."""


def rows(truth: Truth, rng: random.Random, days: int) -> dict[tuple[str, int], dict[str, Cell]]:
    """Return what `go` would see of it; nights are three times as fast, the far site as slow."""
    found: dict[tuple[str, int], dict[str, Cell]] = {}
    mood = 0.0
    for hour in range(24 * days):
        mood = 0.6 * mood + rng.gauss(0, truth.lasting)
        if hour % 24 not in truth.hours:
            continue
        whole = Cell()
        for site, rate in truth.sites.items():
            cell = asked(truth, rng, mood, rng.randint(0, 2 * rate), site, hour % 24)
            found.setdefault(("site", hour), {})[site] = cell
            whole.add(cell)
        found["", hour] = {"": whole}
        found["endpoint", hour] = {"info": whole}
    return found


def asked(
    truth: Truth, rng: random.Random, mood: float, requests: int, site: str, hour: int
) -> Cell:
    """Return what became of some requests of an hour."""
    slow = truth.first_byte_s * (3 if site == FAR else 1) / (3 if hour in NIGHT else 1)
    counts, times = Counter[str](), Sketch()
    for _ in range(requests):
        if rng.random() < truth.failing:
            counts["http.5xx"] += 1
        else:
            counts["ok"] += 1
            times.put(bucket_of(round(1e9 * slow * math.exp(mood + rng.gauss(0, 0.5)))))
    sketches = [(FIRST_BYTE, times.to_bytes())] if times.count else []
    return Cell(counts, sketches)


def compared(a: Truth, b: Truth, seed: int = 1, days: int = 4) -> Comparison:
    """Compare two mirrors."""
    comparing = Comparing(Asked(A, B, T0_S, T0_S + days * DAY_S))
    for place, (side, truth) in enumerate(zip(SIDES, (a, b), strict=True)):
        for (dimension, hour), cells in rows(truth, random.Random(2 * seed + place), days).items():
            comparing.take(side, dimension, T0_S + hour * HOUR_S, HOUR_S, pack(cells))  # type: ignore[arg-type]
    assert len(list(comparing.finish())) > 0
    return comparing.comparison({}, {}, None)


def verdicts(found: Comparison) -> set[str]:
    """Every verdict of it, of pairs that there are."""
    return {row.pair.verdict for row in found.rows if row.pair}


def test_equal_mirrors_are_not_told_apart() -> None:
    """Of mirrors that are alike no row shows a difference, in 95 of 100 comparisons."""
    wrong = [
        seed
        for seed in range(100)
        if verdicts(compared(Truth(), Truth(), seed, days=3)) & {"higher", "lower"}
    ]

    assert len(wrong) <= 5


def plain_p95_s(found: Comparison, truth: Truth, seed: int, days: int) -> float:
    """Return what who looks at one mirror alone sees."""
    times = Sketch()
    for (dimension, _), cells in rows(truth, random.Random(seed), days).items():
        if not dimension:
            for _, data in cells[""].sketches:
                times.merge(Sketch.from_bytes(data))
    return (times.quantile(0.95) or 0) / 1e9


@pytest.mark.parametrize(
    ("used", "flattered"),
    [(Truth(hours=NIGHT), 0.5), (Truth(sites={FAR: 10}), 1.1)],
    ids=["only at night", "only by the far site"],
)
def test_when_and_from_where_a_mirror_is_used_flatters_it_not(
    used: Truth, flattered: float
) -> None:
    """Who looks at each alone sees a difference; at the same hours and sites there is none."""
    found = [compared(Truth(), used, seed, days=7) for seed in range(10)]
    ratio = plain_p95_s(found[0], used, 3, 7) / plain_p95_s(found[0], Truth(), 2, 7)

    assert ratio < flattered if flattered < 1 else ratio > flattered
    assert sum("lower" in verdicts(each) or "higher" in verdicts(each) for each in found) <= 1
    for each in found:
        pair = each.row("p95").pair
        assert pair is not None
        assert pair.difference == pytest.approx(1, abs=0.25)


def test_a_night_mirror_that_is_slower() -> None:
    """It looks faster than the other, and is told to be slower."""
    used = Truth(first_byte_s=0.15, hours=NIGHT)
    found = compared(Truth(), used, days=7)
    pair = found.row("p95").pair

    assert plain_p95_s(found, used, 3, 7) < plain_p95_s(found, Truth(), 2, 7)
    assert pair is not None
    assert (pair.verdict, round(pair.difference, 1)) == ("higher", 1.5)


def test_five_per_cent_slower() -> None:
    """What is asked often enough is told, with how much slower it is."""
    busy = {NEAR: 60, FAR: 60}
    found = [
        compared(
            Truth(sites=busy, lasting=0.01),
            Truth(first_byte_s=0.105, sites=busy, lasting=0.01),
            seed,
            days=4,
        )
        for seed in range(5)
    ]
    pairs = [pair for each in found if (pair := each.row("p50").pair)]

    assert sum(pair.verdict == "higher" for pair in pairs) >= 4
    for pair in pairs:
        assert pair.low is not None
        assert pair.high is not None
        assert pair.low < 1.05 < pair.high


def test_two_per_cent_fail() -> None:
    """Of mirrors that are as fast the one that fails is told."""
    for seed in range(5):
        found = compared(Truth(failing=0.0), Truth(failing=0.02), seed)
        pair = found.row("success").pair
        assert pair is not None
        assert pair.verdict == "lower"
        assert pair.difference == pytest.approx(-0.02, abs=0.01)
        assert found.row("p95").pair is not None


def test_an_hour_is_one_hour() -> None:
    """Hundreds of failures of a single hour are one accident, and prove no habit."""
    found = Comparing(Asked(A, B, T0_S, T0_S + 4 * DAY_S))
    for side in SIDES:
        for hour in range(96):
            counts = Counter(ok=10) if (side, hour) != ("b", 40) else Counter({"http.5xx": 10})
            row = pack({"": Cell(counts)})
            found.take(side, "site", T0_S + hour * HOUR_S, HOUR_S, row)
    assert list(found.finish())
    pair = found.comparison({}, {}, None).row("success").pair

    assert pair is not None
    assert (pair.verdict, pair.b.value) == ("alike", pytest.approx(95 / 96))


def test_never_at_the_same_hours() -> None:
    """Nothing is compared, and what is known of each alone is told."""
    found = compared(Truth(hours=range(6)), Truth(hours=range(12, 18)))

    assert verdicts(found) == set()
    assert (found.together.periods, found.together.sites) == (0, ())
    assert found.a.requests > 100
    assert found.b.requests > 100


def test_too_little() -> None:
    """With a few requests of few hours no verdict is made, and no interval."""
    found = compared(Truth(hours=range(2)), Truth(hours=range(2)), days=1)
    pair = found.row("p95").pair

    assert verdicts(found) == {"unknown"}
    assert pair is not None
    assert (pair.low, pair.a.low) == (None, None)


def test_other_sites_at_the_same_hours() -> None:
    """What is not kept by site is not judged where sites asked unlike; what is, is."""
    a, b = Truth(sites={NEAR: 20, FAR: 2}), Truth(sites={NEAR: 2, FAR: 20})
    found = compared(a, b, days=7)

    assert found.together.apart > 0.5
    assert found.notes == ("apart",)
    assert {row.pair.verdict for row in found.rows if row.pair and not row.by_site} == {"unknown"}
    assert {row.pair.verdict for row in found.rows if row.pair and row.by_site} == {"alike"}


def test_both_ways() -> None:
    """B against A is A against B, turned round."""
    words = {"higher": "lower", "lower": "higher", "alike": "alike", "unknown": "unknown"}
    fast, slow = Truth(), Truth(first_byte_s=0.2, failing=0.1)
    there = compared(fast, slow, seed=1)
    back = Comparing(Asked(B, A, T0_S, T0_S + 4 * DAY_S))
    for side, place, truth in (("b", 2, fast), ("a", 3, slow)):
        of: Side = side  # type: ignore[assignment]
        for (dimension, hour), cells in rows(truth, random.Random(place), 4).items():
            back.take(of, dimension, T0_S + hour * HOUR_S, HOUR_S, pack(cells))  # type: ignore[arg-type]
    assert list(back.finish())
    turned = back.comparison({}, {}, None)

    assert len(there.rows) > 10
    for one, other in zip(there.rows, turned.rows, strict=True):
        if one.pair and other.pair:
            assert one.pair.verdict == words[other.pair.verdict]
            assert one.pair.a == other.pair.b


def test_each_alone() -> None:
    """What is known of a mirror is told, and what was not seen is None."""
    comparing = Comparing(Asked(A, B, T0_S, T0_S + DAY_S))
    one_mb = 1_000_000
    whole = Cell(
        Counter({"ok": 90, "miss": 5, "suspect": 1, "http.5xx": 4, "bytes": 90 * one_mb})
        + Counter({"fallback": 6, "fallback_ms": 1200}),
        [("transfer", Sketch({bucket_of(10**9): 9}).to_bytes())],
    )
    comparing.take("a", "", T0_S, HOUR_S, pack({"": whole}))
    comparing.take("a", "site", T0_S, HOUR_S, pack({NEAR: whole}))
    ends = {"zip": Cell(Counter(ok=36)), "sumdb": Cell(Counter(miss=1))}
    comparing.take("a", "endpoint", T0_S, HOUR_S, pack(ends))
    places = {"192.0.2.1": Cell(Counter(ok=1)), "192.0.2.2": Cell(Counter(ok=9)), "other": Cell()}
    comparing.take("a", "address", T0_S, HOUR_S, pack(places))
    comparing.take("b", "", T0_S, HOUR_S, pack({"": Cell(Counter(ok=12))}))
    assert list(comparing.finish())
    found = comparing.comparison({A: Leaf(0, 5)}, {A: 30}, Firsts(1, 0, 2, 0, 5))
    a, b = found.a, found.b

    assert (a.requests, a.ok, a.misses, a.failed, a.periods) == (100, 90, 6, 4, 1)
    assert (a.addresses, a.sites, a.certificate) == (("192.0.2.2", "192.0.2.1"), {NEAR: 100},
                                                     Leaf(0, 5))  # fmt: skip
    assert a.transfer_bytes_per_s == pytest.approx(10 * one_mb, rel=0.02)
    assert (a.most_bytes_per_s, a.most_zips_per_s) == (90 * one_mb / HOUR_S, 0.01)
    assert (a.serves_sumdb, b.serves_sumdb) == (False, None)
    assert (b.certificate, b.transfer_bytes_per_s, b.most_zips_per_s) == (None, None, None)
    assert found.notes == ("after_a",)
    assert (a.min_ttl_s, b.min_ttl_s, found.firsts) == (30, None, Firsts(1, 0, 2, 0, 5))


def test_what_was_beside_requests() -> None:
    """Requests with as many in flight are compared with each other."""
    comparing = Comparing(Asked(A, B, T0_S, T0_S + 2 * DAY_S))
    for hour in range(48):
        for side, busy in (("a", 5), ("b", 50)):
            of: Side = side  # type: ignore[assignment]
            times = {name: Sketch({at: 20}).to_bytes() for name, at in (("1", 0), ("17", busy))}
            cells = {
                f"in_flight_{name}": Cell(Counter(ok=20), [(FIRST_BYTE, data)])
                for name, data in times.items()
            }
            comparing.take(of, "circumstance", T0_S + hour * HOUR_S, HOUR_S, pack(cells))
    assert list(comparing.finish())
    found = comparing.comparison({}, {}, None)
    told = {
        (row.circumstance, row.kind): row.pair.verdict
        for row in found.rows
        if row.circumstance and row.pair and row.kind in ("p50", "success")
    }

    assert told == {
        ("in_flight_1", "success"): "alike",
        ("in_flight_1", "p50"): "alike",
        ("in_flight_17", "success"): "alike",
        ("in_flight_17", "p50"): "higher",
    }


def test_minutes() -> None:
    """Half a day and less is compared by the minute, days by the hour; whole days not at all."""
    assert Asked(A, B, T0_S, T0_S + HOUR_S).period_s == 60
    assert Asked(A, B, T0_S, T0_S + DAY_S).period_s == HOUR_S

    comparing = Comparing(Asked(A, B, T0_S, T0_S + 30 * DAY_S))
    comparing.take("a", "", T0_S, DAY_S, pack({"": Cell(Counter(ok=9))}))
    comparing.take("a", "", T0_S + DAY_S, 60, pack({"": Cell(Counter(ok=1))}))
    comparing.take("a", "", T0_S + DAY_S + 60, 60, pack({"": Cell(Counter(ok=1))}))
    assert list(comparing.finish())

    assert (
        comparing.comparison({}, {}, None).a.requests,
        comparing.comparison({}, {}, None).a.periods,
    ) == (2, 1)


@pytest.mark.parametrize("row", [None, b"", b"\x01\xff", "words"])
def test_a_row_that_makes_no_sense(row: object) -> None:
    """It is left out and counted."""
    comparing = Comparing(Asked(A, B, T0_S, T0_S + DAY_S))
    comparing.take("a", "site", T0_S, HOUR_S, row)

    assert comparing.unreadable == 1


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for more than is held at once is told so."""
    monkeypatch.setattr(module, "MAX_SEEN", 3)
    comparing = Comparing(Asked(A, B, T0_S, T0_S + DAY_S))

    with pytest.raises(TooMuchError, match="less time"):
        comparing.take("a", "site", T0_S, HOUR_S, pack({f"s{n}": Cell() for n in range(4)}))
