"""How a process has ended: by what the kernel has for its parent, else by what it said itself."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.tracker.ending import ending


@pytest.mark.parametrize(
    ("status", "said", "was_watched", "expected"),
    [
        (1 << 8, 1, True, (1, "exit")),
        (0, None, True, (0, "exit")),  # `go help` says nothing
        (2 << 8, None, True, (2, "crash")),
        (1 << 8, None, False, (1, "exit")),  # probed too late, or never
        (9, None, True, (None, "signal")),
        (9, None, False, (None, "signal")),
        (6 | 0x80, None, False, (None, "signal")),  # with a core dump
        (9, 1, True, (None, "signal")),  # killed while it was exiting
        (None, 1, True, (1, "exit")),
        (None, None, True, (None, "signal")),
        (None, None, False, (None, None)),
    ],
)
def test_how_it_ended(
    status: int | None, said: int | None, was_watched: bool, expected: tuple[int | None, str | None]
) -> None:
    """The kernel's word counts, and tells a crash; without it what was not said is a signal."""
    assert ending(status, said, was_watched) == expected


@given(st.integers(0, 255))
def test_as_wait_has_it(code: int) -> None:
    """Exit codes are those of wait(2)."""
    assert ending(code << 8, None, False) == (os.waitstatus_to_exitcode(code << 8), "exit")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_real_signal(number: int) -> None:
    """A status that a parent was given."""
    child = subprocess.Popen([sys.executable, "-c", f"import os; os.kill(os.getpid(), {number})"])
    _, status = os.waitpid(child.pid, 0)
    child.returncode = status

    assert ending(status, None, False) == (None, "signal")
