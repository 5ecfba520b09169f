"""Whether trouble that one agent saw most of was its own."""

from collections import Counter

from modpulse.collector.health.attribution import met_by_others
from modpulse.collector.health.held import Proxy
from modpulse.collector.health.parts import Parts
from modpulse.collector.intake.arrival import Counts
from modpulse.collector.shares import Shares

S = 1_000_000_000
T0_NS = 1_800_000_000 * S


def seen(**failed: dict[int, int]) -> Proxy:
    """A proxy of which each agent failed so often in the windows that ended at these seconds."""
    room = Shares(1 << 30)
    proxy = Proxy(room, Parts(room, Counter()))
    for agent_id, counts in failed.items():
        witness = proxy.witness(agent_id, "token", T0_NS)
        for second, count in counts.items():
            counted = Counts(ok=1, failures={"tcp.refused": count} if count else {}, windows=1)
            proxy.timeline.add(T0_NS + second * S, counted)
            proxy.add(witness, T0_NS + second * S, counted)
    return proxy


def test_a_short_outage_of_all() -> None:
    """Who asked most in it is not the only one, though each of the others failed a little."""
    others = {f"b{i}": {10 * (i % 2): 5} for i in range(8)}

    assert met_by_others(seen(a={0: 20, 10: 20}, **others), "a")


def test_its_own() -> None:
    """Others fail now and then, at other times, or much less."""
    assert not met_by_others(seen(a={0: 20, 10: 20}, b={0: 1}, c={100: 30}), "a")
    assert not met_by_others(seen(a={0: 20}), "a")


def test_nothing_known() -> None:
    """An agent that is not known, or has not failed, had nothing in common."""
    assert not met_by_others(seen(b={0: 9}), "a")
    assert not met_by_others(seen(a={0: 0}, b={0: 9}), "a")
