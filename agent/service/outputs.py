"""
Opens the files that a command is told to write, and names the one that takes nothing.

Python's own words of a full disk are "[Errno 28] No space left on device": not of which file.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

STDOUT = "stdout"
_UNREAD_PIPE = "a named pipe that nobody reads"


class OutputError(Exception):
    """What an operator is told in one line: the file, and why it takes nothing."""


def open_output(path: str) -> BinaryIO:
    """
    Open a file to be written, emptied.

    A named pipe must have its reader: waiting for one would keep the command from starting.

    Raises:
        OutputError: it cannot be opened.
    """
    with naming(path):
        is_pipe = False
        with suppress(OSError):
            is_pipe = stat.S_ISFIFO(os.stat(path).st_mode)
        if not is_pipe:
            return open(path, "wb")
        return os.fdopen(_pipe(path), "wb")


def _pipe(path: str) -> int:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise OSError(error.errno, _UNREAD_PIPE, path) from None
    os.set_blocking(handle, True)
    return handle


@contextmanager
def naming(name: str) -> Iterator[None]:
    """
    Have errors of one output begin with its name.

    Raises:
        OutputError: instead of an OSError, or a ValueError as of a path with a NUL in it.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise OutputError(f"{name}: {why}") from None


def write_to(file: BinaryIO, name: str, data: bytes) -> None:
    """
    Write all of it, now.

    Raises:
        OutputError: it takes no more.
    """
    with naming(name):
        file.write(data)
        file.flush()
