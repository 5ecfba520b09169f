"""
The terminal of `modpulse top`: its screen and its keys, given back as they were however it ends.

Escape sequences that every terminal of the last thirty years knows, and one write for a frame: over
a slow line too it does not flicker. What is shown comes from `top.py`.
"""

import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from .client import ClientError
from .top import Screen, View, frame, pressed

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another screen than the shell's, without a cursor; what is too wide is cut, not wrapped."""
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
LOOK_S = 0.25
"""How long nothing is looked at but the keyboard."""

Fetch = Callable[[], dict[str, Any]]


def is_terminal(environ: Mapping[str, str]) -> bool:
    """Whether there is a terminal to draw on and to read keys from."""
    return sys.stdin.isatty() and sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb"


def watch(fetch: Fetch, every_s: float, colour: bool) -> None:
    """
    Show what a collector says until the user has seen enough.

    Args:
        fetch: Asks it.
        every_s: How often.
        colour: Whether escape sequences for colours are welcome.

    Raises:
        ClientError: the first time nobody answered; later that is shown.
    """
    asking = _Asking(fetch, fetch())
    view, shown = View(), ""
    with _screen():
        while not view.is_over:
            asking.go_on(every_s)
            # Colours and sizes change while one looks: a window is made larger.
            size = os.get_terminal_size(sys.stdout.fileno())
            screen = Screen(size.columns or 80, size.lines or 24, colour)
            lines = frame(asking.document, view, screen, datetime.now(UTC), asking.trouble)
            text = "\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J"
            if text != shown:
                _write(text)
                shown = text
            for key in _keys(LOOK_S):
                view = pressed(view, key)


class _Asking:
    """Asks beside the keyboard: a collector that hangs does not hold up `q`."""

    def __init__(self, fetch: Fetch, document: dict[str, Any]) -> None:
        self._fetch = fetch
        self.document = document
        self.trouble: str | None = None
        self._thread: threading.Thread | None = None
        self._asked_s = time.monotonic()

    def go_on(self, every_s: float) -> None:
        """Ask again where it is time."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
        if self._thread is None and time.monotonic() - self._asked_s >= every_s:
            self._asked_s = time.monotonic()
            self._thread = threading.Thread(target=self._ask, name="ask", daemon=True)
            self._thread.start()

    def _ask(self) -> None:
        try:
            self.document = self._fetch()
            self.trouble = None
        except ClientError as error:
            self.trouble = str(error)


@contextmanager
def _screen() -> Iterator[None]:
    """Take the terminal, and give it back, also before this is stopped or ended."""
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)

    def take() -> None:
        tty.setcbreak(stdin)
        _write(ENTER)

    def give() -> None:
        _write(LEAVE)
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)

    def stop(*_: object) -> None:
        give()
        signal.raise_signal(signal.SIGSTOP)
        take()

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTSTP, stop)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    try:
        take()
        yield
    finally:
        give()


def _keys(within_s: float) -> str:
    """Return what was typed; at the end of the input, that is over."""
    stdin = sys.stdin.fileno()
    if not select.select([stdin], [], [], within_s)[0]:
        return ""
    return os.read(stdin, 64).decode("ascii", "ignore") or "q"


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
