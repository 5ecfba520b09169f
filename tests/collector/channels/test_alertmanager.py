"""Notices in a real Alertmanager, Debian's, on loopback."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import needs
from outages import fail, quick, recover, until

from modpulse.collector.channels import alertmanager

PROGRAM = "prometheus-alertmanager"
CONFIG = "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n"
WAIT_S = 30 + alertmanager.RESEND_S
"""What was delivered and noted before a kill is pushed again after RESEND_S only."""


class Manager:
    """One Alertmanager without a cluster."""

    def __init__(self, folder: Path) -> None:
        (folder / "am.yml").write_text(CONFIG)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [
                PROGRAM,
                f"--config.file={folder / 'am.yml'}",
                f"--storage.path={folder / 'am'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
            ],
            stderr=subprocess.DEVNULL,
        )
        self.until(lambda _: True)

    def until(self, met: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """Wait for active alerts of a kind."""
        end, found = time.monotonic() + WAIT_S, None
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:
                    found = json.load(answer)
            except (urllib.error.URLError, ConnectionError):
                found = None
            if found is not None and met(found):
                return list(found)
            time.sleep(0.1)
        raise AssertionError(found)

    def end(self) -> None:
        """Leave nothing running."""
        self.process.kill()
        self.process.wait(WAIT_S)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A running one."""
    needs(shutil.which(PROGRAM) is not None, PROGRAM)
    made = Manager(tmp_path)
    yield made
    made.end()


def table(manager: Manager) -> str:
    return f'[[channel]]\nname = "am"\nkind = "alertmanager"\nurl = "{manager.url}"\n'


def test_an_outage_fires_and_is_resolved(tmp_path: Path, manager: Manager) -> None:
    """It is there by its labels, with the words of a person, and gone after its end."""
    collector = quick(tmp_path, table(manager)).start()
    try:
        fail(collector)
        (alert,) = manager.until(len)
        recover(collector)
        manager.until(lambda found: not found)
        shown = until(collector, lambda d: d["channels"][0]["delivered"] == 2)
    finally:
        collector.end()

    assert alert["labels"] == {
        "alertname": "ModpulseDown", "severity": "P0", "proxy": "https://sick.example"
    }  # fmt: skip
    assert alert["annotations"]["summary"] == "[P0] sick.example is down"
    assert alert["annotations"]["incident"] == shown["incidents"][0]["id"]
    assert shown["channels"][0]["error"] is None


def test_what_fires_is_told_again(tmp_path: Path, manager: Manager) -> None:
    """Each push moves its end on, and none makes a second alert; a restart goes on with it."""
    collector = quick(tmp_path, table(manager)).start()
    try:
        fail(collector)
        (first,) = manager.until(len)
        collector.kill()
        collector.start()
        (again,) = manager.until(lambda found: found and found[0]["endsAt"] > first["endsAt"])
    finally:
        collector.end()

    assert again["fingerprint"] == first["fingerprint"]
    assert again["startsAt"] == first["startsAt"]
    assert alertmanager.RESEND_S * 4 < alertmanager.KEPT_S
