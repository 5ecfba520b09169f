"""Rules of the messages to systemd, on a real datagram socket."""

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modpulse.agent.service.notify import extended, notify, watchdog_seconds


@pytest.mark.parametrize("abstract", [False, True])
def test_one_datagram_per_message(tmp_path: Path, abstract: bool) -> None:
    """A message is one datagram to $NOTIFY_SOCKET, a path or an abstract name."""
    name = f"@modpulse-agent-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))

        assert notify("READY=1", {"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"READY=1"


def test_without_a_manager(tmp_path: Path) -> None:
    """Without a manager, or when it is gone, nothing happens."""

    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_a_manager_that_does_not_read(tmp_path: Path) -> None:
    """A full socket costs the message, never time."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        sent = [notify("WATCHDOG=1", {"NOTIFY_SOCKET": name}) for _ in range(10_000)]

        assert sent[0]
        assert not sent[-1]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 400}, 43_200.0),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval(environ: dict[str, str], expected: float | None) -> None:
    """Half the watchdog's time, and only if it is meant for this process."""

    assert watchdog_seconds(environ) == expected


def test_a_long_start_asks_for_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While SQLite works, whatever it does, systemd is asked to wait."""
    monkeypatch.setattr("modpulse.agent.service.notify.EXTEND_EVERY_SECONDS", 0.01)
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(30)
        with closing(sqlite3.connect(":memory:")) as db, extended({"NOTIFY_SOCKET": name}):
            db.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000000) "
                "SELECT MAX(i) FROM n"
            ).fetchall()
        first = manager.recv(100)

    assert first == b"EXTEND_TIMEOUT_USEC=30000000"
