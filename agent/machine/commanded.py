"""
Which files a command may execute: those that its words name, and the scripts among them in turn.

So that a `go` under any name and in any place is probed before it starts. What only a variable of
a script knows is not found here; it is met at its exec, and what it did before is said to be
missing. Look as the user who runs the command: nothing is opened that the user may not read.
"""

import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MAX_NAMED = 64
"""Binaries of one command; those beyond are met at their exec."""
MAX_SCRIPTS = 32
"""Scripts that are read for what they name."""
MAX_SCRIPT_BYTES = 64 << 10
"""Of one script; a longer one is read so far."""
MAX_WORDS = 4096
"""Looked at in all; a `configure` has more, and no `go` in its words."""
MAX_FOLDERS = 8
"""Folders that words are relative to."""

_BETWEEN_WORDS = re.compile(r"""[\s;|&()<>"'`=,{}\[\]]+""")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")
_MAKE = frozenset({"make", "gmake"})
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
"""In the order in which make looks for them."""


@dataclass(slots=True)
class _Search:
    environ: Mapping[str, str]
    folders: list[str]
    known: set[str] = field(default_factory=set)
    """Words that were looked at."""
    files: dict[tuple[int, int], str] = field(default_factory=dict)
    """What was found, by device and inode."""
    binaries: list[str] = field(default_factory=list)
    scripts: deque[str] = field(default_factory=deque)
    scripts_read: int = 0


def named(command: Sequence[str], environ: Mapping[str, str], folder: str) -> list[str]:
    """
    Return the paths of the binaries that a command may execute, in the order they are named.

    Args:
        command: argv, the program first.
        environ: Its environment: PATH, and variables that words hold.
        folder: Absolute; its working directory.
    """
    search = _Search(environ, [folder])
    _look(search, [*command, *_words(" ".join(command), environ)])
    if any(os.path.basename(word) in _MAKE for word in search.known):
        search.scripts.extend(
            os.path.join(folder, name) for folder in search.folders for name in _MAKEFILES
        )
    while search.scripts and search.scripts_read < MAX_SCRIPTS:
        text = _text(search.scripts.popleft())
        search.scripts_read += 1
        if text is not None:
            _look(search, _words(text, environ))
    return search.binaries


def _look(search: _Search, words: Iterable[str]) -> None:
    for word in words:
        if word in search.known or not word or word.startswith("-"):
            continue
        if len(search.known) >= MAX_WORDS or len(search.binaries) >= MAX_NAMED:
            return
        search.known.add(word)
        for path in _paths(search, word):
            if _take(search, path):
                break


def _words(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the words of a script, in it the variables of the environment by their values."""

    def value(match: re.Match[str]) -> str:
        return environ.get(match[1] or match[2] or match[3], match[0])

    yield from _BETWEEN_WORDS.split(_VARIABLE.sub(value, text))


def _paths(search: _Search, word: str) -> Iterator[str]:
    """Yield where a word may lead, as execvp(3) would look for it."""
    if "/" in word:
        yield from (os.path.join(folder, word) for folder in search.folders)
        return
    for folder in search.environ.get("PATH", os.defpath).split(":"):
        yield os.path.join(search.folders[0], folder, word)
    # Not executed by this name, but read: `sh build`, `make -f rules`, `make -C folder`.
    yield os.path.join(search.folders[0], word)


def _take(search: _Search, path: str) -> bool:
    """Note a file or folder for what it is; False where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    if stat.S_ISDIR(status.st_mode):
        if len(search.folders) < MAX_FOLDERS and path not in search.folders:
            search.folders.append(path)
        return False  # a program of the same name may follow in PATH
    key = status.st_dev, status.st_ino
    if not stat.S_ISREG(status.st_mode) or key in search.files:
        return key in search.files
    search.files[key] = path
    if _is_binary(path):
        if status.st_mode & 0o111:
            search.binaries.append(path)
    else:
        search.scripts.append(path)
    return True


def _is_binary(path: str) -> bool:
    return (_head(path, 4) or b"").startswith(b"\x7fELF")


def _text(path: str) -> str | None:
    """Return the beginning of a text file; None for what is no text."""
    data = _head(path, MAX_SCRIPT_BYTES)
    if data is None or b"\0" in data:
        return None
    return data.decode("utf-8", "replace").replace("#!", " ", 1)


def _head(path: str, size: int) -> bytes | None:
    try:
        # A named pipe would block for ever without O_NONBLOCK.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return os.pread(handle, size, 0) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)
