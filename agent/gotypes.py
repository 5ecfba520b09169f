"""
Which types of a Go binary are errors, by name, from its static interface tables.

An `error` in memory is a pair (interface table, data); the word at 8 of the table is the type.
A table may be made at run time, a type never is: so types are the key. Works on stripped binaries.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .elf import BinaryError, Elf
from .gobinary import read_uvarint
from .layouts import Layout

MAX_ITABS = 1 << 16
"""The `go` command has about 800."""
MAX_NAME_BYTES = 512
"""The longest name of an error type has about 50."""

_ITAB_TYPE = 8
_ITAB_BYTES = 24
"""Before the table of methods: interface, type, hash and padding."""
_INTERFACE_METHODS_LENGTH = 64
_TYPE_FLAGS, _TYPE_NAME = 20, 40
_FLAG_EXTRA_STAR = 2
"""The name was stored with a `*` that is not part of it."""


@dataclass(frozen=True, slots=True)
class ErrorTypes:
    """The types of one binary that implement `error`."""

    names: dict[int, str]
    """Address of the type -> name with the last element of its package: `*net.OpError`."""
    tables: dict[int, int]
    """Address of the static interface table -> address of its type."""


def read_error_types(elf: Elf, module: int, layout: Layout) -> ErrorTypes:
    """
    Read the static tables of the interface `error`.

    Raises:
        BinaryError: a table or name is out of the file.

    Source: internal/abi/type.go (Type, InterfaceType, Name), internal/abi/iface.go (ITab).
    """
    types = elf.pointer(module + layout.module_types)
    names: dict[int, str] = {}
    tables: dict[int, int] = {}
    is_error: dict[int, bool] = {}
    for table in _tables(elf, module, layout, types):
        interface = elf.pointer(table)
        if interface not in is_error:
            is_error[interface] = type_name(elf, types, interface) == "error"
        if is_error[interface]:
            found = elf.pointer(table + _ITAB_TYPE)
            tables[table] = found
            if found not in names:
                names[found] = type_name(elf, types, found)
    return ErrorTypes(names, tables)


def _tables(elf: Elf, module: int, layout: Layout, types: int) -> Iterator[int]:
    """Yield the address of every static interface table."""
    if layout.module_itaboffset is not None:
        at = types + elf.u64(module + layout.module_itaboffset)
        end = at + elf.u64(module + layout.module_itaboffset + 8)
        for _ in range(MAX_ITABS):
            if at >= end:
                return
            yield at
            methods = elf.u64(elf.pointer(at) + _INTERFACE_METHODS_LENGTH)
            at += _ITAB_BYTES + 8 * max(1, methods)
        raise BinaryError(f"more than {MAX_ITABS} interface tables")
    if layout.module_itablinks is None:
        raise BinaryError("no interface tables known for this release")
    links = elf.pointer(module + layout.module_itablinks)
    count = elf.u64(module + layout.module_itablinks + 8)
    if count > MAX_ITABS:
        raise BinaryError(f"{count} interface tables")
    for index in range(count):
        yield elf.pointer(links + 8 * index)


def type_name(elf: Elf, types: int, address: int) -> str:
    """Return the name of a type, such as `*net.OpError`."""
    flags = elf.read(address + _TYPE_FLAGS, 1)[0]
    offset = int.from_bytes(elf.read(address + _TYPE_NAME, 4), "little", signed=True)
    length, at = read_uvarint(elf, types + offset + 1)
    if length > MAX_NAME_BYTES:
        raise BinaryError(f"a type name of {length} bytes")
    name = elf.read(at, length).decode("utf-8", "replace")
    return name[1:] if flags & _FLAG_EXTRA_STAR else name
