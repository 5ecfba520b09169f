"""
The way of a batch, in one place: ingest -> log -> merge -> score.

Beyond one machine the log becomes a stream between the two halves:
nothing but this module knows that they share a process.
"""

import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from modpulse.agent.service.logs import counters
from modpulse.agent.service.units import NS
from modpulse.agent.service.version import version

from .alerts.incident import Incident
from .alerts.note import Note
from .archive import SpanAsked, read_incidents
from .channels.sender import Sender
from .clock import Reading, Steady
from .config import Config
from .errors import (
    BusyError,
    OverloadedError,
    StoreError,
    StoreGoneError,
    StoreUnavailableError,
)
from .health.agents import AgentReport
from .health.evidence import HORIZON_NS
from .health.fleet import Fleet
from .health.report import Report
from .history import compare, read
from .incidents import Incidents
from .insight import comparison
from .insight.comparison import Comparison
from .insight.history import Asked, History
from .insight.totals import Totals
from .intake import ingest
from .intake.arrival import Arrival
from .intake.rollup import Rollup
from .learning import learn, recall_judged
from .memories import Memories
from .past import PastAsked, PastPage, read_past
from .people import People
from .pressure import Pressure
from .recents import Recents
from .shares import Shares
from .store import complaints
from .store.database import Store
from .store.pruning import Cuts
from .store.readback import ReadBack
from .store.recall import SavedState
from .store.restore import restore
from .store.roll import Roll, catch_up
from .store.writer import Log, Writer
from .turns import Turns

log = logging.getLogger("modpulse.collector")

PAST_EVERY_NS = 600 * NS
"""How often the past is read again, and old rows are forgotten."""
LOG_KEPT_NS = HORIZON_NS + 300 * NS
"""What a restart replays: all that is evidence, and some for late batches."""
LOG_FORGOTTEN = 2_000
"""Logged batches that one transaction deletes: batches that arrive wait no longer than for that."""
LATE_S = 0.5
"""What waits longest for a turn may have waited so long, else agents are told to come again."""
BUSY_RETRY_S = 0.1
"""How long reading back lets batches go first when too many wait for the disk."""


