"""Rules of the file of entries on a real disk."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from modpulse.agent.service.errors import ConfigError
from modpulse.collector.access import file as access_file
from modpulse.collector.access.entries import Entry, key_of
from modpulse.collector.access.guard import Guard


def entry(name: str, token: str = "") -> Entry:
    """One line."""
    return Entry(name, frozenset({"ship"}), key_of((token or name).encode()))


def test_added_and_revoked(tmp_path: Path) -> None:
    """What is added is there, what is revoked is gone; comments and their order stay."""
    path = tmp_path / "access"
    access_file.add(str(path), entry("a"))
    path.write_text("# ours\n\n" + path.read_text().rstrip("\n"))
    access_file.add(str(path), entry("b"))
    access_file.add(str(path), entry("a", "second"))
    only = access_file.remove(str(path), "a", entry("a").id)

    assert only == (entry("a"),)
    assert access_file.load(str(path)) == (entry("b"), entry("a", "second"))
    assert path.read_text().startswith("# ours\n\nb ship sha256:")
    assert access_file.remove(str(path), "a", None) == (entry("a", "second"),)
    assert access_file.remove(str(path), "a", None) == ()


def test_modes_and_links(tmp_path: Path) -> None:
    """A new file is its owner's alone; one that is there keeps its mode, and a link stays one."""
    path, link = tmp_path / "access", tmp_path / "link"
    link.symlink_to("access")
    access_file.add(str(link), entry("a"))
    made = path.stat().st_mode & 0o777
    path.chmod(0o644)
    access_file.add(str(link), entry("b"))

    assert (made, path.stat().st_mode & 0o777) == (0o600, 0o644)
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["access", "link"]


def test_nothing_is_added_to_what_is_wrong(tmp_path: Path) -> None:
    """A file with a mistake, or with the same key already, is not changed."""
    path = tmp_path / "access"
    access_file.add(str(path), entry("a"))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="line 2 has the key of line 1"):
        access_file.add(str(path), entry("b", "a"))
    assert path.read_bytes() == before
    path.write_text("plain-old-token\n")
    for change in (
        lambda: access_file.add(str(path), entry("a")),
        lambda: access_file.remove(str(path), "a", None),
        lambda: access_file.load(str(path)),
    ):
        with pytest.raises(ConfigError, match=r"access_file = '.*': line 1: a token in the clear"):
            change()

    assert path.read_text() == "plain-old-token\n"


@pytest.mark.parametrize("name", ["none/access", "folder", "huge"])
def test_what_is_no_such_file(tmp_path: Path, name: str) -> None:
    """A folder, a file that is too large and a path that leads nowhere are one line."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "huge").write_bytes(b"#" * (access_file.MAX_ACCESS_BYTES + 1))
    for change in (
        lambda: access_file.add(str(tmp_path / name), entry("a")),
        lambda: access_file.load(str(tmp_path / name)),
    ):
        with pytest.raises(ConfigError, match=r"^access_file = "):
            change()


def test_what_anybody_may_write(tmp_path: Path) -> None:
    """A file to which all of the machine may write gives no roles."""
    path = tmp_path / "access"
    access_file.add(str(path), entry("a"))
    path.chmod(0o646)
    with pytest.raises(ConfigError, match="anybody may write to it"):
        access_file.load(str(path))
    path.chmod(0o644)

    assert access_file.load(str(path)) == (entry("a"),)


def test_a_change_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes counts soon; what is wrong changes nothing and is said; mended, it counts."""
    monkeypatch.setattr(access_file, "LOOK_S", 0.01)
    path = tmp_path / "access"
    access_file.add(str(path), entry("a"))
    guard = Guard([], is_open=False)
    told: list[tuple[set[str], set[str]]] = []

    def tell(came: Iterable[Entry], went: Iterable[Entry]) -> None:
        told.append(({e.name for e in came}, {e.name for e in went}))

    async def until(count: int) -> None:
        while len(told) < count:
            await asyncio.sleep(0.01)

    async def play() -> None:
        watching = asyncio.create_task(access_file.watch(str(path), guard, tell))
        await until(1)
        good = path.read_bytes()
        path.write_bytes(good + b"nonsense\n")
        while guard.trouble is None:
            await asyncio.sleep(0.01)
        assert guard.entries == (entry("a"),)
        path.write_bytes(good)
        while guard.trouble:
            await asyncio.sleep(0.01)
        access_file.add(str(path), entry("b"))
        await until(2)
        access_file.remove(str(path), "a", None)
        await until(3)
        watching.cancel()

    asyncio.run(asyncio.wait_for(play(), 30))
    assert told == [({"a"}, set()), ({"b"}, set()), (set(), {"a"})]
    assert guard.entries == (entry("b"),)
