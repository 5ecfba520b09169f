"""
Runs a command in a sandbox: `python sandbox.py KIND COMMAND…`, in the same process.

Kinds: `SYSCALL-ERRNO` (seccomp: connect-EPERM, inet-EAFNOSUPPORT, tcp-EPERM, udp-EPERM, …) or
`landlock` (no TCP port may be connected to).
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
NR, ARG0, ARG1 = 0, 16, 24
SOCKET, CONNECT = 41, 42
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446
CONNECT_TCP = 1 << 1

_libc = ctypes.CDLL(None, use_errno=True)


def _program(what: str, error: int) -> list[tuple[int, int, int, int]]:
    """Instructions (code, true, false, k): this call, with these arguments, fails."""
    refuse = [(RETURN, 0, 0, ERRNO | error)]
    allow = [(RETURN, 0, 0, ALLOW)]
    if what == "connect":
        return [(LOAD, 0, 0, NR), (EQUAL, 0, 1, CONNECT), *refuse, *allow]
    if what == "inet":  # as RestrictAddressFamilies=AF_UNIX of systemd
        return [
            (LOAD, 0, 0, NR), (EQUAL, 0, 4, SOCKET), (LOAD, 0, 0, ARG0),
            (EQUAL, 1, 0, 2), (EQUAL, 0, 1, 10), *refuse, *allow,
        ]  # fmt: skip
    kind = {"tcp": 1, "udp": 2}[what]
    return [
        (LOAD, 0, 0, NR), (EQUAL, 0, 4, SOCKET), (LOAD, 0, 0, ARG1), (AND, 0, 0, 0xF),
        (EQUAL, 0, 1, kind), *refuse, *allow,
    ]  # fmt: skip


def seccomp(what: str, error: int) -> None:
    code = b"".join(struct.pack("<HBBI", *step) for step in _program(what, error))
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    program = ctypes.create_string_buffer(head, len(head))
    if _libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def landlock() -> None:
    rules = ctypes.create_string_buffer(struct.pack("<QQ", 0, CONNECT_TCP), 16)
    ruleset = _libc.syscall(LANDLOCK_CREATE, rules, 16, 0)
    if ruleset < 0 or _libc.syscall(LANDLOCK_RESTRICT, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock")


def main(kind: str, *command: str) -> None:
    """Restrict this process, then become the command."""
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    what, _, error = kind.partition("-")
    if what == "landlock":
        landlock()
    else:
        seccomp(what, getattr(errno, error))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
