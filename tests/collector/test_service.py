"""What the service does in a turn of which some cannot be written."""

import asyncio
from pathlib import Path

from collectors import batch_bytes
from outages import SICK
from sightings import T0_NS, S

from modpulse.collector.alerts.rules import Alerting
from modpulse.collector.channels.channel import Channel
from modpulse.collector.clock import Reading
from modpulse.collector.config import Config
from modpulse.collector.errors import OverloadedError
from modpulse.collector.service import Service
from modpulse.collector.store.database import Store

CONFIG = Config(
    alerting=Alerting(down_for_seconds=0.0),
    channel=(Channel(name="hook", url="https://hook.example/"),),
)
SERVED, WINDOWS = 12, 24
"""Of 10 s."""


class Full(Store):
    """Has no turn for what proxies are held responsible for."""

    def add_judged(self, judged: object) -> None:
        raise OverloadedError


async def outage(store: Store) -> Service:
    """Two agents are served for two minutes, then refused for two; returns what saw it."""
    service = Service(CONFIG, store, Reading(T0_NS, 0), "boot")
    service.start(Reading(T0_NS, 0))
    for seq in range(WINDOWS):
        reading = Reading(T0_NS + 10 * seq * S, 10 * seq * S)
        for agent_id in ("build-1", "build-2"):
            failing = SICK if seq >= SERVED else None
            batch = batch_bytes(agent_id, seq, failing=failing, end_ns=reading.wall_ns)
            await service.accept(batch, None, reading, None)
        await service.tick(reading)
    await service.stop()
    return service


def test_minutes_that_cannot_be_written_hold_up_no_notice(tmp_path: Path) -> None:
    """What was written of an incident stands, and is told once, whatever becomes of its minutes."""
    store = Full.open(tmp_path / "c.db")
    service = asyncio.run(outage(store))
    incidents = list(service.incidents.state.incidents.values())
    (told,) = store._db.execute("SELECT COUNT(*) FROM outbox").fetchone()
    store.close()

    assert [incident.proxies for incident in incidents] == [(SICK,)]
    assert told == 1
    assert service.incidents.counted.due()
