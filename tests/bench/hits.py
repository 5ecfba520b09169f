"""How often a breakpoint of ours is hit on the real workload: what probes cost is hits."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eyes import Eyes
from lab import servers
from lab.lab import Lab
from lab.workload import Workload, workload

from modpulse.agent.events.events import Event, GoEvent

from .report import line

BUDGET = 7.0
"""Hits per request."""
REAL = {"1.1": "real-a", "2": "real-b"}
"""The host of the lab whose nginx speaks this version of HTTP."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Of one command."""

    requests: int
    by_event: Counter[str]
    filtered: int
    """Hits that made no record: repeated, or successful where only failures tell anything."""

    @property
    def per_request(self) -> float:
        return (self.by_event.total() + self.filtered) / self.requests


def count(events: Sequence[Event], requests: int, filtered: int) -> Hits:
    """Count the events of probes by kind."""
    kinds = Counter(type(event).__name__ for event in events if isinstance(event, GoEvent))
    return Hits(requests, kinds, filtered)


@contextmanager
def nginx(lab: Lab, http_version: str, tree: Workload) -> Iterator[str]:
    """Serve the workload over TLS in the lab; yields the GOPROXY."""
    name = REAL[http_version]
    folder = lab.folder / f"nginx-{name}"
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(
        servers.nginx_config(
            folder,
            f"{lab.address(name)}:443",
            tree.proxy,
            certificate=lab.certificate(),
            http2=http_version == "2",
        )
    )
    process = lab.serve(servers.nginx_command(config))
    lab.wait_until_listening(name)
    yield lab.url(name)
    process.terminate()
    process.wait()


def download(lab: Lab, eyes: Eyes, tree: Workload, proxy: str, go: Path | None = None) -> Hits:
    """Run one cold `go mod download` of the workload."""
    folder = lab.workspace()
    tree.write_main(folder / "src")
    eyes.forget()
    before = eyes.observer.losses()
    done = lab.go("mod", "download", goproxy=proxy, folder=folder, go=go)
    shutil.rmtree(folder)
    if done.returncode:
        raise RuntimeError(done.stderr)
    requests = len(eyes.seen().requests)
    after = eyes.observer.losses()
    if after["ring_full"] != before["ring_full"]:
        raise RuntimeError("the ring was full")
    return count(eyes.events, requests, after["filtered"] - before["filtered"])


def main() -> None:
    """Print hits per request, by event."""
    tree = workload()
    with Lab() as lab, Eyes() as eyes:
        for version in REAL:
            with nginx(lab, version, tree) as proxy:
                hits = download(lab, eyes, tree, proxy)
            line(
                f"HTTP/{version}: hits per request",
                f"{hits.per_request:.2f} of {hits.requests} requests",
                f"≤ {BUDGET:.0f}",
            )
            for name, number in hits.by_event.most_common():
                line(f"  {name}", number)
            line("  filtered", hits.filtered)
