"""Rules of counts, slots and what they add up to."""

import copy

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.health.evidence import (
    HORIZON_NS,
    KEPT_FAILURES,
    NS,
    SLOT_NS,
    Counts,
    Evidence,
    Timeline,
    weigh,
)

NOW_NS = 1_000_000 * NS
SMALL = st.integers(0, 50)
CLASSES = st.dictionaries(
    st.sampled_from(["http.5xx", "tcp.reset", "dns.timeout"]), st.integers(1, 9)
)
COUNTS = st.builds(
    Counts, ok=SMALL, misses=SMALL, suspects=SMALL, failures=CLASSES, handshakes=SMALL, small=SMALL
)


def weighed(timeline: Timeline) -> Evidence:
    """Add up at NOW_NS with the default half-life and minute."""
    return weigh(timeline, NOW_NS, 180 * NS, 60 * NS)


@given(COUNTS, COUNTS)
def test_adding(one: Counts, other: Counts) -> None:
    """Addition is commutative."""
    forward, backward = copy.deepcopy(one), copy.deepcopy(other)
    forward.add(other)
    backward.add(one)

    assert forward == backward


def test_half_life() -> None:
    """After the half-life evidence weighs half; whole numbers stay whole."""
    timeline = Timeline()
    timeline.add(NOW_NS - 1, Counts(ok=8))
    timeline.add(NOW_NS - 180 * NS - 1, Counts(ok=8, failures={"http.5xx": 4}))
    evidence = weighed(timeline)

    assert (evidence.ok, evidence.failed) == (12.0, 2.0)
    assert (evidence.n, evidence.recent.requests) == (20, 8)


def test_horizon() -> None:
    """What is older than ten minutes neither counts nor is kept, however late it came."""
    timeline = Timeline()
    timeline.add(NOW_NS - HORIZON_NS - SLOT_NS, Counts(ok=8))
    before = weighed(timeline).n
    timeline.expire(NOW_NS)

    assert (before, bool(timeline.slots)) == (0, False)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=60))
def test_consecutive_failures_in_any_order_of_arrival(outcomes: list[tuple[bool, int]]) -> None:
    """Late windows change nothing: failures after the last answer, by their own times."""
    timeline = Timeline()
    for failed, age_s in outcomes:
        at_ns = NOW_NS - age_s * NS
        timeline.add(at_ns, Counts(failures={"http.5xx": 1}) if failed else Counts(ok=1))
        timeline.order(None if failed else at_ns, (at_ns,) if failed else ())
    answers = [age_s for failed, age_s in outcomes if not failed]
    newest = min(answers, default=1000)
    expected = sum(1 for failed, age_s in outcomes if failed and age_s < newest)
    actual = weighed(timeline).consecutive_failures

    assert len(timeline.failed_at_ns) <= KEPT_FAILURES
    assert actual == expected or min(actual, expected) >= KEPT_FAILURES


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=KEPT_FAILURES))
def test_since_when_it_fails(outcomes: list[tuple[bool, int]]) -> None:
    """From the first failure after the last answer to the newest, in any order of arrival."""
    timeline = Timeline()
    for failed, age_s in outcomes:
        at_ns = NOW_NS - age_s * NS
        timeline.order(None if failed else at_ns, (at_ns,) if failed else ())
    answers = [age_s for failed, age_s in outcomes if not failed]
    since = [age_s for failed, age_s in outcomes if failed and age_s < min(answers, default=1000)]

    expected_ns = (max(since) - min(since)) * NS if since else 0
    assert weighed(timeline).failing_ns == expected_ns


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(1, 500)), max_size=150))
def test_the_order_of_several(outcomes: list[tuple[int, bool, int]]) -> None:
    """What several agents know together is what one would that had seen it all."""
    agents, together, after = [Timeline() for _ in range(4)], Timeline(), Timeline()
    for agent, failed, age_s in outcomes:
        at_ns = NOW_NS - age_s * NS
        for timeline in (agents[agent], together):
            timeline.order(None if failed else at_ns, (at_ns,) if failed else ())
    after.order_as(agents)

    assert after.served_at_ns == together.served_at_ns
    assert after.failed_at_ns == together.failed_at_ns
    if len(after.failed_at_ns) < KEPT_FAILURES:
        assert after.failing_since_ns == together.failing_since_ns


def test_without() -> None:
    """Taking agents away leaves the original as it was."""
    everybody, one = Timeline(), Timeline()
    for timeline in (everybody, one):
        timeline.add(NOW_NS - 1, Counts(failures={"http.5xx": 3}))
    everybody.add(NOW_NS - 1, Counts(ok=5))

    assert weighed(everybody.without([one])).n == 5
    assert weighed(everybody).n == 8
