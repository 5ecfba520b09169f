"""Rules of the page of all agents."""

from modpulse.collector.health.agents import AgentReport, Ailment
from modpulse.collector.page.fleet import agent_lines, summary
from modpulse.collector.page.paging import paging

NS = 1_000_000_000


def agent(name: str, *troubles: str, version: str = "1.0", lost: int = 0) -> AgentReport:
    ailments = tuple(Ailment(trouble, f"it is {trouble}") for trouble in troubles)  # type: ignore[arg-type]
    return AgentReport(
        agent_id=name, ailments=ailments, heard_ns=100 * NS, version=version, lost=lost,
        labels={"site": "x", "pool": "y"},
    )  # fmt: skip


def test_who_ails_comes_first() -> None:
    """The gravest before the others, then by name."""
    reports = [
        agent("d"), agent("c", "outdated"), agent("b", "clock", "silent"), agent("a"),
        agent("e", "silent"),
    ]  # fmt: skip
    lines = agent_lines(reports, paging("", len(reports)), 130 * NS)

    assert [line.name for line in lines] == ["b", "e", "c", "a", "d"]
    assert (lines[0].heard_s, lines[0].troubles) == (30, ("clock", "silent"))
    assert lines[0].labels == (("pool", "y"), ("site", "x"))
    assert lines[0].page == "/host?agent=b"


def test_all_of_them() -> None:
    """Each trouble is counted once for an agent; rare versions are one."""
    reports = [agent(f"a{n}", version=f"1.{min(n, 9)}", lost=n) for n in range(20)]
    reports.append(agent("sick", "silent", "lossy", version=""))
    found = summary(reports)

    assert (found.agents, found.well, found.lost) == (21, 20, sum(range(20)))
    assert found.troubles == (("silent", 1), ("lossy", 1))
    assert found.versions[0] == ("1.9", 11)
    assert sum(number for _, number in found.versions) + found.more == 21
