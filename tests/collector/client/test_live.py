"""Rules of `modpulse top` on a real terminal, with a real collector."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collectors import PROGRAM, Collector, batch_bytes, call, post

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.cli import MISTAKE

PATIENCE_S = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector that knows a proxy."""
    made = Collector(tmp_path_factory.mktemp("top"), window_seconds=0.2).start()
    post(made, batch_bytes(windows=(ProxyWindow(proxy="https://seen.example", requests=9),)))
    while not call(made, "GET", "/api/v1/proxies").body["proxies"]:
        time.sleep(0.05)
    yield made
    made.stop()


@pytest.fixture
def terminals() -> Iterator[list["Terminal"]]:
    """Those of a test, closed at its end."""
    made: list[Terminal] = []
    yield made
    for terminal in made:
        terminal.close()


class Terminal:
    """A pseudo-terminal with `modpulse top` in it."""

    def __init__(self, *arguments: str) -> None:
        self.main, self._end = pty.openpty()
        self.before = termios.tcgetattr(self._end)
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "top", *arguments],
            stdin=self._end, stdout=self._end, stderr=self._end, start_new_session=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "", "LINES": ""},
        )  # fmt: skip

    def until(self, words: str) -> str:
        """Read until something is shown since the last time."""
        since, deadline = len(self.shown), time.monotonic() + PATIENCE_S
        while words not in self.shown[since:]:
            assert time.monotonic() < deadline, self.shown[since:]
            if select.select([self.main], [], [], 1)[0]:
                self.shown += os.read(self.main, 65536).decode()
        return self.shown[since:]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.main, keys.encode())

    @property
    def modes(self) -> list[object]:
        """How the terminal is set."""
        return termios.tcgetattr(self._end)

    def end(self) -> int:
        """Return the exit code; all that was written has been read by then."""
        while self.process.poll() is None:
            if select.select([self.main], [], [], 0.1)[0]:
                self.shown += os.read(self.main, 65536).decode()
        while select.select([self.main], [], [], 0)[0]:
            self.shown += os.read(self.main, 65536).decode()
        return self.process.wait()

    def close(self) -> None:
        """Give it up."""
        os.close(self.main)
        os.close(self._end)


def test_look_sort_and_quit(running: Collector, terminals: list[Terminal]) -> None:
    """The table comes on a screen of its own, keys change it, and the terminal is given back."""
    terminals.append(terminal := Terminal("--url", running.url, "--every", "0.5"))
    first = terminal.until("seen.example")
    terminal.type("s")
    terminal.until("by failures")
    post(running, batch_bytes("other", windows=(ProxyWindow(proxy="https://new.example",
                                                            requests=9),)))  # fmt: skip
    terminal.until("new.example")
    terminal.type("q")
    code, modes = terminal.end(), terminal.modes

    assert code == 0
    assert first.index("\x1b[?1049h") < first.index("by state") < first.index("seen.example")
    assert terminal.shown.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")
    assert modes == terminal.before


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_ended_from_outside(
    running: Collector, terminals: list[Terminal], number: signal.Signals, code: int
) -> None:
    """However it ends, the shell has its screen and its modes again."""
    terminals.append(terminal := Terminal("--url", running.url))
    terminal.until("seen.example")
    terminal.process.send_signal(number)

    assert terminal.end() == code
    assert terminal.shown.endswith("\x1b[?1049l")
    assert terminal.modes == terminal.before


def test_stopped_and_continued(running: Collector, terminals: list[Terminal]) -> None:
    """While it is stopped the shell has the terminal; afterwards it has its screen again."""
    terminals.append(terminal := Terminal("--url", running.url))
    terminal.until("seen.example")
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until("\x1b[?1049l")
    os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED | os.WNOWAIT)
    stopped = terminal.modes
    terminal.process.send_signal(signal.SIGCONT)
    terminal.until("\x1b[?1049h")
    terminal.type("q")

    assert stopped == terminal.before
    assert terminal.end() == 0


def test_a_collector_that_goes(tmp_path: Path, terminals: list[Terminal]) -> None:
    """What was seen last stays, with a word that it is old."""
    collector = Collector(tmp_path, window_seconds=0.2).start()
    terminals.append(terminal := Terminal("--url", collector.url, "--every", "0.5"))
    terminal.until("No proxy was seen yet")
    collector.stop()
    after = terminal.until("no collector answers")
    terminal.type("q")

    assert terminal.end() == 0
    assert "No proxy was seen yet" in after


def test_nobody_answers(terminals: list[Terminal]) -> None:
    """An address at which nobody is ends it before the screen is taken."""
    terminals.append(terminal := Terminal("--url", "http://127.0.0.1:1"))

    assert terminal.end() == 1
    assert "no collector answers at" in terminal.shown
    assert "\x1b" not in terminal.shown


def top(*arguments: str) -> subprocess.Popen[str]:
    """Start it without a terminal."""
    argv = [sys.executable, "-c", PROGRAM, "top", *arguments]
    return subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_without_a_terminal(running: Collector) -> None:
    """One line says what to use instead, with the exit code of a mistake."""
    out, error = (process := top("--url", running.url)).communicate(timeout=PATIENCE_S)

    assert (process.returncode, out) == (MISTAKE, "")
    assert error == "modpulse top: it needs a terminal; modpulse status prints the same once\n"


def test_json(running: Collector) -> None:
    """Without a terminal each answer is a line for a script."""
    process = top("--json", "--url", running.url, "--every", "0.5")
    assert process.stdout
    read = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.terminate()
    process.communicate()

    assert [document["schema"] for document in read] == [1, 1]
