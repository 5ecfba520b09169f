"""
Reads `go` binaries, each content once: touch(1) and copies must not cost a reading of 26 ms.

A content is known again by its size, its head, which has the linker's build id and the table of
segments, what the linker says of it, samples of all of it, and the instructions around each point.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..binary.elf import BinaryError
from ..binary.gobinary import MAGIC, MAX_CANDIDATES
from ..binary.plan import Plan, plan
from ..machine.findgo import read_image
from ..machine.named import open_regular
from ..service.bounded import Bounded

MAX_PLANS = 32
"""Contents remembered."""
_HEAD_BYTES = 4096
_INFO_BYTES = 4096
"""Of what begins like build information; that of `go` has 1 kB."""
_AROUND_BYTES = 64
"""Before and behind a point."""
_SAMPLE_BYTES, _SAMPLED_BYTES = 64, 1 << 16
"""So many of so many."""
Head = tuple[int, bytes]
"""Size and first bytes of a file."""


@dataclass(frozen=True, slots=True)
class _Known:
    plan: Plan
    pieces: tuple[tuple[int, bytes], ...]
    """Offset and bytes."""


class Plans:
    """What is known of contents, the longest unused first."""

    def __init__(self) -> None:
        """Nothing has been read."""
        self._known: Bounded[Head, _Known] = Bounded(MAX_PLANS)

    def read(self, path: str) -> Plan | None:
        """
        Plan for a file that nobody writes to meanwhile; None where it is no `go` command.

        A path of /proc/self/fd/N is that open file. Each plan is an object of its own: it stands
        for one binary.
        """
        handle = open_regular(path)
        if handle is None:
            return None
        try:
            head = os.fstat(handle).st_size, os.pread(handle, _HEAD_BYTES, 0)
            known = self._known.pop(head, None)
            if known is None or not _has(handle, known):
                known = _read(path)
        except OSError:
            return None
        finally:
            os.close(handle)
        if known is None:
            return None
        self._known[head] = known
        return replace(known.plan)


def _has(handle: int, known: _Known) -> bool:
    return all(os.pread(handle, len(piece), at) == piece for at, piece in known.pieces)


def _read(path: str) -> _Known | None:
    image = read_image(path)
    try:
        made = plan(image) if image is not None else None
    except BinaryError:
        return None
    if image is None or made is None:
        return None
    return _Known(made, tuple((at, image[at:end]) for at, end in _spans(made, image)))


def _spans(made: Plan, image: bytes) -> Iterator[tuple[int, int]]:
    for at in range(0, len(image), _SAMPLED_BYTES):
        yield at, at + _SAMPLE_BYTES
    at = -1
    for _ in range(MAX_CANDIDATES):
        at = image.find(MAGIC, at + 1)
        if at < 0:
            break
        yield at, at + _INFO_BYTES
    for point in made.points:
        yield max(point.offset - _AROUND_BYTES, 0), point.offset + _AROUND_BYTES
