"""
How a process has ended. Pure.
"""

from typing import Literal

from ..events.events import Exit
from ..records.records import Process, Program

EndedBy = Literal["exit", "signal", "crash"]
_SIGNAL_BITS = 0x7F
"""Of a status, see wait(2); above them, and one that says "core dumped", is the exit code."""


def ending(
    status: int | None, said: int | None, was_watched: bool
) -> tuple[int | None, EndedBy | None]:
    """
    Return exit code and how it ended, each None where that was not seen.

    Args:
        status: As the kernel has it for its parent; None where it does not tell.
        said: What it said itself as it exited. A crash is an end by Go's runtime, which says
            nothing, as a signal does.
        was_watched: What it said would have been seen.
    """
    if status is None:
        silent: EndedBy | None = "signal" if was_watched else None
        return said, "exit" if said is not None else silent
    if status & _SIGNAL_BITS:
        return None, "signal"
    code = status >> 8 & 0xFF
    return code, "crash" if code and said is None and was_watched else "exit"


def failed_program(event: Exit, began: Process | None) -> Program:
    """
    Return how a program that is no `go` did not end well.

    Args:
        event: With a status that is not 0.
        began: What began in its pid, which may have been another's that ended well.
    """
    code, _ = ending(event.status, None, False)
    own = began if began is not None and began.parent_pid == event.parent_pid else None
    return Program(
        pid=event.pid,
        parent_pid=event.parent_pid,
        exe=own.exe if own is not None else None,
        start_at_ns=own.start_at_ns if own is not None else None,
        end_at_ns=event.at_ns,
        exit_code=code,
        signal=(event.status or 0) & _SIGNAL_BITS or None,
        for_memory=event.for_memory,
    )
