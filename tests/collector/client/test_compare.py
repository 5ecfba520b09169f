"""Rules of how a comparison looks."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.client.compare import render

NOW = datetime(2027, 1, 15, tzinfo=UTC)
MIRROR = {
    "proxy": "https://goproxy.corp",
    "requests": 10_234,
    "periods": 160,
    "sites": {"cn-north": 9000, "": 1234},
    "failures": {"http.5xx": 12},
    "addresses": [f"192.0.2.{n}" for n in range(6)],
    "certificate_not_after_s": int(NOW.timestamp()) + 23 * 86_400,
    "min_ttl_s": 600,
    "serves_sumdb": True,
    "transfer_bytes_per_second": 12_300_000,
    "most_bytes_per_second": 1_200_000,
    "most_zips_per_second": 3.4,
    "fallbacks": 120,
    "fallback_ms": 144_000,
    "commands_stopped": 3,
}
OTHER = {"proxy": "https://goproxy.example", "requests": 8120, "periods": 112, "serves_sumdb": None}


def line(kind: str, a: float, b: float, verdict: str, **more: Any) -> dict[str, Any]:
    """Return a row."""
    is_time = kind.startswith("p")
    return {
        "kind": kind,
        "endpoint": None,
        "phase": "first_byte" if is_time else None,
        "a": {"value": a, "low": a * 0.9, "high": a * 1.1},
        "b": {"value": b, "low": b * 0.9, "high": b * 1.1},
        "difference": b / a if is_time else b - a,
        "verdict": verdict,
    } | more


DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "since": "2027-01-08T00:00:00.000Z",
    "until": "2027-01-15T00:00:00.000Z",
    "a": MIRROR,
    "b": OTHER,
    "together": {
        "period_s": 3600, "periods": 100, "sites": ["cn-north"], "requests_a": 900,
        "requests_b": 800,
    },
    "firsts": {"versions_a": 1, "versions_b": 12, "modules_a": 7, "modules_b": 0},
    "compare": [
        line("success", 0.999, 0.999, "alike"),
        line("misses", 0.05, 0.25, "higher"),
        line("p95", 660, 410, "lower"),
        line("p95", 66, 41, "unknown", endpoint="info"),
        line("p50", 12, 24, "higher", phase="tls"),
        line("success", 0.99, 0.98, "alike", circumstance="in_flight_5"),
    ],
}  # fmt: skip


def test_what_matters_comes_first() -> None:
    """Two sentences say which is faster, which fails, and whether that is certain."""
    shown = render(DOCUMENT, NOW, wide=True)

    assert shown.splitlines()[:2] == [
        "B answers 38% faster: p95 to first byte of list, info and mod at the same hours and "
        "sites, 410 ms against 660 ms.",
        "B fails as often as A, as far as can be told: 0.10% against 0.10%.",
    ]
    for words in (
        "Both were asked in 100 hours from cn-north: 900 requests of A, 800 of B.",
        "660 ms (594 to 726)",
        "99.90% (89.9 to 100)",
        "38% faster",
        "+20 points",
        "TLS handshake, p50",
        "info, p95 to first byte",
        "5 to 16 in flight, success",
        "2 times as slow",
        "cn-north, no site",
        "23 days",
        "600 s",
        "192.0.2.0, 192.0.2.1, 192.0.2.2, 192.0.2.3 and 2 more",
        "12.3 MB/s",
        "120 times, 1.20 s each",
        "not seen",
        "unknown: too little was seen",
    ):
        assert words in shown, words


def test_who_asks_for_no_more_is_told_p95() -> None:
    """Of parts p95 alone is shown, what fails where that is certain, and success by load."""
    shown = render(DOCUMENT, NOW, wide=False)

    assert "TLS handshake" not in shown
    assert "info, p95 to first byte" in shown
    assert "5 to 16 in flight, success" in shown
    assert "not found" in shown


def test_what_surely_differs_is_told() -> None:
    """Where p95 may be chance, and another percentile is not, the sentence is of that one."""
    told = [line("p95", 660, 670, "alike"), line("p50", 100, 127, "higher")]

    assert render(DOCUMENT | {"compare": told}, NOW, wide=False).startswith(
        "B answers 27% slower: p50 to first byte of list, info and mod"
    )


def test_nothing_to_compare() -> None:
    """Then there is no table of it, and each alone is told."""
    shown = render(DOCUMENT | {"compare": [], "together": {}}, NOW, wide=False)
    missed = render(DOCUMENT | {"compare": []}, NOW, wide=False)

    assert shown.startswith("A and B were never asked at the same hours from the same site.\n")
    assert missed.startswith("At the same hours and sites A and B answered nothing that can be ")
    assert "AT THE SAME" not in shown
    assert "EACH ALONE" in shown


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (("higher", "lower"), ("B answers 38% faster", "B fails more often")),
        (("alike", "higher"), ("B is as fast as A, as far as", "B fails less often")),
        (("unknown", "unknown"), ("Too little was seen", "Too little was seen")),
    ],
)
def test_no_claim_without_a_verdict(verdicts: tuple[str, str], words: tuple[str, str]) -> None:
    """What is not certain is not said to be so."""
    document = copy.deepcopy(DOCUMENT)
    rows = (document["compare"][2], document["compare"][0])
    for row, verdict in zip(rows, verdicts, strict=True):
        row["verdict"] = verdict
    told = render(document, NOW, wide=True).splitlines()[:2]

    assert all(line.startswith(begin) for line, begin in zip(told, words, strict=True))


def test_what_else_may_be_the_cause() -> None:
    """Notes say what a difference may hang on beside the mirrors."""
    document = DOCUMENT | {"notes": ["apart", "after_a"]}
    document["together"] = DOCUMENT["together"] | {"sites_apart": 0.34}
    shown = render(document, NOW, wide=True)

    assert "34% of the requests of an hour came from other sites" in shown
    assert "A was left 120 times for the next entry, B was asked 8,120 times" in shown


def test_names_are_as_they_may_leave() -> None:
    """A hostile name ends no line and draws nothing."""
    evil = "\x1b[31m\n\u202eevil"
    document = DOCUMENT | {
        "a": MIRROR | {"proxy": evil, "addresses": [evil], "sites": {evil: 1}},
        "together": DOCUMENT["together"] | {"sites": [evil]},
        "compare": [line("p50", 1, 2, "higher", endpoint=evil, phase=evil)],
    }
    shown = render(document, NOW, wide=True)

    assert shown.isascii()
    assert "\x1b" not in shown


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*DOCUMENT, *MIRROR, *DOCUMENT["compare"][0], "value", "low", "high"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*DOCUMENT]), ANYTHING))
def test_any_document(document: dict[str, Any]) -> None:
    """Whatever is answered, a text comes of it."""
    assert render(document, NOW, wide=True).endswith("\n")
