"""Rules of reading: however many come, others are served in between."""

import asyncio
import time

from sightings import T0_NS

from modpulse.agent.batch.batch import PHASES, Batch, ProxyWindow, encode
from modpulse.agent.batch.sketch import ZERO_BUCKET, Sketch
from modpulse.collector.intake.ingest import Clocks
from modpulse.collector.intake.reader import TURN_S, Reader

WIDE = Sketch(dict.fromkeys(range(ZERO_BUCKET, 600), 1)).to_bytes()
LARGE = encode(
    Batch(
        agent_id="build-1",
        run_id=b"run",
        seq=0,
        window_start_ns=T0_NS,
        window_end_ns=T0_NS,
        proxies=tuple(
            ProxyWindow(proxy=f"https://p{n}.example", sketches=dict.fromkeys(PHASES, WIDE))
            for n in range(32)
        ),
    )
)


def test_others_go_in_between() -> None:
    """A flood of the largest batches is read in turns, each of which ends soon."""
    held_s = []

    async def others() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            held_s.append(time.thread_time() - began)

    async def run() -> None:
        reader, beside = Reader(), asyncio.create_task(others())
        flood = (reader.read(LARGE, None, Clocks(T0_NS)) for _ in range(500))
        arrivals = await asyncio.gather(*flood)
        beside.cancel()
        assert {len(arrival.sightings) for arrival in arrivals} == {32}

    asyncio.run(run())

    assert len(LARGE) > 300_000
    # A turn, and what is read when it ends; a busy machine collects its garbage in one.
    assert sorted(held_s)[len(held_s) * 9 // 10] < 4 * TURN_S
