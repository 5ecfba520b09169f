"""Rules of file systems: which keep their own files."""

import errno
import os
from pathlib import Path

import pytest

from modpulse.agent.machine.filesystems import OWN_FILES, kind_of, require_own


def test_a_file_of_this_machine(tmp_path: Path) -> None:
    """What lies on a disk or in memory passes."""
    for folder in (tmp_path, Path("/dev/shm")):
        handle = os.open(folder, os.O_RDONLY)
        try:
            assert kind_of(handle) in OWN_FILES
            require_own(handle)
        finally:
            os.close(handle)


def test_what_others_may_write() -> None:
    """What is no file system of files, a network's or FUSE is refused with its number."""
    handle = os.open("/proc/self/status", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="its file system \\(0x9fa0\\) may be written") as caught:
            require_own(handle)
    finally:
        os.close(handle)

    assert caught.value.errno == errno.EOPNOTSUPP
    assert not OWN_FILES & {0x65735546, 0x6969, 0x01021997, 0xFF534D42, 0xFE534D42}
    with pytest.raises(OSError, match="descriptor"):
        kind_of(-1)
