"""Rules of turns: however much comes, others are served in between."""

import asyncio
import time

from sightings import T0_NS

from modpulse.agent.batch.batch import PHASES, Batch, ProxyWindow, encode
from modpulse.agent.batch.sketch import ZERO_BUCKET, Sketch
from modpulse.collector.intake.ingest import Clocks, read
from modpulse.collector.turns import TURN_S, Turns

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
        turns, beside = Turns(), asyncio.create_task(others())
        flood = (turns.result(lambda: read(LARGE, None, Clocks(T0_NS))) for _ in range(500))
        arrivals = await asyncio.gather(*flood)
        beside.cancel()
        assert {len(arrival.sightings) for arrival in arrivals} == {32}

    asyncio.run(run())

    assert len(LARGE) > 300_000
    # A turn, and what is read when it ends; a busy machine collects its garbage in one.
    assert sorted(held_s)[len(held_s) * 9 // 10] < 4 * TURN_S


def test_what_was_begun_goes_first() -> None:
    """Once a turn is over all waits; then what was begun is done before what is new, in order."""
    done: list[str] = []

    async def run() -> None:
        turns = Turns()
        assert not turns.is_over
        turns.go_on(lambda: time.sleep(TURN_S))
        assert turns.is_over
        turns.begin(lambda: done.append("new"))
        turns.go_on(lambda: done.append("begun"))
        turns.go_on(lambda: done.append("begun later"))
        assert done == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())

    assert done == ["begun", "begun later", "new"]


def test_it_is_known_how_late_it_is() -> None:
    """What waits longest tells; where nothing waits nothing is late."""

    async def run() -> tuple[float, float]:
        turns = Turns()
        turns.begin(lambda: None)
        time.sleep(2 * TURN_S)
        late_s = turns.late_s()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return late_s, turns.late_s()

    late_s, after_s = asyncio.run(run())

    assert late_s >= 2 * TURN_S
    assert after_s == 0


def test_what_fails_is_told_to_who_asked() -> None:
    """An error leaves where its result is waited for; those behind it are served."""

    async def run() -> list[object]:
        turns = Turns()
        turns.go_on(lambda: time.sleep(TURN_S))
        jobs = (turns.result(job) for job in (lambda: 1 // 0, lambda: 1))
        return await asyncio.gather(*jobs, return_exceptions=True)

    failed, served = asyncio.run(run())

    assert isinstance(failed, ZeroDivisionError)
    assert served == 1
