"""
Where the kernel's file systems are mounted, from /proc/self/mountinfo.

Knows nothing of files. Source: proc_pid_mountinfo(5).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE_CHARS = 16_384
"""Longer lines are overlays of a container; they are never what is looked for."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    point: str
    root: str
    """The folder of the file system that is mounted; `/` for all of it."""
    kind: str
    """File system type: `cgroup2`, `tracefs`."""


def parse_mountinfo(text: str) -> Iterator[Mount]:
    """Yield the mounts in the order of the file; lines that are none are left out."""
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if dash and len(fields) >= 6 and rest and len(line) <= MAX_LINE_CHARS:
            yield Mount(_unescape(fields[4]), _unescape(fields[3]), rest[0])


def mount_point(text: str, kind: str) -> str | None:
    """Return where a file system is mounted, the whole of it before a part; None if nowhere."""
    found = [mount for mount in parse_mountinfo(text) if mount.kind == kind]
    whole = [mount for mount in found if mount.root == "/"]
    return (whole or found)[0].point if found else None


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), path)
