"""What being observed costs a `go` command: the same with the agent and without, in pairs."""

import random
import statistics
from collections.abc import Callable

from .commands import Commands, Took, commands
from .daemon import running_agent
from .figures import paired_ratio
from .report import line

SEED = 20260101
Command = Callable[[], Took]


def pairs(
    bench: Commands, command: Command, blocks: int, size: int, rng: random.Random
) -> list[tuple[Took, Took]]:
    """
    Measure (with, without) the daemon.

    The daemon is started anew for each block, `size` commands run with it and as many without,
    in random order; the i-th of either make a pair.
    """
    found = []
    for _ in range(blocks):
        watched_first = rng.random() < 0.5
        without = [] if watched_first else _run(command, size)
        with running_agent(bench.folder):
            watched = _run(command, size)
        without = without or _run(command, size)
        found += list(zip(watched, without, strict=True))
    return found


def _run(command: Command, size: int) -> list[Took]:
    command()  # the first finds caches as another kind of command left them
    return [command() for _ in range(size)]


def main() -> None:
    """Print the ratios of both commands."""
    rng = random.Random(SEED)
    with commands() as bench:
        _print("go list -m -versions", pairs(bench, bench.list_versions, 50, 6, rng), "≤ 1.03")
        _print("go mod download, 58 modules", pairs(bench, bench.download, 24, 2, rng), "≤ 1.01")


def _print(name: str, found: list[tuple[Took, Took]], target: str) -> None:
    rng = random.Random(SEED)
    alone = statistics.median(without.seconds for _, without in found)
    line(f"{name}: alone, median", f"{alone * 1e3:.1f} ms")
    wall = paired_ratio([(a.seconds, b.seconds) for a, b in found], rng)
    line("  wall time, watched : alone", wall, target)
    line(
        "  CPU time, watched : alone",
        paired_ratio([(a.cpu_seconds, b.cpu_seconds) for a, b in found], rng),
    )
    # Two alone, one after the other: what the machine does by itself.
    twins = [
        (one[1].seconds, other[1].seconds)
        for one, other in zip(found[::2], found[1::2], strict=False)
    ]
    line("  wall time, alone : alone", paired_ratio(twins, rng))
