"""A content is read once."""

import shutil
from pathlib import Path

import pytest

from modpulse.agent.armer import plans
from modpulse.agent.armer.plans import Plans
from modpulse.agent.binary.gobinary import MAGIC
from modpulse.agent.machine.findgo import read_image


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files were read whole."""
    paths: list[str] = []

    def count(path: str) -> bytes | None:
        paths.append(Path(path).name)
        return read_image(path)

    monkeypatch.setattr(plans, "read_image", count)
    return paths


def test_a_copy_is_not_read(go_path: Path, tmp_path: Path, read: list[str]) -> None:
    """Nor is what was touched."""
    first, copy = tmp_path / "first", tmp_path / "copy"
    known = Plans()
    shutil.copy(go_path, first)
    made = known.read(str(first))
    first.touch()
    shutil.copy(first, copy)

    assert made is not None
    assert known.read(str(first)) == known.read(str(copy)) == made
    assert known.read(str(copy)) is not made
    assert read == ["first"]


@pytest.mark.parametrize("where", ["head", "sample", "point", "version"])
def test_another_content_is_read(
    where: str, go_path: Path, tmp_path: Path, read: list[str]
) -> None:
    """One byte is enough where it counts."""
    go = tmp_path / "go"
    known = Plans()
    shutil.copy(go_path, go)
    made = known.read(str(go))
    assert made is not None
    info = go.read_bytes().index(MAGIC + bytes([8]))
    at = {"head": 4000, "sample": 1 << 22, "point": made.points[0].offset, "version": info + 36}
    with go.open("r+b") as file:
        file.seek(at[where])
        byte = file.read(1)[0]
        file.seek(at[where])
        file.write(bytes([byte ^ 1]))
    known.read(str(go))

    assert read == ["go", "go"]


def test_what_is_no_go_is_not_kept(tmp_path: Path, read: list[str]) -> None:
    """It may become one with the same head; a file that is not there is none."""
    path = tmp_path / "go"
    path.write_bytes(bytes(1 << 20))
    known = Plans()

    assert [known.read(str(path)) for _ in range(2)] == [None, None]
    assert known.read(str(tmp_path / "nothing")) is None
    assert read == ["go", "go"]


def test_bound(
    go_path: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest unused is forgotten."""
    monkeypatch.setattr(plans, "MAX_PLANS", 1)
    longer = shutil.copy(go_path, tmp_path / "longer")
    with Path(longer).open("ab") as file:
        file.write(b"more")
    known = Plans()
    for path in (go_path, longer, longer, go_path):
        assert known.read(str(path)) is not None

    assert read == [go_path.name, "longer", go_path.name]
