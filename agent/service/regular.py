"""
Reads files that operators name, as root at times: regular ones of a bounded size, nothing else.

A pipe would keep us waiting, a device has no end and may act when it is opened.
"""

import os
import stat

from .errors import FileError

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_regular(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """
    Return what a file holds.

    Raises:
        FileError: it is no regular file, has more bytes, or cannot be read.
    """
    try:
        _check(os.stat(path))
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            _check(os.fstat(handle))
            data: bytes | None = file.read(max_bytes + 1)
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise FileError(words, isinstance(error, FileNotFoundError)) from None
    except ValueError as error:
        raise FileError(str(error)) from None  # a path with a NUL in it
    if data is None:
        raise FileError("has nothing to read yet")  # /proc/kmsg, trace_pipe
    if len(data) > max_bytes:
        raise FileError(f"more than {max_bytes} bytes")
    return data


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise FileError(f"{kind}, not a regular file")
