"""Rules of the spool, on real directories, with real deaths and real full disks."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import needs

from modpulse.agent.delivery.spool import BLOCK_BYTES, MAX_BATCH_BYTES, Spool, SpoolBusyError

RUN = "00ff"
MANY = 1 << 20

APPENDING = """
import sys
from modpulse.agent.delivery.spool import Spool
spool = Spool(sys.argv[1], 1 << 30)
spool.lock()
for seq in range(1_000_000):
    spool.append("abcd", seq, b"%d" % seq * 1000)
    print(seq, flush=True)
"""


Opened = Callable[[Path, int], Spool]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """The spool of an agent in a folder; the agent before has ended."""
    running: list[Spool] = []

    def start(folder: Path, max_bytes: int) -> Spool:
        for before in running:
            before.close()
        running.append(Spool(str(folder), max_bytes))
        running[-1].lock()
        return running[-1]

    yield start
    for spool in running:
        spool.close()


def drained(spool: Spool) -> list[bytes | None]:
    """What a shipper would send, in order."""
    batches = []
    while name := spool.oldest():
        batches.append(spool.read(name))
        spool.remove(name)
    return batches


def test_first_in_first_out(tmp_path: Path, opened: Opened) -> None:
    """Batches come back whole, oldest first, and are gone once removed."""
    spool = opened(tmp_path / "made" / "spool", MANY)
    for seq in range(12):
        spool.append(RUN, seq, b"batch %d" % seq)

    assert [b"batch %d" % seq for seq in range(12)] == drained(spool)
    assert (spool.batches, spool.held_bytes) == (0, 0)
    assert os.listdir(tmp_path / "made" / "spool") == []


def test_order_survives_restarts(tmp_path: Path, opened: Opened) -> None:
    """A later run comes after an earlier one, whatever its run id; names carry run and seq."""
    for run_id in ("ff", "00", "aa"):
        spool = opened(tmp_path, MANY)
        for seq in (0, 1):
            spool.append(run_id, seq, f"{run_id} {seq}".encode())
    spool = opened(tmp_path, MANY)

    assert f"{0:016d}-ff-0.batch" == spool.oldest()
    assert drained(spool) == [b"ff 0", b"ff 1", b"00 0", b"00 1", b"aa 0", b"aa 1"]


def test_full_drops_the_oldest(tmp_path: Path, opened: Opened) -> None:
    """The bound holds in whole blocks; what is dropped is the oldest, and counted."""
    spool = opened(tmp_path, 3 * BLOCK_BYTES)
    for seq in range(5):
        spool.append(RUN, seq, b"%d" % seq)

    assert spool.held_bytes == 3 * BLOCK_BYTES
    assert spool.dropped_full == 2
    assert drained(spool) == [b"2", b"3", b"4"]


def test_a_smaller_bound_holds_at_once(tmp_path: Path, opened: Opened) -> None:
    """What an earlier run left beyond today's bound is dropped at the start."""
    before = opened(tmp_path, MANY)
    for seq in range(5):
        before.append(RUN, seq, b"%d" % seq)
    spool = opened(tmp_path, 2 * BLOCK_BYTES)

    assert spool.dropped_full == 3
    assert drained(spool) == [b"3", b"4"]


def test_a_batch_dropped_while_it_was_sent(tmp_path: Path, opened: Opened) -> None:
    """A batch that was dropped under its reader is None once, and counted once."""
    spool = opened(tmp_path, BLOCK_BYTES)
    spool.append(RUN, 0, b"0")
    name = spool.oldest()
    assert name
    spool.append(RUN, 1, b"1")

    assert spool.read(name) is None
    spool.remove(name)
    assert (spool.dropped_full, spool.dropped_io, spool.held_bytes) == (1, 0, BLOCK_BYTES)
    assert drained(spool) == [b"1"]


