"""
A real `modpulse agent`, without a collector: it spools.

Started as users start it (`running_agent`), or compiled once and started many times (`Starter`),
so that it can come and go between two commands of 20 ms.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.processes import end

from modpulse.agent.commands import agent as daemon
from modpulse.agent.kernel.attach import Compilation, KernelOptions

READY_S = 30.0
STOP_S = 30.0
_PROGRAM = "import sys; from modpulse.agent.cli import main; sys.exit(main(['agent']))"


@dataclass(frozen=True, slots=True)
class Process:
    """What the kernel says of a running process."""

    pid: int

    def cpu_seconds(self) -> float:
        """Of all its threads so far, as the scheduler counts: /proc/PID/task/TID/schedstat."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def memory_kib(self) -> dict[str, int]:
        """Return the sums of /proc/PID/smaps_rollup, such as Rss and Anonymous."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]
        return {line.split(":")[0]: int(line.split()[1]) for line in lines}


@contextmanager
def running_agent(folder: Path, **keys: object) -> Iterator[Process]:
    """Run the daemon, armed when the block begins and gone when it has ended."""
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    settings = {"agent_id": "bench", "spool_dir": folder / "spool", **keys}
    environment = {f"MODPULSE_AGENT_{key.upper()}": str(value) for key, value in settings.items()}
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel,
        (folder / "agent.log").open("w") as log,
    ):
        channel.bind(str(ready))
        channel.settimeout(READY_S)
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, **environment, "NOTIFY_SOCKET": str(ready)},
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            while b"READY=1" not in channel.recv(4096):
                pass
            yield Process(process.pid)
        finally:
            end(process, STOP_S)


class Compiled:
    """Stands for a compilation that has ended: gives out its programs again and again."""

    def __init__(self, compilation: Compilation) -> None:
        self.options = compilation.options
        self._descriptors = compilation.descriptors()

    def descriptors(self) -> dict[str, int]:
        """The same programs and maps under new descriptors."""
        return {name: os.dup(descriptor) for name, descriptor in self._descriptors.items()}


class Starter:
    """Starts the daemon by fork, with what all its lives have in common done before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compiled = Compiled(Compilation(KernelOptions()))
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(str(folder / "notify"))
        self._channel.settimeout(READY_S)

    @contextmanager
    def running(self) -> Iterator[Process]:
        """The daemon, armed when the block begins and gone when it has ended."""
        # What earlier lives could not ship would be work for this one.
        shutil.rmtree(self._folder / "spool", ignore_errors=True)
        pid = os.fork()
        if pid == 0:
            self._become_daemon()
        try:
            while b"READY=1" not in self._channel.recv(4096):
                pass
            yield Process(pid)
        finally:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)

    def _become_daemon(self) -> None:
        code = 1
        try:
            log = os.open(self._folder / "agent.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
            os.dup2(log, 2)
            os.environ["NOTIFY_SOCKET"] = str(self._folder / "notify")
            os.environ["MODPULSE_AGENT_AGENT_ID"] = "bench"
            os.environ["MODPULSE_AGENT_SPOOL_DIR"] = str(self._folder / "spool")
            daemon.Compilation = lambda _: self._compiled  # type: ignore[assignment,misc]
            code = daemon.main(None)
        finally:
            os._exit(code)
