"""What being observed costs a `go` command: the same with the agent and without, in pairs."""

import random
import statistics
import time
from collections.abc import Callable

from .commands import Took, commands
from .daemon import Starter
from .figures import paired_ratio
from .report import line

SEED = 20260101
LISTS, DOWNLOADS = 400, 200
"""Pairs; the targets ask for 200 and 40."""
PER_LIFE = 5
"""Pairs that one life of the daemon is measured with."""
SETTLE_S = 0.05
Command = Callable[[], Took]
Pair = tuple[Took, Took]


def pairs(starter: Starter, command: Command, count: int, rng: random.Random) -> list[Pair]:
    """Measure (watched, alone): some with the agent and some without, which first is random."""
    found: list[Pair] = []
    while len(found) < count:
        if rng.random() < 0.5:
            watched = _watched(starter, command)
            alone = _measured(command)
        else:
            alone = _measured(command)
            watched = _watched(starter, command)
        found += zip(watched, alone, strict=True)
    return found


def _watched(starter: Starter, command: Command) -> list[Took]:
    with starter.running():
        return _measured(command)


def _measured(command: Command) -> list[Took]:
    """
    All but the first: a daemon that has just been started or stopped is busy, and leaves caches
    cold behind it, while one that has been running for days does not.
    """
    took = []
    for _ in range(1 + PER_LIFE):
        time.sleep(SETTLE_S)
        took.append(command())
    return took[1:]


def main() -> None:
    """Print the ratios of both commands."""
    rng = random.Random(SEED)
    with commands() as bench:
        starter = Starter(bench.folder)
        bench.download()
        _print("go list -m -versions", pairs(starter, bench.list_versions, LISTS, rng), "≤ 1.03")
        _print(
            "go mod download, 58 modules", pairs(starter, bench.download, DOWNLOADS, rng), "≤ 1.01"
        )


def _print(name: str, found: list[Pair], target: str) -> None:
    rng = random.Random(SEED)
    alone = [alone for _, alone in found]
    line(
        f"{name}: alone, median",
        f"{statistics.median(took.seconds for took in alone) * 1e3:.1f} ms",
    )
    wall = paired_ratio([(watched.seconds, alone.seconds) for watched, alone in found], rng)
    cpu = paired_ratio([(watched.cpu_seconds, alone.cpu_seconds) for watched, alone in found], rng)
    line("  wall time, watched : alone", wall, target)
    line("  CPU time, watched : alone", cpu)
    # Of two alone, one after the other: what the machine makes of the same command.
    twins = [(a.seconds, b.seconds) for a, b in zip(alone[::2], alone[1::2], strict=False)]
    line("  wall time, alone : alone", paired_ratio(twins, rng))
