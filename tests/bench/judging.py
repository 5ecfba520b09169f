"""What one judgement of all proxies costs, and a start with a full log."""

import gc
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from collectors import Collector, call
from sightings import T0_NS, S, arrival, sighting

from modpulse.collector.config import Config
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.intake import ingest
from modpulse.collector.intake.arrival import Arrival
from modpulse.collector.intake.rollup import Rollup
from modpulse.collector.server.process import COLLECTED_AFTER
from modpulse.collector.store.database import Store

from . import load
from .report import line

FLEETS = (1_000, 10_000)
"""Agents, each of which asks three proxies."""
LOGGED = 600_000
"""Ten minutes of 1,000 a second."""
GROUP = 500
LOOK_S = 10.0


def main() -> None:
    """Print figures."""
    for agents in FLEETS:
        for words, failures in (("quiet", {}), ("in an outage", {"http.5xx": 6})):
            _judge(agents, words, failures)
    _restart()


def _judge(agents: int, words: str, failures: dict[str, int]) -> None:
    gc.set_threshold(*COLLECTED_AFTER)  # as the collector does
    before = _resident()
    fleet = Fleet(Config().formula, Config().rules, ingest.bucket_estimate_ms)
    for window in range(6):
        end_ns = T0_NS + window * 10 * S
        for number in range(agents):
            seen = (
                sighting(proxy, ok=0 if failures else 9, failures=failures, first_byte={-100: 3})
                for proxy in load.PROXIES
            )
            fleet.merge(arrival(*seen, end_ns=end_ns, agent_id=f"build-{number}", seq=window))
    steps = []
    judged = fleet.judging(T0_NS + 60 * S)
    while True:
        began = time.thread_time()
        if next(judged, judged) is judged:
            break
        steps.append(time.thread_time() - began)
    line(
        f"judged: {agents} agents × 3, {words}",
        f"{1e3 * sum(steps):.0f} ms in {len(steps)} steps, the longest {1e3 * max(steps):.1f} ms; "
        f"{(_resident() - before) / agents / 1024:.0f} KiB of memory for each agent, six windows",
    )


def _restart() -> None:
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(Path(folder))
        path = Path(str(collector.keys["database"]))
        with closing(Store.open(path)) as store:
            for group in _groups(time.time_ns()):
                _, last_id = store.append(group)
            store.add(Rollup(), last_id)
        began = time.monotonic()
        try:
            collector.start()
            while call(collector, "GET", "/readyz").status != 200:
                time.sleep(0.01)
            ready_s = time.monotonic() - began
            time.sleep(LOOK_S)
            state = call(collector, "GET", "/readyz").body["reading_back"] or {"done": LOGGED}
            line(
                f"ready with {LOGGED} light batches in the log",
                f"{ready_s:.2f} s; reads back {state['done'] / LOOK_S:.0f} a second",
                "10 s",
            )
        finally:
            collector.end()


def _groups(now_ns: int) -> Iterable[list[Arrival]]:
    runs = [load.Run.of(load.body("light", number, now_ns)) for number in range(1_000)]
    for first in range(0, LOGGED, GROUP):
        yield [
            arrival(
                end_ns=now_ns - 1,
                agent_id=f"build-{number % 1_000:06}",
                run_id=b"0123456789abcdef",
                seq=load.SEQ + number // 1_000,
                body=runs[number % 1_000].numbered(load.SEQ + number // 1_000),
            )
            for number in range(first, first + GROUP)
        ]


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
