"""
Where in one `go` binary to probe.

`plan` takes the bytes of a binary and gives file offsets; it refuses a place whose bytes are not
what they must be. Knows nothing of kernels, processes or files.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from ..events.sites import Site
from .disasm import after_calls_amd64, entry_offset, return_offsets
from .elf import BinaryError, Elf, parse_elf
from .gobinary import read_build_info
from .gotypes import read_fields, read_implementations
from .layouts import LAYOUTS, Layout, layout_index
from .offsets import ABOUT_MODULES, OFFSETS, OPERATIONS, TEXTS, WRAPPED
from .pclntab import Function, Pclntab, find_functions, find_pclntab
from .points import Plan, Point
from .probes import PROBES, Probe

READ_LEAF, READ_OPERATION, READ_MODULE = 1 << 16, 1 << 17, 1 << 18
"""`enum reading` of bpf/events.h."""


def plan(image: bytes) -> Plan:
    """
    Read a `go` binary and say where to probe it.

    Raises:
        BinaryError: not an ELF file for amd64 or arm64, not the `go` command, or broken.
    """
    elf = parse_elf(image)
    info = read_build_info(elf)
    if not info.is_go_command:
        raise BinaryError(f"built from {info.path or 'no package'}, not the go command")
    known = Plan(info.version, elf.arch, info.cgo, elf.pie, elf.segments)
    index = layout_index(elf.arch, info.version)
    if index is None:
        return _without_points(known, f"release {info.version} is not known")
    table = find_pclntab(elf)
    types = read_implementations(elf, table.module, LAYOUTS[index], ("error", "net.Conn"))
    contradiction = _contradiction(elf, types["error"] | types["net.Conn"], LAYOUTS[index])
    if contradiction is not None:
        return _without_points(known, contradiction)
    points, missing = _points(elf, table)
    # Where the image will be loaded is not known of a position independent one.
    names = {} if elf.pie else types["error"]
    return replace(
        known,
        layout_index=index,
        points=points,
        missing=missing,
        wrapped={
            at: how for at, name in names.items() if (how := _reading(name, index)) is not None
        },
        type_names=names,
    )


def _reading(name: str, layout_index: int) -> int | None:
    """Return how an error type is read: the offset of what it wraps, or of its text, and flags."""
    if name in WRAPPED:
        flags = READ_OPERATION if name in OPERATIONS else 0
        return WRAPPED[name][1] | flags | (READ_MODULE if name in ABOUT_MODULES else 0)
    offset = TEXTS[name][1][layout_index] if name in TEXTS else None
    return None if offset is None else offset | READ_LEAF


def _without_points(known: Plan, why: str) -> Plan:
    return replace(known, missing=dict.fromkeys(Site, why))


def _contradiction(elf: Elf, names: Mapping[int, str], layout: Layout) -> str | None:
    """Return where the binary's own description of its types differs from what will be read."""
    addresses = {name: address for address, name in names.items()}
    expected = [(go_name, getattr(layout, name)) for name, (go_name, _) in OFFSETS.items()]
    expected += [wrapped for name, wrapped in WRAPPED.items() if name in addresses]
    column = LAYOUTS.index(layout)
    expected += [
        (go_name, row[column]) for name, (go_name, row) in TEXTS.items() if name in addresses
    ]
    for go_name, offset in expected:
        package, _, path = go_name.partition(":")
        type_name, _, field_name = path.partition(".")
        name = f"{package.rpartition('/')[2]}.{type_name}"
        address = addresses.get(f"*{name}", addresses.get(name))
        if address is not None and read_fields(elf, address).get(field_name) != offset:
            return f"{name}.{field_name} is not where its release has it"
    return None


def _points(elf: Elf, table: Pclntab) -> tuple[tuple[Point, ...], dict[Site, str]]:
    wanted = {name for probe in PROBES.values() for name in (*probe.symbols, *probe.callers)}
    functions = find_functions(elf, table, wanted)
    points: list[Point] = []
    missing: dict[Site, str] = {}
    for site, probe in PROBES.items():
        function = next((functions[name] for name in probe.symbols if name in functions), None)
        if function is None:
            missing[site] = f"no single function {' or '.join(probe.symbols)}"
            continue
        try:
            callers = [functions[name] for name in probe.callers if name in functions]
            points.extend(Point(site, at) for at in _offsets(elf, probe, function, callers))
        except BinaryError as error:
            missing[site] = error.reason
    return tuple(points), missing


def _offsets(elf: Elf, probe: Probe, function: Function, callers: list[Function]) -> list[int]:
    """Return the file offsets of one site."""
    if probe.at == "ret" and callers and elf.arch == "amd64":
        with suppress(BinaryError):
            return [at for caller in callers for at in _after_calls(elf, probe, function, caller)]
    code = elf.read(function.address, function.size)
    start = elf.offset(function.address, function.size)
    if probe.at == "entry":
        return [start + entry_offset(elf.arch, code)]
    return [start + offset for offset in return_offsets(elf.arch, code)]


def _after_calls(elf: Elf, probe: Probe, function: Function, caller: Function) -> list[int]:
    code = elf.read(caller.address, caller.size)
    start = elf.offset(caller.address, caller.size)
    callee = None if probe.by_closure else function.address
    offsets = after_calls_amd64(code, caller.address, callee, probe.results)
    return [start + offset for offset in offsets]
