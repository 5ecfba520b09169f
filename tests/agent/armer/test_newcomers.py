"""Who has begun to run: looked at by what it runs, not by what it is called."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from modpulse.agent.armer.newcomers import Newcomers
from modpulse.agent.armer.prober import Prober
from modpulse.agent.events.events import Exec, WebGet

NOBODY = 1 << 30
"""No process has this pid."""


@pytest.fixture
def prober() -> Iterator[Prober]:
    made = Prober()
    yield made
    made.close()


@pytest.fixture
def newcomers(prober: Prober) -> Newcomers:
    return Newcomers(prober, [])


def begun(path: object, *, pid: int = NOBODY, is_named: bool = False) -> Exec:
    return Exec(1, pid, os.getpid(), 0, str(path), is_named)


@contextmanager
def running(
    *command: str | Path, env: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process, for as long as it is looked at."""
    process = subprocess.Popen(command, env=env, stdout=-3, stderr=-3)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_go_by_another_name(newcomers: Newcomers, go_path: Path, tmp_path: Path) -> None:
    """It is one also where it is gone before it is looked at, and named from where it was begun."""
    copied = Path(shutil.copy(go_path, tmp_path / "frob"))
    absolute = newcomers.meet(begun(copied))
    relative = newcomers.meet(begun(os.path.relpath(copied)))

    assert absolute is not None
    assert absolute == relative
    assert str(absolute["go_version"]).startswith("go1.")
    assert newcomers.unexamined == 0


def test_late_once(newcomers: Newcomers, go_path: Path) -> None:
    """What `setpriv nsenter go` runs is looked at after each of its execs, and counted once."""
    times_ns = [1, 2, 3, 4, 5, 5 + 10_000_000_000]
    pids = [NOBODY, NOBODY, NOBODY, NOBODY + 1, NOBODY, NOBODY]
    told = []
    for at_ns, pid in zip(times_ns, pids, strict=True):
        newcomers.meet(replace(begun(go_path, pid=pid), at_ns=at_ns))
        told.append(newcomers.unprobed)

    assert told == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("is_named", [True, False])
def test_another_program(newcomers: Newcomers, tmp_path: Path, is_named: bool) -> None:
    """What runs something else is no `go`, whatever it is called."""
    program = shutil.copy("/bin/sleep", tmp_path / ("go" if is_named else "frob"))
    with running(program, "60") as process:
        assert newcomers.meet(begun(program, pid=process.pid, is_named=is_named)) is None
    assert newcomers.unexamined == 0


@pytest.mark.parametrize("name", ["go", "gone-on-to-another"])
def test_what_has_gone_on(newcomers: Newcomers, go_path: Path, tmp_path: Path, name: str) -> None:
    """A wrapper that became a `go` before it was looked at is none: the `go` has its own exec."""
    wrapper = tmp_path / name
    wrapper.write_text("#!/bin/sh\n")
    (tmp_path / "bin").mkdir()
    go = Path(shutil.copy(go_path, tmp_path / "bin" / "go"))
    # It reads its settings first, and a pipe that nobody writes to lets it wait.
    os.mkfifo(tmp_path / "env")
    with running(go, "version", env={"GOENV": str(tmp_path / "env")}) as process:
        assert newcomers.meet(begun(wrapper, pid=process.pid, is_named=name == "go")) is None
        found = newcomers.meet(begun(go, pid=process.pid, is_named=True))

    assert found is not None
    assert str(found["go_version"]).startswith("go1.")


def test_gone_with_its_file(newcomers: Newcomers, tmp_path: Path) -> None:
    """What cannot be looked at any more counts by its name, and without one is counted."""
    assert newcomers.meet(begun(tmp_path / "go", is_named=True)) == {}
    assert newcomers.unexamined == 0

    assert newcomers.meet(begun(tmp_path / "conftest")) is None
    assert newcomers.unexamined == 1


def test_a_small_program_that_is_gone(newcomers: Newcomers) -> None:
    """A shell or a script is known by its size."""
    assert newcomers.meet(begun("/bin/true")) is None
    assert newcomers.unexamined == 0


def test_known_by_its_events(newcomers: Newcomers, prober: Prober, go_path: Path) -> None:
    """Who was never met is known by what its events come from, and its pid may be another's."""
    prober.arm(str(go_path), 1)
    facts = newcomers.recognize(asked(os.getpid(), 0))

    assert set(facts) == {"go_version", "armed_at_ns"}
    assert str(facts["go_version"]).startswith("go1.")
    assert newcomers.recognize(asked(os.getpid(), 1)) == {}


def asked(pid: int, binary: int) -> WebGet:
    return WebGet(1, pid, 1, None, binary, "https", "proxy.test", "/m/@v/list")
