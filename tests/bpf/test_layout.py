"""bpf/events.h as a C compiler sees it, against the struct.Struct mirrors of user space."""

import re
import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
from conftest import needs

from modpulse.agent.binary.layouts import LAYOUTS
from modpulse.agent.binary.offsets import WRAPPED
from modpulse.agent.binary.plan import READ_LEAF, READ_MODULE, READ_OPERATION
from modpulse.agent.kernel import attach as kernel
from modpulse.agent.kernel import decode

BPF = Path(__file__).parents[2] / "bpf"
TYPES = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef int s32; typedef long long s64;
"""

MIRRORS = {
    "event_header": [decode._HEADER],
    "exec_event": [decode._HEADER, decode._EXEC],
    "exit_event": [decode._HEADER, decode._EXIT],
    "tcp_event": [decode._HEADER, decode._TCP],
    "packet_event": [decode._HEADER, decode._PACKET],
    "socket_ends": [decode._ENDS],
    "error_chain": [decode._ERROR],
    "go_event": [decode._HEADER],
    "go_web_get_event": [decode._HEADER, decode._URL],
    "go_host_event": [decode._HEADER, decode._HOST],
    "go_round_trip_done_event": [decode._HEADER, decode._RESPONSE, decode._ERROR],
    "go_conn_event": [decode._HEADER, decode._CONN, decode._ENDS, decode._ERROR],
    "go_proxy_list_event": [decode._HEADER, decode._CHAIN],
    "go_socket_event": [decode._HEADER, decode._ENDS, decode._HOST],
    "go_handshake_done_event": [decode._HEADER, decode._HANDSHAKE, decode._ERROR],
    "go_verify_start_event": [decode._HEADER, decode._CERTIFICATE],
    "go_error_event": [decode._HEADER, decode._URL, decode._ERROR],
    "go_error_said_event": [decode._HEADER, decode._SAID, decode._ERROR],
    "go_os_exit_event": [decode._HEADER, decode._OS_EXIT],
    "layout": [kernel._LAYOUT],
}
"""C struct -> the mirrors that decode it, one after the other."""
_C_STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
_C_FIELD = re.compile(r"^\t(?:struct )?(\w+) (\w+)((?:\[\w+\])*);", re.MULTILINE)
_ITEM = re.compile(r"(\d*)([a-zA-Z])")


@cache
def structs() -> dict[str, list[tuple[str, str, bool]]]:
    """Struct -> (type, name, is array) of its fields, as written."""
    text = (BPF / "events.h").read_text()
    return {
        name: [(kind, field, bool(array)) for kind, field, array in _C_FIELD.findall(body)]
        for name, body in _C_STRUCT.findall(text)
    }


@cache
def compiled() -> dict[str, tuple[int, int]]:
    """`struct.field` -> (offset, size) of every field, `struct` -> (0, size)."""
    compiler = shutil.which("cc")
    needs(compiler is not None, "a C compiler")
    lines = []
    for name, fields in structs().items():
        lines.append(f'printf("{name} 0 %zu\\n", sizeof(struct {name}));')
        lines += [
            f'printf("{name}.{field} %zu %zu\\n", offsetof(struct {name}, {field}), '
            f"sizeof(((struct {name} *)0)->{field}));"
            for _, field, _ in fields
        ]
    return _run(compiler or "cc", '#include "events.h"', lines)


def _run(compiler: str, definitions: str, lines: list[str]) -> dict[str, tuple[int, int]]:
    program = (
        f"#include <stddef.h>\n#include <stdio.h>\n{TYPES}\n{definitions}\n"
        f"int main(void) {{ {' '.join(lines)} return 0; }}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder, "offsets.c"), Path(folder, "offsets")
        source.write_text(program)
        command = [compiler, source, "-o", binary, f"-I{BPF}", "-DSNAP_BYTES=1"]
        subprocess.run(command, check=True)
        output = subprocess.run([binary], capture_output=True, check=True, text=True).stdout
    found = (line.split() for line in output.splitlines())
    return {name: (int(offset), int(size)) for name, offset, size in found}


NUMBERS = {"u16": (2, "H"), "u32": (4, "I"), "u64": (8, "Q"), "s32": (4, "i"), "s64": (8, "q")}


def in_c(name: str, base: int = 0) -> list[tuple[int, int, str]]:
    """(offset, size, code of struct) of every value, structs within taken apart, no padding."""
    found = []
    for kind, field, is_array in structs()[name]:
        offset, size = compiled()[f"{name}.{field}"]
        if kind in structs():
            found += in_c(kind, base + offset)
        elif kind in NUMBERS and not field.startswith("_pad"):
            width, code = NUMBERS[kind]
            found += [(base + offset + at, width, code) for at in range(0, size, width)]
        elif not field.startswith("_pad"):
            found.append((base + offset, size, "s" if is_array else "B"))
    return found


def in_python(mirrors: list[struct.Struct]) -> list[tuple[int, int, str]]:
    """The same of what the mirrors read, one after the other."""
    found, at = [], 0
    for mirror in mirrors:
        for digits, code in _ITEM.findall(mirror.format):
            count, width = (1, int(digits or 1)) if code in "sx" else (int(digits or 1), 0)
            for _ in range(count):
                size = width or struct.calcsize(f"<{code}")
                found.append((at, size, code))
                at += size
    return [item for item in found if item[2] != "x"]


@pytest.mark.parametrize("name", MIRRORS)
def test_fields(name: str) -> None:
    """Every field is read where the compiler puts it, in its size and sign, and no padding is."""
    values = [value for value in in_c(name) if (name, *value[:2]) != PACKET_DATA]

    assert values == in_python(MIRRORS[name])


PACKET_DATA = ("packet_event", 48, 1)
"""Read as far as the packet says, here compiled with a snap length of 1."""


@pytest.mark.parametrize("name", [name for name in MIRRORS if name != "packet_event"])
def test_sizes(name: str) -> None:
    """Mirrors are as long as their structs, so that what follows is where it is looked for."""
    assert compiled()[name][1] == sum(mirror.size for mirror in MIRRORS[name])


def test_sizes_that_the_decoder_assumes() -> None:
    """Hosts, leaves and texts have one size on both sides."""
    assert compiled()["go_host_event.host"][1] == decode.HOST_BYTES
    assert compiled()["go_proxy_list_event.url"][1] == 8 * decode.HOST_BYTES
    assert all(layout.dns_error_is_not_found < 80 for layout in LAYOUTS)
    assert compiled()["error_chain.leaf"][1] == 80


def enum(name: str) -> list[str]:
    """The names of an enum, without their prefix."""
    (body,) = re.findall(rf"enum {name} \{{(.*?)\}}", (BPF / "events.h").read_text(), re.DOTALL)
    return [item.strip() for item in body.split(",") if item.strip()]


def test_counters() -> None:
    """The loss account has the kernel's counters, in its order."""
    *counters, end = enum("counter")

    assert [f"COUNT_{name.upper()}" for name in kernel.COUNTERS] == counters
    assert end == "COUNTERS"


