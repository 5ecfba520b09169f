"""
Reads `go` binaries, each content once: touch(1) and copies must not cost a reading of 50 ms.

A content is known again by its size, its head, which has the linker's build id and the table of
segments, what the linker says of it, samples of all of it, and the instructions around each point.
"""

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType

from ..binary.gobinary import MAGIC, MAX_CANDIDATES
from ..binary.points import Plan
from ..binary.told import UntoldError, plan_as_bytes, plan_of
from ..machine.named import open_regular
from ..service.bounded import Bounded
from .apart import Reader, UnreadError, apart, is_stranger

MAX_PLANS = 32
"""Contents remembered."""
_HEAD_BYTES = 4096
_INFO_BYTES = 4096
"""Of what begins like build information; that of `go` has 1 kB."""
_AROUND_BYTES = 64
"""Before and behind a point."""
_SAMPLE_BYTES, _SAMPLED_BYTES = 64, 1 << 16
"""So many of so many."""
_NO_GO = b"-"
"""Told of what is no `go` command."""
_OTHER_MACHINES = (
    "arm", "arm64", "bpf", "evm", "m680x", "m68k", "mips", "mos65xx", "ppc", "riscv", "sh", "sparc",
    "systemz", "tms320c64x", "tricore", "wasm", "xcore",
)  # fmt: skip
Head = tuple[int, bytes]
"""Size and first bytes of a file."""
Span = tuple[int, int]
"""Offset and length."""


@dataclass(frozen=True, slots=True)
class _Known:
    plan: Plan
    spans: tuple[Span, ...]
    """Where a content is compared beside the samples of all of it."""
    digest: bytes
    """Of all these bytes."""


class Plans:
    """What is known of contents, the longest unused first."""

    def __init__(self) -> None:
        """Nothing has been read."""
        self._known: Bounded[Head, _Known] = Bounded(MAX_PLANS)

    def read(self, path: str, *, is_leased: bool) -> Plan | None:
        """
        Plan for a file; None where it is no `go` command.

        A path of /proc/self/fd/N is that open file. Each plan is an object of its own: it stands
        for one binary.

        Args:
            path: Of the file.
            is_leased: Nobody writes to it meanwhile. Else what is made of it is not remembered: it
                could be of another content than the one it would be known by.

        Raises:
            UnreadError: reading it did not end as it must.
        """
        handle = open_regular(path)
        if handle is None:
            return None
        try:
            size_bytes = os.fstat(handle).st_size
            head = size_bytes, os.pread(handle, _HEAD_BYTES, 0)
            known = self._known.pop(head, None)
            if known is None or _digest(handle, size_bytes, known.spans) != known.digest:
                known = _read(handle, size_bytes)
                if known is None:
                    return None
                if not is_leased:
                    return known.plan
        except OSError:
            return None
        finally:
            os.close(handle)
        self._known[head] = known
        return replace(known.plan)


def _read(handle: int, size_bytes: int) -> _Known | None:
    # Most that is called like a `go` and is none is found out without all that reads one.
    if is_stranger(handle):
        return None
    data = apart(handle, _load)
    if data == _NO_GO:
        return None
    try:
        found, _, told = data.partition(b"\n")
        made = plan_of(told, size_bytes)
        infos = [int(at) for at in found.split()][:MAX_CANDIDATES]
        if not all(0 <= at < size_bytes for at in infos):
            raise UntoldError("build information outside of the file")
    except (UntoldError, ValueError) as error:
        raise UnreadError(str(error)) from None
    spans = tuple(_spans(made, infos))
    return _Known(made, spans, _digest(handle, size_bytes, spans))


def _load() -> Reader:
    """Import what reads binaries: it takes 5 MB, which the agent need not hold."""
    for name in _OTHER_MACHINES:
        sys.modules.setdefault(f"capstone.{name}", _Unused(f"capstone.{name}"))
    from ..binary.elf import BinaryError  # noqa: PLC0415  only in the process that reads
    from ..binary.plan import plan  # noqa: PLC0415

    def read(image: bytes) -> bytes:
        try:
            made = plan(image)
        except BinaryError:
            return _NO_GO
        return b" ".join(str(at).encode() for at in _infos(image)) + b"\n" + plan_as_bytes(made)

    return read


class _Unused(ModuleType):
    """A part of capstone for machines that we do not disassemble: importing all takes 15 ms."""

    def __getattr__(self, name: str) -> object:
        """Return a type for the union of what each machine tells of an instruction."""
        if name.startswith("__"):
            raise AttributeError(name)
        return ctypes.c_uint8


def _infos(image: bytes) -> Iterator[int]:
    at = -1
    for _ in range(MAX_CANDIDATES):
        at = image.find(MAGIC, at + 1)
        if at < 0:
            return
        yield at


def _spans(made: Plan, infos: Iterable[int]) -> Iterator[Span]:
    for at in infos:
        yield at, _INFO_BYTES
    for point in made.points:
        before = max(point.offset - _AROUND_BYTES, 0)
        yield before, point.offset + _AROUND_BYTES - before


def _digest(handle: int, size_bytes: int, spans: Iterable[Span]) -> bytes:
    """Return a hash of what is compared, read from the file."""
    made = hashlib.blake2b(digest_size=32)
    for at in range(0, size_bytes, _SAMPLED_BYTES):
        made.update(os.pread(handle, _SAMPLE_BYTES, at))
    for at, length in spans:
        made.update(os.pread(handle, length, at))
    return made.digest()