def test_what_lies_about(tmp_path: Path, opened: Opened) -> None:
    """At the start partial files are removed and counted; foreign ones counted and left alone."""
    spool = opened(tmp_path, MANY)
    spool.append(RUN, 0, b"good")
    good = spool.oldest()
    partial = [f"{7:016d}-ab-3.partial", f"{8:016d}-ab-4.batch", f"{9:016d}-ab-5.batch"]
    (tmp_path / partial[0]).write_bytes(b"cut o")
    (tmp_path / partial[1]).write_bytes(b"")
    with open(tmp_path / partial[2], "wb") as file:
        file.truncate(MAX_BATCH_BYTES + 1)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / f"{1:016d}-ab-1.batch").mkdir()
    (tmp_path / f"{2:016d}-ab-1.batch").symlink_to("/etc/passwd")
    spool = opened(tmp_path, MANY)

    assert (spool.partial, spool.foreign, spool.batches) == (3, 3, 1)
    assert spool.oldest() == good
    assert [name for name in partial if (tmp_path / name).exists()] == []
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_kill_9(tmp_path: Path, opened: Opened) -> None:
    """After kill -9 every batch that was reported durable is there, whole and in order."""
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout
    with process, process.stdout:
        lines = [process.stdout.readline() for _ in range(40)]
        process.kill()
        lines += process.stdout.readlines()
    spool = opened(tmp_path, 1 << 30)
    batches = drained(spool)

    # One more may have been renamed before its line was printed.
    assert len(batches) - len(lines) in (0, 1)
    assert [b"%d" % seq * 1000 for seq in range(len(batches))] == batches
    assert os.listdir(tmp_path) == []


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A tmpfs of its own."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    needs(os.geteuid() == 0 and shutil.which("mount") is not None, "root, to mount a tmpfs")
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
def test_disk_full(tmp_path: Path, opened: Opened) -> None:
    """What a full disk does not take is sent from memory, in order, and counted."""
    with mounted(tmp_path, "size=64k"):
        spool = opened(tmp_path, 1 << 30)
        written = [seq for seq in range(40) if spool.append(RUN, seq, b"%02d" % seq * 2000)]

        assert 0 < len(written) < 40
        assert (spool.refused, spool.unwritten) == (40 - len(written), 40 - len(written))
        assert [b"%02d" % seq * 2000 for seq in range(40)] == drained(spool)
        assert spool.append(RUN, 40, b"again")
        assert (spool.dropped_io, spool.dropped_memory, spool.unwritten) == (0, 0, 0)


@pytest.mark.root
def test_back_to_disk(tmp_path: Path, opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    """When the disk takes batches again those in memory are written first; it is said once each."""
    caplog.set_level("INFO")
    with mounted(tmp_path, "size=64k"):
        spool = opened(tmp_path, 1 << 30)
        (tmp_path / "ballast").write_bytes(bytes(60_000))
        durable = [spool.append(RUN, seq, bytes(5000)) for seq in range(3)]
        (tmp_path / "ballast").unlink()

        assert durable == [False, False, False]
        assert spool.append(RUN, 3, bytes(5000))
        assert (spool.batches, spool.unwritten, spool.refused) == (4, 0, 3)
        assert len(list(tmp_path.glob("*.batch"))) == 4
        spool = opened(tmp_path, 1 << 30)
        assert drained(spool) == [bytes(5000)] * 4
    assert caplog.text.count("No space left on device") == 1
    assert caplog.text.count("spool.recovered") == 1


@pytest.mark.root
def test_disk_read_only(tmp_path: Path, opened: Opened) -> None:
    """On a disk that became read-only nothing raises and nothing is sent for ever."""
    with mounted(tmp_path, "size=1m"):
        spool = opened(tmp_path, MANY)
        spool.append(RUN, 0, b"0")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)

        assert not spool.append(RUN, 1, b"1")
        assert drained(spool) == [b"0", b"1"]
        assert (spool.batches, spool.refused, spool.dropped_io) == (0, 1, 0)


