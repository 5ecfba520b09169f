"""Rules of GET /api/v1/history: what it is asked for, and what a real collector answers."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from collectors import Collector, Reply, batch_bytes, call, post
from sightings import T0_NS, S

from modpulse.agent.batch.batch import FIRST_BYTE, Outcomes, ProxyWindow
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.cli import main
from modpulse.collector.errors import RejectedError
from modpulse.collector.http.history import asked_of

PROXY = "https://proxy.example"
NOW_S = T0_NS // S
DOCUMENT = Path(__file__).parents[3] / "docs" / "history.md"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector that took two batches of a proxy."""
    made = Collector(tmp_path_factory.mktemp("history"))
    made.keys["window_seconds"] = 0.2
    made.start()
    window = ProxyWindow(
        proxy=PROXY,
        requests=10,
        misses=2,
        failures={"http.5xx": 3},
        sketches={FIRST_BYTE: Sketch({-32: 5}).to_bytes()},
        by_endpoint=(
            Outcomes(name="list", ok=1, failures={"http.5xx": 3}),
            Outcomes(name="zip", ok=4, misses=2, sketch=Sketch({-32: 4}).to_bytes()),
        ),
        failed_ns=1_500_000_000,
    )
    for number in range(2):
        post(made, batch_bytes(f"build-{number}", windows=(window,)))
    while not ask(made, proxy=PROXY).body.get("history"):
        pass
    yield made
    made.stop()


def ask(collector: Collector, **query: str) -> Reply:
    """Ask for the past."""
    return call(collector, "GET", f"/api/v1/history?{urlencode(query)}")


def test_a_proxy_as_a_whole(collector: Collector) -> None:
    """What two agents saw is one series, and its points add up to its total."""
    (series,) = ask(collector, proxy=PROXY, since="1h").body["history"]
    total = series["total"]

    assert (series["name"], total["requests"], total["ok"], total["misses"]) == (None, 20, 10, 4)
    assert (total["failed"], total["failures"]) == (6, {"http.5xx": 6})
    assert (total["failure_ratio"], total["lost_ms"]) == (0.375, 3000)
    assert total["p95_ms"] == pytest.approx(500, rel=0.02)
    assert sum(point["requests"] for point in series["points"]) == 20


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("agent", {"build-0": 10, "build-1": 10}),
        ("endpoint", {"zip": 12, "list": 8}),
        ("site", {None: 20}),
        ("address", {}),
    ],
)
def test_by_a_dimension(collector: Collector, by: str, expected: dict[str | None, int]) -> None:
    """A series for each value, those that were asked most first."""
    found = ask(collector, proxy=PROXY, by=by).body
    requests = {series["name"]: series["total"]["requests"] for series in found["history"]}

    assert found["by"] == by
    assert list(requests.items()) == list(expected.items())


def test_who_is_not_known(collector: Collector) -> None:
    """A proxy that nobody asked is no empty history."""
    reply = ask(collector, proxy="https://nobody.example")

    assert (reply.status, reply.body) == (404, {"error": "no history of such a proxy"})


def test_every_key_is_documented(collector: Collector) -> None:
    """docs/history.md names every key of the document."""
    document = ask(collector, proxy=PROXY).body
    (series,) = document["history"]
    documented = set(re.findall(r"`\.{0,2}(\w+)(?:\[\])?`", DOCUMENT.read_text()))

    assert {*document, *series, *series["total"]} - documented == set()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "proxy: expected"),
        ("proxy=", "proxy: expected"),
        ("proxy=a&proxy=b", "unknown or twice"),
        ("proxy=a&colour=red", "unknown or twice"),
        ("proxy=a&by=moon", "by: expected one of site"),
        ("proxy=a&step=second", "step: expected one of minute"),
        ("proxy=a&step=minute&since=7d", "more than 2500 points"),
        ("proxy=a&step=hour&since=90d&by=agent", "more than 400 points"),
        ("proxy=a&since=never", "since and until"),
        ("proxy=a&since=-7d", "since and until"),
        ("proxy=a&since=99999d", "ten years"),
        ("proxy=a&since=2027-02-30", "since and until"),
        ("proxy=a&until=1d&since=2030-01-01", "before until"),
        ("proxy=%ff", "makes no sense"),
        ("a=1&" * 9, "makes no sense"),
        ("proxy=" + "a" * 5000, "more than 4096 bytes"),
        ("proxy=\u00e9", "makes no sense"),
    ],
)
def test_what_makes_no_sense(query: str, words: str) -> None:
    """Whatever is wrong with a question is said, with status 400."""
    with pytest.raises(RejectedError, match=words) as caught:
        asked_of(query.encode(), T0_NS, 0)

    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (3600, NOW_S - 7 * 86_400, NOW_S)),
        ("&since=24h", (60, NOW_S - 86_400, NOW_S)),
        ("&since=90d", (3600, NOW_S - 90 * 86_400, NOW_S)),
        ("&since=1y", (86_400, NOW_S - 366 * 86_400, NOW_S)),
        ("&since=90d&by=site", (86_400, NOW_S - 90 * 86_400, NOW_S)),
        ("&since=2027-01-14T08:00:00Z&step=hour", (3600, NOW_S - 86_400, NOW_S)),
        ("&since=1h&until=1d", (60, NOW_S - 86_400 - 3600, NOW_S - 86_400)),
    ],
)
def test_times(query: str, expected: tuple[int, int, int]) -> None:
    """Without a step the finest is taken that gives no more points than a picture has room for."""
    asked = asked_of(f"proxy=HTTPS://Proxy.Example/{query}".encode(), T0_NS, 0)

    assert asked.proxy == PROXY
    assert (asked.period_s, asked.from_s, asked.until_s) == expected


def test_times_are_the_walls() -> None:
    """What is said is of the clock on the wall, also where the collector's goes by another."""
    asked = asked_of(b"proxy=a&since=2027-01-14T08:00:00Z", T0_NS, 10 * S)

    assert (asked.from_s, asked.until_s) == (NOW_S - 86_400 - 10, NOW_S)


def test_the_command(
    collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a table, JSON, CSV, SVG or PNG; a proxy or a kind of file not known is an error."""
    command = ["history", PROXY, "--url", collector.url]
    assert main([*command, "--since", "1h"]) == 0
    assert "TOP CAUSE" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert '"requests": 20' in capsys.readouterr().out
    assert main([*command, "--by", "agent", "--csv"]) == 0
    assert f"{PROXY},agent,build-1," in capsys.readouterr().out
    for kind, head in ((".svg", b"<svg "), (".png", b"\x89PNG")):
        target = tmp_path / f"past{kind}"
        assert main([*command, "--plot", str(target)]) == 0
        assert target.read_bytes().startswith(head)
    assert main([*command, "--plot", "past.gif"]) == 2
    assert main(["history", "https://nobody.example", "--url", collector.url]) == 1
    assert "no history of such a proxy" in capsys.readouterr().err
