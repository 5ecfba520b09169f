"""A bounded reader of big-endian wire formats. Knows no format."""


class WireError(ValueError):
    """Bytes from outside that are not what they were taken for."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.reason = reason
        self.offset = offset


class Reader:
    """
    Takes fields off the front of a block of bytes.

    Every method raises WireError, and takes nothing, where the block is too short.
    """

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = start
        self._end = len(data) if end is None else end

    @property
    def remaining(self) -> int:
        """Bytes left in the block."""
        return self._end - self._at

    @property
    def offset(self) -> int:
        """Where in the outermost data the next field begins."""
        return self._at

    def take(self, size: int) -> bytes:
        """Take `size` bytes."""
        start = self._advance(size)
        return self._data[start : self._at]

    def u8(self) -> int:
        """Take one byte."""
        return self._data[self._advance(1)]

    def u16(self) -> int:
        """Take two bytes."""
        return int.from_bytes(self.take(2), "big")

    def u24(self) -> int:
        """Take three bytes."""
        return int.from_bytes(self.take(3), "big")

    def block(self, size: int) -> "Reader":
        """Take `size` bytes as a block of their own."""
        start = self._advance(size)
        return Reader(self._data, start, self._at)

    def cut_block(self, size: int) -> "Reader":
        """Take `size` bytes, or what is left of them, as a block of their own."""
        return self.block(min(size, self.remaining))

    def _advance(self, size: int) -> int:
        if size > self.remaining:
            raise WireError(f"{size} bytes expected, {self.remaining} left", self._at)
        start = self._at
        self._at += size
        return start
