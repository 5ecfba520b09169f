"""Rules of the answer of GET /api/v1/agents."""

import json
import re
from pathlib import Path

import pytest
from collectors import Collector, batch_bytes, call, post
from sightings import T0_NS, S

from modpulse.collector.cli import main
from modpulse.collector.health.agents import AgentReport, Ailment
from modpulse.collector.http.agents import agent_document, agents_document

DOCUMENT = Path(__file__).parents[3] / "docs" / "collector.md"


def test_document() -> None:
    """What is known of an agent, and null for what is not; names without what they hide."""
    report = AgentReport(
        agent_id="build-1",
        ailments=(Ailment("clock", "its clock is 60 s ahead"),),
        heard_ns=T0_NS,
        labels={"site": "https://user:hunter2@ams.example"},
        version="0.1.0",
        skew_ns=-60 * S,
    )
    document = agent_document(report, S)

    assert document["states"] == ["clock"]
    assert document["last_heard"] == "2027-01-15T08:00:01.000Z"
    assert (document["version"], document["kernel"], document["skew_s"]) == ("0.1.0", None, -60.0)
    assert "hunter2" not in json.dumps(document)


def test_every_key_is_documented() -> None:
    """docs/collector.md names every key of the answer."""
    keys = {*agents_document(T0_NS), "agents", *agent_document(AgentReport(agent_id="a"), 0)}
    section = DOCUMENT.read_text().partition("### GET /api/v1/agents")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`\.?(\w+)(?:\[\])?`", section))

    assert keys - documented == set()


def test_a_collector_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path and the command; who is heard for the first time is not known yet."""
    collector = Collector(tmp_path).start()
    try:
        post(collector, batch_bytes())
        answer = call(collector, "GET", "/api/v1/agents")
        assert main(["agents", "--url", collector.url]) == 0
    finally:
        collector.stop()

    assert (answer.status, answer.body["schema"], answer.body["agents"]) == (200, 1, [])
    assert capsys.readouterr().out == "No agent was heard yet.\n"
