"""
The types of a Go binary, by name, from its static interface tables; works on stripped binaries.

An `error` in memory is a pair (interface table, data); the word at 8 of the table is the type.
A table may be made at run time, a type never is: so types are the key.
"""

from collections.abc import Collection, Iterator

from .elf import BinaryError, Elf
from .gobinary import read_uvarint
from .layouts import Layout

MAX_ITABS = 1 << 16
"""The `go` command has about 800."""
MAX_NAME_BYTES = 512
"""The longest name of an error type has about 50."""
MAX_FIELDS = 256
"""tls.Conn has about 50."""

_ITAB_TYPE = 8
_ITAB_BYTES = 24
"""Before the table of methods: interface, type, hash and padding."""
_INTERFACE_METHODS_LENGTH = 64
_TYPE_FLAGS, _TYPE_KIND, _TYPE_NAME, _TYPE_BYTES = 20, 23, 40, 48
_KIND_MASK, _KIND_POINTER, _KIND_STRUCT = 31, 22, 25
_FIELD_BYTES = 24
_FLAG_EXTRA_STAR = 2
"""The name was stored with a `*` that is not part of it."""


def read_implementations(
    elf: Elf, module: int, layout: Layout, interfaces: Collection[str]
) -> dict[str, dict[int, str]]:
    """
    Return the types that implement some interfaces, as far as the linker made a table of it.

    Args:
        module: Address of moduledata.
        interfaces: Names such as `error` or `net.Conn`.

    Returns:
        Interface -> address of the type -> its name, with the last element of its package:
        `*net.OpError`.

    Raises:
        BinaryError: a table or name is out of the file.

    Source: internal/abi/type.go (Type, InterfaceType, Name), internal/abi/iface.go (ITab).
    """
    types = elf.pointer(module + layout.module_types)
    found: dict[str, dict[int, str]] = {name: {} for name in interfaces}
    names: dict[int, str] = {}
    for table in _tables(elf, module, layout, types):
        interface = elf.pointer(table)
        if interface not in names:
            names[interface] = _type_name(elf, types, interface)
        implementations = found.get(names[interface])
        if implementations is not None:
            address = elf.pointer(table + _ITAB_TYPE)
            implementations[address] = _type_name(elf, types, address)
    return found


def read_fields(elf: Elf, address: int) -> dict[str, int]:
    """
    Return field -> offset of a struct type, or of the one that a pointer type points to.

    Raises:
        BinaryError: it is no struct, or a name is out of the file.

    Source: internal/abi/type.go (PtrType, StructType, StructField).
    """
    is_pointer = _kind(elf, address) == _KIND_POINTER
    struct = elf.pointer(address + _TYPE_BYTES) if is_pointer else address
    if _kind(elf, struct) != _KIND_STRUCT:
        raise BinaryError("a type that is not a struct")
    at, count = elf.pointer(struct + _TYPE_BYTES + 8), elf.u64(struct + _TYPE_BYTES + 16)
    if count > MAX_FIELDS:
        raise BinaryError(f"a struct of {count} fields")
    return {
        _name(elf, elf.pointer(field)): elf.u64(field + 16)
        for field in range(at, at + count * _FIELD_BYTES, _FIELD_BYTES)
    }


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


def _kind(elf: Elf, address: int) -> int:
    return elf.read(address + _TYPE_KIND, 1)[0] & _KIND_MASK


def _type_name(elf: Elf, types: int, address: int) -> str:
    """Return the name of a type, such as `*net.OpError`."""
    flags = elf.read(address + _TYPE_FLAGS, 1)[0]
    offset = int.from_bytes(elf.read(address + _TYPE_NAME, 4), "little", signed=True)
    name = _name(elf, types + offset)
    return name[1:] if flags & _FLAG_EXTRA_STAR else name


def _name(elf: Elf, address: int) -> str:
    length, at = read_uvarint(elf, address + 1)
    if length > MAX_NAME_BYTES:
        raise BinaryError(f"a name of {length} bytes")
    return elf.read(at, length).decode("utf-8", "replace")
