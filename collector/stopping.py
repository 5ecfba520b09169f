"""
A stop by SIGTERM or SIGINT, from before the heavy imports until the process is gone.

Python calls handlers between two of its own instructions, and SQLite may wait or work for minutes
within one: so the signal wakes a thread. Nothing is open before the loop that a stop must save: of
a step of a migration SQLite takes back what is not committed.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable

log = logging.getLogger("modpulse.collector")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Of the process; one, made on the main thread after the log is set up."""

    def __init__(self) -> None:
        self._then: Callable[[], object] | None = None
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._writer, False)
        for number in SIGNALS:
            signal.signal(number, self._wake)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="stopping", daemon=True).start()

    def call(self, then: Callable[[], object]) -> None:
        """From now on a stop calls this, on a thread of ours, each time; no longer ends at once."""
        self._then = then

    def end(self) -> None:
        """All is saved: let Python end in peace, which would bring the kernel's handlers back."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _wake(self, *_: object) -> None:
        """The loop has a wakeup descriptor of its own, and calls this instead."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b"\0")

    def _run(self) -> None:
        while os.read(self._reader, 1):
            if self._then is None:
                log.info("collector.stopped")
                os._exit(0)
            self._then()
