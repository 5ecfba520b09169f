"""Rules of opening what others named: real files, real processes of other users."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.machine.findgo import hold, read_image
from modpulse.agent.machine.named import (
    MAX_LINKS,
    User,
    is_missing,
    open_named,
    open_regular,
    parse_status,
)
from modpulse.agent.machine.procfs import user_settings

NOBODY = 65534
SECRET = b"GOSUMDB=root's own"
WAITING = """
import os, sys
root, uid, groups = sys.argv[1], int(sys.argv[2]), [int(group) for group in sys.argv[3:]]
os.chroot(root)
os.chdir("/")
os.setgroups(groups)
os.setgid(uid)
os.setuid(uid)
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, on a file system with devices."""
    made = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


Started = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Started]:
    """Processes of other users, in other roots."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(root: Path | str = "/", uid: int = NOBODY, groups: tuple[int, ...] = ()) -> int:
        words = [sys.executable, "-c", WAITING, str(root), str(uid), *map(str, groups)]
        running.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert running[-1].stdout is not None
        assert running[-1].stdout.readline() == b"\n"
        return running[-1].pid

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def text_of(handle: int | None) -> bytes | None:
    if handle is None:
        return None
    with open(handle, "rb") as file:
        return file.read(1 << 16)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_file(folder: Path) -> None:
    """A regular file is opened by both, through links too, and nothing stays open."""
    (folder / "a").mkdir()
    (folder / "a/file").write_bytes(b"x")
    (folder / "link").symlink_to("a/../a/./file")
    (folder / "absolute").symlink_to(folder / "link")
    before = descriptors()

    for name in ("a/file", "link", "absolute", "a//../link"):
        assert text_of(open_regular(f"{folder}/{name}")) == b"x"
        assert text_of(open_named(os.getpid(), f"{folder}/{name}")) == b"x"
    assert open_named(os.getpid(), f"{folder}/nothing") is None
    assert descriptors() == before


def test_what_is_missing(folder: Path) -> None:
    """Only what is surely not there is: not a loop, nor what a process had that is gone."""
    (folder / "file").write_bytes(b"x")
    (folder / "loop").symlink_to("loop")
    (folder / "nowhere").symlink_to("none")
    before = descriptors()

    for name in ("none", "none/deeper", "file/deeper", "nowhere"):
        assert is_missing(os.getpid(), f"{folder}/{name}")
    for name in ("", "file", "loop", "."):
        assert not is_missing(os.getpid(), f"{folder}/{name}")
    assert not is_missing(1 << 30, f"{folder}/none")
    assert descriptors() == before


@pytest.mark.root
def test_missing_in_another_root(folder: Path, start: Started) -> None:
    """A process's own root counts, also behind a link that is absolute there."""
    (folder / "goroot").mkdir()
    (folder / "link").symlink_to("/goroot")
    (folder / "out").symlink_to("/etc")
    pid = start(folder, uid=0)

    assert [is_missing(pid, path) for path in ("/goroot", "/link", "/out", "/etc")] == [
        False, False, True, True,
    ]  # fmt: skip


@pytest.mark.root
def test_a_device_is_not_touched(folder: Path) -> None:
    """A device acts when it is opened: this one would make a terminal."""
    status = os.stat("/dev/ptmx")
    os.mknod(folder / "device", stat.S_IFCHR | 0o666, status.st_rdev)
    before = sorted(os.listdir("/dev/pts"))
    for path in ("/dev/ptmx", f"{folder}/device"):
        assert open_regular(path) is None
        assert open_named(os.getpid(), path) is None
        assert read_image(path) is None
        with hold(path) as candidate:
            assert candidate is None

    assert sorted(os.listdir("/dev/pts")) == before


