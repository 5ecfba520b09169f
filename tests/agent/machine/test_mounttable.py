"""Files held without their mounts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modpulse.agent.machine.mounttable import MountTable


@pytest.fixture
def table() -> Iterator[MountTable]:
    made = MountTable()
    yield made
    made.close()


@pytest.mark.parametrize("call", ["_OPEN_TREE", "_OPENAT2"])
def test_the_place_is_of_the_same_file(
    call: str, table: MountTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not its mount can be copied; nothing stays open."""
    monkeypatch.setattr(f"modpulse.agent.machine.mounttable.{call}", 4096)
    path = tmp_path / "go"
    path.write_bytes(b"go")
    before = set(os.listdir("/proc/self/fd"))
    with path.open("rb") as file:
        held = f"/proc/self/fd/{file.fileno()}"
        with table.place(held, os.getpid()) as place:
            assert os.path.samefile(place.path, path)
            assert place.name == str(path)
            assert (place.device is None) == (place.path == held)
            assert place.device is None or table.has(place.device)

    assert set(os.listdir("/proc/self/fd")) == before


def test_what_cannot_be_placed_keeps_its_path(table: MountTable) -> None:
    """A pipe has no mount that anybody sees, a process that is gone no table."""
    reading, writing = os.pipe()
    held = f"/proc/self/fd/{reading}"
    for pid in (None, 0, os.getpid()):
        with table.place(held, pid) as place:
            assert (place.path, place.device) == (held, None)
    os.close(reading)
    os.close(writing)


def test_where_nothing_is_mounted(table: MountTable) -> None:
    """A device of another name is not in the table, that of the root folder is."""
    assert not table.has("4095:1")
    with open("/proc/self/exe", "rb") as file, table.place(f"/proc/self/fd/{file.fileno()}") as own:
        assert own.device is None or table.has(own.device)
