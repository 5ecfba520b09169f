"""Real `go` commands against an nginx on loopback that serves the workload."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import parts, servers, workspace
from lab.workload import Workload, workload

SHM = Path("/dev/shm")
LISTED = "github.com/google/uuid"


@dataclass(frozen=True, slots=True)
class Took:
    """Of one command."""

    seconds: float
    cpu_seconds: float


class Bench:
    """A folder in memory, a proxy, and the commands that are measured."""

    def __init__(self, folder: Path, address: str, tree: Workload) -> None:
        self.folder = folder
        self._tree = tree
        self._go = Path(parts.machine_go())
        self._proxy = f"http://{address}"
        self._list = folder / "list"
        workspace.make(self._list)

    def download(self) -> Took:
        """`go mod download` of 58 modules into an empty module cache."""
        folder = self.folder / "download"
        workspace.make(folder)
        self._tree.write_main(folder / "src")
        took = self._run(folder, "mod", "download")
        shutil.rmtree(folder)
        return took

    def list_versions(self) -> Took:
        """`go list -m -versions` of one module: three requests at most."""
        return self._run(self._list, "list", "-m", "-versions", LISTED)

    def _run(self, folder: Path, *args: str) -> Took:
        environment = workspace.env(folder, self._go) | {"GOPROXY": self._proxy}
        command = [str(self._go), *args]
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder / "src", env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - started
        with process.stderr or open(os.devnull, "rb") as stderr:
            said = stderr.read()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(said.decode())
        return Took(took, usage.ru_utime + usage.ru_stime)


@contextmanager
def loopback() -> Iterator[Bench]:
    """Set everything up in memory; gone when the block ends."""
    tree = workload()
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as name:
        folder = Path(name)
        with servers.running_nginx(folder / "nginx", tree.proxy) as address:
            yield Bench(folder, address, tree)
