"""What the linker says about a Go binary."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.parts import build_environment, go_releases, machine_go

from modpulse.agent.binary.elf import BinaryError, parse_elf
from modpulse.agent.binary.gobinary import (
    BuildInfo,
    is_go_command,
    is_other_program,
    read_build_info,
)

MAGIC = b"\xff Go buildinf:"


def changed(image: bytes, offset: int, data: bytes) -> bytes:
    """The image with some bytes replaced."""
    return image[:offset] + data + image[offset + len(data) :]


def info_offset(image: bytes) -> int:
    """Where the build information is in the file."""
    return parse_elf(image).sections[".go.buildinfo"].offset


@pytest.mark.releases
def test_every_release_tells_its_version() -> None:
    """Debian's stripped and cgo-built `go` as well as the official ones."""
    releases = go_releases()
    expected = {
        version: BuildInfo(f"go{version}", "cmd/go", version.startswith("1.19"))
        for version in releases
    }

    actual = {
        version: read_build_info(parse_elf(path.read_bytes())) for version, path in releases.items()
    }

    assert expected == actual


@pytest.mark.releases
def test_no_release_is_another_program() -> None:
    """What is known by the headers alone is never said of a `go`."""
    images = [path.read_bytes() for path in go_releases().values()]

    assert [is_other_program(reader(image)) for image in images] == [False] * len(images)


def reader(image: bytes) -> Callable[[int, int], bytes]:
    """What reads an image as a file is read."""
    return lambda at, length: image[at : at + length]


def test_another_program(go_path: Path, go_image: bytes) -> None:
    """A compiler in Go, and a program in C, are told by little of what they hold."""
    tool = next(go_path.parents[1].glob("pkg/tool/*/compile"))
    read: list[int] = []
    for path in (tool, Path("/proc/self/exe"), Path("/bin/sh")):
        image = path.read_bytes()

        def counted(at: int, length: int, image: bytes = image) -> bytes:
            read.append(length)
            return image[at : at + length]

        assert is_other_program(counted)
    assert sum(read) < 1 << 17
    assert not is_other_program(reader(b"#!/bin/sh"))  # what does not tell is none
    assert not is_other_program(reader(changed(go_image, 40, bytes(8))))
    assert not is_other_program(reader(changed(go_image, info_offset(go_image) + 15, b"\0")))


@given(st.binary(max_size=64), st.integers(0, 2048), st.booleans())
def test_any_file_is_read(data: bytes, zeros: int, is_elf: bool) -> None:
    """Whatever a file holds, it is or is not told."""
    image = (b"\x7fELF\x02\x01" if is_elf else b"") + data + bytes(zeros) + data

    assert is_other_program(reader(image)) in (True, False)


def test_damage_is_read(go_image: bytes) -> None:
    """A `go` that is cut short is no other program as long as it is told what it holds."""
    assert not is_other_program(reader(go_image[:4096]))


def test_it_is_what_go_version_prints(go_path: Path, go_image: bytes) -> None:
    """The `go` command reads the same from the same file."""
    output = subprocess.run(
        [machine_go(), "version", "-m", str(go_path)],
        env=build_environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout

    info = read_build_info(parse_elf(go_image))

    assert f"{go_path}: {info.version}\n\tpath\t{info.path}\n" in output
    assert info.is_go_command
    assert info.cgo is ("CGO_ENABLED=1" in output)


def test_it_is_found_without_section_headers(go_image: bytes) -> None:
    """The information is known by its magic, too."""
    bare = changed(changed(go_image, 40, bytes(8)), 60, bytes(4))

    assert read_build_info(parse_elf(go_image)) == read_build_info(parse_elf(bare))


@pytest.mark.parametrize(
    ("offset", "data", "reason"),
    [
        (0, b"\0", "section .go.buildinfo without build information"),
        (15, b"\0", "build information of a Go older than 1.18"),
        (32, b"\xff" * 5, "no length at"),
        (32, b"\xff\xff\xff\x7f", "build information of 268435455 bytes"),
    ],
)
def test_broken_information_is_refused(
    go_image: bytes, offset: int, data: bytes, reason: str
) -> None:
    """Lengths are bounded, and what is not there is not invented."""
    broken = changed(go_image, info_offset(go_image) + offset, data)

    with pytest.raises(BinaryError, match=reason):
        read_build_info(parse_elf(broken))


def test_a_binary_that_go_did_not_make_is_refused() -> None:
    """An ELF file without build information is some other program."""
    with pytest.raises(BinaryError, match="no Go build information"):
        read_build_info(parse_elf(Path("/proc/self/exe").read_bytes()))


def test_what_is_the_go_command(go_image: bytes, tmp_path: Path) -> None:
    """Build information tells, not the name; where it is not read, nothing does."""
    source = tmp_path / "go.d.plugin.go"
    source.write_text("package main\nfunc main() {}\n")
    command = [machine_go(), "build", "-o", "go.d.plugin", str(source)]
    subprocess.run(command, cwd=tmp_path, env=build_environment(), check=True)
    other_class = changed(go_image, 4, b"\x01")
    older = changed(go_image, info_offset(go_image) + 15, b"\0")

    assert is_go_command(go_image) is True
    assert is_go_command((tmp_path / "go.d.plugin").read_bytes()) is False
    assert is_go_command(Path("/usr/bin/python3").read_bytes()) is False
    assert is_go_command(b"#!/bin/sh\n") is False
    assert is_go_command(other_class) is None
    assert is_go_command(older) is None
