"""Rules of adding a group of batches up."""

from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.intake.rollup import Ask, merge_asks, roll_up

MINUTE_S = T0_NS // S


def test_group_adds_up_by_minute() -> None:
    """Counts, failures by class, bytes and buckets are summed per proxy and minute."""
    rollup = roll_up(
        [
            arrival(sighting(SICK, ok=2, failures={"http.5xx": 1}, first_byte={7: 2})),
            arrival(sighting(SICK, ok=1, first_byte={7: 1}), end_ns=T0_NS + 59 * S),
            arrival(sighting(SICK, misses=4), end_ns=T0_NS + 60 * S),
            arrival(),
        ]
    )

    assert rollup.counts == {
        (SICK, MINUTE_S, "ok"): 3,
        (SICK, MINUTE_S, "bytes"): 300,
        (SICK, MINUTE_S, "http.5xx"): 1,
        (SICK, MINUTE_S + 60, "miss"): 4,
    }
    assert rollup.sketches == {(SICK, MINUTE_S, FIRST_BYTE): {7: 3}}


def test_newest_certificate_wins() -> None:
    """Whatever the order of arrival, the certificate of the latest window is kept."""
    old, new = Leaf(1, 2), Leaf(3, 4)
    rollup = roll_up(
        [
            arrival(sighting(GOOD, ok=1, certificate=new), end_ns=T0_NS + S),
            arrival(sighting(GOOD, ok=1, certificate=old)),
        ]
    )

    assert rollup.certificates == {GOOD: (new, T0_NS + S)}


def test_asks_merge() -> None:
    """The newest times of both, and the resolvers that were known last."""
    known = frozenset({"10.0.0.53"})
    older = Ask(GOOD, "a", 10, 10, known)
    newer = Ask(GOOD, "a", 20, None, frozenset())

    assert merge_asks(older, newer) == merge_asks(newer, older) == Ask(GOOD, "a", 20, 10, known)
    assert merge_asks(None, older) == older
