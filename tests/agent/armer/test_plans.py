"""A content is read once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modpulse.agent.armer import plans
from modpulse.agent.armer.apart import Reader, UnreadError, apart
from modpulse.agent.armer.plans import Plans
from modpulse.agent.binary.gobinary import MAGIC
from modpulse.agent.binary.plan import plan
from modpulse.agent.binary.points import Plan


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files were read whole."""
    paths: list[str] = []

    def count(handle: int, load: Callable[[], Reader]) -> bytes:
        paths.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        return apart(handle, load)

    monkeypatch.setattr(plans, "apart", count)
    return paths


def look(known: Plans, path: Path | str) -> Plan | None:
    """Read a file that nobody writes to."""
    return known.read(str(path), is_leased=True)


def test_a_copy_is_not_read(go_path: Path, tmp_path: Path, read: list[str]) -> None:
    """Nor is what was touched."""
    first, copy = tmp_path / "first", tmp_path / "copy"
    known = Plans()
    shutil.copy(go_path, first)
    made = look(known, first)
    first.touch()
    shutil.copy(first, copy)

    assert made == plan(go_path.read_bytes())
    assert look(known, first) == look(known, copy) == made
    assert look(known, copy) is not made
    assert read == ["first"]


@pytest.mark.parametrize("where", ["head", "sample", "point", "version"])
def test_another_content_is_read(
    where: str, go_path: Path, tmp_path: Path, read: list[str]
) -> None:
    """One byte is enough where it counts."""
    go = tmp_path / "go"
    known = Plans()
    shutil.copy(go_path, go)
    made = look(known, go)
    assert made is not None
    info = go.read_bytes().index(MAGIC + bytes([8]))
    at = {"head": 4000, "sample": 1 << 22, "point": made.points[0].offset, "version": info + 36}
    with go.open("r+b") as file:
        file.seek(at[where])
        byte = file.read(1)[0]
        file.seek(at[where])
        file.write(bytes([byte ^ 1]))
    look(known, go)

    assert read == ["go", "go"]


def test_what_is_no_go_is_not_kept(tmp_path: Path, read: list[str]) -> None:
    """It may become one with the same head. It is not read to its end, and what is not there is
    none."""
    path = tmp_path / "go"
    path.write_bytes(bytes(1 << 20))
    known = Plans()

    assert [look(known, path) for _ in range(2)] == [None, None]
    assert look(known, tmp_path / "nothing") is None
    assert read == []


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
        assert look(known, path) is not None

    assert read == [go_path.name, "longer", go_path.name]


def test_what_may_be_written_to_is_not_kept(go_path: Path, read: list[str]) -> None:
    """It could be known by a content that came later."""
    known = Plans()
    made = [known.read(str(go_path), is_leased=False) for _ in range(2)]
    kept = look(known, go_path)

    assert made == [kept, kept]
    assert known.read(str(go_path), is_leased=False) == kept
    assert read == [go_path.name] * 3


@pytest.mark.parametrize(
    "told", [b"", b"-1\n{}", b"0\n{}", b"0", b"x\n{}", b"\xff", b"9" * 5000 + b"\n{}"]
)
def test_what_is_told_wrongly_is_an_error(
    told: bytes, go_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that reads may be the file's by then."""
    monkeypatch.setattr(plans, "apart", lambda *_: told)
    with pytest.raises(UnreadError):
        look(Plans(), go_path)
