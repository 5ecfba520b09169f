"""Rules of two mirrors side by side on a page."""

from modpulse.collector.health.versions import Firsts
from modpulse.collector.insight.comparison import Asked, Comparison, Kind, Row, Together
from modpulse.collector.insight.matched import Estimate, Pair, Verdict
from modpulse.collector.insight.mirror import Mirror
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.page.compare import NAMED, CompareView, compare_view

DAY_S, MS = 86_400, 1_000_000


def mirror(proxy: str) -> Mirror:
    """One."""
    return Mirror(
        proxy=proxy, requests=9, ok=6, misses=1, failures={"tcp.reset": 1, "http.5xx": 1},
        periods=3, sites={"b": 1, "": 5, "c": 1, "d": 1, "e": 1}, addresses=("10.0.0.1",),
        certificate=Leaf(0, 3 * DAY_S), min_ttl_s=None, serves_sumdb=None, body_bytes=1,
        transfer_bytes_per_s=None, most_bytes_per_s=None, most_zips_per_s=None, fallbacks=2,
        fallback_ms=500, failed_ms=0, commands_stopped=0,
    )  # fmt: skip


def row(
    kind: Kind, verdict: Verdict = "lower", difference: float = 0.5, low: float | None = 0.25,
    endpoint: str | None = None, circumstance: str | None = None, phase: str | None = None,
) -> Row:  # fmt: skip
    """One thing that is compared."""
    scale = 1 if kind in ("success", "misses") else MS
    each = Estimate(scale, None, 2 * scale)
    pair = Pair(each, each, difference, low, 1.0, verdict)
    is_of_all = endpoint is circumstance is None and phase in (None, "first_byte")
    return Row(kind, endpoint, circumstance, phase, is_of_all, pair)


def made(*rows: Row, firsts: Firsts | None = None) -> CompareView:
    """The page of some rows."""
    together = Together(3600, 3, ("a",), 5, 6, 0.2)
    asked = Asked("https://a", "https://b", 0, 1)
    both = mirror("https://a"), mirror("https://b")
    rows = (*rows, row("success"), row("p95", phase="first_byte"))
    found = Comparison(asked, *both, together, rows, 0.01, ("apart",), firsts)
    return compare_view(found, DAY_S * 10**9)


def test_groups_in_their_order() -> None:
    """Outcomes, time to first byte, endpoints by name, then phases in the order of a request."""
    view = made(
        row("p50", phase="transfer"), row("p50", phase="connect"),
        row("p50", endpoint="zip", phase="first_byte"), row("misses", endpoint="list"),
        row("p50", circumstance="fetch_first", phase="first_byte"),
        row("p50", circumstance="in_flight_17", phase="first_byte"),
    )  # fmt: skip

    assert [group.endpoint or group.circumstance or group.phase for group in view.groups] == [
        None, "first_byte", "list", "zip", "in_flight_17", "fetch_first", "connect", "transfer",
    ]  # fmt: skip


def test_what_surely_differs_is_told() -> None:
    """p95, or another percentile where that may be chance."""
    both = mirror("https://a"), mirror("https://b")
    for of_p95, of_p50, kind in (
        ("lower", "higher", "p95"), ("alike", "higher", "p50"), ("unknown", "alike", "p95"),
    ):  # fmt: skip
        rows = (row("p50", of_p50, phase="first_byte"), row("p95", of_p95, phase="first_byte"))  # type: ignore[arg-type]
        together = Together(3600, 3, ("a",), 5, 6, 0.2)
        asked = Asked("https://a", "https://b", 0, 1)

        assert Comparison(asked, *both, together, rows, 0.01, (), None).speed.kind == kind


def test_what_is_better() -> None:
    """More success and less time are; misses are neither, nor is what may be chance."""
    tones = {
        (kind, verdict): made(row(kind, verdict, endpoint="x")).groups[-1].lines[0].tone
        for kind in ("success", "misses", "p95")
        for verdict in ("higher", "lower", "alike", "unknown")
    }

    assert [key for key, tone in tones.items() if tone == "better"] == [
        ("success", "higher"), ("p95", "lower")
    ]  # fmt: skip
    assert [key for key, tone in tones.items() if tone == "worse"] == [
        ("success", "lower"), ("p95", "higher")
    ]  # fmt: skip
    assert tones["misses", "higher"] == "neutral"
    assert tones["p95", "alike"] == tones["success", "unknown"] == "chance"


def test_the_scale() -> None:
    """Twice as fast is half the way, five points too; times are ms."""
    times, shares = made(
        row("p99", difference=0.5, endpoint="x"), row("success", difference=0.05, endpoint="y")
    ).groups[-2:]

    assert (times.lines[0].at, times.lines[0].low) == (-0.5, -1.0)
    assert (times.lines[0].a.value, times.lines[0].a.low, times.lines[0].a.high) == (1.0, None, 2.0)
    assert (shares.lines[0].at, shares.lines[0].a.value) == (0.5, 1)
    assert made(row("p50", difference=0.0, endpoint="x")).groups[-1].lines[0].at == -1.0


def test_each_alone() -> None:
    """Names that are too many are counted; what was not seen is none."""
    view = made(firsts=Firsts(1, 2, 3, 4, 0))

    assert (view.a.sites, view.a.sites_more) == (("", "b", "c", "d"), 5 - NAMED)
    assert view.a.failures == (("http.5xx", 1), ("tcp.reset", 1))
    assert (view.a.certificate_days, view.a.fallback_each_ms) == (2.0, 250.0)
    assert (view.a.firsts, view.b.firsts, view.a.alone, view.b.alone) == (1, 2, 3, 4)
    assert (made().a.firsts, made().a.alone) == (None, None)
