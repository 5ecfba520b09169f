"""What was remembered, tried again: the same numbers give what was, others what had been."""

from dataclasses import replace

from alarms import T0_NS, Recorded, S, report
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.alerts.maintenance import Window
from modpulse.collector.alerts.rehearsal import Episode, Rehearsed
from modpulse.collector.alerts.rules import Alerting
from modpulse.collector.health.reason import plain
from modpulse.collector.health.scope import Scope

A, B = (f"https://{name}.example" for name in "ab")


def shown(episodes: list[Episode]) -> list[tuple[Key, int, int | None]]:
    return [(e.key, e.fired_ns, e.ended_ns) for e in episodes]


def told(found: Rehearsed) -> list[tuple[int, str, int]]:
    return [((n.at_ns - T0_NS) // S, n.kind, n.incident_id) for n in found.notices]


NUMBERS = st.builds(
    Alerting,
    down_for_seconds=st.sampled_from([0.0, 30.0, 120.0]),
    down_keep_firing_for_seconds=st.sampled_from([0.0, 60.0, 600.0]),
    degraded_for_seconds=st.sampled_from([0.0, 60.0, 180.0]),
    degraded_keep_firing_for_seconds=st.sampled_from([0.0, 120.0]),
    scoped_for_seconds=st.sampled_from([0.0, 60.0]),
    certificate_last_days=st.sampled_from([0.5, 1.0, 3.0]),
    agent_silent_for_seconds=st.sampled_from([300.0, 600.0]),
    join_seconds=st.sampled_from([0.0, 300.0]),
    flap_seconds=st.sampled_from([0.0, 900.0]),
    update_seconds=st.sampled_from([10.0, 300.0]),
)
LOOKS = st.sampled_from([
    ("down", {}), ("healthy", {}), ("healthy", {"served": 0}), ("unknown", {"served": 0}),
    ("degraded", {"failures": {"http.5xx": 3}, "served": 3}),
    ("degraded", {"failures": {"http.5xx": 3}, "served": 900}),
    ("degraded", {"failures": {"tls.expired": 3}, "served": 0}),
    ("healthy", {"left_s": 2.0 * 86400, "part": 0.1}), ("healthy", {"left_s": 9e6, "part": 1.0}),
    ("healthy", {"scope": Scope("host", plain("only b"), "build-7", frozenset({"build-7"}))}),
])  # fmt: skip
STRETCHES = st.lists(
    st.tuples(
        LOOKS, LOOKS, st.integers(1, 60), st.sampled_from(["", "", "", "restart", "pause"]),
        st.booleans(),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


def played(stretches, alerting: Alerting, maintenance: tuple = ()) -> Recorded:
    run = Recorded(alerting, maintenance)
    for (a, more_a), (b, more_b), steps, what, is_heard in stretches:
        if what == "restart":
            run.now_ns += 7 * S
            run.restart()
        run.now_ns += 90 * S if what == "pause" else 0
        silent_ns = run.now_ns
        for _ in range(steps):
            heard_ns = run.now_ns if is_heard else silent_ns
            run.step(
                report(A, a, **more_a), report(B, b, **more_b),
                heard_ns={"build-7": heard_ns}, sites={"build-7": "berlin"},
                dead_ns={"ops": None if is_heard else silent_ns},
                served_ns={Key("host", A, "build-7"): heard_ns},
            )  # fmt: skip
            run.now_ns += 3_000_000
    return run


@given(STRETCHES, NUMBERS)
@settings(max_examples=15, deadline=None)
def test_the_same_numbers_give_the_same(stretches, alerting: Alerting) -> None:
    """Alerts with their times, incidents and notices are those that were, over restarts too."""
    windows = (Window("fri 08:10", 20, A),)
    run = played(stretches, alerting, windows)
    found = run.again(alerting, windows)

    assert sorted(shown(found.episodes)) == sorted(run.episodes)
    assert told(found) == [(at_s, kind, i.id) for at_s, kind, i in run.told]
    was = {i.id: i for _, _, i in run.told}
    for number, incident in was.items():
        assert found.incidents[number].opened_ns == incident.opened_ns
        assert found.incidents[number].cause == incident.cause
        # It may have come back since it was told last, less grave.
        assert found.incidents[number].gravest <= incident.severity


@given(STRETCHES, NUMBERS, NUMBERS)
@settings(max_examples=15, deadline=None)
def test_other_numbers_give_what_had_been(stretches, one: Alerting, other: Alerting) -> None:
    """What was seen under some numbers tells what others would have made of it."""
    one = replace(one, agent_silent_for_seconds=300.0)
    run, really = played(stretches, one), played(stretches, other)

    assert sorted(shown(run.again(other).episodes)) == sorted(really.episodes)
    assert told(run.again(other)) == [(at_s, kind, i.id) for at_s, kind, i in really.told]
