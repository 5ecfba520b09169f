"""Rules of the messages to systemd, on a real datagram socket."""

import os
import socket
from pathlib import Path

import pytest

from modpulse.collector.notify import notify, watchdog_s


@pytest.mark.parametrize("abstract", [False, True])
def test_one_datagram_per_message(tmp_path: Path, abstract: bool) -> None:
    """A message is one datagram to $NOTIFY_SOCKET, a path or an abstract name."""
    name = f"@modpulse-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))

        assert notify("READY=1", {"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"READY=1"


def test_without_a_manager(tmp_path: Path) -> None:
    """Without a manager, or when it is gone, nothing happens."""

    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval(environment: dict[str, str], expected: float | None) -> None:
    """Half the watchdog's time, and only if it is meant for this process."""

    assert watchdog_s(environment) == expected
