"""
Files that this process closes last, however it ends.

A process that is killed closes its descriptors in one round, what these were the last to hold in
the next, and so on, until all is gone (task_work_run in kernel/task_work.c). A link on many probes
is gone after the first round, events of perf after the second. A file that is on its way through
a socket is closed one round after that socket. So files can be there until every link is gone, and
nobody has to live on to see to it.
"""

import socket
from collections.abc import Sequence

MAX_FILES = 253
"""Of one message (SCM_MAX_FD in include/net/scm.h)."""


class Outlast:
    """Sockets that nobody reads, and open files on their way through them."""

    def __init__(self) -> None:
        """
        Keep none yet.

        Raises:
            OSError: no descriptors are left.
        """
        self._entry, self._inner = _sockets()
        self._outer: socket.socket | None = None
        self._is_empty = True

    def sink(self) -> None:
        """
        Keep files for one round more, once.

        While a socket is on its way through another, each that is closed anywhere on the host has
        the kernel look for circles (unix_gc): 1.5 µs. So only where it must be.

        Raises:
            OSError: no descriptors are left.
        """
        entry, self._outer = _sockets()
        with entry:
            socket.send_fds(entry, [b"\0"], [self._inner.fileno()])

    def keep(self, handles: Sequence[int]) -> None:
        """
        Keep these open files, in place of those before; not to be called by two threads at once.

        Raises:
            OSError: there are more than MAX_FILES, or there is no memory; then none is kept.
        """
        was_empty, self._is_empty = self._is_empty, True
        try:
            if handles:
                socket.send_fds(self._entry, [b"\0"], handles)
                self._is_empty = False
        finally:
            if not was_empty:
                # What is read without room for descriptors lets go of them.
                self._inner.recv(1)

    def close(self) -> None:
        """Let go of all."""
        for end in (self._outer, self._inner, self._entry):
            if end is not None:
                end.close()


def _sockets() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