def test_what_is_no_file(folder: Path) -> None:
    """A pipe, a socket, a folder, a loop: nothing is opened, and nothing waits."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "mutual").symlink_to("laumut")
    (folder / "laumut").symlink_to("mutual")
    (folder / "magic").symlink_to("/proc/self/fd/0")
    (folder / "up").symlink_to("../" * 500 + "etc/passwd")
    names = ["", "pipe", "loop", "mutual", "laumut", "magic", "up", "pipe/x"]
    before = descriptors()

    assert [open_named(os.getpid(), f"{folder}/{name}") for name in names] == [None] * len(names)
    assert open_named(os.getpid(), "etc/passwd") is None
    assert open_named(os.getpid(), "/" + "x/" * 5000) is None
    assert open_named(1 << 22, "/etc/passwd") is None
    assert descriptors() == before


def test_links_are_bounded(folder: Path) -> None:
    """As many links as the kernel follows, and not one more."""
    (folder / "0").write_bytes(b"x")
    for number in range(1, MAX_LINKS + 2):
        (folder / str(number)).symlink_to(str(number - 1))

    assert text_of(open_named(os.getpid(), f"{folder}/{MAX_LINKS}")) == b"x"
    assert open_named(os.getpid(), f"{folder}/{MAX_LINKS + 1}") is None


@pytest.mark.root
def test_only_what_its_user_may_read(folder: Path, start: Started) -> None:
    """What root alone may read is not read for another, whatever way leads to it."""
    (folder / "secret").write_bytes(SECRET)
    (folder / "secret").chmod(0o600)
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed/open").write_bytes(SECRET)
    (folder / "link").symlink_to("secret")
    (folder / "shadow").symlink_to("/etc/shadow")
    (folder / "team").write_bytes(b"team")
    (folder / "team").chmod(0o640)
    os.chown(folder / "team", 0, 4242)
    (folder / "not-mine").write_bytes(SECRET)
    (folder / "not-mine").chmod(0o044)
    os.chown(folder / "not-mine", NOBODY, 0)
    nobody, member, root = start(), start(groups=(4242,)), start(uid=0)
    names = ("secret", "closed/open", "link", "shadow", "team", "not-mine")

    def read_by(pid: int) -> list[bytes | None]:
        return [text_of(open_named(pid, f"{folder}/{name}")) for name in names]

    assert read_by(nobody) == [None] * 6
    assert read_by(member) == [None, None, None, None, b"team", None]
    assert read_by(root)[:3] == [SECRET] * 3
    assert user_settings(nobody, {"GOENV": f"{folder}/link"}) == ""
    assert user_settings(root, {"GOENV": f"{folder}/link"}) == SECRET.decode()


@pytest.mark.root
def test_never_out_of_its_root(folder: Path, start: Started) -> None:
    """What a process in a container names is in that container, and nowhere else."""
    (folder / "root/etc").mkdir(parents=True)
    (folder / "outside").write_bytes(b"outside")
    (folder / "root/etc/hostname").write_bytes(b"inside")
    (folder / "root/absolute").symlink_to("/etc/hostname")
    (folder / "root/up").symlink_to("../../../outside")
    (folder / "root/real").symlink_to(folder / "outside")
    pid = start(folder / "root", uid=0)

    assert text_of(open_named(pid, "/etc/hostname")) == b"inside"
    assert text_of(open_named(pid, "/absolute")) == b"inside"
    assert text_of(open_named(pid, "/../../etc/hostname")) == b"inside"
    for path in ("/up", "/real", "/../outside", f"{folder}/outside"):
        assert open_named(pid, path) is None
    assert user_settings(pid, {"GOENV": "/absolute"}) == "inside"


def test_parse_status() -> None:
    """The ids of the file system decide; a text without them lets nobody in."""
    text = "Name:\tgo\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \n"

    assert parse_status(text) == User(4, frozenset({8, 9, 10}))
    assert parse_status("Uid:\t1\nGid:\t1\nGroups:\t\n") is None
    assert parse_status("") is None


@given(st.text())
def test_status_of_any_text(text: str) -> None:
    """Nothing raises."""
    assert parse_status(text) is None or text


@given(st.text(max_size=200))
def test_any_path(path: str) -> None:
    """No path raises, and none is opened but a file."""
    before = descriptors()
    for handle in (open_named(os.getpid(), f"/dev/{path}"), open_named(os.getpid(), path)):
        text_of(handle)

    assert descriptors() == before
