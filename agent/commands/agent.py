"""
`modpulse agent`: watches every `go` of the host and ships what it saw, window by window.

The main thread reads the kernel's events and counts; whatever may take as long as a disk or a
network does is done by two other threads, see spool.py and ship.py.
"""

import contextlib
import ctypes
import gc
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from ..armer.prober import Prober
from ..batch.batch import Batch, BatchError
from ..config import ENV_PREFIX, AgentConfig, reloaded
from ..delivery.aggregate import Aggregator
from ..delivery.eras import Eras
from ..delivery.fit import fit, keep_proxies
from ..delivery.ship import Client, Shipper
from ..delivery.spool import Spool, SpoolBusyError
from ..delivery.writer import Writer
from ..kernel.attach import Compilation, KernelError, KernelOptions
from ..observer import Observer
from ..records.losses import lost_between
from ..records.records import Record
from ..service.errors import ConfigError
from ..service.keys import unknown_variables
from ..service.logs import counters, log_to_stderr
from ..service.notify import notify, watchdog_seconds
from ..service.version import version
from .startup import Start, read

log = logging.getLogger("modpulse.agent")

POLL_SECONDS = 1.0
"""How long records may wait; what cannot and a ring that fills wake us earlier."""
MAX_DETAILS = 25
"""Lines of what the kernel says of a program that it refuses, of which the last say most."""
MAX_ERRORS = 10
"""Polls that fail in a row; then a fresh start is better."""
WRITE_SECONDS = 10.0
"""For the last batch to get on disk when the agent ends."""
FAILED, MISCONFIGURED = 1, 2


