"""Sums of zips that `go` keeps: read from its cache, for as long as its root can be entered."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modpulse.agent.machine import sums
from modpulse.agent.machine.sums import Sums
from modpulse.agent.records.fetched import Fetched

SUM = "h1:" + "Ab+/9" * 8 + "xyz="
PID = os.getpid()
ONE = Fetched(PID, "github.com/BurntSushi/toml", "v1.0.0-RC1")


def keep(cache: Path, text: str = SUM, one: str = "github.com/!burnt!sushi/toml") -> Path:
    """Write a sum as `go` does."""
    file = cache / "cache/download" / one / "@v/v1.0.0-!r!c1.ziphash"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def read(cache: Path | str | None, one: Fetched = ONE) -> list[str]:
    """Return the sums of a process that keeps modules in a folder."""
    known = Sums()
    known.note(one.pid, None, None if cache is None else str(cache))
    return [found for _, found in known.read([one])]


def test_a_sum(tmp_path: Path) -> None:
    """It lies beside the zip, in Go's own spelling of names."""
    keep(tmp_path)

    assert read(tmp_path) == [SUM]


def test_of_a_process_that_is_gone(tmp_path: Path) -> None:
    """Its files are not: they are found through a process that shares its root."""
    keep(tmp_path)
    known = Sums()
    with subprocess.Popen(["sleep", "60"]) as process:
        known.note(process.pid, PID, str(tmp_path))
        process.kill()

    assert [found for _, found in known.read([replace(ONE, pid=process.pid)])] == [SUM]


@pytest.mark.parametrize(
    "text",
    ["", "root:x:0:0", SUM[:-1], SUM + "\n\n", SUM + " secret", "h2" + SUM[2:], "h1:" + "é" * 22],
)
def test_nothing_but_a_sum_is_read(tmp_path: Path, text: str) -> None:
    """Whoever wrote the file, no other words of it leave the host."""
    keep(tmp_path, text)

    assert read(tmp_path) == []


def test_files_of_other_kinds(tmp_path: Path) -> None:
    """A pipe, a folder and a device are not opened, a link to nothing neither."""
    file = keep(tmp_path)
    file.unlink()
    os.mkfifo(file)
    seen = [read(tmp_path)]
    file.unlink()
    file.symlink_to("/dev/zero")
    seen.append(read(tmp_path))
    file.unlink()
    file.mkdir()
    seen.append(read(tmp_path))

    assert seen == [[], [], []]


@pytest.mark.parametrize(
    ("module", "version"),
    [
        ("../../../outside", "v1.0.0-RC1"),
        ("example.test/\0", "v1.0.0"),
        ("example.test/…", "v1.0.0"),
        ("example.test/m", "../v1.0.0"),
        ("example.test/" + "m" * 5000, "v1.0.0"),
    ],
)
def test_names_that_are_none(tmp_path: Path, module: str, version: str) -> None:
    """A name that would lead out of the cache, or nowhere, is not looked up."""
    keep(tmp_path / "inner")
    keep(tmp_path, one="../outside")

    assert read(tmp_path / "inner", Fetched(PID, module, version)) == []


def test_no_cache() -> None:
    """Without a folder, with a relative one, or of a process that was not noted: nothing."""
    assert read(None) == read("relative") == read("/nowhere") == []
    assert list(Sums().read([ONE])) == []


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process for which another folder lies at `tmp_path/seen`."""
    for name in ("seen", "other"):
        (tmp_path / name).mkdir()
    ready = tmp_path / "ready"
    mount = f"mount --bind {tmp_path}/other {tmp_path}/seen && touch {ready} && exec sleep 60"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", mount]) as process:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield process
        process.kill()


def test_another_file_system(elsewhere: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """What a process sees at a path is not looked for in what others see there."""
    other = SUM.replace("Ab", "Cd")
    keep(tmp_path / "seen", other)
    keep(tmp_path / "other")
    keep(tmp_path / "same")
    known = Sums()
    one = replace(ONE, pid=elsewhere.pid)
    known.note(elsewhere.pid, os.getpid(), str(tmp_path / "seen"))
    there = [found for _, found in known.read([one])]
    elsewhere.kill()
    elsewhere.wait()
    gone = list(known.read([one]))

    assert (there, gone) == ([SUM], [])


def test_a_mount_namespace_of_its_own(elsewhere: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """A folder that others see as well is found through them, also where it came later."""
    known = Sums()
    known.note(elsewhere.pid, os.getpid(), str(tmp_path / "later"))
    keep(tmp_path / "later")
    elsewhere.kill()
    elsewhere.wait()

    assert [found for _, found in known.read([replace(ONE, pid=elsewhere.pid)])] == [SUM]


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The number of caches that are remembered is bounded."""
    monkeypatch.setattr(sums, "MAX_CACHES", 1)
    keep(tmp_path)
    known = Sums()
    known.note(PID, None, str(tmp_path))
    known.note(os.getppid(), None, str(tmp_path))

    assert list(known.read([ONE])) == []
