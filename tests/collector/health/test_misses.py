"""Rules of misses for what was served before, and of those that only look like it."""

from collections import Counter

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.agent.batch.batch import Asked, Batch, ProxyWindow, encode
from modpulse.collector.health import misses
from modpulse.collector.health.asked import Waiting
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.misses import DAY_NS, Doubt, Doubts, Misses, Served, settle
from modpulse.collector.health.report import Report
from modpulse.collector.health.score import Formula
from modpulse.collector.intake import wire
from modpulse.collector.intake.arrival import Arrival

A_B = ("old-1", "old-2"), ("new-1", "new-2")
"""Hosts that were served, and hosts that never asked before."""


def rows(modules: range, outcome: str) -> bytes:
    """What an agent says that it asked for, as it comes."""
    asked = tuple(
        Asked(module=f"mod.example/m{n}", version="v1.0.0", endpoint="info", outcome=outcome,
              body_bytes=None, h1=None)
        for n in modules
    )  # fmt: skip
    window = ProxyWindow(proxy=SICK, requests=len(asked), asked=asked)
    data = encode(
        Batch(agent_id="a", run_id=b"r", seq=0, window_start_ns=0, window_end_ns=1,
              proxies=(window,))
    )  # fmt: skip
    return bytes(wire.read(data).proxies[0].asked)


def batch(second: int, host: str, outcome: str, modules: range = range(9)) -> Arrival:
    """A host is answered so, for each of some modules; the other proxy serves it all."""
    counts = {"ok": {"ok": len(modules)}, "miss": {"misses": len(modules)},
              "suspect": {"suspects": len(modules)}}[outcome]  # fmt: skip
    seen = sighting(**counts)
    seen.asked = rows(modules, outcome)
    return arrival(seen, sighting(GOOD, ok=5), end_ns=T0_NS + second * S, agent_id=host)


def judged(*batches: Arrival, until: int, past: float | None = None) -> Report:
    """What is said of the sick proxy after windows of ten seconds."""
    fleet = Fleet(Formula(), Rules(), float)
    waiting = sorted(batches, key=lambda one: one.end_ns)
    said: dict[str, Report] = {}
    for second in range(0, until + 10, 10):
        now_ns = T0_NS + second * S
        while waiting and waiting[0].end_ns <= now_ns:
            fleet.merge(waiting.pop(0))
        fleet.learn_misses(SICK, past)
        said = {report.proxy: report for report in fleet.evaluate(now_ns)}
    return said[SICK]


def from_(hosts: tuple[str, ...], outcome: str, seconds: range, **more: range) -> list[Arrival]:
    return [batch(second, host, outcome, **more) for second in seconds for host in hosts]


def test_an_outage_that_only_the_fleet_can_tell() -> None:
    """New hosts miss what others were served, and nobody is served: degraded, with that reason."""
    old, new = A_B
    report = judged(
        *from_(old, "ok", range(0, 60, 10)), *from_(new, "miss", range(600, 660, 10)), until=690
    )

    assert report.track.state == "degraded"
    assert [finding.evidence for finding in report.track.findings] == [
        "108 of 108 misses are suspect; 9 modules were served before"
    ]


def test_the_hosts_own_word() -> None:
    """A host that was served it, and says that its miss is suspect, stands for the new ones."""
    old, new = A_B
    report = judged(
        *from_(old, "ok", range(0, 60, 10)),
        *from_(old, "ok", range(600, 660, 10), modules=range(100, 110)),
        *from_(old, "suspect", range(605, 660, 10), modules=range(1)),
        *from_(new, "miss", range(600, 660, 10)),
        until=690,
    )

    assert report.seen.total.suspects > 100


def test_private_to_some_hosts() -> None:
    """Who lacks a credential misses what others are served: as long as they are, it is ordinary."""
    old, new = A_B
    report = judged(
        *from_(old, "ok", range(0, 700, 10)), *from_(new, "miss", range(600, 700, 10)), until=700
    )

    assert (report.track.state, report.seen.total.suspects) == ("healthy", 0)


