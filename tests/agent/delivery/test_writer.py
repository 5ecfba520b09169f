"""Rules of the thread that writes the spool."""

import threading
import time
from pathlib import Path

import pytest

from modpulse.agent.delivery.spool import Spool
from modpulse.agent.delivery.writer import Writer

WAIT_S = 10.0


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    """Who ends the writer finds everything on disk."""
    spool = Spool(str(tmp_path), 1 << 20)
    writer = Writer(spool)
    writer.start()
    for seq in range(20):
        writer.put("ab", seq, b"%d" % seq)
    writer.finish(WAIT_S)

    assert not writer.is_alive
    assert (spool.batches, spool.unwritten) == (20, 0)
    assert len(list(tmp_path.iterdir())) == 20


def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a write does not return, what it holds up is sent from memory, in order and once."""
    spool = Spool(str(tmp_path), 1 << 20)
    goes_on, write = threading.Event(), spool._write

    def hang(name: str, data: bytes) -> None:
        goes_on.wait(WAIT_S)
        write(name, data)

    monkeypatch.setattr(spool, "_write", hang)
    writer = Writer(spool)
    writer.start()
    sent = []
    for seq in range(3):
        writer.put("ab", seq, b"%d" % seq)
    until = time.monotonic() + WAIT_S
    while len(sent) < 2 and time.monotonic() < until:
        name = spool.oldest(0.1)
        if name is not None:
            sent.append(spool.read(name))
            spool.remove(name)
    goes_on.set()
    writer.finish(WAIT_S)

    assert sent == [b"0", b"1"]
    assert spool.oldest() is not None
    assert [path.name.split("-")[2] for path in tmp_path.iterdir()] == ["2.batch"]
