"""The bounded reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.reader import Reader, WireError


def test_fields() -> None:
    """Fields come off the front in network byte order."""
    reader = Reader(bytes(range(1, 11)))

    assert (
        reader.u8(), reader.u16(), reader.u24(), reader.take(2), reader.remaining,
    ) == (1, 0x0203, 0x040506, b"\x07\x08", 2)  # fmt: skip


def test_block_ends_where_it_was_told() -> None:
    """A block cannot be read beyond its end, though the data goes on."""
    reader = Reader(b"abcdef")
    block = reader.block(2)
    block.take(2)

    with pytest.raises(WireError, match="1 bytes expected, 0 left at byte 2"):
        block.u8()
    assert reader.take(4) == b"cdef"


def test_cut_block() -> None:
    """A cut block is what is left."""
    assert Reader(b"abc").cut_block(9).remaining == 3


@given(st.binary(max_size=8), st.integers(0, 16))
def test_too_short_takes_nothing(data: bytes, size: int) -> None:
    """What is not there is refused, and the reader stays where it was."""
    reader = Reader(data)
    if size <= len(data):
        assert data[:size] == reader.take(size)
        return
    with pytest.raises(WireError):
        reader.take(size)
    assert reader.remaining == len(data)
