"""Every phase as the agent tells it, against what the same process says of itself."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eyes import Eyes, Seen
from lab import modules, parts
from lab.lab import Lab
from lab.processes import finish

from modpulse.agent.events.events import Event

from .figures import milliseconds
from .own_log import Differences, compare
from .report import line

HOSTS = ("h1-tls12", "h1-tls13", "h2-tls12", "h2-tls13")
ROUNDS = 2
"""Of 30 modules from each host: 90 requests."""
SHORT_ROUNDS = 20
"""Of one module: what precedes the first request, once a process."""
REQUIRES = [f"m{number:02}" for number in range(modules.SMALL_MODULES)]


def observe(
    lab: Lab, eyes: Eyes, host: str, go: Path, requires: Sequence[str]
) -> tuple[list[dict[str, Any]], Seen, Sequence[Event]]:
    """Run one cold `go mod download`; return its own log, the agent's records and events."""
    log = lab.folder / f"trace-{host}.jsonl"
    log.unlink(missing_ok=True)
    folder = lab.workspace(requires)
    eyes.forget()
    process = lab.start_go(
        *("mod", "download"),
        goproxy=lab.url(host),
        go=go,
        folder=folder,
        env={"MODPULSE_HTTPTRACE": str(log)},
    )
    done = finish(process)
    if done.returncode:
        raise RuntimeError(done.stderr)
    shutil.rmtree(folder)
    return [json.loads(text) for text in log.read_text().splitlines()], eyes.seen(), eyes.events


def main() -> None:
    """Print what is missing, and median and p95 of the absolute differences."""
    go = parts.httptrace_go()
    with Lab() as lab, Eyes(go_paths=[go]) as eyes:
        by_host = {host: _host(lab, eyes, host, go) for host in HOSTS}
    merged: dict[str, Differences] = {}
    for found in by_host.values():
        for phase in found:
            total = merged.setdefault(phase.name, Differences(phase.name))
            total.ns += phase.ns
            total.missing += phase.missing
    for host, found in by_host.items():
        print(f"  {host}")
        for phase in found:
            _print(phase)
    print("  all; target: none missing, median ≤ 0.05, p95 ≤ 0.3 ms")
    for phase in merged.values():
        _print(phase)


def _host(lab: Lab, eyes: Eyes, host: str, go: Path) -> list[Differences]:
    total: list[Differences] = []
    for requires in [REQUIRES] * ROUNDS + [REQUIRES[:1]] * SHORT_ROUNDS:
        found = compare(*observe(lab, eyes, host, go, requires))
        if not total:
            total = found
            continue
        for sum_of, phase in zip(total, found, strict=True):
            sum_of.ns += phase.ns
            sum_of.missing += phase.missing
    return total


def _print(phase: Differences) -> None:
    value = milliseconds([abs(ns) for ns in phase.ns]) if phase.ns else "-"
    line(f"  {phase.name}", f"{value}  n={len(phase.ns)}, {phase.missing} missing")
