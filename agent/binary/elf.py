"""
A bounded reader of 64-bit little-endian ELF images: sections, segments, virtual addresses.

Takes the bytes of a file that anybody on the machine may have written: whatever they are, a read
gives a value or BinaryError. Knows nothing of Go. (Pass bytes, not a mmap: a file that its owner
cuts short under a mapping kills the reader with SIGBUS.)
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Arch = Literal["amd64", "arm64"]

MAX_SECTIONS = 256
"""Real `go` binaries have 18 to 40."""
MAX_NAMES_BYTES = 1 << 16
"""Of all sections together; real ones have 400."""
MAX_SEGMENTS = 32
"""Real ones have 5 to 14."""
MAX_RELOCATIONS = 1 << 20
"""A position independent `go` has about 200 000."""
MAX_READ_BYTES = 16 << 20
"""Longest single read; the table of functions of `go` has 6 MB."""
MAX_DATA_BYTES = 32 << 20
"""Of a segment that is searched; the data of `go` has 1 MB, 6 MB when position independent."""

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_RELA = struct.Struct("<QQQ")

_ET_EXEC, _ET_DYN = 2, 3
_PT_LOAD = 1
_PF_X, _PF_W = 1, 2
_SHT_NOBITS = 8
_MACHINES: dict[int, Arch] = {62: "amd64", 183: "arm64"}
_RELATIVE: dict[Arch, int] = {"amd64": 8, "arm64": 1027}


class BinaryError(Exception):
    """The file is not a binary that can be read; `reason` says why in one phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Section:
    """One named part of the file."""

    address: int
    """Virtual address; 0 when it is not loaded."""
    offset: int
    """In the file."""
    size: int
    """Bytes in the file; 0 for .bss and its like."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One PT_LOAD: bytes of the file that the kernel maps."""

    address: int
    offset: int
    size: int
    """Bytes in the file."""
    writable: bool
    executable: bool


@dataclass(frozen=True, slots=True)
class Elf:
    """An image and where its parts are; addresses are those of the link, before any bias."""

    image: bytes = field(repr=False)
    arch: Arch
    pie: bool
    """Position independent: loaded at an address that is not known from the file."""
    sections: Mapping[str, Section]
    segments: tuple[Segment, ...]
    relocations: Mapping[int, int] = field(repr=False)
    """Place -> addend of the relative relocations; empty unless `pie`."""

    def offset(self, address: int, length: int = 1) -> int:
        """Return where `length` bytes at a virtual address lie in the file."""
        for segment in self.segments:
            into = address - segment.address
            if into >= 0 and into + length <= segment.size:
                return segment.offset + into
        raise BinaryError(f"{length} bytes at {address:#x} are in no loaded segment")

    def address(self, offset: int) -> int:
        """Return the virtual address of a place in the file."""
        for segment in self.segments:
            into = offset - segment.offset
            if 0 <= into < segment.size:
                return segment.address + into
        raise BinaryError(f"file offset {offset:#x} is in no loaded segment")

    def read(self, address: int, length: int) -> bytes:
        """Return `length` bytes at a virtual address."""
        if not 0 <= length <= MAX_READ_BYTES:
            raise BinaryError(f"a read of {length} bytes is out of bounds")
        start = self.offset(address, length)
        found = self.image[start : start + length]
        if len(found) != length:
            raise BinaryError(f"the file ends before {address:#x}")
        return found

    def u64(self, address: int) -> int:
        """Return the unsigned 64-bit word at a virtual address, as the file has it."""
        return int.from_bytes(self.read(address, 8), "little")

    def pointer(self, address: int) -> int:
        """Return the pointer at a virtual address, as the dynamic linker would fill it in."""
        found = self.relocations.get(address)
        return self.u64(address) if found is None else found

    def occurrences(self, wanted: bytes) -> Iterator[int]:
        """Yield the addresses in writable segments where these bytes are in the file."""
        for segment in self.segments:
            if not segment.writable:
                continue
            end = segment.offset + min(segment.size, MAX_DATA_BYTES)
            at = self.image.find(wanted, segment.offset, end)
            while at >= 0:
                yield segment.address + at - segment.offset
                at = self.image.find(wanted, at + 1, end)


def parse_elf(image: bytes) -> Elf:
    """
    Read the headers of an ELF image.

    Raises:
        BinaryError: not a 64-bit little-endian executable for amd64 or arm64, or a header points
            out of the file.

    Source: System V ABI, chapters 4 and 5; elf(5).
    """
    if image[:6] != b"\x7fELF\x02\x01":
        raise BinaryError("not a 64-bit little-endian ELF file")
    header = _unpack(_HEADER, image, 0)
    kind, machine, phoff, shoff = header[1], header[2], header[5], header[6]
    phentsize, phnum, shentsize, shnum, shstrndx = header[9:14]
    arch = _MACHINES.get(machine)
    if arch is None:
        raise BinaryError(f"machine {machine} is neither amd64 nor arm64")
    if kind not in (_ET_EXEC, _ET_DYN):
        raise BinaryError(f"ELF type {kind} is not an executable")
    segments = _segments(image, phoff, phentsize, phnum)
    sections = _sections(image, shoff, shentsize, shnum, shstrndx)
    pie = kind == _ET_DYN
    relocations = _relocations(image, sections, _RELATIVE[arch]) if pie else {}
    return Elf(image, arch, pie, sections, segments, relocations)


