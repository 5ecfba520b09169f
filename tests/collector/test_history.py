"""Rules of a comparison, all the way: batches of a made-up fleet, a real service, its database."""

import asyncio
from pathlib import Path

import pytest

from modpulse.agent.service.units import NS
from modpulse.collector.clock import Reading
from modpulse.collector.config import Config
from modpulse.collector.errors import RejectedError
from modpulse.collector.insight.comparison import Asked, Comparison
from modpulse.collector.service import Service
from modpulse.collector.simulate.answers import EPOCH_S
from modpulse.collector.simulate.script import parse
from modpulse.collector.simulate.world import World
from modpulse.collector.store.database import Store

HOURS = 4
A, B = "https://a.example", "https://b.example"
BEGIN_S = EPOCH_S + 9 * 3600
FAR = '[[happening]]\nname = "far"\nkind = "slow"\nsite = "far"\nfactor = 4\n'
"""What is behind a long line."""


def world(proxy: str, seed: int, sites: tuple[str, ...] = ("near", "far"), keys: str = "") -> World:
    """
    Return those who ask one mirror: half a dozen hosts of each site.

    It has every module: two that lack different ones of those asked for most do differ in misses.
    """
    hosts = "".join(f'[[hosts]]\nsite = "{site}"\ncount = 6\n' for site in sites)
    script = (
        f'title = "one mirror"\nhours = {HOURS}\nseed = {seed}\nwindow_seconds = 60\n'
        f"heartbeat_seconds = 600\n{hosts}"
        f'[[proxy]]\nname = "{proxy}"\nmiss_share = 0\n{keys}\n{FAR if "far" in sites else ""}'
    )
    return World(parse(script))


async def play(folder: Path, worlds: list[World]) -> Comparison:
    """Ship what they say to a service, and have it compare both mirrors."""
    store = Store.open(folder / "c.db")

    def reading(at_s: int) -> Reading:
        return Reading((BEGIN_S + at_s) * NS, (3600 + at_s) * NS)

    service = Service(Config(database=str(folder / "c.db")), store, reading(0), "made up")
    service.start(reading(0))
    await service.read_back(lambda: service.clock.now_ns(reading(0)))
    for at_s in range(60, HOURS * 3600 + 1, 60):
        for made in worlds:
            for post in made.posts(at_s * NS):
                sent_ns = (post.at_ns + post.wall_ns) // NS * NS
                await service.accept(post.body, None, reading(at_s), sent_ns)
        if at_s % 600 == 0:
            await service.tick(reading(at_s))
    now_s = service.clock.now_ns(reading(HOURS * 3600)) // NS
    await service.tick(reading(HOURS * 3600))
    found = await service.compare(Asked(A, B, now_s - HOURS * 3600, now_s))
    with pytest.raises(RejectedError, match="b: no history"):
        await service.compare(Asked(A, "https://nobody.example", now_s - 3600, now_s))
    await service.stop()
    store.close()
    return found


def told(found: Comparison) -> dict[str, str]:
    """Return the verdicts of all requests."""
    return {row.kind: row.pair.verdict for row in found.rows if row.by_site and row.pair}


def test_equal_mirrors(tmp_path: Path) -> None:
    """Nothing is told of mirrors that are alike, neither of all requests nor of any part."""
    found = asyncio.run(play(tmp_path, [world(A, 1), world(B, 2)]))

    wrong = [row for row in found.rows if row.pair and row.pair.verdict in ("higher", "lower")]

    assert wrong == []
    assert told(found)["p50"] == told(found)["success"] == "alike"
    assert found.together.sites == ("far", "near")
    assert min(found.together.requests_a, found.together.requests_b) > 1_000


def test_one_that_only_the_far_site_asks(tmp_path: Path) -> None:
    """It answers later than the other on the whole, and as soon at the far site."""
    found = asyncio.run(play(tmp_path, [world(A, 1), world(B, 2, ("far",))]))
    pair = found.row("p50").pair

    assert found.together.sites == ("far",)
    assert pair is not None
    assert (pair.verdict, found.b.proxy) == ("alike", B)
    assert pair.difference == pytest.approx(1, abs=0.1)
    assert found.notes == ("apart",)


def test_one_that_is_slower_and_fails(tmp_path: Path) -> None:
    """Both are told, with how much."""
    worse = "first_byte_ms = 60\nfailure_share = 0.02"
    found = asyncio.run(play(tmp_path, [world(A, 1), world(B, 2, keys=worse)]))
    speed, success = found.row("p50").pair, found.row("success").pair

    assert speed is not None
    assert success is not None
    assert (speed.verdict, success.verdict) == ("higher", "lower")
    assert speed.difference == pytest.approx(1.5, abs=0.1)
    assert success.difference == pytest.approx(-0.02, abs=0.01)
