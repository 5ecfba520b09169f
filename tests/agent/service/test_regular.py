"""Files that operators name: a regular one of a bounded size, or one line."""

import os
import socket
from pathlib import Path

import pytest
from conftest import needs

from modpulse.agent.service.errors import FileError
from modpulse.agent.service.regular import read_regular


def test_a_file(tmp_path: Path) -> None:
    """What a regular file holds, up to the bound; a link to it, and a file of /proc are others."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    (tmp_path / "link").symlink_to(path)

    assert read_regular(path, 10) == read_regular(str(tmp_path / "link"), 10) == b"x" * 10
    assert read_regular("/proc/self/comm", 100)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "No such file or directory"),
        ("pipe", "a named pipe, not a regular file"),
        ("socket", "a socket, not a regular file"),
        ("zero", "a device, not a regular file"),
        ("directory", "a directory, not a regular file"),
        ("loop", "Too many levels of symbolic links"),
        ("large", "more than 1000 bytes"),
        ("error", "Input/output error"),
        ("nul", "embedded null byte"),
        ("long", "File name too long"),
    ],
)
def test_what_is_none(tmp_path: Path, kind: str, words: str) -> None:
    """Everything else is one line at once: nothing waits, nothing is read without end."""
    path = str(tmp_path / "file")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "loop":
        os.symlink(path, path)
    elif kind == "large":
        with open(path, "wb") as file:
            file.truncate(10 << 30)
    path = {
        "zero": "/dev/zero", "error": "/proc/self/mem", "nul": "a\0b", "long": "a" * 5000
    }.get(kind, path)  # fmt: skip
    with pytest.raises(FileError) as caught:
        read_regular(path, 1000)

    assert str(caught.value) == words
    assert caught.value.is_missing == (kind == "missing")


def test_a_file_that_has_nothing_yet() -> None:
    """Kernel files are regular ones, and some of them wait for what is to come: not we."""
    instance = Path(f"/sys/kernel/tracing/instances/modpulse-{os.getpid()}")
    needs(os.access(instance.parent, os.W_OK), "root and tracefs")
    instance.mkdir()
    try:
        with pytest.raises(FileError, match="has nothing to read yet"):
            read_regular(instance / "trace_pipe", 1000)
    finally:
        instance.rmdir()
