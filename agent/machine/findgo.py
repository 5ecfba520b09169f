"""
Find the `go` binaries of this machine before they run, and read their bytes.

Probes are attached by inode, so each file counts once, however many names it has. What is found
is only a candidate: binary/plan.py says whether it is the `go` command. `$GOROOT/pkg/tool` is not
looked at: the compiler and the linker use no network.
"""

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from .named import open_named, open_regular

MAX_HOMES = 256
"""Home directories that are looked into."""
MAX_FOLDERS = 256
"""Folders that one variable may name."""
MAX_PATTERN_FILES = 256
"""Files that one pattern may name."""
MAX_BINARIES = 128
"""Binaries that are returned."""
MAX_BINARY_BYTES = 128 << 20
"""A `go` has 10 to 20 MB, with debug information up to 60."""
MIN_BINARY_BYTES = 1 << 20
"""Below that it is a wrapper script, not a `go`."""
MAX_STRING_BYTES = 4096
"""Longest constant string that is read back from a binary."""

_SYSTEM = (
    "/usr/local/go/bin/go",
    "/usr/lib/go/bin/go",
    "/usr/lib/go-*/bin/go",
    "/usr/lib/golang/bin/go",
    "/usr/lib64/go/*/bin/go",
    "/snap/go/*/bin/go",
    "/opt/go/bin/go",
    "/opt/hostedtoolcache/go/*/*/bin/go",
    "/nix/var/nix/profiles/default/bin/go",
    "/home/linuxbrew/.linuxbrew/bin/go",
)
_IN_HOME = (
    "sdk/*/bin/go",
    "go/pkg/mod/golang.org/toolchain@*/bin/go",
    ".local/go/bin/go",
    ".local/bin/go",
    ".asdf/installs/golang/*/go/bin/go",
    ".local/share/mise/installs/go/*/bin/go",
    ".goenv/versions/*/bin/go",
    ".gvm/gos/*/bin/go",
)
_HOMES = ("/root", "/home/*")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TOOLCHAINS = "golang.org/toolchain@*/bin/go"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be a `go` command."""

    path: str
    """Resolved, the first under which the file was found."""
    device: int
    inode: int
    size_bytes: int
    modified_at_ns: int
    changed_at_ns: int
    """Both since 1970. Who writes can set the first, and not this one."""

    @property
    def file(self) -> tuple[int, int]:
        """What probes are attached to. Once it is deleted, the number is soon another's."""
        return self.device, self.inode

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """Another one when the file has changed."""
        return *self.file, self.size_bytes, self.modified_at_ns, self.changed_at_ns


def find_go(environ: Mapping[str, str] | None = None) -> list[Candidate]:
    """
    Return the regular files that may be a `go` command, each once.

    Args:
        environ: Environment of a command that is about to run: its PATH, GOROOT, GOMODCACHE,
            GOPATH, HOME and RUNNER_TOOL_CACHE are looked into as well as this process's.
    """
    found: dict[tuple[int, ...], Candidate] = {}
    for pattern in _patterns(environ or {}):
        for path in islice(glob.iglob(pattern), MAX_PATTERN_FILES):
            candidate = stat_candidate(path)
            if candidate is not None:
                found.setdefault(candidate.key, candidate)
            if len(found) >= MAX_BINARIES:
                return list(found.values())
    return list(found.values())


def stat_candidate(path: str) -> Candidate | None:
    """Return a file if it is regular, executable and large enough to be a `go`."""
    try:
        real = os.path.realpath(path)
        return candidate_of(real, os.stat(real))
    except (OSError, ValueError):
        return None


@contextmanager
def hold(
    path: str, *, unpacked: bool = False, named_by: int | None = None
) -> Iterator[Candidate | None]:
    """
    Keep a file open, so that the file that is read is the file that is probed.

    A path that is `named_by` a process is one of its own root, see named.py.

    With `unpacked` the file need not be executable yet: `go` unpacks a toolchain first and sets
    the mode bits before it becomes it (toolchain/select.go).

    Who may write in its folder could put another program in its place in between, and have
    breakpoints set in the middle of that one's instructions. The path of the candidate is that of
    the open file, /proc/self/fd/N; None when there is no candidate at `path`.
    """
    handle = open_regular(path) if named_by is None else open_named(named_by, path)
    if handle is None:
        yield None
        return
    try:
        yield candidate_of(f"/proc/self/fd/{handle}", os.fstat(handle), unpacked=unpacked)
    finally:
        os.close(handle)


def candidate_of(path: str, status: os.stat_result, *, unpacked: bool = False) -> Candidate | None:
    """Return a file of this status if it may be a `go`; `unpacked` see `hold`."""
    if not stat.S_ISREG(status.st_mode) or not (unpacked or status.st_mode & 0o111):
        return None
    if not MIN_BINARY_BYTES <= status.st_size <= MAX_BINARY_BYTES:
        return None
    return Candidate(
        path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def read_image(path: str) -> bytes | None:
    """Return the bytes of a regular file; None when it cannot be read or is too large."""
    return _read(path, 0, None)


def read_constant(path: str, offset: int, length: int) -> bytes | None:
    """
    Return constant bytes of a binary; None when they cannot be read whole.

    For strings whose page was not in memory when the kernel side looked: `offset` is
    `Plan.file_offset(address, length)`.
    """
    return _read(path, offset, length) if 0 <= length <= MAX_STRING_BYTES else None


def _read(path: str, offset: int, length: int | None) -> bytes | None:
    """Return `length` bytes, or all to the end, of a regular file of a fitting size."""
    handle = open_regular(path)
    if handle is None:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BINARY_BYTES:
            return None
        wanted = status.st_size - offset if length is None else length
        found = os.pread(handle, wanted, offset)
    except (OSError, OverflowError):
        return None
    finally:
        os.close(handle)
    return found if len(found) == wanted else None


def _patterns(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the places to look at, the most telling first."""
    for variables in (environ, os.environ):
        yield from _of_environment(variables)
    yield from (f"{folder}/go" for folder in _SYSTEM_PATH.split(":"))
    yield from _SYSTEM
    homes = (home for pattern in _HOMES for home in glob.iglob(pattern))
    for home in islice(homes, MAX_HOMES):
        yield from (f"{glob.escape(home)}/{pattern}" for pattern in _IN_HOME)


def _of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    for folder in _absolute(environ.get("PATH", "").split(":")):
        yield f"{folder}/go"
    for folder in _absolute([environ.get("GOROOT", "")]):
        yield f"{folder}/bin/go"
    for folder in _absolute([environ.get("GOMODCACHE", "")]):
        yield f"{folder}/{_TOOLCHAINS}"
    for folder in _absolute(environ.get("GOPATH", "").split(":")):
        yield f"{folder}/pkg/mod/{_TOOLCHAINS}"
    for folder in _absolute([environ.get("RUNNER_TOOL_CACHE", "")]):
        yield f"{folder}/go/*/*/bin/go"
    for folder in _absolute([environ.get("HOME", "")]):
        yield from (f"{folder}/{pattern}" for pattern in _IN_HOME)


def _absolute(folders: Iterable[str]) -> list[str]:
    """Return the absolute folders among those given, safe to stand in a pattern."""
    absolute = (glob.escape(folder) for folder in folders if folder.startswith("/"))
    return list(islice(absolute, MAX_FOLDERS))
