"""A real collector process for the tests of the shell."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = "import sys; from modpulse.collector.cli import main; sys.exit(main())"


class Collector:
    """One `modpulse-collector serve` on a port of its own."""

    def __init__(self, directory: Path, **keys: object) -> None:
        self.directory = directory
        self.keys = {"listen": "127.0.0.1:0", "database": str(directory / "db" / "c.db")} | keys
        self.url = ""
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self, **environment: str) -> "Collector":
        """Start it and wait until it serves."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MODPULSE")}
        settings = {f"MODPULSE_COLLECTOR_{k.upper()}": str(v) for k, v in self.keys.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve"],
            env=inherited | settings | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
            if "collector.started" in line:
                self.url = line.split("url=")[1].split()[0]
                break
        else:
            self._process.stderr.close()
            raise AssertionError(f"collector did not start: {self._process.wait()} {self.log}")
        self._reader = threading.Thread(target=self.log.extend, args=(self._process.stderr,))
        self._reader.start()
        return self

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process
        self._process.kill()
        self._close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process
        self._process.terminate()
        return self._close()

    def _close(self) -> int:
        assert self._process
        assert self._process.stderr
        code = self._process.wait(30)
        if self._reader:
            self._reader.join(30)
        self._process.stderr.close()
        self._process = None
        return code

    def end(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process:
            self.kill()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector with the defaults, on loopback; not started yet."""
    made = Collector(tmp_path)
    yield made
    made.end()
