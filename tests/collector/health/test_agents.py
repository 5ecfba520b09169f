"""Rules of how agents do: each state from batches, and what only looks like one."""

from collections.abc import Iterable

import pytest
from sightings import T0_NS, S, arrival, sighting

from modpulse.collector.health.agents import AgentReport
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.intake.arrival import Arrival

VERSION = "0.2.0"
SILENT_NS = 300 * S


class Watch:
    """A fleet that hears agents, and what it says of them."""

    def __init__(self) -> None:
        self.fleet = Fleet(Formula(), Rules(), float)
        self.now_ns = T0_NS

    def hear(self, *arrivals: Arrival) -> None:
        """Take batches; the last one is now."""
        for one in arrivals:
            self.fleet.merge(one)
            self.now_ns = max(self.now_ns, one.arrived_ns)

    def reports(self, listening_ns: int = 0) -> dict[str, AgentReport]:
        """What is said now."""
        found = self.fleet.agents(self.now_ns, listening_ns, SILENT_NS, VERSION)
        return {report.agent_id: report for report in found if report}

    def troubles(self, agent_id: str = "build-1") -> list[str]:
        """What is wrong with one agent."""
        return [ailment.trouble for ailment in self.reports()[agent_id].ailments]


def batch(second: int, run: bytes = b"run", **facts: object) -> Arrival:
    """A batch whose window ends and which arrives so many seconds after the beginning."""
    agent_id = str(facts.pop("agent_id", "build-1"))
    made = arrival(end_ns=T0_NS + second * S, run_id=run, agent_id=agent_id)
    facts = {"agent_version": VERSION, "kernel": "6.1", "links": "multi"} | facts
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def every_10_s(seconds: Iterable[int] = range(0, 100, 10), **facts: object) -> list[Arrival]:
    """Batches that are alike."""
    return [batch(second, **dict(facts)) for second in seconds]


def test_an_agent_that_does_well() -> None:
    """Is reported with what it says of itself, and nothing is wrong with it."""
    watch = Watch()
    watch.hear(*every_10_s(labels={"site": "ams"}))
    report = watch.reports()["build-1"]

    assert report.ailments == ()
    assert (report.heard_ns, report.windows, report.lossy) == (T0_NS + 90 * S, 10, 0)
    assert (report.labels, report.version, report.kernel) == ({"site": "ams"}, VERSION, "6.1")


def test_a_stranger_is_not_reported() -> None:
    """Who was heard for less than half a minute is not known yet."""
    watch = Watch()
    watch.hear(*every_10_s(range(0, 30, 10)))

    assert watch.reports() == {}


def test_silent() -> None:
    """No batch for five minutes; but not of a time in which nobody took any."""
    watch = Watch()
    watch.hear(*every_10_s())
    watch.now_ns += 301 * S

    assert watch.troubles() == ["silent"]
    assert watch.reports()["build-1"].ailments[0].words == "nothing is heard of it for 5 min"
    assert watch.reports(listening_ns=watch.now_ns - 10 * S)["build-1"].ailments == ()


def test_lossy() -> None:
    """Three windows and a tenth of the last ones lost events; it ends when they are old."""
    watch = Watch()
    watch.hear(*every_10_s(range(0, 20, 10), lost=40), *every_10_s(range(20, 100, 10)))
    assert watch.troubles() == []
    watch.hear(batch(100, lost=40))
    assert watch.troubles() == ["lossy"]
    words = watch.reports()["build-1"].ailments[0].words
    watch.hear(*every_10_s(range(110, 1000, 10)))

    assert words == "3 of the last 11 windows lost events, 120 in all"
    assert watch.troubles() == []


@pytest.mark.parametrize(("skew_s", "words"), [(3600, "3,600 s behind"), (-60, "60 s ahead")])
def test_clock(skew_s: int, words: str) -> None:
    """The clock is off in each of three batches; what took long on its way once is no clock."""
    watch = Watch()
    watch.hear(*every_10_s(range(0, 80, 10)), *every_10_s((80, 90), skew_ns=skew_s * S))
    assert watch.troubles() == []
    watch.hear(batch(100, skew_ns=skew_s * S))

    assert watch.troubles() == ["clock"]
    assert watch.reports()["build-1"].ailments[0].words == f"its clock is {words}"