class Service:
    """One collector; every method runs on the event loop's thread."""

    def __init__(
        self,
        config: Config,
        store: Store,
        reading: Reading,
        boot_id: str,
        held: Shares | None = None,
    ) -> None:
        """
        Args:
            config: Windows, limits and rules.
            store: Open; used by the writer's thread alone after `start`.
            reading: Of the machine's clocks.
            boot_id: Which boot of the machine this is; empty: not known.
            held: Bytes that callers make this process hold; None: as many as they like.

        Raises:
            StoreError, BusyError: the database cannot be read.
        """
        self.config = config
        self.held = held or Shares(sys.maxsize)
        try:
            kept = store.time()
        except StoreUnavailableError as error:
            raise self._at_start(error) from None
        self.clock = Steady(reading, boot_id, *kept)
        """What orders and ages everything."""
        self.fleet = Fleet(config.formula, config.rules, ingest.bucket_estimate_ms)
        self.incidents = Incidents(config, self.fleet)
        self.sender: Sender | None = None
        """Woken when something is to be told; None where nobody is."""
        self.reports: list[Report] = []
        self.reported_at_ns = 0
        self.trouble: str | None = "starting"
        """Why the service is not ready; None when it is."""
        self._is_damaged = False
        """The trouble is damage: that a page can be written again proves nothing."""
        self.reading_back: ReadBack | None = None
        """What is not yet known of the time before the start; None once all is."""
        self._store = store
        self._writer = Writer(store)
        self.turns = Turns()
        self.pressure = Pressure()
        self._log = Log(self._writer, self._merged, self.turns)
        self._roll = Roll(self.fleet.time, self._add)
        self.totals = Totals()
        """Since this process began."""
        self._memories = Memories(self.fleet)
        self.people = People(self.call, self.incidents)
        self.recents = Recents(self.history)
        self.judged = asyncio.Event()
        """Set at the end of each judgement; who waits for the next one takes the new event."""
        self._waiting = Shares(config.queue_batches)
        self._past_at_ns = 0
        self._saved: dict[str, SavedState] = {}
        self._saved_steps: int | None = None
        self._comparing = asyncio.Lock()
        """A comparison holds the hours of two mirrors: some megabytes."""
        self._kept_ns = round(config.hour_retention_days * 86_400 * NS)

    def start(self, reading: Reading) -> None:
        """
        Take back states and who asked, then take batches; `read_back` does the rest.

        Raises:
            StoreError, BusyError: the database cannot be read.
        """
        if self.clock.steps:
            self._say_step()
        now_ns = self.clock.now_ns(reading)
        try:
            ahead = self._store.correct(now_ns)
            catch_up(self._store)
            self._saved = restore(self._store, self.fleet, now_ns)
            self.incidents.restore(self._store, now_ns)
            self.people.restore(self._store)
            span = self._store.evidence(now_ns - LOG_KEPT_NS)
        except StoreUnavailableError as error:
            raise self._at_start(error) from None
        if ahead:
            log.warning("times.ahead rows=%s", counters(ahead))
            self._store.unreadable.update(ahead)
        self.reading_back = ReadBack(span)
        self.reports = self.fleet.standing(now_ns)
        self.reported_at_ns = now_ns
        self._writer.start()
        self.trouble = None

    async def read_back(self, now_ns: Callable[[], int]) -> None:
        """
        Replay the log between requests, then judge for the first time.

        Half of the evidence is none: until all is there the states of before stand. To be called
        until `reading_back` is None: who takes the files away meanwhile may put them back.

        Raises:
            StoreError, BusyError: the log cannot be read.
        """
        if self.reading_back is None:
            return
        cut_ns = now_ns() - LOG_KEPT_NS
        forget = self._forget(lambda store: store.prune_log(cut_ns, LOG_FORGOTTEN))
        replay = self.reading_back.run(self._ask, self.fleet.merge)
        try:
            await asyncio.gather(forget, replay)
            await self._keep_house(now_ns())
        except StoreGoneError as error:
            self._say(error)
            return
        except StoreUnavailableError as error:
            raise self._at_start(error) from None
        if self.reading_back.skipped:
            self._store.unreadable["log"] += self.reading_back.skipped
        await self._memories.read(self._ask)
        await recall_judged(self._ask, self.fleet, self.incidents.counted, now_ns() // NS)
        self.reading_back = None
        await self._judge(now_ns())
        self._tell()

    def _at_start(self, error: StoreUnavailableError) -> StoreError | BusyError:
        found = complaints.at_start(error.__cause__ or error)
        return type(found)(f"{self.config.database}: {found}")

    async def stop(self) -> None:
        """Commit what waits and end the writer."""
        await self._log.finish()
        try:
            await self._roll.write()
            seen = self.incidents.state.memory.unwritten()
            await self._ask(lambda store: store.save({}, seen=seen))
            if self.reading_back is None:
                now_ns = max(self.reported_at_ns, self.clock.anchor.last_ns)
                await self._memories.write(self._ask, now_ns, is_last=True)
        except (OverloadedError, StoreUnavailableError) as error:
            self._say(error)  # the log knows it
        await asyncio.to_thread(self._writer.stop)

    async def accept(
        self,
        body: bytes,
        identity: ingest.Identity,
        reading: Reading,
        sent_ns: int | None,
        caller: str = "",
    ) -> bool:
        """
        Take one batch.

        Args:
            body: As received.
            identity: Of the caller.
            reading: When the request came.
            sent_ns: The agent's wall clock when it sent; None when it did not say.
            caller: Which token or certificate; whatever is bounded is shared among these.

        Returns:
            Whether it was new; either way it is durable.

        Raises:
            RejectedError: it will never be accepted.
            OverloadedError, StoreUnavailableError: not now.
        """
        # Who does not say is taken to have our wall clock, which may have been set.
        sent_ns = reading.wall_ns if sent_ns is None else sent_ns
        clocks = ingest.Clocks(self.clock.now_ns(reading), sent_ns)
        if self.turns.late_s() > LATE_S and not self._waiting.has_less(caller):
            raise OverloadedError("batches wait too long already")
        _hold(self._waiting, caller, 1, "too many batches wait")
        try:
            arrival = await self.turns.result(
                lambda: self.fleet.admit(ingest.read(body, identity, clocks, caller), self._kept_ns)
            )
            size_bytes = arrival.size_bytes
            _hold(self.held, caller, size_bytes, "too much waits for the disk")
            try:
                return await self._append(arrival)
            finally:
                self.held.give(caller, size_bytes)
        finally:
            self._waiting.give(caller, 1)

    async def _append(self, arrival: Arrival) -> bool:
        """Write it, then count it; returns whether it was new."""
        try:
            fresh = await self._log.append(arrival)
        except StoreUnavailableError as error:
            self._say(error)
            raise
        self.trouble, self._is_damaged = None, False
        self.pressure.take(time.monotonic())
        return fresh

    def again_s(self) -> int:
        """Return after how many seconds one who met an OverloadedError is to come again."""
        return self.pressure.again_s(time.monotonic())

    def _merged(self, arrivals: list[Arrival], log_id: int) -> None:
        """Count what is durable; the other tables learn of it later."""
        for arrival in arrivals:
            self.fleet.merge(arrival, self._roll.pile)
        self._roll.take(arrivals, log_id)

    async def _add(self, rollup: Rollup, log_id: int) -> None:
        await self._ask(lambda store: store.add(rollup, log_id))
        self.totals.add(rollup)

    async def tick(self, reading: Reading) -> None:
        """Judge every proxy once, and keep what must survive a restart."""
        now_ns = self.clock.now_ns(reading)
        if self.clock.notice(reading) is not None:
            self._say_step()
        try:
            await self._roll.write()
        except (OverloadedError, StoreUnavailableError) as error:
            self._say(error)
        await self._judge(now_ns)
        try:
            try:
                await self._save(now_ns)
            finally:
                self._tell()
            await self._save_time()
            await self._let_go()
            if now_ns - self._past_at_ns >= PAST_EVERY_NS:
                until_ns = now_ns - LOG_KEPT_NS
                await self._forget(lambda store: store.prune_log(until_ns, LOG_FORGOTTEN))
                await self._keep_house(now_ns)
            # Last: what cannot be written here must hold up neither incidents nor what finds room.
            await self._save_judged()
            await self._memories.write(self._ask, now_ns)
        except (OverloadedError, StoreUnavailableError) as error:
            self._say(error)

    def agents(self, reading: Reading) -> Iterator[AgentReport | None]:
        """Report on each agent that is known; None where others may go first."""
        now_ns = self.clock.now_ns(reading)
        silent_ns = round(self.config.alerting.agent_silent_for_seconds * NS)
        return self.fleet.agents(now_ns, self.incidents.listening_ns, silent_ns, version())

    def call(self, job: Callable[[Store], Any]) -> "Future[Any]":
        """Have a job done on the writer's thread; may raise OverloadedError."""
        return self._writer.call(job)

    async def history(self, asked: Asked) -> History | None:
        """
        Return what a proxy did; None where it is not known.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        found = await read(self._ask, asked)
        if found is None:
            return None
        if found[1]:
            self._store.unreadable["rollups"] += found[1]
        return found[0]

    async def compare(self, asked: comparison.Asked) -> Comparison:
        """
        Return two mirrors side by side; one such question at a time.

        Raises:
            RejectedError: 404, one of them is not known; 400, it is too much at once.
            StoreUnavailableError: the database cannot be read.
        """
        async with self._comparing:
            found, certificates = await compare(self._ask, asked)
            if found.unreadable:
                self._store.unreadable["rollups"] += found.unreadable
            names = (asked.a, asked.b)
            held = {name: proxy for name in names if (proxy := self.fleet.proxies.get(name))}
            ttls_s = {name: proxy.min_ttl_s for name, proxy in held.items()}
            firsts = self.fleet.versions.between(*names)
            return await asyncio.to_thread(found.comparison, certificates, ttls_s, firsts)

    async def opened(self, asked: SpanAsked) -> tuple[list[tuple[Incident, list[Note]]], bool]:
        """
        Return incidents that were open within a span, newest first, and whether there are more.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        return await read_incidents(self._ask, asked, self.incidents.state.incidents)

    async def past(self, asked: PastAsked) -> PastPage:
        """
        Return what was seen of alerts' conditions.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        page = await read_past(self._ask, asked)
        if page.unreadable:
            self._store.unreadable["past"] += page.unreadable
        return page

    async def copy(self, target: Path) -> None:
        """
        Write a copy of the database; batches that come meanwhile wait for a slice of it at most.

        Raises:
            StoreUnavailableError, OSError: it cannot be written.
        """
        await self._ask(lambda store: store.copy(target, self._writer.between))

    @property
    def is_alive(self) -> bool:
        """Whether the writer works: what the watchdog asks."""
        return self._writer.is_alive

    @property
    def overflow(self) -> Counter[str]:
        """What was dropped at bounds, by the bound's name."""
        others = Counter(
            unreadable_sketches=self._roll.unreadable,
            MAX_UNWRITTEN=self.incidents.counted.dropped,
            MAX_WATCHED=self.incidents.state.memory.dropped,
        )
        return self.fleet.overflow + self._store.overflow + others

    @property
    def unreadable(self) -> dict[str, int]:
        """Rows of the database that made no sense, by table; a copy, the writer counts too."""
        return dict(self._store.unreadable)

    def _say_step(self) -> None:
        step_s = (self.clock.last_step_ns or 0) / NS
        log.warning("clock.stepped seconds=%.3f steps=%d", step_s, self.clock.steps)

    async def _judge(self, now_ns: int) -> None:
        """Judge every proxy; requests are answered in between."""
        reports = []
        for report in self.fleet.judging(now_ns, self.clock.wall_offset_ns):
            if report:
                reports.append(report)
            await asyncio.sleep(0)
        self.reports, self.reported_at_ns = reports, now_ns

    def _tell(self) -> None:
        """Wake who waits for a judgement."""
        told, self.judged = self.judged, asyncio.Event()
        told.set()

    async def _save(self, now_ns: int) -> None:
        """Write what changed: states, their incidents, and what is to be told of these."""
        states = {
            report.proxy: SavedState(
                report.track.state, report.track.since_ns or 0, tuple(report.track.findings)
            )
            for report in self.reports
        }
        changed = {
            proxy: state
            for proxy, state in states.items()
            if proxy not in self._saved or _differs(state, self._saved[proxy])
        }
        if self.trouble and not self._is_damaged:
            # Where nobody asks because we are not ready, this is what finds room on the disk.
            await asyncio.wrap_future(self._writer.call(Store.probe))
            self.trouble = None
        step = await self.incidents.step(self.reports, now_ns, self.clock.wall_offset_ns)
        kept: tuple[Incident, ...] = ()
        if changed or step.changes:
            new = step.changes.incidents
            save = partial(Store.save, states=changed, changed=new, notices=step.notices)
            save = partial(save, now_ns=now_ns, seen=step.changes.past)
            kept = await asyncio.wrap_future(self._writer.call(save))
        self.incidents.accept(step, kept)
        if (step.notices or changed) and self.sender:
            self.sender.wake()
        self._say_changed(changed)
        self._saved |= changed

    async def _save_judged(self) -> None:
        """Write the minutes that are over; what cannot be written waits for the next turn."""
        rows = self.incidents.counted.due()
        if rows:
            await asyncio.wrap_future(self._writer.call(lambda store: store.add_judged(rows)))
            self.incidents.counted.written(rows)

    def _say_changed(self, changed: Mapping[str, SavedState]) -> None:
        for proxy, now in changed.items():
            before = self._saved.get(proxy)
            if before is None or before.state != now.state:
                log.info(
                    "state.changed proxy=%s state=%s", proxy, now.state, extra={"whose": proxy}
                )

    async def _forget(self, some: Callable[[Store], int]) -> None:
        """Delete in small steps, as long as there is more: also a huge table holds nobody up."""
        try:
            while await self._ask(some):
                pass
        except StoreUnavailableError as error:
            self._say(error)

    async def _save_time(self) -> None:
        """Write where the clock is, if it was set since that was written."""
        anchor, steps = self.clock.anchor, self.clock.steps
        if self._saved_steps != steps:
            await asyncio.wrap_future(self._writer.call(lambda store: store.save_time(anchor)))
            self._saved_steps = steps

    async def _let_go(self) -> None:
        """Remove what the fleet has pushed out, so that the file is bounded as memory is."""
        # What is on its way to the disk would go with the rows of before.
        pushed = frozenset(self.fleet.proxies.pushed - self._log.proxies - self._roll.proxies)
        if pushed:
            await asyncio.wrap_future(self._writer.call(lambda store: store.forget(pushed)))
            self.fleet.proxies.pushed -= pushed
            self.totals.forget(pushed)
            self._memories.forget(pushed)
            for proxy in pushed:
                self._saved.pop(proxy, None)

    async def _keep_house(self, now_ns: int) -> None:
        """Forget old rows as far as they can be written, and learn what is usual."""
        config, now_s = self.config, now_ns // NS
        cuts = Cuts(
            now_s=now_s,
            asks_until_ns=now_ns - round(max(config.rules.asked_seconds * NS, HORIZON_NS)),
            minutes_until_s=now_s - round(config.minute_retention_hours * 3600),
            hours_until_s=now_s - round(config.hour_retention_days * 86_400),
            days_until_s=now_s - round(config.day_retention_days * 86_400),
            most_bytes=round(config.database_max_mib) << 20,
        )
        await self._forget(lambda store: store.prune(cuts))
        kept_ns = round(config.audit_retention_days * 86_400 * NS)
        await self._ask(self.people.prune(now_ns - kept_ns))
        await self._ask(lambda store: store.prune_past(now_ns))
        await learn(self._ask, self.fleet, now_s)
        self._past_at_ns = now_ns

    async def _ask(self, job: Callable[[Store], Any]) -> Any:
        """Do a job on the writer's thread; batches go first."""
        while True:
            try:
                return await asyncio.wrap_future(self._writer.call(job))
            except OverloadedError:
                await asyncio.sleep(BUSY_RETRY_S)

    def _say(self, error: Exception) -> None:
        if self.trouble != str(error):
            log.warning("store.unavailable reason=%s", error)
        self.trouble = str(error)
        self._is_damaged = isinstance(error, StoreUnavailableError) and error.lasting


def _differs(one: SavedState, other: SavedState) -> bool:
    gates = [{finding.gate for finding in saved.findings} for saved in (one, other)]
    return (one.state, one.since_ns) != (other.state, other.since_ns) or gates[0] != gates[1]


def _hold(shares: Shares, caller: str, amount: int, why: str) -> None:
    """Hold so much for a caller, or raise OverloadedError."""
    if not shares.has_room(caller, amount):
        raise OverloadedError(why)
    shares.take(caller, amount)
