"""Short factories for what agents report; the defaults make a valid object."""

from collections.abc import Mapping

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.intake.arrival import Arrival, Counts, Leaf, Sighting

T0_NS = 1_800_000_000_000_000_000
"""A literal now, on a slot's border: 2027-01-15."""
S = 1_000_000_000
GOOD = "https://good.example"
SICK = "https://sick.example"


def sighting(
    proxy: str = SICK,
    ok: int = 0,
    misses: int = 0,
    suspects: int = 0,
    failures: Mapping[str, int] | None = None,
    first_byte: Mapping[int, int] | None = None,
    handshakes: int = 0,
    bad_certificates: Mapping[str, int] | None = None,
    certificate: Leaf | None = None,
    resolvers: frozenset[str] = frozenset({"10.0.0.53"}),
    lossy: bool = False,
) -> Sighting:
    """Make what one agent saw of one proxy in one window; `first_byte` is {bucket: count}."""
    counts = Counts(
        ok=ok,
        misses=misses,
        suspects=suspects,
        failures=dict(failures or {}),
        handshakes=handshakes,
        bad_certificates=dict(bad_certificates or {}),
        windows=1,
        lossy=int(lossy),
    )
    return Sighting(
        proxy=proxy,
        counts=counts,
        sketches={FIRST_BYTE: Sketch(first_byte).to_bytes()} if first_byte else {},
        body_bytes=100 * ok,
        certificate=certificate,
        resolvers=resolvers,
    )


def arrival(
    *sightings: Sighting,
    end_ns: int = T0_NS,
    agent_id: str = "build-1",
    run_id: bytes = b"run",
    seq: int = 0,
    body: bytes = b"body",
) -> Arrival:
    """Make a batch that arrived at the moment its window ended."""
    return Arrival(
        agent_id=agent_id,
        run_id=run_id,
        seq=seq,
        end_ns=end_ns,
        arrived_ns=end_ns,
        sightings=sightings,
        body=body,
    )
