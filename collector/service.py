"""
The way of a batch, in one place: ingest -> log -> merge -> score.

Beyond one machine the log becomes a stream between the two halves (design.md section 6):
nothing but this module knows that they share a process.
"""

import asyncio
import logging
from collections.abc import Mapping

from modpulse.agent.batch import FIRST_BYTE

from . import ingest
from .config import Config
from .document import proxies_document
from .errors import OverloadedError, RejectedError, StoreUnavailableError
from .evidence import HORIZON_NS, NS
from .fleet import Fleet, Report
from .state import restored
from .store import History, SavedState, Store
from .writer import Writer

log = logging.getLogger("modpulse.collector")

PAST_EVERY_NS = 600 * NS
"""How often the past is read again, and old rows are forgotten."""
PAST_FROM_S = 7 * 86_400
PAST_UNTIL_S = 3_600
LOG_KEPT_NS = HORIZON_NS + 300 * NS
"""What a restart replays: all that is evidence, and some for late batches."""


class Service:
    """One collector; every method runs on the event loop's thread."""

    def __init__(self, config: Config, store: Store) -> None:
        """
        Args:
            config: Windows, limits and rules.
            store: Open; used by the writer's thread alone after `start`.
        """
        self.config = config
        self.fleet = Fleet(config.formula, config.rules, ingest.bucket_estimate_ms)
        self.reports: list[Report] = []
        self.reported_at_ns = 0
        self.trouble: str | None = "starting"
        """Why the service is not ready; None when it is."""
        self._store = store
        self._writer = Writer(store, config.queue_batches)
        self._past_at_ns: int | None = None
        self._saved: dict[str, SavedState] = {}

    def start(self, now_ns: int) -> None:
        """Rebuild memory from the store, then take batches."""
        self._restore()
        for arrived_ns, skew_ns, body in self._store.log():
            try:
                self.fleet.merge(ingest.reread(body, arrived_ns, skew_ns))
            except RejectedError as error:
                log.warning("log.skipped reason=%r", error.reason)
        self._learn(self._store.history(FIRST_BYTE, *_past_span(now_ns)), now_ns)
        self._writer.start()
        self.trouble = None
        self._judge(now_ns)

    def _restore(self) -> None:
        """Take back what is no evidence: states, certificates, who asked."""
        for name, seen_s in self._store.last_seen_s().items():
            proxy = self.fleet.proxy(name)
            if proxy is not None:
                proxy.last_seen_ns = seen_s * NS
        for ask in self._store.asks():
            self.fleet.restore_ask(ask)
        for name, (leaf, seen_ns) in self._store.certificates().items():
            proxy = self.fleet.proxy(name)
            if proxy is not None:
                proxy.certificate, proxy.certificate_seen_ns = leaf, seen_ns
        self._saved = self._store.states()
        for name, saved in self._saved.items():
            proxy = self.fleet.proxy(name)
            if proxy is not None:
                proxy.track = restored(saved.state, saved.since_ns, saved.findings)

    async def stop(self) -> None:
        """Commit what waits and end the writer."""
        await asyncio.to_thread(self._writer.stop)

    async def accept(self, body: bytes, identity: ingest.Identity, clock: ingest.Clocks) -> bool:
        """
        Take one batch.

        Returns:
            Whether it was new; either way it is durable.

        Raises:
            RejectedError: it will never be accepted.
            OverloadedError, StoreUnavailableError: not now.
        """
        arrival = ingest.read(body, identity, clock)
        try:
            fresh = await asyncio.wrap_future(self._writer.append(arrival))
        except StoreUnavailableError as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        if fresh:
            self.fleet.merge(arrival)
        return fresh

    async def tick(self, now_ns: int) -> None:
        """Judge every proxy once, and keep what must survive a restart."""
        self._judge(now_ns)
        try:
            await self._save()
            if self._past_at_ns is None or now_ns - self._past_at_ns >= PAST_EVERY_NS:
                await self._keep_house(now_ns)
        except (OverloadedError, StoreUnavailableError) as error:
            self.trouble = str(error)
            log.warning("store.unavailable reason=%r", str(error))

    @property
    def is_alive(self) -> bool:
        """Whether the writer works: what the watchdog asks."""
        return self._writer.is_alive

    def document(self) -> dict[str, object]:
        """Return what GET /api/v1/proxies answers."""
        return proxies_document(self.reports, self.reported_at_ns, self.config.window_s)

    def _judge(self, now_ns: int) -> None:
        self.reports = self.fleet.evaluate(now_ns)
        self.reported_at_ns = now_ns

    async def _save(self) -> None:
        """Write the states whose state or gates changed."""
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
        if self.trouble:
            # Where nobody asks because we are not ready, this is what finds room on the disk.
            await asyncio.wrap_future(self._writer.call(Store.probe))
            self.trouble = None
        if changed:
            await asyncio.wrap_future(self._writer.call(lambda store: store.save_states(changed)))
            for proxy, new in changed.items():
                old = self._saved.get(proxy)
                if old is None or old.state != new.state:
                    log.info("state.changed proxy=%r state=%s", proxy, new.state)
            self._saved |= changed

    async def _keep_house(self, now_ns: int) -> None:
        config = self.config
        await asyncio.wrap_future(
            self._writer.call(
                lambda store: store.prune(
                    log_until_ns=now_ns - LOG_KEPT_NS,
                    asks_until_ns=now_ns - round(max(config.rules.asked_s * NS, HORIZON_NS)),
                    minutes_until_s=now_ns // NS - round(config.minute_retention_h * 3600),
                    hours_until_s=now_ns // NS - round(config.hour_retention_d * 86_400),
                )
            )
        )
        history = await asyncio.wrap_future(
            self._writer.call(lambda store: store.history(FIRST_BYTE, *_past_span(now_ns)))
        )
        self._learn(history, now_ns)

    def _learn(self, past: Mapping[str, History], now_ns: int) -> None:
        for name, history in past.items():
            self.fleet.learn(name, history.ok, history.failed, history.buckets)
        self._past_at_ns = now_ns


def _past_span(now_ns: int) -> tuple[int, int]:
    return now_ns // NS - PAST_FROM_S, now_ns // NS - PAST_UNTIL_S


def _differs(one: SavedState, other: SavedState) -> bool:
    gates = [{finding.gate for finding in saved.findings} for saved in (one, other)]
    return (one.state, one.since_ns) != (other.state, other.since_ns) or gates[0] != gates[1]
