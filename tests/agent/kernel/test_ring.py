"""The ring buffer, on a file that is laid out as the kernel lays out its map."""

import mmap
import os
import select
import struct
from collections.abc import Iterator

import pytest

from modpulse.agent.kernel.ring import Ring

SIZE = mmap.PAGESIZE
BUSY, DISCARDED = 1 << 31, 1 << 30


class KernelSide:
    """A fake: the producer of a ring, without its second mapping and its wake-ups."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("ring")
        os.ftruncate(self.descriptor, 2 * mmap.PAGESIZE + 2 * SIZE)
        self._end = 0

    def write(self, data: bytes, flags: int = 0) -> None:
        record = struct.pack("<I4x", len(data) | flags) + data
        record += bytes(-len(record) % 8)
        for at, byte in enumerate(record, self._end):
            for copy in (0, SIZE):  # the data is mapped twice in a row
                os.pwrite(self.descriptor, bytes([byte]), self._data + copy + at % SIZE)
        self._end += len(record)
        os.pwrite(self.descriptor, struct.pack("<Q", self._end), mmap.PAGESIZE)

    def commit(self, at: int, length: int) -> None:
        """Finish the record that begins at a position."""
        for copy in (0, SIZE):
            os.pwrite(self.descriptor, struct.pack("<I", length), self._data + copy + at % SIZE)

    @property
    def freed(self) -> int:
        """The consumer's position."""
        return int(struct.unpack("<Q", os.pread(self.descriptor, 8, 0))[0])

    @property
    def _data(self) -> int:
        return 2 * mmap.PAGESIZE


class Never:
    """Stands for epoll, which takes no plain file."""

    def register(self, *_: int) -> None:
        pass

    def poll(self, _seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[KernelSide]:
    monkeypatch.setattr(select, "epoll", Never)
    side = KernelSide()
    yield side
    os.close(side.descriptor)


def test_records_in_order(kernel: KernelSide) -> None:
    """Each record once, with its own length; what was discarded is not one."""
    with Ring(kernel.descriptor, SIZE) as ring:
        ring.wait(0)
        kernel.write(b"one")
        kernel.write(b"dropped", DISCARDED)
        kernel.write(b"twelve bytes")

        assert list(ring.read()) == [b"one", b"twelve bytes"]
        assert list(ring.read()) == []


def test_a_record_is_freed_when_it_is_given(kernel: KernelSide) -> None:
    """A reader that fails on one goes on behind it."""
    kernel.write(b"one")
    kernel.write(b"two")
    with Ring(kernel.descriptor, SIZE) as ring:
        assert (next(ring.read()), kernel.freed) == (b"one", 16)
        assert (next(ring.read()), kernel.freed) == (b"two", 32)


def test_a_record_that_is_being_written(kernel: KernelSide) -> None:
    """It and all behind it wait until it is whole."""
    kernel.write(b"one")
    kernel.write(b"two", BUSY)
    kernel.write(b"three")
    with Ring(kernel.descriptor, SIZE) as ring:
        before, was_blocked = list(ring.read()), ring.is_blocked
        kernel.commit(16, 3)

        assert (before, was_blocked) == ([b"one"], True)
        assert (list(ring.read()), ring.is_blocked) == ([b"two", b"three"], False)


def test_a_record_across_the_end(kernel: KernelSide) -> None:
    """The second mapping makes it whole; positions never go back."""
    with Ring(kernel.descriptor, SIZE) as ring:
        for number in range(5):
            data = bytes([number]) * (SIZE // 2 - 16)
            kernel.write(data)
            kernel.write(b"x" * 100)

            assert list(ring.read()) == [data, b"x" * 100]
    assert kernel.freed > SIZE


def test_taking_over(kernel: KernelSide) -> None:
    """A reader goes on where the last one ended."""
    kernel.write(b"one")
    with Ring(kernel.descriptor, SIZE) as ring:
        assert list(ring.read()) == [b"one"]
    kernel.write(b"two")
    with Ring(kernel.descriptor, SIZE) as ring:
        assert list(ring.read()) == [b"two"]