def main(config_path: str | None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    log_to_stderr()
    reread = partial(read, config_path, os.environ)
    try:
        start = reread()
    except ConfigError as error:
        log.error("agent.misconfigured reason=%s", error)
        return MISCONFIGURED
    for name in unknown_variables(AgentConfig, ENV_PREFIX, os.environ):
        log.warning("variable.unknown name=%s", name)
    config = start.config
    spool = Spool(config.spool_dir, config.spool_max_bytes)
    try:
        spool.lock()
        return Agent(config, start.name_key, spool, reread).run()
    except (SpoolBusyError, OSError) as error:
        log.error("agent.failed reason=%s", error)
        return FAILED
    except KernelError as error:
        reason, _, details = str(error).partition("\n")
        log.error('agent.failed reason=%s remedy="see modpulse check"', reason)
        for line in details.splitlines()[-MAX_DETAILS:]:
            log.info("kernel.said line=%s", line)
        return FAILED
    finally:
        spool.close()


class Agent:
    """One run: from armed probes to the last batch."""

    def __init__(
        self,
        config: AgentConfig,
        name_key: bytes | None,
        spool: Spool,
        reread: Callable[[], Start],
    ) -> None:
        """Nothing is started yet; `reread` reads the configuration again."""
        self._config = config
        self._reread = reread
        self._run_id = secrets.token_bytes(8)
        self._seq = 0
        self._spool = spool
        self._writer = Writer(spool)
        self._eras = Eras(self._run_id.hex())
        self._shipper = Shipper(spool, Client(config), self._eras)
        self._aggregator = Aggregator(name_key)
        self._account: dict[str, int] = {}
        self._errors = self._errors_in_a_row = self._unsendable = 0
        self._binaries_told = (0, 0)
        self._unprobed_told = 0
        self._is_stopping = self._is_rereading = False
        self._observer: Observer | None = None
        self._refused = 0
        self._window_start_ns = 0

    def run(self) -> int:
        """
        Watch until a signal comes.

        Raises:
            KernelError: this host cannot be observed.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._heed)
        config = self._config
        observer = self._observer = Observer(
            Compilation(KernelOptions(ring_bytes=config.ring_bytes)),
            os.environ,
            round(config.stalled_after_seconds * 1e9),
            job_variables=config.job_variables,
            extra_paths=config.go_paths,
        )
        try:
            self._writer.start()
            self._shipper.start()
            # What was made by now is never garbage: walking it each time takes 15 ms.
            gc.freeze()
            _trim()
            notify("READY=1")
            for path in unprobed_paths(config.go_paths, observer.prober.paths()):
                log.warning("go_path.unprobed path=%s", path)
            log.info(
                "agent.started agent_id=%s run_id=%s links=%s failed_binaries=%d",
                config.agent_id, self._run_id.hex(),
                observer.kernel.link_kind, observer.prober.failed,
            )  # fmt: skip
            code = self._watch(observer)
            notify("STOPPING=1")
            self._count(observer.finish)
            self._close_window(observer, time.monotonic_ns())
            # Before the probes go, which takes some kernels half a minute.
            self._writer.finish(WRITE_SECONDS)
            self._shipper.finish()
        finally:
            self._observer = None
            observer.close()
        if self._spool.unwritten:
            log.error("spool.lost batches=%d", self._spool.unwritten)
        log.info("agent.stopped code=%d waiting=%d", code, self._spool.batches)
        return code

    def _heed(self, number: int, _: object) -> None:
        if number == signal.SIGHUP:
            self._is_rereading = True
        else:
            self._is_stopping = True
        if self._observer is not None:
            self._observer.interrupt()

    def _watch(self, observer: Observer) -> int:
        window_ns = round(self._config.window_seconds * 1e9)
        watchdog_ns = round((watchdog_seconds() or 0.0) * 1e9)
        now_ns = self._window_start_ns = watched_at_ns = time.monotonic_ns()
        due_ns = now_ns + window_ns
        poll_ns = min(filter(None, (round(POLL_SECONDS * 1e9), window_ns, watchdog_ns)))
        while not self._is_stopping:
            self._count(lambda: observer.poll(poll_ns / 1e9))
            now_ns = time.monotonic_ns()
            if self._is_rereading:
                self._is_rereading = False
                self._reload(observer, now_ns)
                window_ns = round(self._config.window_seconds * 1e9)
                due_ns = self._window_start_ns + window_ns
            if now_ns >= due_ns:
                self._close_window(observer, now_ns)
                due_ns += window_ns
                if due_ns <= now_ns:
                    # Windows that a stopped process has missed are not made up for.
                    due_ns = now_ns + window_ns
            threads = (self._writer, self._shipper, observer.prober)
            if not all(thread.is_alive for thread in threads):
                log.critical('agent.failed reason="a thread has died"')
                return FAILED
            if self._errors_in_a_row >= MAX_ERRORS:
                log.critical('agent.failed reason="%d polls in a row failed"', MAX_ERRORS)
                return FAILED
            if watchdog_ns and now_ns - watched_at_ns >= watchdog_ns:
                notify("WATCHDOG=1")
                watched_at_ns = now_ns
        return 0

    def _reload(self, observer: Observer, now_ns: int) -> None:
        """Let what may change while we watch count from the next window on; a bad file changes
        nothing."""
        notify(f"RELOADING=1\nMONOTONIC_USEC={now_ns // 1000}")
        try:
            after, waiting = reloaded(self._config, self._reread().config)
        except ConfigError as error:
            self._refused += 1
            log.error("config.refused reason=%s", error)
        else:
            if after != self._config:
                self._close_window(observer, now_ns)
                self._config = after
                self._shipper.use(Client(after))
            for key in waiting:
                log.warning("config.needs_restart key=%s", key)
            log.info("config.reloaded collector_url=%s", after.collector_url)
        notify("READY=1")

    def _count(self, read: Callable[[], Iterable[Record]]) -> None:
        """Add the records that are read to the window."""
        try:
            records = read()
            now_ns = time.monotonic_ns()
            for record in records:
                self._aggregator.add(record, now_ns)
        except Exception:  # what one event breaks must not end the watch
            log.exception("poll.failed")
            self._errors += 1
            self._errors_in_a_row += 1
        else:
            self._errors_in_a_row = 0

    def _close_window(self, observer: Observer, now_ns: int) -> None:
        """Turn what was counted into a batch, also when that is nothing: silence would be death."""
        wall_offset_ns = time.time_ns() - time.monotonic_ns()
        self._eras.note(self._seq, time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        account = observer.losses()
        lost = lost_between(self._account, account)
        if lost:
            log.warning("events.lost seq=%d counters=%s", self._seq, counters(lost))
        sums = dict(observer.newcomers.sums.read(self._aggregator.fetched()))
        parts = self._aggregator.flush(wall_offset_ns, sums)
        batch = Batch(
            agent_id=self._config.agent_id,
            run_id=self._run_id,
            seq=self._seq,
            # A clock that was set to before 1970 is as good as one at 1970.
            window_start_ns=max(self._window_start_ns + wall_offset_ns, 0),
            window_end_ns=max(now_ns + wall_offset_ns, 0),
            labels=self._config.labels,
            losses=account | self._own_losses(observer.prober),
            lost=sum(lost.values()),
            agent_version=version(),
            kernel=os.uname().release,
            links=observer.kernel.link_kind,
            **parts.fields(),
        )
        self._account = account
        self._window_start_ns = now_ns
        self._tell_binaries(observer.prober, observer.newcomers.unprobed)
        data = self._encode(batch)
        if data is None:
            # That there is nothing to send is worth sending.
            counted = {**batch.losses, "batch_unsendable": self._unsendable}
            data = self._encode(replace(keep_proxies(batch, 0), losses=counted))
        if data is not None:
            self._writer.put(self._run_id.hex(), self._seq, data)
        self._seq += 1
        _trim()

    def _encode(self, batch: Batch) -> bytes | None:
        """Return what is sent; what cannot be is counted, and the next windows go on."""
        try:
            return fit(batch)
        except BatchError as error:
            self._unsendable += 1
            log.error("batch.unsendable seq=%d reason=%s", batch.seq, error)
            return None

    def _tell_binaries(self, prober: Prober, unprobed: int) -> None:
        """Say once a window what became of binaries that ought to be probed."""
        counts = (prober.forgotten, prober.failed)
        if counts != self._binaries_told:
            self._binaries_told = counts
            failures = "; ".join(f"{path}: {why}" for path, why in prober.take_failures().items())
            log.warning("binaries.changed forgotten=%d failed=%d reasons=%s", *counts, failures)
        if unprobed != self._unprobed_told:
            log.info("processes.unprobed number=%d", unprobed - self._unprobed_told)
            self._unprobed_told = unprobed

    def _own_losses(self, prober: Prober) -> dict[str, int]:
        """Return what was lost on this side of the tracker, and what was nearly."""
        return {
            "binaries_failed": prober.failed,
            "binaries_forgotten": prober.forgotten,
            "unattributed": self._aggregator.unattributed,
            "poll_errors": self._errors,
            "config_refused": self._refused,
            "batch_unsendable": self._unsendable,
            "spool_queue_full": self._spool.dropped_memory,
            "spool_refused": self._spool.refused,
            "spool_full": self._spool.dropped_full,
            "spool_io": self._spool.dropped_io,
            "spool_partial": self._spool.partial,
            "spool_foreign": self._spool.foreign,
            "ship_poison": self._shipper.poison,
            "ship_duplicates": self._shipper.duplicates,
            "ship_failed_attempts": self._shipper.failed_attempts,
        }


def _trim() -> None:
    """
    Give freed memory back: reading one `go` binary leaves 12 MB of it.

    glibc keeps it since it learns from the first such block to take the next from its heap
    (M_MMAP_THRESHOLD in mallopt(3)).
    """
    with contextlib.suppress(AttributeError):
        # Other C libraries have no malloc_trim.
        ctypes.CDLL(None).malloc_trim(0)


def unprobed_paths(wanted: Iterable[str], probed: Iterable[str]) -> list[str]:
    """Return configured paths at which nothing is probed: a typo, or no `go`."""
    found = set(probed)
    return [path for path in wanted if os.path.realpath(path) not in found]
