"""
The states of a connection to the collector, how long each may take and how much it may bring.

docs/limits.md has the table, a test holds it to this file.
"""

import errno
from dataclasses import dataclass
from enum import Enum

MAX_MUTE_BYTES = 1 << 16
"""Of TLS without a word of HTTP: a client's certificates have some kB, new keys some bytes."""
TLS_SHARE = 4
"""So many bytes of TLS for each of HTTP are no burden: a record of a byte has 22 others."""
MAX_HEAD_BYTES = 1 << 14
"""An agent's head has 300."""
MAX_HEADERS = 64
MAX_CHUNKS = 1024
"""Of one body, and one more for each CHUNK_BYTES of it: a chunk costs as much as 1 kB of it."""
CHUNK_BYTES = 512
FRAMING_BYTES = 1 << 16
"""Of chunks and trailers, beside the largest body."""
MAX_HELD_BYTES = 512 << 20
"""Of all bodies that are read or wait for the disk, what was made of them, and of answers that are
not read: a quarter of what the unit allows. `shares.py` says how much of it one caller has."""
STRANGERS_PART = 8
"""Who has not said who it is has one of so many parts of what is left."""
LARGE_BODY_BYTES = 1 << 16
"""Three times a busy window's; what is larger has half of what is left."""
UNREAD_BYTES = 1 << 14
"""Of answers that one peer leaves unread before it is heard no more; an answer that is larger
counts among MAX_HELD_BYTES until it is read."""
RECEIVE_BYTES = 1 << 17
"""What the kernel is asked to hold of a connection that is not read; it takes twice as much. Left
alone it lets some grow to 32 MiB."""
IDLE_S = 30.0
"""Between two requests of those we know: longer than the agents' window, so that a connection
serves many batches. As long an answer may be left unread."""
ANSWER_S = 60.0
"""Agents give up after 30 s."""
STREAM_S = 900.0
"""For a stream; who wants more comes again, and is asked again who it is."""
MAX_STREAMS = 64
"""Streams at once: people who look at a page."""
MAX_STREAM_BYTES = 4096
"""That come on a stream, which is answered already."""
PULSE_S = 0.25
"""For a question how we are, from its connection on; nobody else waits for it."""
MAX_PULSES = 64
"""Connections that ask that at once: the oldest goes for a new one."""
MAX_PULSE_BYTES = 4096
"""Of one question."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
EXHAUSTED_S = 0.1
"""After it we look again whether there is room for one more."""
SPARE_DESCRIPTORS = 64 + MAX_PULSES
"""For the database, the log, connections that are being closed, and who asks how we are."""
LINGER_S = 2.0
"""For an answer to be read, after which we hang up."""
REFUSALS = frozenset({401, 404, 405, 408, 413, 415, 421})
"""Answers that end the connection, also of those we know: no agent goes on after them."""


class State(Enum):
    """What a connection does; the value names the counter of those that took too long."""

    HANDSHAKE = "late_handshake"
    HEAD = "late_head"
    BODY = "late_body"
    ANSWER = "late_answer"
    STREAM = "ended_stream"
    UNREAD = "unread_answer"
    IDLE = "idle"
    CLOSING = "late_close"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Limits:
    """Those that are configured."""

    read_s: float
    """For the handshake, for the head, and for the body."""
    body_bytes: int

    @property
    def linger_s(self) -> float:
        """For what is refused to be read and thrown away."""
        return min(LINGER_S, self.read_s)
