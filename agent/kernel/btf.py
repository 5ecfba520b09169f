"""
Where a field lies in a struct of the running kernel, from its own description of its types.

Pure, and without dataclasses: what is compiled with it starts before all else is imported. Reads
little: what everything uses is described first. Source: Documentation/bpf/btf.rst, linux/btf.h.
"""

import struct
from collections.abc import Callable, Iterator

VMLINUX = "/sys/kernel/btf/vmlinux"
MAX_BTF_BYTES = 1 << 20
"""Of names, and of types: `task_struct` is in the first 4 kB of both, unless a kernel's builder
wrote them in another order."""

_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_MEMBER = struct.Struct("<III")
_MAGIC = 0xEB9F
_CHUNK_BYTES = 4096
_KIND_STRUCT = 4
_KIND_BYTES = {1: 4, 3: 12, 14: 4, 17: 4}
"""What follows a type once, by its kind; others have nothing, or something for each member."""
_MEMBER_BYTES = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
_BITS_MASK = 0xFFFFFF
"""Of the offset of a member where the struct has bit fields."""

Read = Callable[[int, int], bytes]


def field_offset(read: Read, owner: str, field: str) -> int | None:
    """
    Return where a field lies in a struct, in bytes; None where that is not told.

    Args:
        read: Returns up to so many bytes at an offset, none at the end.
        owner: Name of the struct.
        field: Its own, not one of a struct within.
    """
    try:
        magic, _, _, length, types_at, types, names_at, names = _HEADER.unpack(
            read(0, _HEADER.size)
        )
        if magic != _MAGIC:
            return None
        texts = _read(read, length + names_at, min(names, MAX_BTF_BYTES))
        described = _read(read, length + types_at, min(types, MAX_BTF_BYTES))
        members = _members(described, _name_at(texts, owner))
        name_at = _name_at(texts, field)
        return next(bits // 8 for at, bits in members if at == name_at)
    except (struct.error, StopIteration):
        return None


class _Growing:
    """Bytes that are read as far as they are needed."""

    def __init__(self, read: Read, start: int, end: int) -> None:
        self._read, self._start, self._end = read, start, end
        self.data = bytearray()

    def grow(self) -> bool:
        """Read on; False at the end."""
        at = self._start + len(self.data)
        more = self._read(at, min(_CHUNK_BYTES, self._end - at)) if at < self._end else b""
        self.data += more
        return bool(more)

    def has(self, end: int) -> bool:
        """Read up to there; False where there is less."""
        while len(self.data) < end and self.grow():
            pass
        return len(self.data) >= end


def _read(read: Read, start: int, size: int) -> _Growing:
    return _Growing(read, start, start + size)


def _name_at(texts: _Growing, name: str) -> int:
    wanted = b"\0" + name.encode() + b"\0"
    looked = 0
    while (at := texts.data.find(wanted, looked)) < 0:
        looked = max(len(texts.data) - len(wanted), 0)
        if not texts.grow():
            raise StopIteration
    return at + 1


def _members(types: _Growing, name_at: int) -> Iterator[tuple[int, int]]:
    """Yield the name and the bits before each member of the struct of a name."""
    at = 0
    while types.has(at + _TYPE.size):
        name, info, _ = _TYPE.unpack_from(types.data, at)
        kind, count = info >> 24 & 31, info & 0xFFFF
        at += _TYPE.size
        if kind == _KIND_STRUCT and name == name_at and count:
            if types.has(at + count * _MEMBER.size):
                mask = _BITS_MASK if info >> 31 else 0xFFFFFFFF
                found = types.data[at : at + count * _MEMBER.size]
                yield from ((named, bits & mask) for named, _, bits in _MEMBER.iter_unpack(found))
            return
        at += _KIND_BYTES.get(kind, 0) + count * _MEMBER_BYTES.get(kind, 0)
