"""An outage of a real collector, tried again: what is kept is what was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collectors import Collector, call
from outages import SICK, fail, quick, recover, until

from modpulse.collector.cli import main

SHOWN = ("rule", "proxy", "who", "severity", "since", "fired", "ended")
QUERIES = ("since=x", "after=-1", "after=x", "until=1d&since=0m", "proxy=a", "since=1h&since=2h")


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector that waits for tenths of a second."""
    made = quick(tmp_path)
    yield made.start()
    made.end()


def is_closed(found: dict[str, Any]) -> bool:
    return bool(found["incidents"]) and found["incidents"][0]["state"] == "closed"


def tried(collector: Collector, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """What the command answers as JSON."""
    assert main(["alerts", "test", "--since", "1h", "--json", "--url", collector.url, *more]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_outage_is_what_it_was(
    collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same numbers give the alerts and incidents that were kept, over restarts."""
    fail(collector)
    until(collector, lambda found: found["incidents"])
    collector.stop()
    collector.start()
    recover(collector)
    (kept,) = until(collector, is_closed)["incidents"]
    (alert,) = kept["alerts"]
    (tmp_path / "patient.toml").write_text("down_for_seconds = 3600\n")
    found = tried(collector, capsys, "--rules", str(tmp_path / "patient.toml"))

    assert found["collector"]["alerts"] == [
        {name: value for name, value in alert.items() if name in SHOWN}
    ]
    assert [(i["opened"], i["closed"]) for i in found["collector"]["incidents"]] == [
        (kept["opened"], kept["closed"])
    ]
    assert [n["kind"] for n in found["collector"]["notices"]] == ["opened", "closed"]
    assert found["file"]["alerts"] == []
    assert found["differs"]["down_for_seconds"] == [0.3, 3600]
    assert main(["alerts", "test", "--rules", str(tmp_path / "patient.toml"), "--url",
                 collector.url]) == 0  # fmt: skip
    text = capsys.readouterr().out
    assert "With the collector's rules: 1 incident, 2 notices (1 P0)\n" in text
    assert f"{tmp_path / 'patient.toml'}: 0 incidents, 0 notices\n" in text


def test_what_waits_and_fires(collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    """`modpulse alerts` prints what fires, and of which incident it is."""
    assert main(["alerts", "--url", collector.url]) == 0
    assert capsys.readouterr().out == "No alert waits or fires.\n"
    fail(collector)
    (incident,) = until(collector, lambda found: found["incidents"])["incidents"]
    (found,) = call(collector, "GET", "/api/v1/alerts").body["alerts"]
    assert call(collector, "GET", "/api/v1/alerts?limit=1").body["next"] is None
    assert call(collector, "GET", "/api/v1/alerts?after=1").body["alerts"] == []

    assert (found["rule"], found["proxy"], found["state"]) == ("down", SICK, "firing")
    assert (found["incident"], found["fires_in_s"]) == (incident["id"], None)
    assert main(["alerts", "--url", collector.url]) == 0
    assert SICK in capsys.readouterr().out


def test_mistakes(collector: Collector, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong file is a mistake; a question that makes no sense has no answer."""
    assert tried(collector, capsys)["notes"][0].startswith("The collector remembers nothing")
    (tmp_path / "wrong.toml").write_text("down_for_second = 3600\n")
    url = ["--url", collector.url]
    assert main(["alerts", "test", "--rules", str(tmp_path / "wrong.toml"), *url]) == 2
    assert "unknown key 'down_for_second'" in capsys.readouterr().err
    assert main(["alerts", "test", "--rules", str(tmp_path / "none.toml"), *url]) == 2
    assert main(["alerts", "test", "--since", "yesterday", *url]) == 1
    assert main(["alerts", "test", "--url", "http://127.0.0.1:1"]) == 1
    for query in QUERIES:
        assert call(collector, "GET", f"/api/v1/alerts/past?{query}").status == 400
