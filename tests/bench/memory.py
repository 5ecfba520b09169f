"""What the daemon holds and uses while `go` commands run."""

import time

from lab.workload import REQUEST_COUNT

from .commands import commands
from .daemon import running_agent
from .report import line

ROUNDS = 6
"""Of the workload: 1104 requests."""
WINDOW_S = 2.0
SETTLE_S = 3 * WINDOW_S


def main() -> None:
    """Print memory before and after a thousand requests, and the CPU time they took."""
    requests = ROUNDS * REQUEST_COUNT
    with commands() as bench, running_agent(bench.folder, window_seconds=WINDOW_S) as agent:
        time.sleep(SETTLE_S)
        line("armed and idle", _memory(agent.memory_kib()))
        idle_from = agent.cpu_seconds()
        time.sleep(10.0)
        line("CPU of 10 s idle", f"{agent.cpu_seconds() - idle_from:.3f} s")
        before = agent.cpu_seconds()
        for _ in range(ROUNDS):
            bench.download()
        time.sleep(SETTLE_S)
        used = agent.cpu_seconds() - before
        line(f"after {requests} requests", _memory(agent.memory_kib()), "RSS ≤ 60, anonymous ≤ 30")
        line("CPU per 1000 requests", f"{used / requests * 1000:.3f} s")


def _memory(kib: dict[str, int]) -> str:
    return f"RSS {kib['Rss'] / 1024:.1f} MB, anonymous {kib['Anonymous'] / 1024:.1f} MB"
