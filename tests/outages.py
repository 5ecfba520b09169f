"""A real collector that waits for tenths of a second, an outage for it, and what it says of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectors import Collector, batch_bytes, call, post

from modpulse.agent.batch.batch import ProxyWindow

SICK = "https://sick.example"
KEYS = {
    "window_seconds": 0.1,
    "down_for_seconds": 0.3,
    "down_keep_firing_for_seconds": 0.2,
    "flap_seconds": 0,
}
WAIT_S = 60


def quick(folder: Path, tables: str = "", **keys: object) -> Collector:
    """Make one; not started yet."""
    return Collector(folder, tables, **KEYS | keys)


def document(collector: Collector) -> dict[str, Any]:
    """What it answers of incidents."""
    found: dict[str, Any] = call(collector, "GET", "/api/v1/incidents").body
    return found


def until(
    collector: Collector, met: Callable[[dict[str, Any]], object], seconds: float = WAIT_S
) -> dict[str, Any]:
    """Wait for an answer of a kind."""
    end = time.monotonic() + seconds
    while not met(found := document(collector)):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def fail(collector: Collector, seq: int = 0, proxy: str = SICK) -> None:
    """Two agents are refused nine times each, and served by another proxy."""
    for agent_id in ("build-1", "build-2"):
        windows = (
            ProxyWindow(proxy="https://good.example", requests=5),
            ProxyWindow(
                proxy=proxy, requests=9, failures={"tcp.refused": 9}, fallbacks=4,
                fallback_ns=3_000_000_000, failed_ns=2_000_000_000, commands_stopped=3,
            ),
        )  # fmt: skip
        post(collector, batch_bytes(agent_id, seq, windows=windows))


def recover(collector: Collector, seq: int = 1, proxy: str = SICK) -> None:
    """Both are served."""
    windows = (ProxyWindow(proxy=proxy, requests=500),)
    for agent_id in ("build-1", "build-2"):
        post(collector, batch_bytes(agent_id, seq, windows=windows))
