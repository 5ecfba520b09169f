"""
Tell systemd how the service is: one datagram per message, no library (sd_notify(3)).

Silent where there is no NOTIFY_SOCKET, so the same program runs in a terminal.
"""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

EXTEND_EVERY_SECONDS = 5.0
EXTENSION_SECONDS = 30
"""What each message asks for: several of them may be late on a busy disk."""
LONGEST_WATCHDOG_US = 86_400_000_000
"""A day: who is told more often than it asks does not mind."""
EXTENSIONS = 720
"""An hour: what takes longer hangs, and systemd may end it."""


def notify(message: str, environ: Mapping[str, str] = os.environ) -> bool:
    """
    Send `READY=1`, `STOPPING=1`, `WATCHDOG=1` or `EXTEND_TIMEOUT_USEC=...`.

    Returns:
        Whether it was sent: False without a manager, or when that is gone or does not read.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        # A manager that does not read must not hold us: a message may be lost, the next one comes.
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with socket.socket(socket.AF_UNIX, kind) as datagram:
            datagram.sendto(message.encode(), address)
    except OSError:
        return False
    return True


@contextmanager
def extended(environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Keep systemd from giving the start up while the body works, in whatever library it does."""
    ended = threading.Event()

    def ask() -> None:
        for _ in range(EXTENSIONS):
            if ended.wait(EXTEND_EVERY_SECONDS):
                return
            notify(f"EXTEND_TIMEOUT_USEC={EXTENSION_SECONDS}000000", environ)

    thread = threading.Thread(target=ask, name="extend", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return half of the watchdog's interval, as sd_watchdog_enabled(3) advises; None without."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        interval_us = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return min(interval_us, LONGEST_WATCHDOG_US) / 2_000_000 if interval_us > 0 else None
