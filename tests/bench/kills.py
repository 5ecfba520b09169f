"""200 kills under load: every batch that was acknowledged is in the numbers exactly once."""

import random
import tempfile
import time
from pathlib import Path

from collectors import Collector, call
from kills import PROXY, Shipper, counted, finished, killed

from .report import line

KILLS = 200
AGENTS = 16


def main() -> None:
    """Print what was taken, and what is known of it."""
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Path(folder), window_seconds=1)
        shippers = [Shipper(number) for number in range(AGENTS)]
        try:
            began = time.monotonic()
            killed(collector, KILLS, shippers, random.Random(7))
            collector.start()
            taken = finished(collector, shippers)
            known = _known(collector, taken)
            collector.stop()
            line(f"{KILLS} kills", f"{time.monotonic() - began:.0f} s")
            line("batches acknowledged", taken)
            line("in the evidence", known, f"{taken}, those of 10 min")
            line("in the history", counted(Path(str(collector.keys["database"]))), str(taken))
        finally:
            collector.end()


def _known(collector: Collector, wanted: int) -> int:
    """Return how many the evidence has, once it is read back and judged."""
    known = -1
    for _ in range(600):
        proxies = call(collector, "GET", "/api/v1/proxies").body["proxies"]
        known = next((p["requests"] for p in proxies if p["proxy"] == PROXY), known)
        if known >= wanted:
            break
        time.sleep(0.1)
    return known
