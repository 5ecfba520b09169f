"""Files that are called like `go` and are something else."""

import os
import shutil
from pathlib import Path

import pytest

from modpulse.agent.armer import strangers
from modpulse.agent.armer.strangers import Strangers, has_foreign_size
from modpulse.agent.machine.findgo import MAX_BINARY_BYTES, MIN_BINARY_BYTES, stat_candidate


def test_told_by_the_content(go_path: Path, tmp_path: Path) -> None:
    """Whatever it is called; what cannot be read is none."""
    own = shutil.copy(go_path, tmp_path / "bash")
    other = shutil.copy("/usr/bin/python3", tmp_path / "go")
    gone = shutil.copy("/usr/bin/python3", tmp_path / "go1.26.8")
    candidates = [stat_candidate(str(path)) for path in (own, other, gone)]
    os.unlink(gone)
    known = Strangers()

    assert [known.has(candidate) for candidate in candidates if candidate] == [False, True, False]


def test_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is read when it is met, and again only after more others than are remembered."""
    monkeypatch.setattr(strangers, "MAX_STRANGERS", 2)
    read: list[str] = []
    monkeypatch.setattr(strangers, "_is_stranger", lambda path: read.append(path) or True)
    known = Strangers()
    files = [shutil.copy("/usr/bin/python3", tmp_path / f"go{number}") for number in range(3)]
    first, second, third = (stat_candidate(str(path)) for path in files)
    for candidate in (first, second, first, third, first, second):
        assert candidate is not None
        assert known.has(candidate)

    assert [Path(path).name for path in read] == ["go0", "go1", "go2", "go1"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (MIN_BINARY_BYTES - 1, True),
        (MIN_BINARY_BYTES, False),
        (MAX_BINARY_BYTES, False),
        (MAX_BINARY_BYTES + 1, True),
    ],
)
def test_no_go_has_this_size(size: int, expected: bool, tmp_path: Path) -> None:
    """A shell is smaller, netdata's plugin may be larger; no file and a folder have none."""
    path = tmp_path / "go"
    with path.open("wb") as file:
        file.truncate(size)

    assert has_foreign_size(str(path)) is expected
    assert not has_foreign_size(str(tmp_path))
    assert not has_foreign_size(str(tmp_path / "gone"))
    assert not has_foreign_size("\0")
