"""
A scrape: what the service knows at one moment, and its metrics, made between other requests.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

from modpulse.agent.service.version import version

from ..clock import Reading
from ..service import Service
from .exposition import PROTOBUF_TYPE, TEXT_TYPE, as_protobuf, as_text, takes_protobuf
from .metrics import Picture, Told, families
from .names import Names

STEP_S = 0.005
"""How long it is worked on before others are answered."""


async def scraped(
    service: Service, reading: Reading, door: Mapping[str, int], accept: bytes
) -> tuple[bytes, bytes]:
    """
    Return all metrics, and their media type.

    Args:
        service: Whose.
        reading: Of the machine's clocks.
        door: Its figures.
        accept: What whoever asks can read (RFC 9110 section 12.5.1).
    """
    picture = await _picture(service, reading, door)
    is_protobuf = takes_protobuf(accept)
    parts, began_s = [], time.monotonic()
    for family in families(picture):
        for part in as_protobuf(family) if is_protobuf else as_text(family):
            parts.append(part)
            if time.monotonic() - began_s > STEP_S:
                await asyncio.sleep(0)
                began_s = time.monotonic()
    return b"".join(parts), PROTOBUF_TYPE if is_protobuf else TEXT_TYPE


async def _picture(service: Service, reading: Reading, door: Mapping[str, int]) -> Picture:
    troubles: Counter[str] = Counter()
    known = 0
    for report in service.agents(reading):
        if report is None:
            await asyncio.sleep(0)
        else:
            known += 1
            troubles.update(ailment.trouble for ailment in report.ailments)
    state = service.incidents.state
    return Picture(
        reports=service.reports,
        reported_at_ns=service.reported_at_ns,
        totals=dict(service.totals.of),
        batches=service.totals.batches,
        incidents=tuple(state.incidents.values()),
        alerts=tuple(state.alerts.values()),
        agents=troubles,
        agents_known=known,
        channels=[
            Told(line.channel.name, line.waiting, line.taken, line.dead_ns is not None)
            for line in (service.sender.lines if service.sender else ())
        ],
        overflow=service.overflow,
        unreadable=service.unreadable,
        door=door,
        told_to_wait=service.pressure.told,
        clock_steps=service.clock.steps,
        is_ready=service.trouble is None,
        version=version(),
        wall_offset_ns=service.clock.wall_offset_ns,
        names=Names((*(report.proxy for report in service.reports), *service.totals.of)),
    )
