"""
Reads a file in a process of its own, which may hang, crash or want too much memory for it.

It is a fork of this one: what reading needs is imported already, or by it alone. It keeps two
descriptors, the file's and the one that it answers to, and no capability; it can open nothing, and
is killed once it has answered, or takes too long.
"""

import ctypes
import gc
import mmap
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import NoReturn, cast

from ..binary.gobinary import is_go_command

READ_SECONDS = 5.0
"""For one file; it takes 0.06 s on an idle machine."""
CPU_SECONDS = 2
"""The same of a processor. RLIMIT_CPU counts whole ones."""
MAX_MEMORY_BYTES = 128 << 20
"""More than this process has. A position independent `go`, which takes most, needs 40 MB."""
MAX_ANSWER_BYTES = 256 << 10
"""A plan has 12 kB."""
_STRANGER, _NO_STRANGER = b"1", b"0"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)

Reader = Callable[[bytes], bytes]
"""From the bytes of a file to an answer. They are a mmap, which reads as bytes do but for `in`."""


class UnreadError(Exception):
    """Reading the file did not end as it must; the message says how in one phrase."""


def apart(handle: int, load: Callable[[], Reader]) -> bytes:
    """
    Return what a reader makes of an open file, in a process of its own.

    Args:
        handle: The file. It is mapped, so its bytes may change while somebody writes.
        load: Returns the reader, after importing what that needs. Called in that process too.

    Raises:
        UnreadError: it has hung, crashed, wanted too much memory, or answered too much.
    """
    told, tell = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError as error:
        os.close(told)
        os.close(tell)
        raise UnreadError(f"no process for it: {error.strerror}") from None
    if pid == 0:
        _answer(handle, tell, load)
    os.close(tell)
    try:
        data = _read(told)
    finally:
        os.close(told)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if data is None:
        raise UnreadError("reading it took too long")
    if len(data) > MAX_ANSWER_BYTES:
        raise UnreadError("too much is told of it")
    # An answer of no bytes is none: it had no time to be whole.
    if not data:
        raise UnreadError(f"reading it ended with status {os.waitstatus_to_exitcode(status)}")
    return data


def is_stranger(handle: int) -> bool:
    """
    Tell whether an open file is surely not the `go` command, by what its linker says.

    Raises:
        UnreadError: see `apart`.
    """
    return apart(handle, lambda: _says_stranger) == _STRANGER


def _says_stranger(image: bytes) -> bytes:
    return _STRANGER if is_go_command(image) is False else _NO_STRANGER


def _read(told: int) -> bytes | None:
    """Return all that is told, a byte more than is taken at most; None after the deadline."""
    until = time.monotonic() + READ_SECONDS
    poll = select.poll()
    poll.register(told, select.POLLIN)
    data = b""
    while len(data) <= MAX_ANSWER_BYTES:
        if not poll.poll(max(until - time.monotonic(), 0.0) * 1000):
            return None
        piece = os.read(told, MAX_ANSWER_BYTES + 1 - len(data))
        if not piece:
            break
        data += piece
    return data


def _answer(handle: int, tell: int, load: Callable[[], Reader]) -> NoReturn:
    """In the child: become harmless, then read."""
    code = 1
    try:
        gc.disable()
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _close_all_but(handle, tell)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        read = load()
        image = mmap.mmap(handle, 0, prot=mmap.PROT_READ)
        _restrict()
        os.write(tell, read(cast("bytes", image)))
        code = 0
    finally:
        os._exit(code)


def _close_all_but(*kept: int) -> None:
    """Close above all links and leases: they must go with the process whose they are."""
    first = 0
    for handle in sorted(kept):
        os.closerange(first, handle)
        first = handle + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _restrict() -> None:
    """From here on: no other file, no capability, so much memory and time."""
    with open("/proc/self/statm", encoding="ascii") as file:
        data_bytes = int(file.read().split()[5]) * mmap.PAGESIZE
    for limit, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_DATA, data_bytes + MAX_MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")
