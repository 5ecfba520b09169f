"""
Processes that have begun: whether each is a `go`, and what is known of it.

On a whole host those that are called like one are met, below a watched command all.
"""

import os
from collections.abc import Sequence
from contextlib import suppress

from ..binary.points import Plan
from ..events.events import Exec, GoEvent
from ..machine.findgo import hold
from ..machine.procfs import read_arguments, read_environment, read_facts, read_name
from ..machine.sums import Sums
from ..service.bounded import Bounded
from ..service.foreign import said, say_arguments
from ..wire.repository import fetching
from .prober import Prober
from .strangers import Strangers, has_foreign_size

MAX_LATE = 1024
"""Processes that are remembered as counted."""
_SAME_PROCESS_NS = 10_000_000_000
"""Within it a pid is not another process's: what is read of its next exec may lag behind."""

_NAME_BYTES = 15
"""Of a process: TASK_COMM_LEN of include/linux/sched.h, less its NUL."""
_BY_DESCRIPTOR = "/dev/fd/"
"""What fexecve(3) runs has no path, and its name is another in each kernel."""

Facts = dict[str, object]
"""Fields of a process record. None in their place: the process is no `go`."""


class Newcomers:
    """Looks at them, and has what they run probed."""

    def __init__(self, prober: Prober, job_variables: Sequence[str]) -> None:
        """
        Know nobody.

        Args:
            prober: Probes what they run.
            job_variables: Names of the environment variables that a process record keeps.
        """
        self._prober = prober
        self._job_variables = job_variables
        self._strangers = Strangers()
        self._late: Bounded[int, int] = Bounded(MAX_LATE)
        self.sums = Sums()
        """Of what they fetch."""
        self.unprobed = 0
        """Processes of `go` that began before their binary was probed."""
        self.unexamined = 0
        """Programs of other names than `go` that had ended, and their files with them, before they
        were looked at."""

    def meet(self, event: Exec) -> Facts | None:
        """
        Probe the binary of a new process, unless it has been met; return what /proc tells.

        None when it is not the `go` command, whatever its name. A process that is gone already,
        or cannot be looked at, is taken for what its path holds, or else for what it is called:
        the next of its kind will be met. One that has gone on to another program, as `env` does,
        is told of by that one's exec.
        """
        if event.below_go is not None and not event.is_named:
            return self._fetching(event)
        exe = f"/proc/{event.pid}/exe"
        with suppress(OSError), hold(exe) as candidate:
            if candidate is not None and _has_gone_on(event):
                return self._miss(event) or None
            if candidate is not None:
                is_armed = self._prober.armed_at_ns(candidate) is not None
                is_called_so = is_armed or event.is_named
                if not is_called_so and self._strangers.has_other(candidate):
                    return None
                made = self._prober.meet(event.pid, candidate, event.at_ns)
                if made is None and (not event.is_named or self._strangers.has(candidate)):
                    return None
                return self._facts(event, made, self._prober.armed_at_ns(candidate))
        if has_foreign_size(exe):
            return None
        return self._miss(event)

    def _fetching(self, event: Exec) -> Facts | None:
        """Return what git or ssh was told to fetch; None where it asks nothing of a network."""
        arguments = read_arguments(event.pid)
        if not arguments:
            # git's commands for what is here last 2 ms; of one that fetches its helper tells.
            self.unexamined += os.path.basename(event.filename) != "git"
            return None
        found = fetching(arguments)
        if found is None:
            return None
        facts: Facts = {"role": found.role, "argv": say_arguments(arguments)}
        return said(facts | {"repository": found.repository})

    def _miss(self, event: Exec) -> Facts | None:
        path = event.filename
        if not event.is_named and not os.path.isabs(path):
            path = f"/proc/{event.parent_pid}/cwd/{path}"
        if has_foreign_size(path):
            return None
        with hold(path) as candidate:
            if not event.is_named:
                self.unexamined += candidate is None
                if candidate is None or self._strangers.has_other(candidate):
                    return None
            made = self._prober.miss(path, event.at_ns)
            if made is None and not event.is_named:
                return None
            armed_at_ns = self._prober.armed_at_ns(candidate) if candidate is not None else None
        return self._facts(event, made, armed_at_ns)

    def recognize(self, event: GoEvent) -> Facts:
        """
        Return what is known of a process whose exec was not seen, or told nothing, by its first
        event: it is the `go` command.

        By then it may be gone, and its pid another's: then its binary alone is told of.
        """
        made = self._prober.get(event.binary)
        if made is None:
            return {}
        armed_at_ns = self._prober.armed_since_ns(event.binary)
        self._count_late(event, made, armed_at_ns)
        with suppress(OSError), hold(f"/proc/{event.pid}/exe") as candidate:
            if candidate is not None:
                runs = self._prober.meet(event.pid, candidate, event.at_ns)
                if runs is made:
                    return self._facts(event, made, armed_at_ns)
        return {"go_version": made.version, "armed_at_ns": armed_at_ns}

    def _facts(self, event: Exec | GoEvent, made: Plan | None, armed_at_ns: int | None) -> Facts:
        self._count_late(event, made, armed_at_ns)
        environment = read_environment(event.pid)
        facts = read_facts(event.pid, environment, self._job_variables, is_go=made is not None)
        if environment is not None and made is not None:
            parent_pid = event.parent_pid if isinstance(event, Exec) else None
            self.sums.note(event.pid, parent_pid, environment.module_cache())
        with suppress(OSError):
            facts["exe"] = os.readlink(f"/proc/{event.pid}/exe")
        if made is not None:
            facts |= {"go_version": made.version, "armed_at_ns": armed_at_ns}
        return facts

    def _count_late(
        self, event: Exec | GoEvent, made: Plan | None, armed_at_ns: int | None
    ) -> None:
        """Count a process once: `setpriv nsenter go` is looked at after each of its execs."""
        if made is None or not made.points:
            return
        if armed_at_ns is not None and armed_at_ns <= event.at_ns:
            return
        counted_at_ns = self._late.get(event.pid)
        self.unprobed += counted_at_ns is None or event.at_ns - counted_at_ns >= _SAME_PROCESS_NS
        self._late[event.pid] = event.at_ns


def _has_gone_on(event: Exec) -> bool:
    """
    Whether a process runs another program than the one whose exec this was, by what it is called.

    A script that is called like the `go` which it becomes is too small for one.
    """
    name = os.path.basename(event.filename).encode()[:_NAME_BYTES]
    if not event.filename.startswith(_BY_DESCRIPTOR) and read_name(event.pid) not in (name, None):
        return True
    start = "root" if os.path.isabs(event.filename) else "cwd/"
    return has_foreign_size(f"/proc/{event.pid}/{start}{event.filename}")
