"""A real Prometheus, Debian's, that scrapes a collector."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WAIT_S = 30


class Prometheus:
    """One that scrapes a collector each second."""

    def __init__(
        self, folder: Path, target: int, native: bool = False, rules: Sequence[Path] = ()
    ) -> None:
        folder.mkdir()
        lines = [
            f"rule_files: [{', '.join(map(str, rules))}]",
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}",
            "scrape_configs:",
            "- job_name: modpulse",
            f"  static_configs: [{{targets: ['127.0.0.1:{target}']}}]",
        ]
        (folder / "p.yml").write_text("\n".join(lines) + "\n")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'p.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url[7:]}",
                *(["--enable-feature=native-histograms"] if native else []),
            ],
            stderr=subprocess.DEVNULL,
        )

    def value(self, query: str) -> float:
        """Wait until a query has one answer."""
        (one,) = self.found(query)
        return float(one["value"][1])

    def found(self, query: str) -> list[Any]:
        """Wait until a query has an answer, and return each of its samples."""
        end = time.monotonic() + WAIT_S
        path = f"{self.url}/api/v1/query?query={urllib.parse.quote(query)}"
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(path, timeout=5) as answer:
                    found: list[Any] = json.load(answer)["data"]["result"]
            except (urllib.error.URLError, ConnectionError):
                found = []
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"no data: {query}")

    def end(self) -> None:
        """Leave nothing running."""
        self.process.kill()
        self.process.wait()