@pytest.mark.root
def test_a_quota(tmp_path: Path, opened: Opened) -> None:
    """A file that may not grow, as under a quota, leaves nothing half written behind."""
    with mounted(tmp_path, "size=1m,nr_inodes=3"):
        spool = opened(tmp_path, MANY)
        durable = [spool.append(RUN, seq, b"%d" % seq) for seq in range(4)]

        assert durable == [True, True, False, False]
        assert sorted(path.suffix for path in tmp_path.iterdir()) == [".batch", ".batch"]
        assert drained(spool) == [b"0", b"1", b"2", b"3"]


def test_no_directory(tmp_path: Path, opened: Opened) -> None:
    """Where the directory cannot be made batches are sent from memory, until it can."""
    (tmp_path / "file").write_text("")
    spool = opened(tmp_path / "file" / "spool", MANY)

    assert not spool.append(RUN, 0, b"0")
    assert drained(spool) == [b"0"]
    (tmp_path / "file").unlink()
    assert spool.append(RUN, 1, b"1")
    with pytest.raises(SpoolBusyError):
        Spool(str(tmp_path / "file" / "spool"), MANY).lock()


def test_a_directory_that_was_removed(tmp_path: Path, opened: Opened) -> None:
    """A directory that somebody removed is made again, and what was in it is counted."""
    spool = opened(tmp_path / "spool", MANY)
    spool.append(RUN, 0, b"0")
    shutil.rmtree(tmp_path / "spool")

    assert spool.append(RUN, 1, b"1")
    assert drained(spool) == [b"1"]
    assert spool.dropped_io == 1
    with pytest.raises(SpoolBusyError):
        Spool(str(tmp_path / "spool"), MANY).lock()


def test_memory_is_bounded(tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many batches that no disk takes the oldest are dropped, and counted."""
    monkeypatch.setattr("modpulse.agent.delivery.spool.MAX_MEMORY_BYTES", 3000)
    (tmp_path / "file").write_text("")
    spool = opened(tmp_path / "file" / "spool", MANY)
    for seq in range(5):
        spool.append(RUN, seq, b"%d" % seq * 1000)

    assert drained(spool) == [b"%d" % seq * 1000 for seq in (2, 3, 4)]
    assert (spool.refused, spool.dropped_memory, spool.batches) == (5, 2, 0)


def test_sent_while_it_was_written(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that was sent from memory before a slow disk took it leaves no file."""
    spool = opened(tmp_path, MANY)
    slow_write = spool._write

    def sent_meanwhile(name: str, data: bytes) -> None:
        slow_write(name, data)
        spool.remove(name)

    monkeypatch.setattr(spool, "_write", sent_meanwhile)
    spool.append(RUN, 0, b"0")

    assert (spool.batches, spool.held_bytes, list(tmp_path.iterdir())) == (0, 0, [])


def test_a_file_that_vanished(tmp_path: Path, opened: Opened) -> None:
    """A batch whose file somebody removed is counted and does not stop the others."""
    spool = opened(tmp_path, MANY)
    for seq in range(2):
        spool.append(RUN, seq, b"%d" % seq)
    (tmp_path / str(spool.oldest())).unlink()

    assert drained(spool) == [None, b"1"]
    assert (spool.dropped_io, spool.held_bytes) == (1, 0)


def test_one_agent_at_a_time(tmp_path: Path) -> None:
    """A second agent is kept out until the first is gone, and touches nothing before."""
    first, second = Spool(str(tmp_path), MANY), Spool(str(tmp_path), BLOCK_BYTES)
    first.lock()
    for seq in range(3):
        first.append(RUN, seq, b"%d" % seq)
    (tmp_path / f"{3:016d}-ab-3.partial").write_bytes(b"being writ")
    files = sorted(os.listdir(tmp_path))
    with pytest.raises(SpoolBusyError):
        second.lock()

    assert files == sorted(os.listdir(tmp_path))
    first.close()
    second.lock()
    assert (second.partial, second.dropped_full, second.batches) == (1, 2, 1)
    second.close()
