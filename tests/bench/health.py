"""How long GET /healthz takes, asked by a process of its own: the load's own loop is no measure."""

import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 0.05
TIMEOUT_S = 30.0
ASK = b"GET /healthz HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n"


@contextmanager
def watched(port: int) -> Iterator[list[float]]:
    """Ask again and again meanwhile; the list has the seconds of each answer when it is over."""
    waits: list[float] = []
    asking = subprocess.Popen(
        [sys.executable, __file__, str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield waits
    finally:
        said, _ = asking.communicate("", TIMEOUT_S)
        waits += map(float, said.split())


def main(port: int) -> None:
    """Ask until somebody hangs up, each time on a new connection."""
    while not select.select([sys.stdin], [], [], EVERY_S)[0]:
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
            sock.sendall(ASK)
            while sock.recv(4096):
                pass
        print(time.perf_counter() - began)


if __name__ == "__main__":
    main(int(sys.argv[1]))
