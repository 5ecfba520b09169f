"""Agents that ship through kills: what was answered, and what the collector then knows."""

import asyncio
import contextlib
import random
from contextlib import closing
from pathlib import Path

from collectors import Collector, batch_bytes
from stored import cells

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.store.database import Store

PROXY = "https://counted.example"
MAX_LIFE_S = 0.4
"""A kill comes at any moment of it: while groups are committed, and while they are rolled up."""


class Shipper:
    """One agent: ships a seq until it is answered, then the next, as real ones do."""

    def __init__(self, number: int) -> None:
        self.agent_id = f"build-{number}"
        self.answered = 0
        """Batches that are acknowledged: all before the next seq."""

    async def ship(self, port: int) -> None:
        """Until the collector is gone."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                while await self._one(reader, writer) in (200, 202):
                    self.answered += 1

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        window = ProxyWindow(proxy=PROXY, requests=1)
        body = batch_bytes(agent_id=self.agent_id, seq=self.answered, windows=(window,))
        writer.write(
            b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/msgpack\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        await reader.readexactly(length)
        return int(head[9:12])


def killed(collector: Collector, times: int, shippers: list[Shipper], rng: random.Random) -> None:
    """Start it, let all ship, kill it; again and again."""

    async def life() -> None:
        ships = [asyncio.create_task(shipper.ship(collector.port)) for shipper in shippers]
        await asyncio.sleep(rng.uniform(0.02, MAX_LIFE_S))
        await asyncio.to_thread(collector.kill)
        await asyncio.gather(*ships)

    for _ in range(times):
        collector.start()
        asyncio.run(life())


def finished(collector: Collector, shippers: list[Shipper]) -> int:
    """Send again what was on its way at the last kill; returns how many batches are taken."""

    async def one_more(shipper: Shipper) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", collector.port)
        with contextlib.closing(writer):
            assert await shipper._one(reader, writer) in (200, 202)
        shipper.answered += 1

    async def all_of_them() -> None:
        await asyncio.gather(*map(one_more, shippers))

    asyncio.run(all_of_them())
    return sum(shipper.answered for shipper in shippers)


def counted(path: Path) -> int:
    """Return the requests in the database's history: each batch is one."""
    with closing(Store.open(path)) as store:
        return cells(store, PROXY)[""].requests
