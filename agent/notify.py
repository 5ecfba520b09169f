"""
Tell systemd how the service is: one datagram per message, no library (sd_notify(3)).

Silent where there is no NOTIFY_SOCKET, so the same program runs in a terminal.
"""

import os
import socket
from collections.abc import Mapping


def notify(message: str, environ: Mapping[str, str] = os.environ) -> bool:
    """
    Send `READY=1`, `STOPPING=1` or `WATCHDOG=1`.

    Returns:
        Whether it was sent: False without a manager, or when that is gone.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagram:
            datagram.setblocking(False)
            datagram.sendto(message.encode(), address)
    except OSError:
        return False
    return True


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return half of the watchdog's interval, as sd_watchdog_enabled(3) advises; None without."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        interval_us = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return interval_us / 2_000_000 if interval_us > 0 else None
