"""What the linker says about a Go binary."""

import subprocess
from pathlib import Path

import pytest
from lab.parts import build_environment, go_releases, machine_go

from modpulse.agent.binary.elf import BinaryError, parse_elf
from modpulse.agent.binary.gobinary import BuildInfo, read_build_info

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
