"""Rules of the database as files, on real ones: their kinds, who may have them, a full disk."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from collectors import PROGRAM
from conftest import needs
from failing_disk import fill
from sightings import arrival, sighting
from stored import append

from modpulse.collector.errors import BusyError, StoreError
from modpulse.collector.store.database import Store


def as_directory(name: Path) -> None:
    name.mkdir()


def as_pipe(name: Path) -> None:
    os.mkfifo(name)


def as_socket(name: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(name))


def as_loop(name: Path) -> None:
    name.symlink_to(name)


def as_link_to_device(name: Path) -> None:
    name.symlink_to("/dev/null")


def as_hard_link(name: Path) -> None:
    name.with_name("other").touch()
    name.hardlink_to(name.with_name("other"))


KINDS = (as_directory, as_pipe, as_socket, as_loop, as_link_to_device, as_hard_link)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_database_is_a_file(path: Path, make: Callable[[Path], None]) -> None:
    """What is no plain file with one name is refused before it is opened, in words."""
    path.parent.mkdir()
    make(path)
    with pytest.raises(StoreError, match=r"not a file|hard links|symbolic links"):
        Store.open(path)

    assert not path.with_name("c.db.lock").exists()


@pytest.mark.parametrize("side", ["-wal", "-shm", "-journal", ".lock"])
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_what_is_beside_it_is_a_file(path: Path, make: Callable[[Path], None], side: str) -> None:
    """So is what SQLite and the lock keep beside it."""
    Store.open(path).close()
    name = path.with_name(path.name + side)
    name.unlink(missing_ok=True)
    make(name)
    with pytest.raises(StoreError, match=f"c.db{side} (is|has)"):
        Store.open(path)


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b", "missing/" * 600])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    """A name that cannot be a file's is one line."""
    with pytest.raises(StoreError) as error:
        Store.open(tmp_path / name)

    assert "\n" not in str(error.value)


def test_symbolic_links_are_followed(path: Path, tmp_path: Path) -> None:
    """A link to the database is the database, with its lock."""
    (tmp_path / "link.db").symlink_to(path)
    with closing(Store.open(tmp_path / "link.db")), pytest.raises(BusyError, match="in use by"):
        Store.open(path)

    assert path.exists()


def as_it_is(path: Path) -> tuple[list[str], Path]:
    return [], path


def without_lock(path: Path) -> tuple[list[str], Path]:
    path.with_name(path.name + ".lock").unlink()
    return [], path


def by_symbolic_link(path: Path) -> tuple[list[str], Path]:
    other = path.parent.parent / "other.db"
    other.symlink_to(path)
    return [], other


def by_hard_link(path: Path) -> tuple[list[str], Path]:
    other = path.parent.parent / "other.db"
    other.hardlink_to(path)
    return [], other


def by_mounted_file(path: Path) -> tuple[list[str], Path]:
    other = path.parent.parent / "mounted.db"
    other.touch()
    return in_namespace("--mount", f"mount --bind {path} {other}"), other


def by_mounted_directory(path: Path) -> tuple[list[str], Path]:
    other = path.parent.parent / "mounted"
    other.mkdir()
    script = f"rm {path}.lock; mount --bind {path.parent} {other}"
    return in_namespace("--mount", script), other / path.name


def from_a_container(path: Path) -> tuple[list[str], Path]:
    return in_namespace("--pid", "true"), path


def in_namespace(kind: str, script: str) -> list[str]:
    """Words that run a command in a namespace of its own, after a shell's script."""
    needs(os.geteuid() == 0, "root, to make a namespace")
    return ["unshare", "--fork", kind, "sh", "-c", f'{script}; exec "$@"', "sh"]


@pytest.mark.parametrize(
    "other_name",
    [
        as_it_is,
        without_lock,
        by_symbolic_link,
        by_hard_link,
        by_mounted_file,
        by_mounted_directory,
        from_a_container,
    ],
    ids=lambda name: name.__name__,
)
def test_one_collector_has_it(
    path: Path, store: Store, other_name: Callable[[Path], tuple[list[str], Path]]
) -> None:
    """By whatever name and from wherever: a second one ends with one line; the first goes on."""
    words, other = other_name(path)
    code, line = refused_start(other, *words)

    assert (code, line.count("\n")) == ((2, 1) if other_name is by_hard_link else (75, 1))
    assert re.search("in use by another collector|hard links", line)
    assert append(store, [arrival(sighting(ok=1), seq=1)]) == [True]


