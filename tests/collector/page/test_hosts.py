"""Rules of the page of one host."""

from dataclasses import replace

from alarms import report
from histories import DAY_S, PROXY, REQUEST, T0_S, history, point, series

from modpulse.collector.health.agents import AgentReport, Ailment
from modpulse.collector.health.hosts import AgentAsk
from modpulse.collector.intake.arrival import Counts
from modpulse.collector.page.hosts import MOST_REQUESTS, agent_facts, ask_line, worst_of
from modpulse.collector.page.span import Span

ASK = AgentAsk(PROXY, 5, Counts(ok=3, misses=1, failures={"tcp.reset": 2}), "tcp.reset", ("::1",))
DAY = Span("24h", T0_S, T0_S + DAY_S)


def test_an_agent() -> None:
    """What ails it, and what it says of itself, without credentials."""
    facts = agent_facts(
        AgentReport(
            agent_id="build-1", heard_ns=10**9, ailments=(Ailment("lossy", "3 of 9"),),
            labels={"b": "https://u:secret@x", "a": "1"}, skew_ns=-(10**9),
        ),
        5 * 10**9, 7,
    )  # fmt: skip

    assert (facts.heard_for_s, facts.heard_ns, facts.skew_s) == (4.0, 10**9 + 7, -1.0)
    assert facts.ailments == (("lossy", "3 of 9"),)
    assert list(facts.labels) == ["a", "b"]
    assert "secret" not in facts.labels["b"]


def test_its_own_day_of_a_proxy() -> None:
    """Of all hosts' history its own is told; where it is not drawn nothing is."""
    by_agent = history(
        series(point(ok=90), name="build-2"), series(point(ok=1), name="build-1"), by="agent"
    )
    own, other, none = (
        ask_line(ASK, "down", past, agent_id, DAY, 0)
        for past, agent_id in ((by_agent, "build-1"), (by_agent, "build-3"), (None, "build-1"))
    )

    assert (own.requests, own.failed, own.misses, own.day_requests) == (6, 2, 1, 1)
    assert (other.day_requests, bool(other.picture)) == (None, True)
    assert (none.day_requests, none.picture) == (None, None)


def test_its_worst_requests() -> None:
    """Of all its proxies: failures, the newest first, then what took longest."""
    slow = [replace(REQUEST, outcome="ok", elapsed_ns=ns) for ns in (1, 2)]
    failed = [replace(REQUEST, at_ns=ns) for ns in (3, 4)]
    foreign = replace(REQUEST, agent_id="build-2")
    reports = [replace(report(), worst=(failed[0], slow[0], foreign)),
               replace(report(), worst=(failed[1], slow[1]))]  # fmt: skip

    assert worst_of("build-1", reports) == [failed[1], failed[0], slow[1], slow[0]]
    assert len(worst_of("build-1", reports * 20)) == MOST_REQUESTS