@pytest.mark.parametrize(
    ("version", "is_outdated"),
    [("0.1.9", True), ("0.2.0", False), ("0.10.0", False), ("", False), ("0.1.0+local", False)],
)
def test_outdated(version: str, is_outdated: bool) -> None:
    """Older than the collector, number by number; what is no release says nothing."""
    watch = Watch()
    watch.hear(*every_10_s(agent_version=version))

    assert watch.troubles() == ["outdated"] * is_outdated


@pytest.mark.parametrize(
    ("facts", "is_blind"),
    [
        ({"links": ""}, True),
        ({"links": "", "kernel": ""}, False),
        ({"unprobed": 2}, True),
        ({"links": "perf"}, False),
    ],
)
def test_blind(facts: dict[str, object], is_blind: bool) -> None:
    """Without probes, or a `go` without them; who says nothing of its kernel is of schema 1."""
    watch = Watch()
    watch.hear(*every_10_s(**facts))

    assert watch.troubles() == ["blind"] * is_blind


def test_a_restart_is_no_second_host() -> None:
    """A new run, also with what the old one had spooled coming late, and one run after another."""
    watch = Watch()
    watch.hear(*every_10_s(range(0, 100, 10), run=b"a"))
    late = batch(95, run=b"a")
    late.arrived_ns = T0_NS + 125 * S
    watch.hear(batch(110, run=b"b"), batch(120, run=b"b"), late, batch(130, run=b"b"), late)
    for number in range(20):
        watch.hear(batch(140 + 10 * number, run=bytes([number])))

    assert watch.troubles() == []


def test_a_cloned_machine_is_two_hosts() -> None:
    """Two runs heard in turn, of the same time; it ends ten minutes after one of them is gone."""
    watch = Watch()
    for second in range(0, 60, 10):
        watch.hear(batch(second, run=b"a"), batch(second + 5, run=b"b"))
    assert watch.troubles() == ["duplicate"]
    assert watch.fleet.duplicates(watch.now_ns).keys() == {"build-1"}
    watch.hear(*every_10_s(range(60, 700, 10), run=b"b"))

    assert watch.troubles() == []
    assert watch.fleet.duplicates(watch.now_ns) == {}


def test_two_callers_with_one_id() -> None:
    """Who ships by another token under the same id is named with it."""
    watch = Watch()
    for second in range(0, 60, 10):
        watch.hear(
            batch(second, run=b"a", caller="token 1"), batch(second + 5, run=b"b", caller="token 2")
        )

    assert watch.reports()["build-1"].ailments[0].words.endswith("shipped by token 1 and token 2")


def test_another_token_of_the_same_run() -> None:
    """A token that is replaced makes nobody two hosts."""
    watch = Watch()
    watch.hear(*every_10_s(caller="token 1"), *every_10_s(range(100, 200, 10), caller="token 2"))

    assert watch.troubles() == []


def test_an_agent_that_is_forgotten_leaves_nothing() -> None:
    """After an hour of silence nothing is held of it."""
    watch = Watch()
    watch.hear(*every_10_s())
    watch.fleet.evaluate(watch.now_ns + 3_700 * S)

    assert watch.reports() == {}
    assert watch.fleet.held_agents == 0


def test_it_is_no_verdict_about_a_proxy() -> None:
    """Everything may be wrong with an agent: what it saw answered is healthy."""
    watch = Watch()
    for second in range(0, 100, 10):
        for run in (b"a", b"b"):
            made = batch(second, run=run, skew_ns=900 * S, links="", agent_version="0.0.1")
            made.sightings = (sighting(ok=9),)
            watch.hear(made)

    assert watch.troubles() == ["duplicate", "blind", "clock", "outdated"]
    assert [r.track.state for r in watch.fleet.evaluate(watch.now_ns)] == ["healthy"]
