"""
`modpulse run`: one command, untouched, and what it and its children did on the network.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType

from ..events.events import Event
from ..kernel.compilation import Compilation, KernelError
from ..machine.commanded import named
from ..machine.identity import Identity, acting_as
from ..machine.pressure import oom_kills
from ..machine.procfs import sees_all_processes
from ..observer import Observer
from ..records.document import Document, document_of
from ..records.records import Process, Record
from ..service.foreign import say, say_arguments
from ..waterfall.ended import with_status
from ..waterfall.reasons import reasons

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
        os.write(2, f"modpulse: {say(command[0])}: no such command\n".encode())
        os._exit(127)
    except (OSError, ValueError) as error:
        # ValueError: an empty name, which the kernel is never asked for.
        why = getattr(error, "strerror", None) or error
        os.write(2, f"modpulse: {say(command[0])}: {say(str(why))}\n".encode())
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
    if not sees_all_processes():
        raise KernelError(
            "this is a PID namespace of its own, in which no command can be followed: "
            "start it in the host's, as with `docker run --pid=host`"
        )
    if identity.note:
        print(f"modpulse: {identity.note}", file=sys.stderr)  # noqa: T201
    child = Child(command, identity)
    with acting_as(identity):
        binaries = named(command, identity.environ, _working_directory())
    observer = Observer(
        compilation, identity.environ, STALLED_AFTER_NS, extra_paths=binaries, witness=witness
    )
    try:
        observer.kernel.watch(child.pid)
        for number in _FROM_TERMINAL:
            signal.signal(number, signal.SIG_IGN)
        for number in _FORWARDED:
            signal.signal(number, child.forward)
        oom_before = oom_kills()
        started_at_ns, started_at = time.monotonic_ns(), datetime.now(UTC)
        child.start()
        records, status, ended_at_ns = _watch(observer, child)
        losses = observer.losses()
    finally:
        observer.close()
    code = os.waitstatus_to_exitcode(status)
    document = document_of(
        with_status(records, child.pid, code),
        losses,
        command=say_arguments(command),
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        oom_kills=_grown(oom_before, oom_kills()),
        started_at=started_at.isoformat().replace("+00:00", "Z"),
        started_at_ns=started_at_ns,
        ended_at_ns=_ended_at_ns(records, child.pid, ended_at_ns),
    )
    return replace(document, reasons=reasons(document)), code if code >= 0 else 128 - code


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _ended_at_ns(records: Sequence[Record], pid: int, waited_at_ns: int) -> int:
    """Return when the command ended: as the kernel says of a `go`, else when it was waited for."""
    of_command = [
        made.end_at_ns for made in records if isinstance(made, Process) and made.pid == pid
    ]
    return max((end_ns for end_ns in of_command if end_ns is not None), default=waited_at_ns)


def _watch(observer: Observer, child: Child) -> tuple[list[Record], int, int]:
    records: list[Record] = []
    status = None
    while status is None:
        records += observer.poll(_POLL_SECONDS)
        status = child.poll()
    ended_at_ns = time.monotonic_ns()
    until = time.monotonic() + _LINGER_SECONDS
    while observer.tracker.is_busy() and time.monotonic() < until:
        records += observer.poll(_POLL_SECONDS)
    return records + observer.finish(), status, ended_at_ns


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"  # it is deleted: nothing relative to it can be started
