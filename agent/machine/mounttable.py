"""
Files held so that they keep no mount busy: what they lie on can be unmounted.

A file is opened through a mount of its own, which is in no table of mounts. What it holds then is
the file system, and that it is mounted nowhere any more is seen in the table. A mount of another
namespace, such as a container's, cannot be copied: there a mount of this one shows the same file.
"""

import ctypes
import os
import select
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from .mounts import Mount, other_paths, parse_mountinfo

_OPEN_TREE, _OPENAT2 = 428, 437
"""Numbers of calls, the same on all machines."""
_OPEN_TREE_CLONE = 1
_AT_FDCWD = -100
_RESOLVE_NO_LINKS = 0x06
"""RESOLVE_NO_MAGICLINKS and RESOLVE_NO_SYMLINKS of include/uapi/linux/openat2.h."""
_OPEN_HOW = struct.Struct("<QQQ")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A file, and by what to open it."""

    path: str
    name: str
    """Its path, in this namespace if it is there."""
    device: str | None
    """Of its file system, which is held when it is opened; None: its mount is."""


class MountTable:
    """The mounts of this process's namespace."""

    def __init__(self, close: Callable[[int], object] = os.close) -> None:
        """Begin to notice changes; `close` closes copies of mounts: it waits for all processors."""
        self._close = close
        self.descriptor = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        """For the caller to poll: it has an error whenever the table has changed."""
        self._noticing = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._noticing, select.POLLPRI)
        self._devices: frozenset[str] | None = None

    def has_changed(self) -> bool:
        """Whether it has since the last time that this was asked."""
        changed = bool(self._poll.poll(0))
        if changed:
            self._devices = None
        return changed

    def has(self, device: str) -> bool:
        """Whether a file system is mounted anywhere, as of the last change that was noticed."""
        if self._devices is None:
            self._devices = frozenset(mount.device for mount in _mounts_of("self"))
        return device in self._devices

    @contextmanager
    def place(self, path: str, pid: int | None = None) -> Iterator[Place]:
        """
        Give another path of an open file; one that holds no mount, if there can be any.

        What is opened by it may stay open.

        Args:
            path: /proc/self/fd/N.
            pid: Of a process whose namespace it comes from, if that may be another one.
        """
        with ExitStack() as opened:
            yield self._detached(path, pid, opened) or Place(path, os.path.realpath(path), None)

    def _detached(self, path: str, pid: int | None, opened: ExitStack) -> Place | None:
        with suppress(OSError, ValueError):
            number = _mount_of(path)
            ours = list(_mounts_of("self"))
            for mount in ours:
                if mount.number == number:
                    return Place(self._clone(path, opened), os.path.realpath(path), mount.device)
            theirs = _mounts_of(str(pid)) if pid is not None else ()
            for mount in theirs:
                if mount.number == number:
                    return self._shown(path, mount, ours, opened)
        return None

    def _shown(self, path: str, mount: Mount, ours: list[Mount], opened: ExitStack) -> Place | None:
        """Find the same file below a mount of this namespace."""
        wanted = os.stat(path)
        for other in other_paths(os.readlink(path), mount, ours):
            with suppress(OSError):
                found = _open_place(other)
                opened.callback(os.close, found)
                if os.path.samestat(os.fstat(found), wanted):
                    return Place(self._clone(f"/proc/self/fd/{found}", opened), other, mount.device)
        return None

    def _clone(self, path: str, opened: ExitStack) -> str:
        flags = ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC)
        tree = _call(_OPEN_TREE, ctypes.c_int(_AT_FDCWD), os.fsencode(path), flags)
        opened.callback(self._close, tree)
        return f"/proc/self/fd/{tree}"

    def close(self) -> None:
        """Notice no more."""
        os.close(self.descriptor)
        os.close(self._noticing)


def _mounts_of(pid: str) -> Iterator[Mount]:
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())


def _mount_of(path: str) -> int | None:
    """Return the number of the mount through which a descriptor was opened."""
    with open(path.replace("/fd/", "/fdinfo/"), encoding="ascii") as file:
        pairs = dict(line.split(maxsplit=1) for line in file if line.strip())
    return int(pairs["mnt_id:"]) if "mnt_id:" in pairs else None


def _open_place(path: str) -> int:
    """Open what a path stands for without any effect; no link is followed."""
    how = _OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW, 0, _RESOLVE_NO_LINKS)
    size = ctypes.c_size_t(len(how))
    return _call(_OPENAT2, ctypes.c_int(_AT_FDCWD), os.fsencode(path), how, size)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
