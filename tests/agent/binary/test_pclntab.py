"""Function names of a Go binary."""

import re
import struct
import subprocess
from pathlib import Path

import pytest
from lab.parts import ask_go, build_environment, go_release

from modpulse.agent.binary.elf import BinaryError, parse_elf
from modpulse.agent.binary.pclntab import Function, find_functions, find_pclntab

WANTED = (
    "os.Exit",
    "cmd/go/internal/web.get",
    "net/http.(*Transport).roundTrip",
    "crypto/tls.(*Conn).clientHandshake",
)


def functions(image: bytes, *wanted: str) -> dict[str, Function]:
    """What is found of some names."""
    elf = parse_elf(image)
    return dict(find_functions(elf, find_pclntab(elf), wanted))


def changed(image: bytes, offset: int, data: bytes) -> bytes:
    """The image with some bytes replaced."""
    return image[:offset] + data + image[offset + len(data) :]


def table_offset(image: bytes) -> int:
    """Where the table of functions is in the file."""
    return parse_elf(image).sections[".gopclntab"].offset


def symbols(path: Path) -> dict[str, int]:
    """Addresses of functions by the symbol table, as `go tool nm` reads it."""
    output = ask_go("tool", "nm", str(path))
    return {
        name: int(at, 16) for at, name in re.findall(r"^ *([0-9a-f]+) [Tt] (.*)$", output, re.M)
    }


def test_functions_are_where_the_linker_put_them(go_path: Path, go_image: bytes) -> None:
    """Addresses agree with the symbol table, which is read by another program."""
    listed = symbols(go_path)

    found = functions(go_image, *WANTED)

    assert {name: listed[name] for name in WANTED} == {
        name: function.address for name, function in found.items()
    }


def built_program(go: str | Path, mode: str, folder: Path) -> Path:
    """A small program, built by some release."""
    source = folder / "main.go"
    source.write_text('package main\n\nimport "os"\n\nfunc main() { os.Exit(len(os.Args)) }\n')
    subprocess.run(
        [go, "build", f"-buildmode={mode}", "-o", "program", str(source)],
        env=build_environment() | {"CGO_ENABLED": "0"},
        cwd=folder,
        check=True,
    )
    return folder / "program"


@pytest.mark.releases
@pytest.mark.parametrize("minor", [21, 25, 27])
def test_functions_of_a_position_independent_program_are_found(tmp_path: Path, minor: int) -> None:
    """Its addresses are in relocations; to 1.25 the table is in a section of another name."""
    program = built_program(go_release(f"1.{minor}"), "pie", tmp_path)
    listed = symbols(program)

    found = functions(program.read_bytes(), "os.Exit", "main.main")

    assert {name: listed[name] for name in ("os.Exit", "main.main")} == {
        name: function.address for name, function in found.items()
    }


def test_the_table_is_found_without_section_headers(go_image: bytes) -> None:
    """A binary whose sections were cut off is still read: the table is known by its header."""
    bare = changed(changed(go_image, 40, bytes(8)), 60, bytes(4))

    assert parse_elf(bare).sections == {}
    assert functions(go_image, *WANTED) == functions(bare, *WANTED)


def test_a_name_that_is_absent_is_left_out(go_image: bytes) -> None:
    """A part of a name is no name."""
    assert functions(go_image, "no.Such", "os.Exi", "s.Exit", "") == {}


def test_a_name_that_two_functions_have_is_left_out(go_image: bytes) -> None:
    """Of two functions with one name neither is chosen."""
    elf = parse_elf(go_image)
    table = find_pclntab(elf)
    first, second = (
        elf.offset(table.functions) + struct.unpack("<I", elf.read(table.functions + at, 4))[0]
        for at in (4, 12)
    )
    name_at = struct.unpack_from("<I", go_image, first + 4)[0]
    name = elf.read(table.names + name_at, 200).partition(b"\0")[0].decode()
    twice = changed(go_image, second + 4, struct.pack("<I", name_at))

    assert list(functions(go_image, name)) == [name]
    assert functions(twice, name) == {}


@pytest.mark.parametrize(
    ("offset", "data", "reason"),
    [
        (0, b"\xfb\xff\xff\xff", "table of functions with magic 0xfffffffb"),
        (7, b"\x04", "table of functions with magic 0xfffffff1"),
        (8, b"\xff" * 8, "table of 18446744073709551615 functions"),
        (8, b"\0" * 8, "table of 0 functions"),
        (32, b"\xff" * 8, "table of 14"),
        (64, b"\xff" * 8, "are in no loaded segment"),
    ],
)
def test_a_broken_table_is_refused(go_image: bytes, offset: int, data: bytes, reason: str) -> None:
    """A table whose header cannot be is not read."""
    broken = changed(go_image, table_offset(go_image) + offset, data)

    with pytest.raises(BinaryError, match=reason):
        functions(broken, *WANTED)


def test_a_table_that_points_out_of_the_file_is_refused(go_image: bytes) -> None:
    """A function's record is read only inside the file."""
    elf = parse_elf(go_image)
    at = elf.offset(find_pclntab(elf).functions) + 4
    broken = changed(go_image, at, b"\xff\xff\xff\xff")

    with pytest.raises(BinaryError, match="points out of the file"):
        functions(broken, *WANTED)


def test_a_table_without_moduledata_is_refused(go_image: bytes) -> None:
    """From 1.26 only moduledata says what the entries of the table count from."""
    elf = parse_elf(go_image)
    broken = changed(go_image, elf.offset(find_pclntab(elf).module), bytes(8))

    with pytest.raises(BinaryError, match="no moduledata"):
        functions(broken, *WANTED)
