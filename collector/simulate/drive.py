"""
Gives what a world ships to the real collector, ingest, service and database, with a clock that runs
as fast as these do, and notes what it says.

Decides nothing: what there is comes from `world`, what is true from the script.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.settings import load_settings
from modpulse.agent.service.units import NS

from ..alerts.step import MAX_CLOSED, MAX_OPEN
from ..channels.channel import Channel
from ..clock import Reading
from ..config import Config
from ..errors import BusyError, RejectedError, StoreUnavailableError
from ..service import Service
from ..store.database import Store
from .answers import EPOCH_S
from .compare import Said, Saying, compare, saying_of
from .notices import CHANNELS, Made, compare_incidents
from .script import Script, parse
from .table import Result
from .traffic import HOUR_S
from .world import Post, World

SHIPPED = Path(__file__).with_name("scripts")
PREFIX = "MODPULSE_SIMULATE_"
"""No variable of the environment changes a script."""
BOOT_ID = "simulated"
BOOT_NS = HOUR_S * NS
"""How long the machine has run when a script begins."""
MEMORY = Path("/dev/shm")
"""Where there is one, the database needs no disk: it is as durable as this process."""
TOGETHER = 64
"""Batches that wait at once, and share a commit; as many large ones one caller may have read."""


@dataclass(slots=True)
class Played:
    """One script, played to its end."""

    said: dict[str, list[Said]] = field(default_factory=dict)
    """By proxy; what did not change is there once."""
    batches: int = 0
    refused: int = 0
    """Which the collector would not take."""
    took_s: float = 0.0
    """Of the real time."""
    made: list[Made] = field(default_factory=list)
    """Its incidents, in the order in which they were opened: all open ones, MAX_CLOSED others."""


def run(names: Sequence[str], config: Config) -> list[Result]:
    """
    Read scripts, play them and compare what was said with their truth.

    Args:
        names: Of files, or of scripts that come with this program.
        config: As of `play`.

    Raises:
        ConfigError: begins with the script that is wrong.
        StoreError, BusyError: as of `play`.
    """
    read = [load(name) for name in names]
    results = []
    for name, script in read:
        played = play(script, config)
        results.append(
            Result(
                name=name,
                script=script,
                verdicts=compare(script, played.said),
                batches=played.batches,
                refused=played.refused,
                took_s=played.took_s,
                incidents=compare_incidents(script, played.made),
            )
        )
    return results


def scripts() -> list[tuple[str, Script]]:
    """Return the scripts that come with this program, by name."""
    return [load(str(path)) for path in sorted(SHIPPED.glob("*.toml"))]


def load(name: str) -> tuple[str, Script]:
    """
    Read a script; returns its name, too.

    Raises:
        ConfigError: begins with the file that is wrong.
    """
    shipped = SHIPPED / f"{name}.toml"
    path = shipped if name.isidentifier() and shipped.is_file() else Path(name)
    if name.isidentifier() and not path.exists():
        raise ConfigError(f"{name}: no file, nor a script that `modpulse simulate` lists")
    script = load_settings(path, path, PREFIX, {}, lambda text, _: parse(text))
    return path.name.removesuffix(".toml"), script


def play(script: Script, config: Config) -> Played:
    """
    Play a script to its end.

    Args:
        script: What happens.
        config: Of the collector; its database is a new one, that is gone afterwards, and its
            channels are one for each severity, to which nothing is sent: it waits in the outbox.

    Raises:
        StoreError, BusyError: no database can be made, or there is no room for it.
    """
    began = time.monotonic()
    memory = str(MEMORY) if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="modpulse-simulate-", dir=memory) as folder:
        database = Path(folder) / "collector.db"
        # Who is heard less often than a real agent would be is not silent for that.
        patience_s = 2 * script.heartbeat_seconds + config.window_seconds
        silent_s = max(config.alerting.agent_silent_for_seconds, patience_s)
        config = replace(
            config,
            alerting=replace(config.alerting, agent_silent_for_seconds=silent_s),
            database=str(database),
            queue_batches=max(TOGETHER * 2, 1024),
            channel=tuple(Channel(name=name, severities=(name,)) for name in CHANNELS),
        )
        try:
            played = asyncio.run(_Drive(script, config).run())
        except StoreUnavailableError as error:
            raise BusyError(f"{folder}: {error}") from None
    played.took_s = time.monotonic() - began
    return played


class _Drive:
    def __init__(self, script: Script, config: Config) -> None:
        self._script = script
        self._config = config
        self._world = World(script)
        self._begin_ns = round((EPOCH_S + script.start_hour * HOUR_S) * NS)
        self._played = Played()
        self._last: dict[str, Saying] = {}
        self._waiting: list[Post] = []
        """What its agents have not shipped yet, in order."""

    async def run(self) -> Played:
        at_ns, end_ns = 0, round(self._script.end_s * NS)
        collector: _Collector | None = None
        while at_ns < end_ns:
            began_ns, at_ns = at_ns, at_ns + round(self._config.window_seconds * NS)
            if collector is not None and self._is_down(at_ns):
                await self._close(collector)
                collector = None
            elif collector is None and not self._is_down(at_ns):
                collector = await self._started(began_ns)
            self._waiting += self._world.posts(at_ns)
            if collector is not None:
                await self._ship(collector.service, began_ns, at_ns)
                await collector.service.tick(self._reading(at_ns))
                self._note(collector.service, at_ns)
        if collector is not None:
            await self._close(collector)
        return self._played

    async def _close(self, collector: "_Collector") -> None:
        """Close it, and take what it knows of incidents; a later one knows these too."""
        before_ns = collector.service.clock.wall_offset_ns - self._begin_ns
        await collector.service.stop()
        self._played.made = collector.made(before_ns)
        collector.close()

    def _is_down(self, at_ns: int) -> bool:
        script = self._script
        restarts = [one for one in script.happening if one.kind == "restart"]
        return any(script.begin_s(r) < at_ns / NS <= script.over_s(r) for r in restarts)

    def _reading(self, at_ns: int) -> Reading:
        return Reading(self._begin_ns + at_ns, BOOT_NS + at_ns)

    async def _started(self, at_ns: int) -> "_Collector":
        collector = _Collector(self._config, self._reading(at_ns))
        await collector.read_back(self._reading(at_ns))
        return collector

    async def _ship(self, service: Service, began_ns: int, at_ns: int) -> None:
        """Ship what its agents can ship by now: what had to wait comes first."""
        ready = [post for post in self._waiting if post.held_until_ns <= at_ns]
        self._waiting = [post for post in self._waiting if post.held_until_ns > at_ns]
        for first in range(0, len(ready), TOGETHER):
            few = ready[first : first + TOGETHER]
            # Its clock never goes back: what waited arrives now, not when it was written.
            accepting = (self._accept(service, post, max(post.at_ns, began_ns)) for post in few)
            taken = await asyncio.gather(*accepting)
            self._played.batches += sum(taken)
            self._played.refused += len(taken) - sum(taken)

    async def _accept(self, service: Service, post: Post, at_ns: int) -> bool:
        # As the header `Date` has it: whole seconds.
        sent_ns = (at_ns + post.wall_ns) // NS * NS
        try:
            return await service.accept(post.body, None, self._reading(at_ns), sent_ns)
        except RejectedError:
            return False

    def _note(self, service: Service, at_ns: int) -> None:
        for report in service.reports:
            saying = saying_of(report)
            if self._last.get(report.proxy) != saying:
                self._last[report.proxy] = saying
                self._played.said.setdefault(report.proxy, []).append(Said(at_ns / NS, saying))


class _Collector:
    """One life of it."""

    def __init__(self, config: Config, reading: Reading) -> None:
        self._store = Store.open(Path(config.database))
        self.service = Service(config, self._store, reading, BOOT_ID)
        self.service.start(reading)

    async def read_back(self, reading: Reading) -> None:
        """Read what was kept."""
        await self.service.read_back(lambda: self.service.clock.now_ns(reading))

    def made(self, offset_ns: int) -> list[Made]:
        """Return its incidents as they are on the disk; `offset_ns` is added to their times."""
        notices: dict[int, dict[str, tuple[str, ...]]] = {}
        for channel in CHANNELS:
            for waiting in self._store.waiting(channel):
                of = notices.setdefault(waiting.incident_id, {})
                of[channel] = (*of.get(channel, ()), waiting.notice.kind)
        found, _ = self._store.incidents(MAX_OPEN, MAX_CLOSED)
        return [
            Made(
                topic=one.topic,
                severity=one.severity,
                proxies=one.proxies,
                rules=tuple(dict.fromkeys(member.key.rule for member in one.members)),
                opened_s=(one.opened_ns + offset_ns) / NS,
                closed_s=None if one.closed_ns is None else (one.closed_ns + offset_ns) / NS,
                notices=notices.get(one.id, {}),
            )
            for one in sorted(found, key=lambda incident: incident.id)
        ]

    def close(self) -> None:
        """After the service has stopped."""
        self._store.close()
