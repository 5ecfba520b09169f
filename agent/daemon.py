"""
`modpulse agent`: watches every `go` of the host and ships what it saw, window by window.

The main thread reads the kernel's events and counts; whatever may take as long as a disk or a
network does is done by two other threads, see spool.py and ship.py.
"""

import contextlib
import ctypes
import gc
import hashlib
import hmac
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from .batch import Batch, BatchError, encode
from .config import AgentConfig, ConfigError, load
from .delivery.aggregate import Aggregator, lost_between
from .delivery.ship import Client, Shipper
from .delivery.spool import Spool, SpoolBusyError, Writer
from .kernel.attach import Compilation, KernelError, KernelOptions
from .notify import notify, watchdog_seconds
from .observer import Observer
from .records import Record

log = logging.getLogger("modpulse.agent")

POLL_SECONDS = 1.0
"""How long records may wait; what cannot and a ring that fills wake us earlier."""
MAX_ERRORS = 10
"""Polls that fail in a row; then a fresh start is better."""
WRITE_SECONDS = 10.0
"""For the last batch to get on disk when the agent ends."""
MACHINE_ID = Path("/etc/machine-id")
_APPLICATION = b"modpulse agent_id"
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 64
FAILED, MISCONFIGURED = 1, 2


def main(config_path: str | None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    _configure_logging()
    try:
        config = load(Path(config_path) if config_path else None, os.environ)
        config = config if config.agent_id else replace(config, agent_id=machine_name(MACHINE_ID))
        name_key = read_key(config.module_key_file) if config.module_key_file else None
    except ConfigError as error:
        log.error("agent.misconfigured reason=%s", error)
        return MISCONFIGURED
    spool = Spool(config.spool_dir, config.spool_max_bytes)
    try:
        spool.lock()
        return Agent(config, name_key, spool).run()
    except (SpoolBusyError, OSError) as error:
        log.error("agent.failed reason=%r", str(error))
        return FAILED
    except KernelError as error:
        reason, _, details = str(error).partition("\n")
        log.error("agent.failed reason=%r remedy='see modpulse check'", reason)
        if details:
            log.info("%s", details)
        return FAILED
    finally:
        spool.close()


def machine_name(path: Path) -> str:
    """
    Return a name for this machine that does not disclose its id, which machine-id(5) asks for.

    Raises:
        ConfigError: there is no id to make it from.
    """
    try:
        machine_id = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"agent_id is not set, and {path}: {error.strerror}") from None
    if len(machine_id) != 32:
        raise ConfigError(f"agent_id is not set, and {path} holds no machine id")
    return hmac.digest(machine_id, _APPLICATION, "sha256")[:16].hex()


def read_key(path: str) -> bytes:
    """
    Return the key by which names are hashed; a longer file is hashed itself.

    Raises:
        ConfigError: it cannot be read or is too short.
    """
    try:
        with open(path, "rb") as file:
            key = file.read(1 << 16).strip()
    except OSError as error:
        raise ConfigError(f"module_key_file = {path!r}: {error.strerror}") from None
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(f"module_key_file = {path!r}: shorter than {MIN_KEY_BYTES} bytes")
    return key if len(key) <= MAX_KEY_BYTES else hashlib.blake2b(key).digest()


class Agent:
    """One run: from armed probes to the last batch."""

    def __init__(self, config: AgentConfig, name_key: bytes | None, spool: Spool) -> None:
        """Nothing is started yet."""
        self._config = config
        self._run_id = secrets.token_bytes(8)
        self._seq = 0
        self._spool = spool
        self._writer = Writer(spool)
        self._shipper = Shipper(spool, Client(config))
        self._aggregator = Aggregator(name_key)
        self._account: dict[str, int] = {}
        self._errors = self._errors_in_a_row = self._unsendable = 0
        self._is_stopping = False
        self._window_start_ns = 0

    def run(self) -> int:
        """
        Watch until a signal comes.

        Raises:
            KernelError: this host cannot be observed.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        config = self._config
        observer = Observer(
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
            log.info(
                "agent.started agent_id=%s run_id=%s links=%s failed_binaries=%d",
                config.agent_id, self._run_id.hex(),
                observer.kernel.link_kind, len(observer.failed_probes),
            )  # fmt: skip
            code = self._watch(observer)
            notify("STOPPING=1")
            self._count(observer.finish)
            self._close_window(observer, time.monotonic_ns())
        finally:
            observer.close()
        self._writer.finish(WRITE_SECONDS)
        self._shipper.finish()
        log.info("agent.stopped code=%d waiting=%d", code, self._spool.batches)
        return code

    def _stop(self, *_: object) -> None:
        self._is_stopping = True

    def _watch(self, observer: Observer) -> int:
        window_ns = round(self._config.window_seconds * 1e9)
        watchdog_ns = round((watchdog_seconds() or 0.0) * 1e9)
        now_ns = self._window_start_ns = watched_at_ns = time.monotonic_ns()
        due_ns = now_ns + window_ns
        poll_ns = min(filter(None, (round(POLL_SECONDS * 1e9), window_ns, watchdog_ns)))
        while not self._is_stopping:
            self._count(lambda: observer.poll(poll_ns / 1e9))
            now_ns = time.monotonic_ns()
            if now_ns >= due_ns:
                self._close_window(observer, now_ns)
                due_ns += window_ns
                if due_ns <= now_ns:
                    # Windows that a stopped process has missed are not made up for.
                    due_ns = now_ns + window_ns
            if not (self._writer.is_alive and self._shipper.is_alive):
                log.critical("agent.failed reason='a thread has died'")
                return FAILED
            if self._errors_in_a_row >= MAX_ERRORS:
                log.critical("agent.failed reason='%d polls in a row failed'", MAX_ERRORS)
                return FAILED
            if watchdog_ns and now_ns - watched_at_ns >= watchdog_ns:
                notify("WATCHDOG=1")
                watched_at_ns = now_ns
        return 0

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
        account = observer.losses()
        parts = self._aggregator.flush(wall_offset_ns)
        batch = Batch(
            agent_id=self._config.agent_id,
            run_id=self._run_id,
            seq=self._seq,
            window_start_ns=self._window_start_ns + wall_offset_ns,
            window_end_ns=now_ns + wall_offset_ns,
            labels=self._config.labels,
            losses=account | self._own_losses(),
            lost=lost_between(self._account, account),
            proxies=parts.proxies,
            proxies_dropped=parts.proxies_dropped,
        )
        self._account = account
        self._window_start_ns = now_ns
        try:
            self._writer.put(self._run_id.hex(), self._seq, encode(batch))
        except BatchError as error:
            self._unsendable += 1
            log.error("batch.unsendable seq=%d reason=%r", self._seq, str(error))
        self._seq += 1
        _trim()

    def _own_losses(self) -> dict[str, int]:
        """Return what was lost on this side of the tracker, and what was nearly."""
        return {
            "unattributed": self._aggregator.unattributed,
            "poll_errors": self._errors,
            "batch_unsendable": self._unsendable,
            "spool_queue_full": self._writer.dropped_queue,
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


def _configure_logging() -> None:
    """Log to stderr; the journal adds the time."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s", force=True
    )
