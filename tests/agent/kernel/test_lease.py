"""Leases: who writes to a file waits until it is let go."""

import errno
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modpulse.agent.kernel.lease import Guard

WAIT_S = 20.0


@pytest.fixture
def guard() -> Iterator[Guard]:
    made = Guard()
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that nobody has open."""
    made = tmp_path / "go"
    made.write_bytes(b"old")
    return made


def pipe_link() -> tuple[int, int]:
    """A descriptor that stands for a link, and one that tells when it is closed."""
    reading, writing = os.pipe()
    return writing, reading


@pytest.mark.parametrize("way", [": > {}", "echo new >> {}", "dd if=/dev/zero of={} bs=1 count=1"])
def test_links_are_closed_before_a_writer_goes_on(way: str, guard: Guard, path: Path) -> None:
    """However it is opened for writing, the links are gone by then, and it is not held up."""
    lease = guard.lease(str(path))
    link, told = pipe_link()
    assert lease.attach(lambda _: [link])

    subprocess.run(["sh", "-c", way.format(path)], check=True, timeout=WAIT_S)

    os.set_blocking(told, False)
    assert os.read(told, 1) == b""
    assert not lease.is_held
    assert list(guard.ended) == [lease]
    assert lease.status() is None
    assert lease.read(0, 1) is None
    os.close(told)


def test_who_does_not_wait_is_refused_once(guard: Guard, path: Path) -> None:
    """O_NONBLOCK, of `tar --overwrite` and truncate(1), gets EAGAIN; then the file is free."""
    lease = guard.lease(str(path))
    with pytest.raises(BlockingIOError):
        os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    # Who opens it after that waits until it is.
    path.write_bytes(b"new")
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

    assert not lease.is_held


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("cp new {}", 0),
        ("install new {}", 0),
        ("tee {} < new", 0),
        ("shred --iterations=1 {}", 0),
        ("sed --in-place s/o/n/ {}", 0),
        ("mv new {}", 0),
        ("ln --force new {}", 0),
        ("tar --extract --file=packed", 0),
        ("tar --extract --unlink-first --file=packed", 0),
        ("touch {}", 0),
        ("truncate --size=0 {}", 1),
        ("tar --extract --overwrite --file=packed", 2),
    ],
)
def test_which_programs_do_not_wait(command: str, code: int, guard: Guard, path: Path) -> None:
    """Two are refused; tried again they are not, since the file is let go."""
    (path.parent / "new").write_bytes(b"new")
    subprocess.run(["tar", "--create", "--file=packed", "go"], cwd=path.parent, check=True)
    guard.lease(str(path))
    line = ["sh", "-c", command.format("go")]
    done = subprocess.run(line, cwd=path.parent, check=False, capture_output=True, timeout=WAIT_S)
    assert done.returncode == code
    if code:
        assert b"temporarily unavailable" in done.stderr
        # Who opens it now waits until the lease is gone.
        path.open("ab").close()
        subprocess.run(line, cwd=path.parent, check=True, timeout=WAIT_S)


def test_who_reads_runs_or_renames_is_not_asked(guard: Guard, path: Path) -> None:
    """A lease ends for writing and nothing else."""
    lease = guard.lease(str(path))
    path.read_bytes()
    path.chmod(0o700)
    os.utime(path, (1, 1))
    path.rename(path.with_name("other"))
    path.with_name("other").unlink()

    status = lease.status()
    assert lease.is_held
    assert status is not None
    assert status.st_nlink == 0
    assert lease.read(0, 10) == b"old"


def test_nothing_is_attached_when_it_is_over(guard: Guard, path: Path) -> None:
    """Who comes too late with a link is told, and makes none."""
    lease = guard.lease(str(path))
    path.write_bytes(b"new")
    made: list[str] = []

    def link(name: str) -> list[int]:
        made.append(name)
        return []

    assert not lease.attach(link)
    assert made == []


def test_no_lease_while_somebody_writes(guard: Guard, path: Path) -> None:
    """EAGAIN: ask again later."""
    with path.open("ab"), pytest.raises(BlockingIOError) as refused:
        guard.lease(str(path))
    assert refused.value.errno == errno.EAGAIN
    assert guard.lease(str(path)).is_held


def test_no_lease_on_what_has_none(guard: Guard, tmp_path: Path) -> None:
    """A device and a file that is not there are refused, and nothing stays open."""
    before = set(os.listdir("/proc/self/fd"))
    for name in ("/dev/null", str(tmp_path / "nothing")):
        with pytest.raises(OSError, match=r"\[Errno"):
            guard.lease(name)
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_failed_link_leaves_the_lease(guard: Guard, path: Path) -> None:
    """The error is the caller's, and the file is still guarded."""

    def fails(_: str) -> list[int]:
        raise OSError(errno.EINVAL, "refused")

    lease = guard.lease(str(path))
    with pytest.raises(OSError, match="refused"):
        lease.attach(fails)
    assert lease.is_held


def test_many_at_once(guard: Guard, tmp_path: Path) -> None:
    """Signals of one kind merge: a hundred writers at once all go on."""
    paths = [tmp_path / str(number) for number in range(100)]
    for path in paths:
        path.write_bytes(b"old")
    leases = [guard.lease(str(path)) for path in paths]
    writers = [threading.Thread(target=path.write_bytes, args=(b"new",)) for path in paths]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(WAIT_S)

    assert not any(writer.is_alive() for writer in writers)
    assert not any(lease.is_held for lease in leases)


def test_what_is_let_go_is_closed_soon(guard: Guard, path: Path) -> None:
    """The thread closes it, whether or not anybody wants to write."""
    lease = guard.lease(str(path))
    link, told = pipe_link()
    lease.attach(lambda _: [link])
    guard.let_go(lease)

    assert os.read(told, 1) == b""
    os.close(told)


def test_nothing_stays_open_at_the_end(path: Path) -> None:
    """Links and leases end with the guard, and its thread."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE), set(os.listdir("/proc/self/fd"))
    guard = Guard()
    link, told = pipe_link()
    guard.lease(str(path)).attach(lambda _: [link])
    guard.close()
    os.close(told)

    assert not guard.is_alive
    assert (resource.getrlimit(resource.RLIMIT_NOFILE), set(os.listdir("/proc/self/fd"))) == before
