"""Rules of the list of `modpulse agents`."""

from datetime import UTC, datetime
from typing import Any

from modpulse.collector.client.agents import render

NOW = datetime(2027, 1, 15, 8, 10, tzinfo=UTC)
WELL = {"agent_id": "ams-1", "states": [], "evidence": [], "version": "0.1.0",
        "labels": {"site": "ams"}, "links": "multi",
        "last_heard": "2027-01-15T08:09:55Z"}  # fmt: skip
ILL = WELL | {
    "agent_id": "ams-2", "states": ["silent", "clock"], "last_heard": "2027-01-15T08:02:00Z",
    "evidence": ["nothing is heard of it for 8 min", "its clock is 60 s ahead"],
}  # fmt: skip


def shown(*agents: Any, is_all: bool = False) -> str:
    return render({"agents": list(agents)}, NOW, False, is_all)


def test_those_with_trouble_are_told_with_their_reasons() -> None:
    """A row and a line for each reason; the others are counted."""
    assert shown(WELL, ILL) == (
        "AGENT  STATE         SITE  VERSION  LINKS  HEARD\n"
        "ams-2  silent,clock  ams   0.1.0    multi  8m\n"
        "  nothing is heard of it for 8 min\n"
        "  its clock is 60 s ahead\n"
        "\n"
        "1 of 2 agents do well.\n"
    )


def test_all() -> None:
    """With --all also those that do well, behind the others."""
    lines = shown(WELL, ILL, is_all=True).splitlines()

    assert [line.split()[:2] for line in lines[1:5:3]] == [
        ["ams-2", "silent,clock"],
        ["ams-1", "ok"],
    ]
    assert shown(WELL) == "1 of 1 agents do well.\n"
    assert shown() == "No agent was heard yet.\n"


def test_what_makes_no_sense_is_absent() -> None:
    """Any document gives a table, and nothing in it steers a terminal."""
    odd = {"agent_id": "\x1b[2J", "states": [7, "x" * 99], "evidence": [None], "labels": [1]}
    text = shown(odd, 7)

    assert "\x1b" not in text
    assert "x" * 65 not in text
