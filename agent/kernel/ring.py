"""
Reader of a BPF ring buffer by mmap: bytes of each record, in order; decides nothing.

Source: kernel/bpf/ringbuf.c. One page with the consumer's position, one with the producer's,
then the data twice in a row, so that no record is ever split. A record begins with 8 bytes:
its length, whose bit 31 says "being written" and bit 30 "discarded", and a page offset.
"""

import mmap
import select
import struct
from collections.abc import Iterator
from types import TracebackType

_BUSY, _DISCARDED = 1 << 31, 1 << 30
_HEADER = struct.Struct("<I4x")


class Ring:
    """A consumer of one ring buffer map. There must be no other."""

    def __init__(self, descriptor: int, size: int) -> None:
        """Map a ring of `size` data bytes; the descriptor stays the caller's."""
        page = mmap.PAGESIZE
        self._mask = size - 1
        self._consumer = mmap.mmap(descriptor, page)
        self._producer = mmap.mmap(descriptor, page + 2 * size, prot=mmap.PROT_READ, offset=page)
        self._data = memoryview(self._producer)[page:]
        # One machine word each: struct would zero the field before it writes (s_pack_internal),
        # and the kernel would see a full ring.
        self._consumed = memoryview(self._consumer).cast("Q")
        self._produced = memoryview(self._producer)[:8].cast("Q")
        self.position: int = self._consumed[0]
        """Bytes read since the ring was made."""
        self.is_blocked = False
        """Whether the last reading ended at a record that is still being written."""
        self._poll = select.epoll()
        # By edge: records that do not ask for attention must not keep the reader awake.
        self._poll.register(descriptor, select.EPOLLIN | select.EPOLLET)

    def wake_on(self, descriptor: int) -> None:
        """End a sleep also when there is something new of another descriptor."""
        self._poll.register(descriptor, select.EPOLLIN | select.EPOLLPRI | select.EPOLLET)

    def wait(self, timeout_seconds: float) -> None:
        """Sleep until a record asks for attention, or until the time is over."""
        self._poll.poll(timeout_seconds)

    def read(self) -> Iterator[bytes]:
        """Yield what is there now, each record once, also where its reader fails on it."""
        end = self._produced[0]
        self.is_blocked = False
        while self.position < end:
            at = self.position & self._mask
            (length,) = _HEADER.unpack_from(self._data, at)
            if length & _BUSY:
                self.is_blocked = True
                return
            size = length & ~(_BUSY | _DISCARDED)
            record = bytes(self._data[at + _HEADER.size : at + _HEADER.size + size])
            self.position += (_HEADER.size + size + 7) & ~7
            self._consumed[0] = self.position
            if not length & _DISCARDED:
                yield record

    def close(self) -> None:
        """Unmap."""
        self._poll.close()
        for view in (self._data, self._consumed, self._produced):
            view.release()
        self._producer.close()
        self._consumer.close()

    def __enter__(self) -> "Ring":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
