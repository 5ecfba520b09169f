"""A real `modpulse agent`, without a collector: it spools."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_S = 30.0
STOP_S = 30.0
_PROGRAM = "import sys; from modpulse.agent.cli import main; sys.exit(main(['agent']))"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """What the kernel says of a running process."""

    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

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
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
