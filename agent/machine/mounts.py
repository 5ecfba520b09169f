"""
What is mounted where, from /proc/PID/mountinfo.

Knows nothing of files. Source: proc_pid_mountinfo(5).
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_LINE_CHARS = 16_384
"""Longer lines are overlays of a container; they are never what is looked for."""


class Mount(NamedTuple):
    """One line of mountinfo."""

    point: str
    root: str
    """The folder of the file system that is mounted; `/` for all of it."""
    kind: str
    """File system type: `cgroup2`, `tracefs`."""
    number: int
    """Of the mount, in all namespaces; it may come again."""
    device: str
    """Of the file system: `8:1`. Files of some have another one in stat(2)."""


def parse_mountinfo(text: str) -> Iterator[Mount]:
    """Yield the mounts in the order of the file; lines that are none are left out."""
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if not (dash and len(fields) >= 6 and rest and len(line) <= MAX_LINE_CHARS):
            continue
        number, _, device, root, point, *_ = fields
        if number.isdecimal():
            yield Mount(_unescape(point), _unescape(root), rest[0], int(number), device)


def mount_point(text: str, kind: str) -> str | None:
    """Return where a file system is mounted, the whole of it before a part; None if nowhere."""
    found = [mount for mount in parse_mountinfo(text) if mount.kind == kind]
    whole = [mount for mount in found if mount.root == "/"]
    return (whole or found)[0].point if found else None


def other_paths(path: str, mount: Mount, ours: Iterable[Mount]) -> Iterator[str]:
    """
    Yield paths at which mounts of the same file system show a file, if nothing is mounted over it.

    Args:
        path: Of the file, in the namespace of `mount`.
        mount: Where it lies.
        ours: Of the other namespace, where the paths are to be.
    """
    if not _is_below(path, mount.point):
        return
    inside = _join(mount.root, path[len(mount.point.rstrip("/")) :])
    for other in ours:
        if other.device == mount.device and _is_below(inside, other.root):
            yield _join(other.point, inside[len(other.root.rstrip("/")) :])


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _join(folder: str, rest: str) -> str:
    return folder.rstrip("/") + rest


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), path)