def test_who_has_it(path: Path, store: Store) -> None:
    """A second one is told the process that has it, as long as nobody deleted the note."""
    assert append(store, [arrival(sighting(ok=1), seq=1)]) == [True]
    with pytest.raises(BusyError, match=rf"another collector \(process {os.getpid()}\)"):
        Store.open(path)


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM seen", "PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "DELETE FROM seen"]
)
def test_nobody_else_uses_it(path: Path, store: Store, sql: str) -> None:
    """A person with sqlite3 is told that it is locked, and does no harm."""
    done = subprocess.run(["sqlite3", str(path), sql], capture_output=True, text=True, check=False)

    assert "database is locked" in done.stdout + done.stderr
    assert not path.with_name(path.name + "-shm").exists()
    assert append(store, [arrival(sighting(ok=1), seq=1)]) == [True]


def test_who_may_read_it(path: Path) -> None:
    """What is made is for its owner alone, whatever the umask; what was there keeps its mode."""
    usual = os.umask(0)
    try:
        with closing(Store.open(path)) as opened:
            append(opened, [arrival(sighting(ok=1))])
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        path.chmod(0o640)
        with closing(Store.open(path)):
            again = path.stat().st_mode & 0o777
    finally:
        os.umask(usual)

    assert modes == dict.fromkeys(("c.db", "c.db-wal", "c.db.lock"), 0o600)
    assert again == 0o640


def test_two_that_start_at_once(tmp_path: Path) -> None:
    """Of several started together exactly one serves; the others end with one line, code 75."""
    environment = os.environ | {
        "MODPULSE_COLLECTOR_LISTEN": "127.0.0.1:0",
        "MODPULSE_COLLECTOR_DATABASE": str(tmp_path / "c.db"),
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    with ExitStack() as stack:
        for process in started:
            stack.enter_context(process)
            stack.callback(process.kill)
        running = list(started)
        while len(running) > 1:
            running = [process for process in running if process.poll() is None]
            threading.Event().wait(0.05)
        ended = [process for process in started if process not in running]
        lines = [process.stderr.read() for process in ended if process.stderr]
        (survivor,) = running
        survivor.send_signal(signal.SIGTERM)

        assert [process.returncode for process in ended] == [75] * 3
        assert all(f"(process {survivor.pid})" in line for line in lines)
        assert [line.count("\n") for line in lines] == [1] * 3
        assert survivor.wait(30) == 0


def refused_start(path: Path, *words: str, program: str = PROGRAM) -> tuple[int, str]:
    """Start a collector that cannot, behind these words; its exit code and what it said."""
    done = subprocess.run(
        [*words, sys.executable, "-c", program, "serve"],
        env=os.environ
        | {
            "MODPULSE_COLLECTOR_LISTEN": "127.0.0.1:0",
            "MODPULSE_COLLECTOR_DATABASE": str(path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_locked_by_another_program(path: Path) -> None:
    """A database that another program holds locked may be free later: exit code 75."""
    Store.open(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("PRAGMA user_version = 1")
        code, line = refused_start(path)

    assert (code, line.count("\n")) == (75, 1)
    assert "another program has it locked" in line


@pytest.mark.parametrize("leave_bytes", [0, 4096, 20_480, 40_960, 61_440])
def test_a_full_disk_at_start(small_disk: Path, leave_bytes: int) -> None:
    """Without room it says so, not that the file is to be moved away: exit code 75."""
    fill(small_disk, leave_bytes)
    code, line = refused_start(small_disk / "c.db")

    assert (code, line.count("\n")) == (75, 1)
    assert re.search("room on its disk|disk is full|No space left", line)


def test_a_disk_that_may_not_be_written(small_disk: Path) -> None:
    """On a read-only disk it says where to look: exit code 2."""
    path = small_disk / "c.db"
    Store.open(path).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, line = refused_start(path)

    assert (code, line.count("\n")) == (2, 1)
    assert "Read-only file system" in line


def test_forbidden_files(path: Path) -> None:
    """Who may not write it is told so; what is there stays as it is."""
    needs(os.geteuid() == 0, "root, to become somebody else")
    Store.open(path).close()
    for name, mode in ((path, 0o400), (path.parent, 0o500)):
        name.chmod(mode)
    before = path.read_bytes()
    program = f"import os; os.setgroups([]); os.setgid(65534); os.setuid(65534); {PROGRAM}"
    path.parent.parent.chmod(0o755)
    code, said = refused_start(path, program=program)

    assert (code, said.count("\n")) == (2, 1)
    assert "Permission denied" in said
    assert path.read_bytes() == before
