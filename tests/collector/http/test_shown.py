"""Rules of the proxies' part of the answer: made once for a judgement, between requests."""

import asyncio
import json

from sightings import T0_NS, arrival, sighting

from modpulse.collector.config import Config
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.report import Report
from modpulse.collector.http.document import proxies_document
from modpulse.collector.http.shown import Shown, listed
from modpulse.collector.intake.ingest import bucket_estimate_ms


def reports(number: int) -> list[Report]:
    """Of so many proxies."""
    fleet = Fleet(Config().formula, Config().rules, bucket_estimate_ms)
    fleet.merge(arrival(*(sighting(f"https://p{n}.example", ok=9) for n in range(number))))
    return fleet.evaluate(T0_NS)


def test_it_is_the_document() -> None:
    """Also with none at all."""

    async def run() -> None:
        for judged in ([], reports(3)):
            parts = await Shown().parts(judged, 7)
            said = json.loads(listed({"schema": 1}, "proxies", parts))["proxies"]
            assert said == proxies_document(judged, T0_NS, 10.0, 7)["proxies"]

    asyncio.run(run())


def test_who_asks_together_waits_for_the_same() -> None:
    """It is made once, others go on in between, and who hangs up takes it from nobody."""

    async def run() -> None:
        shown, judged, turns = Shown(), reports(50), 0
        asked = [asyncio.create_task(shown.parts(judged, 0)) for _ in range(20)]
        await asyncio.sleep(0)
        asked[0].cancel()
        while not asked[1].done():
            turns += 1
            await asyncio.sleep(0)
        first = asked[1].result()
        assert turns >= 50
        assert all(one.result() is first for one in asked[1:])
        assert await shown.parts(judged, 0) is first
        assert await shown.parts(list(judged), 0) is not first

    asyncio.run(run())
