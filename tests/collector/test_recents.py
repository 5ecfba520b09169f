"""Rules of what is read ahead."""

import asyncio

from modpulse.collector.errors import StoreUnavailableError
from modpulse.collector.insight.history import Asked, History
from modpulse.collector.recents import Recents

NOW_S = 1_800_000_000


class Disk:
    """Remembers what was asked; may fail."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.fails = False

    async def read(self, asked: Asked) -> History | None:
        self.asked.append(asked)
        if self.fails:
            raise StoreUnavailableError("no disk")
        return None


def test_read_once_then_when_somebody_looks() -> None:
    """A proxy costs two questions; nobody's look costs none; what went is forgotten."""

    async def run() -> None:
        disk = Disk()
        recents = Recents(disk.read)
        await recents.refresh(["a", "b"], NOW_S)
        assert [asked.by for asked in disk.asked] == ["judged", "", "judged", ""]
        await recents.refresh(["a", "b"], NOW_S + 120)
        assert len(disk.asked) == 4
        assert recents.of("a")
        assert recents.of("c") is None
        await recents.refresh(["b"], NOW_S + 240)
        assert len(disk.asked) == 6
        assert recents.of("a") is None
        assert recents.version == 2

    asyncio.run(run())


def test_a_disk_that_fails_is_asked_again() -> None:
    """What was known stays, and the next turn tries again."""

    async def run() -> None:
        disk = Disk()
        recents = Recents(disk.read)
        await recents.refresh(["a"], NOW_S)
        held = recents.of("a")
        disk.fails = True
        await recents.refresh(["a"], NOW_S + 120)
        assert recents.of("a") is held
        asked = len(disk.asked)
        await recents.refresh(["a"], NOW_S + 240)
        assert len(disk.asked) == asked + 1

    asyncio.run(run())
