"""Rules of what one agent sees."""

from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.intake.ingest import bucket_estimate_ms


def test_what_an_agent_asks() -> None:
    """Each proxy with what it alone saw of it, the one it asked last first."""
    held = Fleet(Formula(), Rules(), bucket_estimate_ms)
    resolvers = frozenset({"10.0.0.54", "10.0.0.53"})
    seen = sighting(SICK, ok=2, failures={"tcp.refused": 3}, resolvers=resolvers)
    held.merge(arrival(seen, agent_id="build-1", end_ns=T0_NS))
    held.merge(arrival(sighting(GOOD, ok=5), agent_id="build-1", end_ns=T0_NS + 10 * S))
    held.merge(arrival(sighting(GOOD, ok=900), agent_id="build-2", end_ns=T0_NS))
    first, second = held.asks_of("build-1", T0_NS + 20 * S)

    assert (first.proxy, first.seen.ok, first.cause) == (GOOD, 5, None)
    assert (second.proxy, second.seen.failed, second.cause) == (SICK, 3, "tcp.refused")
    assert second.resolvers == ("10.0.0.53", "10.0.0.54")
    assert held.asks_of("nobody", T0_NS) == ()
