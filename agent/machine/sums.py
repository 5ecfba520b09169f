"""
The `h1:` sums of the zips that `go` fetched, as it keeps them in its module cache.

`go` writes them after it has read a zip whole and found it good. A short command is gone by the
time they are read, but its files are not: they are found through another process that sees the same
folder. What is read is a sum or nothing, so it is no matter whose file it is.
Source: cmd/go/internal/modfetch/fetch.go, hashZip; golang.org/x/mod/sumdb/dirhash, Hash1.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..records.fetched import Fetched
from ..service.bounded import Bounded
from ..wire.goproxy import escape
from .named import open_regular

MAX_CACHES = 1024
"""Processes whose module cache is remembered."""
_SUM = re.compile(rb"(h1:[A-Za-z0-9+/]{43}=)\n?")
_SUM_BYTES = 48
_NAME = re.compile(r"[A-Za-z0-9_.!+~/-]+")
"""As in paths of modules and versions (module.CheckPath); a step up is none."""
_HOST = 1
"""The process that all others come from."""


@dataclass(frozen=True, slots=True)
class _Cache:
    folder: str
    anchor: str
    """The folder itself, or where it is not there yet the nearest above it that is."""
    anchor_id: tuple[int, int]
    """Device and inode of it: who sees the same there sees the same cache."""
    sharing: tuple[int, ...]
    """Processes that may, the one that lives longest first."""


class Sums:
    """Remembers where processes keep modules."""

    def __init__(self) -> None:
        self._caches: Bounded[int, _Cache] = Bounded(MAX_CACHES)

    def note(self, pid: int, parent_pid: int | None, folder: str | None) -> None:
        """A `go` command has begun that keeps modules in a folder."""
        cache = _look(pid, parent_pid, folder) if folder and os.path.isabs(folder) else None
        if cache is not None:
            self._caches[pid] = cache
        else:
            self._caches.pop(pid, None)

    def read(self, fetched: Iterable[Fetched]) -> Iterator[tuple[Fetched, str]]:
        """Yield the sums of those whose cache can be looked into and has one."""
        for one in fetched:
            cache = self._caches.get(one.pid)
            found = _read(cache, one) if cache is not None else None
            if found is not None:
                yield one, found


def _read(cache: _Cache, one: Fetched) -> str | None:
    file = f"{escape(one.module)}/@v/{escape(one.version)}.ziphash"
    if not _NAME.fullmatch(one.module + one.version) or ".." in file.split("/"):
        return None
    through = next((pid for pid in cache.sharing if _sees(pid, cache)), None)
    if through is None:
        return None
    handle = open_regular(f"/proc/{through}/root{cache.folder}/cache/download/{file}")
    if handle is None:
        return None
    try:
        found = _SUM.fullmatch(os.read(handle, _SUM_BYTES + 1))
    except OSError:
        return None
    finally:
        os.close(handle)
    return found[1].decode("ascii") if found else None


def _look(pid: int, parent_pid: int | None, folder: str) -> _Cache | None:
    """Return where a process keeps modules, as it sees that folder now."""
    parents = () if parent_pid is None else (parent_pid,)
    anchor = os.path.normpath(folder)
    while (found := _id_of(pid, anchor)) is None:
        if anchor == os.path.dirname(anchor):
            return None
        anchor = os.path.dirname(anchor)
    return _Cache(folder, anchor, found, (_HOST, os.getpid(), *parents, pid))


def _sees(pid: int, cache: _Cache) -> bool:
    return _id_of(pid, cache.anchor) == cache.anchor_id


def _id_of(pid: int, folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(f"/proc/{pid}/root{folder}")
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
