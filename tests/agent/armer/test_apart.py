"""Files that are read in a process of their own."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modpulse.agent.armer import apart as reading
from modpulse.agent.armer.apart import MAX_ANSWER_BYTES, MAX_MEMORY_BYTES, UnreadError, apart


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[int]:
    """An open file."""
    path = tmp_path / "go"
    path.write_bytes(b"\x7fELF" + bytes(4096))
    opened = os.open(path, os.O_RDONLY)
    yield opened
    os.close(opened)


def _loop(_: bytes) -> bytes:
    while True:
        pass


def _sleep(_: bytes) -> bytes:
    time.sleep(60)
    return b"late"


def _break(_: bytes) -> bytes:
    raise ValueError


def _grow(_: bytes) -> bytes:
    return bytes(2 * MAX_MEMORY_BYTES)[:1]


def _open(_: bytes) -> bytes:
    with Path("/etc/hostname").open("rb") as file:
        return file.read()


KILLED = "reading it ended with status"
ATTACKS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "uses the processor for ever": (_loop, KILLED),
    "waits for ever": (_sleep, "reading it took too long"),
    "crashes": (lambda _: ctypes.string_at(0), KILLED),
    "is killed": (lambda _: os.kill(os.getpid(), signal.SIGKILL) or b"", KILLED),
    "raises": (_break, KILLED),
    "wants all memory": (_grow, KILLED),
    "opens another file": (_open, KILLED),
    "says nothing": (lambda _: b"", KILLED),
    "says too much": (lambda _: bytes(4 * MAX_ANSWER_BYTES), "too much is told of it"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_file_does_to_its_reader_ends_with_it(
    attack: str, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in a phrase, no process is left, and the next file is read."""
    monkeypatch.setattr(reading, "CPU_SECONDS", 1)
    monkeypatch.setattr(reading, "READ_SECONDS", 0.3 if attack == "waits for ever" else 10.0)
    read, expected = ATTACKS[attack]
    with pytest.raises(UnreadError, match=expected):
        apart(handle, lambda: read)

    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert apart(handle, lambda: lambda image: image[:4]) == b"\x7fELF"


def test_it_has_the_file_and_nothing_else(handle: int) -> None:
    """Neither descriptors of links and leases, nor a capability, nor what a new program would."""

    def look() -> Callable[[bytes], bytes]:
        opened = sorted(os.listdir("/proc/self/fd"), key=int)
        status = os.open("/proc/self/status", os.O_RDONLY)
        return lambda _: " ".join(opened).encode() + b"\n" + os.pread(status, 8192, 0)

    told, _, status = apart(handle, look).partition(b"\n")
    fields = dict(line.split(b":\t") for line in status.splitlines() if b":\t" in line)

    # The file, its answer, and the folder that is listed.
    assert len(told.split()) == 3
    assert str(handle) in told.decode().split()
    assert {int(fields[name], 16) for name in (b"CapPrm", b"CapEff", b"CapInh")} == {0}
    assert fields[b"NoNewPrivs"] == b"1"


def test_a_file_without_bytes_is_told(tmp_path: Path) -> None:
    """It cannot be mapped."""
    path = tmp_path / "go"
    path.touch()
    handle = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(UnreadError, match=KILLED):
            apart(handle, lambda: lambda image: image)
    finally:
        os.close(handle)
