"""The `go` commands that are measured: real modules from an nginx of the lab, HTTP/2 over TLS."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import netns, parts
from lab.lab import Lab
from lab.workload import Workload, workload

from .hits import nginx

LISTED = "github.com/google/uuid"


@dataclass(frozen=True, slots=True)
class Took:
    """Of one command."""

    seconds: float
    cpu_seconds: float


class Commands:
    """Runs them one at a time, each in a cold workspace in memory."""

    def __init__(
        self, lab: Lab, runner: "subprocess.Popen[str]", tree: Workload, proxy: str
    ) -> None:
        self.folder = lab.folder
        self._lab, self._runner, self._tree, self._proxy = lab, runner, tree, proxy
        self._go = Path(parts.machine_go())
        self._list = lab.workspace()

    def download(self) -> Took:
        """`go mod download` of 58 modules."""
        folder = self._lab.workspace()
        self._tree.write_main(folder / "src")
        took = self._run(folder, "mod", "download")
        shutil.rmtree(folder)
        return took

    def list_versions(self) -> Took:
        """`go list -m -versions` of one module."""
        return self._run(self._list, "list", "-m", "-versions", LISTED)

    def _run(self, folder: Path, *args: str) -> Took:
        environment = self._lab.env(folder, self._proxy, self._go)
        request = [[str(self._go), *args], str(folder / "src"), environment]
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        self._runner.stdin.write(json.dumps(request) + "\n")
        self._runner.stdin.flush()
        code, seconds, cpu_seconds, said = json.loads(self._runner.stdout.readline())
        if code:
            raise RuntimeError(said)
        return Took(seconds, cpu_seconds)


@contextmanager
def commands() -> Iterator[Commands]:
    """Set everything up in memory; gone when the block ends."""
    tree = workload()
    with Lab() as lab, nginx(lab, "2", tree) as proxy:
        runner = lab.popen(
            [sys.executable, "-P", "-m", "bench.runner"],
            env={**os.environ, "PYTHONPATH": str(netns.TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        yield Commands(lab, runner, tree, proxy)
