"""
Files that are run and are no `go`: some under a name like its, below a watched command all others.

Each is read once. What cannot be read, or does not tell, is no stranger: its name then counts.
"""

import os
import stat
from collections.abc import Callable

from ..binary.gobinary import is_other_program
from ..machine.findgo import MAX_BINARY_BYTES, MIN_BINARY_BYTES, Candidate
from ..machine.named import open_regular
from ..service.bounded import Bounded
from .apart import UnreadError, is_stranger
from .registry import Key

MAX_STRANGERS = 1024
"""Files remembered; the one met longest ago is forgotten, and read again when it runs again."""


class Strangers:
    """What is known of such files."""

    def __init__(self) -> None:
        self._known: Bounded[Key, bool] = Bounded(MAX_STRANGERS)
        self._others: Bounded[Key, bool] = Bounded(MAX_STRANGERS)

    def has(self, candidate: Candidate) -> bool:
        """Whether a file is not the `go` command, by what its linker says."""
        return _remembered(self._known, candidate, _is_stranger)

    def has_other(self, candidate: Candidate) -> bool:
        """Whether its headers say so, without a doubt in favour of its name: a compiler, or a test,
        is not read whole for it."""
        return _remembered(self._others, candidate, _is_other)


def _remembered(
    known: Bounded[Key, bool], candidate: Candidate, look: Callable[[str], bool]
) -> bool:
    found = known.pop(candidate.key, None)
    if found is None:
        found = look(candidate.path)
    known[candidate.key] = found
    return found


def _is_stranger(path: str) -> bool:
    handle = open_regular(path)
    if handle is None:
        return False
    try:
        return is_stranger(handle)
    except UnreadError:
        return False
    finally:
        os.close(handle)


def _is_other(path: str) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return is_other_program(lambda at, length: os.pread(file.fileno(), length, at))
    except (OSError, OverflowError):
        return False


def has_foreign_size(path: str) -> bool:
    """Whether there is a file that is too small or too large for a `go`, such as a shell."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    fits = MIN_BINARY_BYTES <= status.st_size <= MAX_BINARY_BYTES
    return stat.S_ISREG(status.st_mode) and not fits
