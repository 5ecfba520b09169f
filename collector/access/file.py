"""
The file of entries on the disk: read, changed whole or not at all, and looked at for changes.

It holds no secret: hashes of chance, from which no token can be told. Who may write it may do
everything, so that is root's; the collector only reads it.
"""

import asyncio
import fcntl
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modpulse.agent.service.errors import ConfigError, FileError
from modpulse.agent.service.regular import read_regular

from .entries import Entry, entries_of, entry_of_line, line_of
from .guard import Guard

log = logging.getLogger("modpulse.collector")

MAX_ACCESS_BYTES = 1 << 20
"""Of the file: nine thousand lines."""
LOOK_S = 1.0
"""How soon a change counts: what is revoked works no longer than that."""


def load(path: str) -> tuple[Entry, ...]:
    """
    Return the entries of `access_file`; one that has none lets nobody in.

    Raises:
        ConfigError: it cannot be read, or a line is wrong.
    """
    with _blamed(path):
        data = read_regular(path, MAX_ACCESS_BYTES)
        if os.stat(path).st_mode & stat.S_IWOTH:
            raise ConfigError("anybody may write to it, and so give any role: chmod o-w")
        return entries_of(data)


def add(path: str, entry: Entry) -> None:
    """
    Append an entry; the file is made, for its owner alone, if there is none.

    Raises:
        ConfigError: it cannot be written, or what is in it is wrong.
    """
    with _blamed(path), _locked(path):
        try:
            data = read_regular(path, MAX_ACCESS_BYTES)
        except FileError as error:
            if not error.is_missing:
                raise
            data = b""
        if data and not data.endswith(b"\n"):
            data += b"\n"
        data += line_of(entry).encode() + b"\n"
        entries_of(data)
        _write(path, data)


def remove(path: str, name: str, only: str | None) -> tuple[Entry, ...]:
    """
    Take out the lines of a name, or only that with this id; returns their entries.

    Raises:
        ConfigError: it cannot be written, or what is in it is wrong.
    """
    with _blamed(path), _locked(path):
        data = read_regular(path, MAX_ACCESS_BYTES)
        entries_of(data)
        kept, gone = [], []
        for line in data.decode("ascii", "surrogateescape").splitlines():
            entry = entry_of_line(line)
            if entry and entry.name == name and only in (None, entry.id):
                gone.append(entry)
            else:
                kept.append(line)
        if gone:
            text = "".join(f"{line}\n" for line in kept)
            _write(path, text.encode("ascii", "surrogateescape"))
        return tuple(gone)


async def watch(
    path: str, guard: Guard, tell: Callable[[Iterable[Entry], Iterable[Entry]], None]
) -> None:
    """
    Let each change of the file count; what cannot be used changes nothing, and is said.

    Args:
        path: Of the file.
        guard: Whose entries are exchanged.
        tell: Is called with what came and what went.
    """
    # What changed since the start read it is found as well.
    seen: tuple[int, ...] | None = ()
    while True:
        await asyncio.sleep(LOOK_S)
        now = _mark(path)
        if now == seen:
            continue
        seen = now
        try:
            entries = await asyncio.to_thread(load, path)
        except ConfigError as error:
            guard.trouble = str(error)
            log.warning("access.unusable reason=%s", error)
            continue
        before = set(guard.entries)
        guard.exchange(entries)
        came, went = set(entries) - before, before - set(entries)
        if came or went:
            log.info("access.changed came=%d went=%d", len(came), len(went))
            tell(came, went)


def _mark(path: str) -> tuple[int, ...] | None:
    """Return what changes whenever the file does."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _blamed(path: str) -> Iterator[None]:
    try:
        yield
    except (ConfigError, FileError) as error:
        raise ConfigError(f"access_file = {path!r}: {error}") from None
    except OSError as error:
        raise ConfigError(f"access_file = {path!r}: {error.strerror}") from None


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """One writer at a time: the folder is locked, for the file is exchanged."""
    folder = os.open(Path(path).resolve().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: str, data: bytes) -> None:
    """Exchange the file at once; its owner and mode stay, a new one is for its owner alone."""
    target = Path(path).resolve()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            with suppress(FileNotFoundError):
                before = target.stat()
                os.fchown(handle, before.st_uid, before.st_gid)
                os.fchmod(handle, before.st_mode & 0o777)
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