@pytest.mark.parametrize("modules", [range(100, 180), range(2)])
def test_ordinary_misses(modules: range) -> None:
    """Names that were never served, however many; and two modules that somebody took away."""
    old, new = A_B
    report = judged(
        *from_(old, "ok", range(0, 60, 10)),
        *from_(new, "miss", range(600, 660, 10), modules=modules),
        until=690,
        past=0.05,
    )

    assert (report.track.state, report.seen.total.suspects) == ("healthy", 0)


def test_it_is_over_with_its_evidence() -> None:
    """Ten minutes after the last of it nothing is suspect any more."""
    old, new = A_B
    report = judged(
        *from_(old, "ok", range(0, 60, 10)),
        *from_(new, "miss", range(600, 660, 10)),
        *from_(old, "ok", range(700, 1400, 10)),
        until=1400,
    )

    assert (report.track.state, report.seen.total.suspects) == ("healthy", 0)


def test_a_later_reason_is_its_own() -> None:
    """What agents say an hour later is told without the modules of before."""
    old, new = A_B
    report = judged(
        *from_(old, "ok", range(0, 60, 10)),
        *from_(new, "miss", range(600, 660, 10)),
        *from_(old, "suspect", range(4000, 4060, 10), modules=range(100, 109)),
        until=4090,
    )

    assert [finding.evidence for finding in report.track.findings] == [
        "108 of 108 misses are suspect"
    ]


def test_what_was_served_is_forgotten_after_a_week() -> None:
    """Counted from the last day on which it was."""
    served = Served(Counter())
    for day in (0, 3, 9):
        served.serve(1, "token 1", T0_NS + day * DAY_NS)
    served.serve(2, "token 1", T0_NS)
    served.serve(3, "token 1", T0_NS + 11 * DAY_NS)

    assert [thing in served for thing in (1, 2, 3)] == [True, False, True]


def test_what_is_served_late_is_not_older() -> None:
    """A batch of yesterday that comes today takes nothing back."""
    served = Served(Counter())
    for day in (1, 0, 8):
        served.serve(1 if day < 8 else 2, "token 1", T0_NS + day * DAY_NS)
    served.serve(3, "token 1", T0_NS + 7 * DAY_NS)

    served.serve(4, "token 1", T0_NS)

    assert [thing in served for thing in (1, 2, 3, 4)] == [False, True, True, False]


def test_a_flood_has_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who invents names takes no other caller's, and it is counted; age makes room."""
    monkeypatch.setattr(misses, "MAX_SERVED", 8)
    overflow: Counter[str] = Counter()
    served = Served(overflow)
    for thing in range(6):
        served.serve(thing, "token 1", T0_NS)
    served.serve(9, "token 2", T0_NS)
    before = dict(overflow)
    served.serve(10, "token 1", T0_NS + 7 * DAY_NS)

    assert (before, 9 in served, 10 in served) == ({"MAX_SERVED": 2}, False, True)


def test_doubts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound a miss stays ordinary, and is counted."""
    monkeypatch.setattr(misses, "MAX_DOUBTS", 2)
    overflow: Counter[str] = Counter()
    memory = Misses(overflow)
    one = Waiting("token 1", "build-1", SICK, T0_NS, b"")
    for outcome in ("ok", "miss", "miss", "miss"):
        memory.note(one, [wire.Asked("m", "v1.0.0", "info", outcome, None, None)])
    ((name, doubts),) = memory.doubted(T0_NS)

    assert (name, len(doubts.pending), overflow) == (SICK, 2, {"MAX_DOUBTS": 1})
    assert [len(left.pending) for _, left in memory.doubted(T0_NS + 600 * S)] == [0]
    assert list(memory.doubted(T0_NS + 600 * S)) == []


def test_two_modules_wait_for_a_third() -> None:
    """Misses of two modules are settled with those of the third."""
    doubts = Doubts()
    doubts.pending.extend(Doubt(T0_NS, "build-1", module) for module in (1, 1, 2))
    assert settle(doubts, T0_NS, is_serving=False) == []
    doubts.pending.append(Doubt(T0_NS, "build-1", 3))

    assert len(settle(doubts, T0_NS, is_serving=False)) == 4
    assert settle(doubts, T0_NS, is_serving=False) == []
