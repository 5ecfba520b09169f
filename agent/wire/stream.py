"""
The first bytes of one direction of a TCP connection, put in order.

Knows nothing of what the bytes mean. Segments may come twice, late, cut at the snap length, or
never: what is returned is always the stream from its start on without a gap.
"""

MAX_STREAM_BYTES = 65536
"""Bytes after which nobody asks for more: hellos and certificates are far smaller."""

MAX_HELD_SEGMENTS = 32
"""Segments kept that came before their turn; with more, one before them is lost."""


class Stream:
    """
    Reassembles one direction.

    `stopped` says that nothing more will come: the limit, a cut packet or a lost one.
    """

    __slots__ = ("_held", "_next", "_origin", "stopped")

    def __init__(self) -> None:
        self._origin: int | None = None
        self._next = 0
        self._held: dict[int, tuple[bytes, int]] = {}
        self.stopped = False

    def start(self, seq: int) -> None:
        """Take the sequence number of the SYN; without one the first payload is the start."""
        if self._origin is None:
            self._origin = seq + 1

    def offset(self, seq: int) -> int | None:
        """Return where in the stream a segment begins; None before the stream has a start."""
        return None if self._origin is None else _signed(seq - self._origin)

    def feed(self, seq: int, payload: bytes, size: int | None = None) -> bytes:
        """
        Take one segment.

        Args:
            seq: Its sequence number.
            payload: What was captured of its payload.
            size: Bytes of payload it had on the wire; more than captured means cut.

        Returns:
            The bytes that now follow without a gap on what was returned before.
        """
        size = len(payload) if size is None else max(size, len(payload))
        if self.stopped or not size:
            return b""
        if self._origin is None:
            self._origin = seq
        offset = self._next + _signed(seq - self._origin - self._next)
        if offset > self._next:
            self._hold(offset, payload, size)
            return b""
        out = bytearray()
        self._deliver(offset, payload, size, out)
        while not self.stopped and (due := [at for at in self._held if at <= self._next]):
            at = min(due)
            self._deliver(at, *self._held.pop(at), out)
        if self.stopped:
            self._held.clear()
        return bytes(out)

    def _hold(self, offset: int, payload: bytes, size: int) -> None:
        if offset >= MAX_STREAM_BYTES or len(self._held) >= MAX_HELD_SEGMENTS:
            self.stopped = True
            self._held.clear()
            return
        known = self._held.get(offset)
        if known is None or len(known[0]) < len(payload):
            self._held[offset] = (payload[:MAX_STREAM_BYTES], size)

    def _deliver(self, offset: int, payload: bytes, size: int, out: bytearray) -> None:
        seen = self._next - offset
        if size <= seen:
            return
        fresh = payload[seen : seen + MAX_STREAM_BYTES - self._next]
        out += fresh
        self._next += len(fresh)
        self.stopped = self._next < offset + size or self._next >= MAX_STREAM_BYTES


def _signed(difference: int) -> int:
    """Read a difference of sequence numbers modulo 2^32, RFC 9293 section 3.4."""
    return (difference + 0x80000000) % 0x100000000 - 0x80000000
