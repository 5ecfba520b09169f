"""Rules of the page of one proxy."""

from dataclasses import replace

from alarms import T0_NS, report
from histories import DAY_S, HOUR_S, PROXY, T0_S, history, point, series

from modpulse.collector.health.gates import Finding
from modpulse.collector.health.reason import Reason, plain
from modpulse.collector.health.report import ShownCertificate
from modpulse.collector.health.scope import Scope
from modpulse.collector.health.state import GateTrack, Track
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.page.proxy import certificates, now_of, past_of, span_links
from modpulse.collector.page.span import Span
from modpulse.collector.page.words import day


def test_nothing_is_said_twice() -> None:
    """Who sees it is left out where that is why it is sick; credentials never leave."""
    words = "all at https://u:secret@a.example"
    gate = GateTrack(True, 1, 0, Finding("partial", plain(words)))
    sick = Track("degraded", T0_NS - 90 * 10**9, {"partial": gate})
    seen = replace(report(PROXY), track=sick, scope=Scope("address", plain(words), "10.0.0.7"))
    now = now_of(seen, T0_NS, "en")

    assert (now.state, now.for_s, now.scope) == ("degraded", 90.0, "")
    assert now.part == ("address", "10.0.0.7")
    assert "secret" not in now.evidence[0]
    alone = replace(seen, scope=Scope("host", (Reason("only_host", ("x",)),), "x"))
    assert now_of(alone, T0_NS, "en").scope == "only x sees failures"
    assert now_of(alone, T0_NS, "zh").scope == "只有 x 看到失败"


def test_the_past() -> None:
    """Phases in the order of a request, classes by their number, periods newest first."""
    total = {
        "phases_ms": {"transfer": (1.0, 2.0, 3.0), "tls": (4.0, 5.0, 6.0)},
        "failures": {"tcp.reset": 1, "http.5xx": 3},
    }
    periods = point(0, failures={"tcp.reset": 1}), point(24, period_s=DAY_S)
    past = past_of(history(series(*periods, **total)), PROXY, 0)

    assert past
    assert [line.phase for line in past.phases] == ["tls", "transfer"]
    assert past.longest_ms == 5.0
    assert [(line.name, line.share) for line in past.failures] == [
        ("http.5xx", 0.75), ("tcp.reset", 0.25)
    ]  # fmt: skip
    assert [line.cause for line in past.periods] == [None, "tcp.reset"]
    assert [bool(line.page) for line in past.periods] == [True, False]
    assert past_of(None, PROXY, 0) is past_of(history(), PROXY, 0) is None


def test_certificates_of_any_date() -> None:
    """The one seen last first; a date that no calendar has is the nearest."""
    leaves = [Leaf(T0_S - DAY_S, T0_S + DAY_S), Leaf(-(1 << 47), 1 << 47), Leaf(9, 3)]
    shown = tuple(ShownCertificate(leaf, 0, n) for n, leaf in enumerate(leaves))
    found = certificates(replace(report(), certificates=shown), T0_S * 10**9, 0)

    assert [line.last_ns for line in found] == [2, 1, 0]
    assert (found[-1].left_days, found[-1].used) == (1.0, 0.5)
    assert (day(found[1].begins_ns)[-6:], day(found[1].ends_ns)) == ("-01-01", "9999-12-31")
    assert 0 <= found[0].used <= 1
    assert certificates(None, 0, 0) == []


def test_lengths_are_links() -> None:
    """Each leads to the same page; the one that is shown says so."""
    links = span_links("/proxy?proxy=x", Span("7d", 0, HOUR_S), ("24h", "7d"))

    assert links == [
        ("24h", "/proxy?proxy=x&range=24h", False), ("7d", "/proxy?proxy=x&range=7d", True)
    ]  # fmt: skip
