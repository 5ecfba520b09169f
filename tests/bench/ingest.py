"""What the collector takes in: batches a second and what each costs, on one core of its own."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from collectors import Collector
from sightings import T0_NS

from modpulse.collector.config import Config
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.intake import ingest
from modpulse.collector.intake.rollup import roll_up
from modpulse.collector.store.database import Store

from . import load
from .figures import quantile
from .report import line

TOKEN = "0123456789abcdef"
SECONDS = 5.0
AGENTS = {"heavy": 64, "light": 64, "heartbeat": 64}
HURRY = 500
"""Agents that all send as fast as they are answered."""
CROWD = 2_000
"""More than may wait: some are told to come again."""
FLEET = 10_000
"""Agents of the largest fleet; they have a window of WINDOW_S, or come back all at once."""
WINDOW_S = 10.0
STAGE_BATCHES = 1_024
GROUP = 64


def main() -> None:
    """Print figures."""
    for weight in load.WEIGHTS:
        _stages(weight)
    for weight, agents in AGENTS.items():
        _hurry(weight, agents)
    _hurry("heavy", HURRY)
    _hurry("heavy", CROWD)
    _hurry("heavy", FLEET, "come back at once", seconds=20.0)
    for weight in ("light", "heavy"):
        _hurry(weight, FLEET, f"each {WINDOW_S:.0f} s", seconds=20.0, every_s=WINDOW_S)


def _hurry(
    weight: str,
    agents: int,
    how: str = "in a hurry",
    seconds: float = SECONDS,
    every_s: float = 0.0,
) -> None:
    with collecting() as collector:
        now_ns = time.time_ns()
        runs = [load.Run.of(load.body(weight, n, now_ns)) for n in range(agents)]
        tally = load.run(collector, runs, seconds, every_s)
    line(f"{weight}, {agents} agents {how}", said(tally))


def said(tally: load.Tally) -> str:
    """Return rate, waits and cost."""
    if not tally.waits:
        return f"nothing was taken: {tally.statuses}"
    waits = ", ".join(f"p{round(q * 100)} {_ms(quantile(tally.waits, q))}" for q in (0.5, 0.99))
    health = f"{_ms(max(tally.health, default=0.0))}"
    others = {status: n for status, n in tally.statuses.items() if status != 202}
    share = tally.cpu_s / tally.seconds
    return (
        f"{tally.taken / tally.seconds:.0f}/s, {waits}, {1e6 * tally.cpu_s / tally.taken:.0f} µs "
        f"of its core each, {share:.0%} of it, /healthz max {health}, "
        f"others {others or 'none'}, hung up {tally.lost}"
    )


@contextmanager
def collecting(**keys: object) -> Iterator[Collector]:
    """Run a collector on a core of its own."""
    with tempfile.TemporaryDirectory() as folder, load.cores() as start:
        (Path(folder) / "tokens").write_text(TOKEN)
        collector = Collector(Path(folder), token_file=Path(folder) / "tokens", **keys)
        try:
            start(collector.start)
            yield collector
        finally:
            collector.end()


def _stages(weight: str) -> None:
    """What each step costs by itself, one thread, nobody else there."""
    made = load.Run.of(load.body(weight, 1, T0_NS))
    bodies = [made.numbered(load.SEQ + n) for n in range(STAGE_BATCHES)]
    size = len(bodies[0])
    read = [ingest.read(body, None, ingest.Clocks(T0_NS)) for body in bodies]
    config = Config()
    costs = {"read": _each(bodies, lambda body: ingest.read(body, None, ingest.Clocks(T0_NS)))}
    fleet = Fleet(config.formula, config.rules, ingest.bucket_estimate_ms)
    costs["evidence"] = _each(read, lambda arrival: fleet.merge(fleet.admit(arrival)))
    with tempfile.TemporaryDirectory() as folder, closing(Store.open(Path(folder) / "c")) as store:
        groups = [read[first : first + GROUP] for first in range(0, STAGE_BATCHES, GROUP)]
        costs["log"] = _each(groups, store.append) / GROUP
        costs["roll-up and tables"] = _each(
            [read], lambda arrivals: store.add(roll_up(arrivals), STAGE_BATCHES)
        ) / len(read)
    shown = ", ".join(f"{name} {1e6 * cost:.0f} µs" for name, cost in costs.items())
    line(f"{weight}, {size} bytes, each", shown)


def _each(items: list, do: Callable) -> float:  # type: ignore[type-arg]
    began = time.thread_time()
    for item in items:
        do(item)
    return (time.thread_time() - began) / len(items)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


if __name__ == "__main__":
    sys.exit(main())
