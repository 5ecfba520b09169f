"""
Opens files that somebody else named: in an environment, in a folder that is theirs.

We are root, and whoever names a file may be nobody. So nothing is opened but a regular file: a pipe
would keep us waiting, a device may act when it is opened. What a process names is looked up in that
process's own root, step by step, and only what its user may look at is read. Mode bits decide, not
access lists. A file system that hangs holds us as it holds that process.
"""

import os
import stat
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass

MAX_STEPS = 256
"""Of one path, those of its symbolic links included."""
MAX_DEPTH = 64
"""Folders above a file."""
MAX_LINKS = 40
"""As the kernel has it (path_resolution(7))."""
_STATUS_BYTES = 1 << 16
_READ, _SEARCH = 4, 1


@dataclass(frozen=True, slots=True)
class User:
    """For whom a file is read."""

    uid: int
    groups: frozenset[int]

    def may(self, status: os.stat_result, wanted: int) -> bool:
        """Tell whether the mode bits let this user; as the kernel, the first class decides."""
        if self.uid == 0:
            return True
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        return status.st_mode >> shift & wanted == wanted


_ROOT = User(0, frozenset())


def open_regular(path: str) -> int | None:
    """Return a descriptor for reading; None for what is no regular file, or cannot be read."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        return _readable(place)
    finally:
        os.close(place)


def open_named(pid: int, path: str) -> int | None:
    """
    Return a descriptor for reading a file that a process names by an absolute path.

    Returns:
        None for what is no regular file, and for what the process may not read or does not see.
    """
    try:
        with ExitStack() as opened:
            process = _enter(opened, f"/proc/{pid}")
            reader = parse_status(_read_status(process))
            root = _enter(opened, "root", process)
            return _find(root, path, reader) if reader is not None else None
    except (OSError, ValueError):
        return None


def is_missing(pid: int, path: str) -> bool:
    """Tell whether what a process names by an absolute path is not there, as that process looks."""
    try:
        with ExitStack() as opened:
            process = _enter(opened, f"/proc/{pid}")
            root = _enter(opened, "root", process)
            return not _is_there(root, path)
    except (OSError, ValueError):
        return False  # it is gone, or not ours to look at


def _is_there(root: int, path: str) -> bool:
    try:
        handle = _find(root, path, _ROOT)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if handle is not None:
        os.close(handle)
    return True


def parse_status(text: str) -> User | None:
    """Read /proc/PID/status: the ids that count for files are the last of four."""
    found = {
        name: values.split()
        for name, colon, values in (line.partition(":") for line in text.splitlines())
        if name in ("Uid", "Gid", "Groups")
    }
    try:
        groups = {int(found["Gid"][3]), *map(int, found["Groups"])}
        return User(int(found["Uid"][3]), frozenset(groups))
    except (LookupError, ValueError):
        return None


def _read_status(process: int) -> str:
    with open(os.open("status", os.O_RDONLY | os.O_CLOEXEC, dir_fd=process), "rb") as file:
        return file.read(_STATUS_BYTES).decode("ascii", "replace")


def _enter(opened: ExitStack, path: str, above: int | None = None) -> int:
    place = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=above)
    opened.callback(os.close, place)
    return place


def _find(root: int, path: str, reader: User) -> int | None:
    """Walk to a file; the kernel's own lookup would follow links out of the process's root."""
    places = [os.dup(root)]
    steps, links = deque(path.split("/")), 0
    try:
        for _ in range(MAX_STEPS):
            if not steps or not path.startswith("/"):
                break
            if not _step(steps.popleft(), places, reader):
                return None
            if stat.S_ISLNK(os.fstat(places[-1]).st_mode):
                links += 1
                _turn(places, steps)
        is_there = not steps and links <= MAX_LINKS
        return _readable(places[-1], reader) if is_there else None
    finally:
        for place in places:
            os.close(place)


def _step(name: str, places: list[int], reader: User) -> bool:
    """Go one step; False where the reader may not."""
    if name == ".." and len(places) > 1:
        os.close(places.pop())
    if name in ("", ".", ".."):
        return True
    if len(places) > MAX_DEPTH or not reader.may(os.fstat(places[-1]), _SEARCH):
        return False
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    places.append(os.open(name, flags, dir_fd=places[-1]))
    return True


def _turn(places: list[int], steps: deque[str]) -> None:
    """Leave a symbolic link for where it points to, which is a text, also in /proc."""
    target = os.readlink("", dir_fd=places[-1])
    steps.extendleft(reversed(target.split("/")))
    for _ in range(len(places) - 1 if target.startswith("/") else 1):
        os.close(places.pop())


def _readable(place: int, reader: User = _ROOT) -> int | None:
    """Open what a descriptor of O_PATH stands for, if that has no side effects."""
    status = os.fstat(place)
    if not stat.S_ISREG(status.st_mode) or not reader.may(status, _READ):
        return None
    try:
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
