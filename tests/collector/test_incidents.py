"""From batches to incidents, with a real collector: kept once, also over kill -9."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collectors import Collector
from outages import SICK, document, fail, quick, recover, until

from modpulse.collector.cli import main


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector that waits for tenths of a second."""
    made = quick(tmp_path)
    yield made.start()
    made.end()


def is_closed(found: dict[str, Any]) -> bool:
    """Whether the newest incident is over."""
    return bool(found["incidents"]) and found["incidents"][0]["state"] == "closed"


def has_any(found: dict[str, Any]) -> bool:
    """Whether there is one."""
    return bool(found["incidents"])


def test_an_outage_is_an_incident(collector: Collector) -> None:
    """It opens with what it costs, and closes with the answers; one, whoever saw it."""
    fail(collector)
    (opened,) = until(collector, has_any)["incidents"]
    recover(collector)
    (closed,) = until(collector, is_closed)["incidents"]

    assert (opened["state"], opened["severity"], opened["proxies"]) == ("open", "P0", [SICK])
    assert opened["cost"] == {
        "failed_requests": 18, "fell_through": 8, "lost_s": 6.0, "commands_failed": 6,
        "failed_s": 4.0,
    }  # fmt: skip
    assert opened["text"]["en"]["body"].startswith("sick.example is down since ")
    assert "18 of 18 requests from 2 hosts were refused" in opened["text"]["en"]["body"]
    assert [entry["what"] for entry in closed["timeline"]] == ["fired", "told", "resolved", "told"]
    assert closed["duration_s"] > 0.3


def test_kill_9_loses_and_doubles_nothing(collector: Collector) -> None:
    """The incident of before is the incident of after, and ends once."""
    fail(collector)
    (before,) = until(collector, has_any)["incidents"]
    for _ in range(3):
        collector.kill()
        collector.start()
        (after,) = until(collector, has_any)["incidents"]
        assert (after["id"], after["state"]) == (before["id"], "open")
    recover(collector)
    (closed,) = until(collector, is_closed)["incidents"]
    collector.kill()
    collector.start()

    after_all = document(collector)["incidents"]
    assert [(i["id"], i["state"]) for i in after_all] == [(closed["id"], "closed")]


def test_the_command(collector: Collector, capsys: pytest.CaptureFixture[str]) -> None:
    """`modpulse incidents` prints what is open, and with --all what is over."""
    assert main(["incidents", "--url", collector.url]) == 0
    assert capsys.readouterr().out == "No open incidents.\n"
    fail(collector)
    until(collector, has_any)
    assert main(["incidents", "--url", collector.url]) == 0
    text = capsys.readouterr().out
    assert text.startswith("[P0] sick.example is down\n")
    assert "so far: 18 requests failed, 8 went on to the next entry, 6 s lost by that, " in text
    assert "6 commands failed, 4 s lost by failures that ended it" in text
    recover(collector)
    until(collector, is_closed)
    main(["incidents", "--url", collector.url, "--all"])

    assert "sick.example works again" in capsys.readouterr().out
    assert main(["incidents", "--url", "http://127.0.0.1:1"]) == 1
