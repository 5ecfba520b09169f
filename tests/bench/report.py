"""How figures are printed, and how noisy the machine was while they were measured."""

import os
import platform
import time

from .figures import spread

_ROUNDS = 40
_LOOP = 200_000


def line(name: str, value: object, target: str = "") -> None:
    """Print one figure."""
    print(f"  {name:<44} {value}" + (f"   (target {target})" if target else ""), flush=True)


def machine() -> None:
    """Print what the figures were measured on, and how even a fixed piece of work runs on it."""
    took = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        sum(range(_LOOP))
        took.append(time.perf_counter() - started)
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(
        f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, Linux {platform.release()} "
        f"{platform.machine()}, {os.cpu_count()} CPUs, load {load}; "
        f"a fixed loop takes {min(took) * 1e3:.1f} ms at best, ±{spread(took):.0%}",
        flush=True,
    )