def test_how_errors_are_read() -> None:
    """The flags of a type of error have one value on both sides."""
    text = re.sub(r"/\*.*?\*/", "", (BPF / "events.h").read_text())
    shifts = dict(re.findall(r"(READ_\w+) = 1 << (\d+)", text))

    assert {name: 1 << int(by) for name, by in shifts.items()} == {
        "READ_LEAF": READ_LEAF,
        "READ_OPERATION": READ_OPERATION,
        "READ_MODULE": READ_MODULE,
    }
    assert max(offset for _, offset in WRAPPED.values()) < READ_LEAF


def test_event_kinds() -> None:
    """Kinds agree in names and numbers."""
    assert [f"EVENT_{kind.name} = {kind.value}" for kind in decode.Kind] == enum("event_kind")


def in_maps(name: str) -> str:
    """A struct as bpf/maps.bpf.h has it."""
    text = (BPF / "maps.bpf.h").read_text()
    (found,) = re.findall(rf"^struct {name} \{{.*?^\}};", text, re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize(
    ("name", "mirror", "fields"),
    [
        ("flow", kernel._FLOW, ["bytes_in", "bytes_out", "owner.since_ns", "owner.pid"]),
        ("owner", kernel._OWNER, ["since_ns", "pid"]),
        ("tracked_process", kernel._PROCESS, ["since_ns", "sockets", "handshakes"]),
    ],
)
def test_values_of_maps(name: str, mirror: struct.Struct, fields: list[str]) -> None:
    """What user space reads of a value lies at its beginning, in this order."""
    compiler = shutil.which("cc")
    needs(compiler is not None, "a C compiler")
    lines = [f'printf("{name} 0 %zu\\n", sizeof(struct {name}));']
    lines += [
        f'printf("{field} %zu %zu\\n", offsetof(struct {name}, {field}), '
        f"sizeof(((struct {name} *)0)->{field}));"
        for field in fields
    ]
    needed = dict.fromkeys(["owner", name])

    found = _run(compiler or "cc", "\n".join(map(in_maps, needed)), lines)

    assert found.pop(name) == (0, mirror.size)
    read = [(offset, size) for offset, size, _ in in_python([mirror])]
    assert read == list(found.values())


def test_offsets_go_by_name() -> None:
    """The fields of a layout are in the kernel what they are here, in the same order."""
    assert tuple(name for _, name, _ in structs()["layout"]) == kernel.LAYOUT_FIELDS
