"""What agents' own counts say about a set."""

from collections import Counter

import pytest
from sightings import T0_NS, S

from modpulse.collector.health.evidence import SLOT_NS, Timeline
from modpulse.collector.health.held import Proxy, Witness
from modpulse.collector.health.parts import Parts, Value
from modpulse.collector.health.vouch import speaks_against
from modpulse.collector.intake.arrival import Counts
from modpulse.collector.shares import Shares

SITE = Value("site", "fra")
BEGIN = T0_NS // SLOT_NS


def whole(timeline: Timeline) -> Timeline:
    """All that is held counts."""
    return timeline


def proxy_of(*inside: tuple[int, int], outside: int = 3) -> Proxy:
    """A proxy whose site `fra` has agents with (ok, failures), and so many agents elsewhere."""
    room = Shares(1 << 20)
    proxy = Proxy(room, Parts(room, Counter()))
    for number, (ok, failed) in enumerate([*inside, *[(9, 0)] * outside]):
        labels = (SITE,) if number < len(inside) else (Value("site", "ams"),)
        witness = Witness(T0_NS, labels=labels)
        witness.timeline.add(
            T0_NS + S, Counts(ok=ok, failures={"tcp.reset": failed} if failed else {})
        )
        proxy.witnesses[f"h{number}"] = witness
    return proxy


@pytest.mark.parametrize(
    ("inside", "is_contradicted"),
    [
        ([(0, 9), (0, 9), (0, 9)], False),
        ([(0, 9), (0, 9), (9, 0)], True),
        ([(0, 9), (0, 9), (2, 0)], False),
        ([(6, 3), (5, 4), (7, 2)], False),
        ([(0, 30), (30, 0), (30, 1)], True),
        ([(0, 9), (0, 0)], True),
        ([*[(0, 9)] * 19, (9, 0)], False),
    ],
    ids=["all", "one is served", "hardly asked", "a third", "one host", "alone", "one of twenty"],
)
def test_who_is_served_inside(inside: list[tuple[int, int]], is_contradicted: bool) -> None:
    """Most of those inside that ask must share the trouble, and two at least."""
    assert speaks_against(proxy_of(*inside), (), whole, SITE, BEGIN, False) is is_contradicted


def test_who_fails_outside() -> None:
    """Where agents outside see it on their own it is not the set's."""
    proxy = proxy_of((0, 9), (0, 9))

    assert not speaks_against(proxy, ["h0", "h1"], whole, SITE, BEGIN, False)
    assert speaks_against(proxy, ["h0", "h1", "h3"], whole, SITE, BEGIN, False)


def test_what_was_told_is_contradicted_less_easily() -> None:
    """Evidence does not fade everywhere alike: one of four that is served again ends nothing."""
    proxy = proxy_of((0, 9), (0, 9), (0, 9), (9, 0))

    assert speaks_against(proxy, (), whole, SITE, BEGIN, False)
    assert not speaks_against(proxy, (), whole, SITE, BEGIN, True)


def test_one_witness_is_none() -> None:
    """An address at which one host alone fails is that host's, unless it alone asks."""
    address = Value("address", "192.0.2.7")

    assert speaks_against(proxy_of((0, 9)), (), whole, address, BEGIN, False)
    assert speaks_against(proxy_of((0, 9), (0, 9)), (), whole, address, BEGIN + 1, False)
    assert not speaks_against(proxy_of((0, 9), (0, 9)), (), whole, address, BEGIN, False)
    assert not speaks_against(proxy_of((0, 9), outside=0), (), whole, address, BEGIN, False)
