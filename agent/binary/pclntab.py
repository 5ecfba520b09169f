"""
Function names of a Go binary and where their code is, from the table that tracebacks use.

Every Go binary has this table, stripped ones too. Layouts of Go 1.18 and later.
"""

import re
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from .elf import BinaryError, Elf
from .offsets import FIXED

MAX_FUNCTIONS = 1 << 20
"""The `go` command has about 15 000."""
MAX_CANDIDATES = 16
"""Places that look like a table or its moduledata, tried before giving up."""

_MAGICS = (0xFFFFFFF0, 0xFFFFFFF1)
"""1.18 and 1.20; internal/abi/symtab.go. 1.27 still has the latter."""
_LOOKS_LIKE = re.compile(rb"[\xf0\xf1]\xff\xff\xff\x00\x00[\x01\x04]\x08")
_HEADER = struct.Struct("<IHBB8Q")
_FUNCTAB = struct.Struct("<II")

_MODULE_MINPC, _MODULE_MAXPC, _MODULE_TEXT = (
    FIXED[name][1] for name in ("MODULE_MINPC", "MODULE_MAXPC", "MODULE_TEXT")
)


@dataclass(frozen=True, slots=True)
class Function:
    """Where a function's code is."""

    address: int
    size: int
    """Bytes up to the next function, padding included."""


@dataclass(frozen=True, slots=True)
class Pclntab:
    """The table's place and what is needed to read it."""

    address: int
    text: int
    """Address that the entries of functions count from."""
    module: int
    """Address of the runtime's moduledata."""
    function_count: int
    names: int
    """Address of the function names."""
    cu: int
    """Address after the names."""
    functions: int
    """Address of the table of functions."""


def find_pclntab(elf: Elf) -> Pclntab:
    """
    Find the table.

    Raises:
        BinaryError: there is none, or of a Go older than 1.18, or moduledata is not found.

    Source: runtime/symtab.go (pcHeader, moduledata), cmd/link/internal/ld/pcln.go.
    """
    for name in (".gopclntab", ".data.rel.ro.gopclntab"):
        section = elf.sections.get(name)
        if section is not None:
            return _parse(elf, section.address)
    for match in islice(_LOOKS_LIKE.finditer(elf.image), MAX_CANDIDATES):
        try:
            return _parse(elf, elf.address(match.start()))
        except BinaryError:
            continue
    raise BinaryError("no table of functions")


def _parse(elf: Elf, address: int) -> Pclntab:
    magic, pad, min_instruction, pointer_size, *words = _HEADER.unpack(
        elf.read(address, _HEADER.size)
    )
    if magic not in _MAGICS or pad != 0 or min_instruction not in (1, 4) or pointer_size != 8:
        raise BinaryError(f"table of functions with magic {magic:#x}")
    count, _, text, names, cu, _, _, functions = words
    if not 0 < count <= MAX_FUNCTIONS or not names <= cu <= functions:
        raise BinaryError(f"table of {count} functions")
    module = _find_module(elf, address)
    if text == 0 or elf.pie:
        # To 1.25 the header has it, from 1.26 on moduledata alone.
        text = elf.pointer(module + _MODULE_TEXT)
    return Pclntab(address, text, module, count, address + names, address + cu, address + functions)


def _find_module(elf: Elf, pclntab: int) -> int:
    """Return the address of moduledata: the place that points to the table and has a text."""
    section = elf.sections.get(".go.module")
    places = [section.address] if section else islice(_places_of(elf, pclntab), MAX_CANDIDATES)
    for place in places:
        if place % 8 == 0 and _is_module(elf, place, pclntab):
            return place
    raise BinaryError("no moduledata")


def _places_of(elf: Elf, pointer: int) -> Iterator[int]:
    """Yield the addresses in writable memory that hold a pointer."""
    if elf.relocations:
        return (place for place, addend in elf.relocations.items() if addend == pointer)
    return elf.occurrences(pointer.to_bytes(8, "little"))


def _is_module(elf: Elf, place: int, pclntab: int) -> bool:
    try:
        min_pc = elf.pointer(place + _MODULE_MINPC)
        max_pc = elf.pointer(place + _MODULE_MAXPC)
        return elf.pointer(place) == pclntab and 0 < min_pc < max_pc
    except BinaryError:
        return False


def find_functions(elf: Elf, table: Pclntab, wanted: Collection[str]) -> Mapping[str, Function]:
    """
    Return where the wanted functions are; a name that is absent, or not unique, is left out.

    Raises:
        BinaryError: the table points out of itself.
    """
    name_offsets = _name_offsets(elf, table, wanted)
    functab = elf.read(table.functions, table.function_count * _FUNCTAB.size + 4)
    start = elf.offset(table.functions)
    # _func structs follow the table they are counted from; each begins {u32 entry, i32 name}.
    words = memoryview(elf.image)[start : start + (len(elf.image) - start) // 4 * 4].cast("I")
    found: dict[str, Function] = {}
    twice: set[str] = set()
    try:
        for index, (entry, at) in enumerate(_FUNCTAB.iter_unpack(functab[:-4])):
            name = name_offsets.get(words[(at >> 2) + 1])
            if name is None:
                continue
            if name in found:
                twice.add(name)
            after = words[(index + 1) * 2]
            if after <= entry:
                raise BinaryError("the table of functions is not in order")
            found[name] = Function(table.text + entry, after - entry)
    except IndexError:
        raise BinaryError("the table of functions points out of the file") from None
    finally:
        words.release()
    return {name: where for name, where in found.items() if name not in twice}


def _name_offsets(elf: Elf, table: Pclntab, wanted: Collection[str]) -> dict[int, str]:
    names = b"\0" + elf.read(table.names, table.cu - table.names)
    found = {}
    for name in wanted:
        at = names.find(b"\0" + name.encode() + b"\0")
        if at >= 0:
            found[at] = name
    return found
