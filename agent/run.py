"""
`modpulse run`: one command, untouched, and what it and its children did on the network.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import FrameType

from .document import Document, document_of
from .events import Event
from .identity import Identity
from .kernel.compilation import Compilation
from .observer import Observer
from .records import Record
from .wire.goproxy import redact_arguments

STALLED_AFTER_NS = 30_000_000_000
"""As the agent's default."""
_POLL_SECONDS = 0.02
_LINGER_SECONDS = 0.4
"""Time for connections to close after the command has ended."""
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
"""Reach the command by themselves: it is in the same process group."""

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""A command would inherit that, and go on writing into a closed pipe."""


class Child:
    """The command, held before its exec until the probes are armed."""

    def __init__(self, command: Sequence[str], identity: Identity) -> None:
        """Fork."""
        sys.stdout.flush()
        sys.stderr.flush()
        gate, self._release = os.pipe()
        self._has_ended = False
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._release)
            _become(gate, command, identity)
        os.close(gate)

    def start(self) -> None:
        """Let it run; once."""
        os.write(self._release, b"1")
        os.close(self._release)

    def poll(self) -> int | None:
        """Return its wait status, None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        self._has_ended = pid != 0
        return status if pid else None

    def forward(self, number: int, _frame: FrameType | None) -> None:
        """Hand a signal on; once it has been waited for, its pid may be another's."""
        if not self._has_ended:
            os.kill(self.pid, number)


def _become(gate: int, command: Sequence[str], identity: Identity) -> None:
    """In the child: wait for the gate, drop privileges, exec; never returns."""
    try:
        if not os.read(gate, 1):
            os._exit(125)
        os.close(gate)
        for number in _IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
        if identity.uid is not None:
            os.setgroups(identity.groups)
            os.setgid(identity.gid)
            os.setuid(identity.uid)
        os.execvpe(command[0], list(command), dict(identity.environ))
    except FileNotFoundError:
        os.write(2, f"modpulse: {command[0]}: no such command\n".encode())
        os._exit(127)
    except OSError as error:
        os.write(2, f"modpulse: {command[0]}: {error.strerror}\n".encode())
        os._exit(126)


def run(
    command: Sequence[str],
    compilation: Compilation,
    identity: Identity,
    witness: Callable[[Event], None] | None = None,
) -> tuple[Document, int]:
    """
    Run a command under observation.

    Args:
        command: argv.
        compilation: Under way, with the options of a command.
        identity: As whom to run it.
        witness: Is shown every event.

    Returns:
        The document, and the code to exit with: the command's, or 128 + its signal.

    Raises:
        KernelError: this host cannot be observed; the command was not started.
    """
    if identity.note:
        print(f"modpulse: {identity.note}", file=sys.stderr)  # noqa: T201
    child = Child(command, identity)
    observer = Observer(compilation, identity.environ, STALLED_AFTER_NS, witness=witness)
    try:
        observer.kernel.watch(child.pid)
        for number in _FROM_TERMINAL:
            signal.signal(number, signal.SIG_IGN)
        for number in _FORWARDED:
            signal.signal(number, child.forward)
        started_at_ns, started_at = time.monotonic_ns(), datetime.now(UTC)
        child.start()
        records, status = _watch(observer, child)
        losses = observer.losses()
    finally:
        observer.close()
    code = os.waitstatus_to_exitcode(status)
    document = document_of(
        records,
        losses,
        command=redact_arguments(command),
        exit_code=code if code >= 0 else None,
        started_at=started_at.isoformat().replace("+00:00", "Z"),
        started_at_ns=started_at_ns,
    )
    return document, code if code >= 0 else 128 - code


def _watch(observer: Observer, child: Child) -> tuple[list[Record], int]:
    records: list[Record] = []
    status = None
    while status is None:
        records += observer.poll(_POLL_SECONDS)
        status = child.poll()
    until = time.monotonic() + _LINGER_SECONDS
    while observer.tracker.is_busy() and time.monotonic() < until:
        records += observer.poll(_POLL_SECONDS)
    return records + observer.finish(), status
