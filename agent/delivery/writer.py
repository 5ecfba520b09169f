"""The thread that writes a spool: a slow disk must not keep the kernel's events waiting."""

import threading

from .spool import Spool


class Writer:
    """Writes what it is handed; what the disk has not taken is sent from memory."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._wake = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether batches are still written."""
        return self._thread.is_alive()

    def put(self, run_id: str, seq: int, data: bytes) -> None:
        """Hand over a batch; never waits."""
        self._spool.hold(run_id, seq, data)
        self._wake.set()

    def finish(self, seconds: float) -> None:
        """Write what waits, at most so long, and end."""
        self._is_ending = True
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._is_ending:
            self._wake.wait()
            self._wake.clear()
            self._spool.write_out()