def find_section(read: Callable[[int, int], bytes], name: str) -> Section | None:
    """
    Return a section of an ELF file by its headers alone; None where there is none of this name.

    Args:
        read: Returns so many bytes at an offset of the file, fewer at its end.
        name: Of the section.

    Raises:
        BinaryError: not an ELF file of 64 bits, without sections, or with more than are read.
    """
    header = read(0, _HEADER.size)
    if header[:6] != b"\x7fELF\x02\x01":
        raise BinaryError("not a 64-bit little-endian ELF file")
    *_, shoff, _, _, _, _, shentsize, shnum, shstrndx = _unpack(_HEADER, header, 0)
    if not shoff or shentsize != _SECTION.size or not shstrndx < shnum <= MAX_SECTIONS:
        raise BinaryError(f"{shnum} section headers of {shentsize} bytes at {shoff:#x}")
    table = read(shoff, shnum * _SECTION.size)
    headers = [_unpack(_SECTION, table, i * _SECTION.size) for i in range(shnum)]
    names_at, names_size = headers[shstrndx][4:6]
    names = read(names_at, names_size) if names_size <= MAX_NAMES_BYTES else b""
    if not names.startswith(b"\0") or len(names) != names_size:
        raise BinaryError(f"{names_size} bytes of section names at {names_at:#x}")
    for name_at, _, _, address, offset, size, *_ in headers:
        if names[name_at : name_at + len(name) + 1] == name.encode() + b"\0":
            return Section(address, offset, size)
    return None


def _segments(image: bytes, phoff: int, phentsize: int, phnum: int) -> tuple[Segment, ...]:
    if phentsize != _SEGMENT.size or phnum > MAX_SEGMENTS:
        raise BinaryError(f"{phnum} program headers of {phentsize} bytes")
    found = []
    for index in range(phnum):
        kind, flags, offset, address, _, size, _, _ = _unpack(
            _SEGMENT, image, phoff + index * _SEGMENT.size
        )
        if kind == _PT_LOAD:
            _check_range(image, offset, size, "a segment")
            found.append(Segment(address, offset, size, bool(flags & _PF_W), bool(flags & _PF_X)))
    return tuple(found)


def _sections(
    image: bytes, shoff: int, shentsize: int, shnum: int, shstrndx: int
) -> dict[str, Section]:
    if shnum == 0:
        return {}
    if shentsize != _SECTION.size or shnum > MAX_SECTIONS or shstrndx >= shnum:
        raise BinaryError(f"{shnum} section headers of {shentsize} bytes")
    headers = [_unpack(_SECTION, image, shoff + i * _SECTION.size) for i in range(shnum)]
    names_at, names_size = headers[shstrndx][4:6]
    _check_range(image, names_at, names_size, "the table of section names")
    names = image[names_at : names_at + names_size]
    found: dict[str, Section] = {}
    for name_at, kind, _, address, offset, size, *_ in headers:
        if kind == _SHT_NOBITS:
            size = 0  # noqa: PLW2901 - takes no room in the file, whatever the header says
        _check_range(image, offset, size, "a section")
        end = names.find(b"\0", name_at)
        if end < 0:
            raise BinaryError("a section name does not end")
        found.setdefault(
            names[name_at:end].decode("ascii", "replace"), Section(address, offset, size)
        )
    return found


def _relocations(image: bytes, sections: Mapping[str, Section], relative: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for name in (".rela", ".rela.dyn"):
        section = sections.get(name)
        if section is None:
            continue
        count = section.size // _RELA.size
        if count > MAX_RELOCATIONS:
            raise BinaryError(f"{count} relocations")
        table = image[section.offset : section.offset + count * _RELA.size]
        found.update(
            (place, addend) for place, kind, addend in _RELA.iter_unpack(table) if kind == relative
        )
    return found


def _check_range(image: bytes, offset: int, size: int, what: str) -> None:
    if offset + size > len(image):
        raise BinaryError(f"{what} ends beyond the file")


def _unpack(layout: struct.Struct, image: bytes, offset: int) -> tuple[int, ...]:
    try:
        return layout.unpack_from(image, offset)
    except (struct.error, OverflowError):
        raise BinaryError(f"the file ends inside a header at {offset:#x}") from None
