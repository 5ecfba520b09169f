"""Rules of GET /api/v1/compare and `modpulse compare`: what a real collector answers."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from collectors import Collector, Reply, batch_bytes, call, post
from sightings import T0_NS

from modpulse.agent.batch.batch import FIRST_BYTE, Asked, Leaf, Outcomes, ProxyWindow
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.cli import main
from modpulse.collector.errors import RejectedError
from modpulse.collector.http.compare import pair_of

A, B = "https://a.example", "https://b.example"
DOCUMENT = Path(__file__).parents[3] / "docs" / "compare.md"
LEAF = Leaf(subject="CN=a", issuer="CN=ca", not_before_s=0, not_after_s=9, sha256="0" * 64)


def window(proxy: str, bucket: int, failed: int, leaf: Leaf | None = None) -> ProxyWindow:
    """Return what is seen of a mirror."""
    times = Sketch({bucket: 20}).to_bytes()
    failures = {"http.5xx": failed} if failed else {}
    return ProxyWindow(
        proxy=proxy,
        min_ttl_s=None if failed else 300,
        asked=(
            Asked(
                module="m",
                version="v2",
                endpoint="info",
                outcome="miss" if failed else "ok",
                body_bytes=None,
                h1=None,
            ),
        ),
        requests=20 + failed,
        failures=failures,
        sketches={FIRST_BYTE: times, "transfer": times},
        by_endpoint=(Outcomes(name="info", ok=20, failures=failures, sketch=times),),
        by_address=(Outcomes(name="192.0.2.1", ok=20),),
        certificate=leaf,
        body_bytes=1000,
        by_circumstance=(
            Outcomes(name="in_flight_5", ok=20, failures=failures, sketch=times),
            Outcomes(name="of_a_newer_agent", ok=20),
        ),
    )


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector that has two mirrors in its tables."""
    made = Collector(tmp_path_factory.mktemp("compare"))
    made.keys["window_seconds"] = 0.2
    made.start()
    post(made, batch_bytes(windows=(window(A, -60, 0, LEAF), window(B, -32, 5))))
    while ask(made, a=A, b=B).body.get("together", {}).get("requests_b") != 25:
        time.sleep(0.05)
    yield made
    made.stop()


def ask(collector: Collector, **query: str) -> Reply:
    """Ask for a comparison."""
    return call(collector, "GET", f"/api/v1/compare?{urlencode(query)}")


def row(document: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return a row of all requests."""
    return next(r for r in document["compare"] if r["kind"] == kind and r["by_site"])


def test_two_mirrors(collector: Collector) -> None:
    """Both are told as they were seen in the same minutes; a minute proves nothing."""
    document = ask(collector, a=A, b=B, since="1h").body
    success, p95 = row(document, "success"), row(document, "p95")

    assert (document["a"]["proxy"], document["b"]["proxy"]) == (A, B)
    assert (document["a"]["requests"], document["b"]["failed"]) == (20, 5)
    assert (document["a"]["certificate_not_after_s"], document["a"]["addresses"]) == (
        9,
        ["192.0.2.1"],
    )
    assert (document["b"]["certificate_not_after_s"], document["b"]["serves_sumdb"]) == (None, None)
    assert (success["a"]["value"], success["b"]["value"], success["unit"]) == (1, 0.8, "ratio")
    assert (success["verdict"], success["low"], p95["verdict"]) == ("unknown", None, "unknown")
    assert p95["a"]["value"] == pytest.approx(273, rel=0.03)
    assert p95["difference"] == pytest.approx(2 ** (28 / 32), rel=0.03)
    assert (document["a"]["min_ttl_s"], document["b"]["min_ttl_s"]) == (300, None)
    assert document["firsts"]["modules_a"] in (0, 1)
    assert (document["together"]["period_s"], document["together"]["periods"]) == (60, 1)


def test_what_was_beside_requests(collector: Collector) -> None:
    """Success and first byte are told by how many requests were in flight."""
    document = ask(collector, a=A, b=B, since="1h").body
    rows = [r for r in document["compare"] if r["circumstance"]]

    assert {r["circumstance"] for r in rows} == {"in_flight_5"}
    assert [r["b"]["value"] for r in rows if r["kind"] == "success"] == [0.8]
    assert [r["phase"] for r in rows if r["kind"] == "p95"] == ["first_byte"]


def test_every_key_is_documented(collector: Collector) -> None:
    """docs/compare.md names every key of the document."""
    document = ask(collector, a=A, b=B).body
    one = row(document, "p95")
    documented = set(re.findall(r"`\.{0,2}(\w+)(?:\[\])?`", DOCUMENT.read_text()))

    assert {
        *document,
        *document["a"],
        *document["firsts"],
        *document["together"],
        *one,
        *one["a"],
    } - documented == set()


@pytest.mark.parametrize("query", [{"a": A, "b": "https://no.example"}, {"a": "x", "b": B}])
def test_who_is_not_known(collector: Collector, query: dict[str, str]) -> None:
    """Which of both nobody asked is said."""
    reply = ask(collector, **query)
    side = "b" if query["a"] == A else "a"

    assert (reply.status, reply.body) == (404, {"error": f"{side}: no history of such a proxy"})


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "a: expected"),
        ("a=https://a", "b: expected"),
        ("a=&b=https://b", "a: expected"),
        ("a=https://a&b=https://A/", "two mirrors"),
        ("a=https://a&b=https://b&by=site", "unknown or twice"),
        ("a=https://a&b=https://b&since=never", "since and until"),
    ],
)
def test_what_makes_no_sense(query: str, words: str) -> None:
    """Whatever is wrong with a question is said, with status 400."""
    with pytest.raises(RejectedError, match=words) as caught:
        pair_of(query.encode(), T0_NS, 0)

    assert caught.value.status == 400


def test_the_command(collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints a table, or the document, and ends with 0; with 1 where there is none."""
    asked = ["compare", A, B, "--url", collector.url, "--since", "1h"]

    assert main(asked) == 0
    assert f"A is {A}\nB is {B}\n" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["b"]["proxy"] == B
    assert main(["compare", A, "https://no.example", "--url", collector.url]) == 1
    assert "404: b: no history" in capsys.readouterr().err
