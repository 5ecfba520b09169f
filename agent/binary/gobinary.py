"""
What the Go linker says about a binary: release, main package, build settings.

Works on stripped binaries. Knows nothing of functions or types.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from .elf import BinaryError, Elf, find_section, parse_elf

MAX_BUILD_INFO_BYTES = 1 << 20
"""The module list of a large program has some 100 kB; that of `go` has 1 kB."""
MAX_CANDIDATES = 16
"""Places that look like build information, tried before giving up."""

MAGIC = b"\xff Go buildinf:"
"""What build information begins with."""
_SECTION_NAME = ".go.buildinfo"
_OWN_PATH = b"path\tcmd/go\n"
_OWN_INFO_BYTES = 1 << 14
"""Of build information; that of `go` has 1 kB."""
_INLINE = 2
_ALIGNMENT = 16
_SENTINEL_BYTES = 16
"""Around the module information, so that it can be found in a running process."""


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What `go version -m` prints."""

    version: str
    """`go1.26.8`, or `devel …`."""
    path: str
    """Import path of the main package; `cmd/go` for the `go` command."""
    cgo: bool | None
    """Built with cgo, so that names may be resolved by libc; None when not recorded."""

    @property
    def is_go_command(self) -> bool:
        """Whether this is the `go` command and not some program written in Go."""
        return self.path == "cmd/go"


def read_build_info(elf: Elf) -> BuildInfo:
    """
    Read the build information.

    Raises:
        BinaryError: not made by Go 1.18 or later.

    Source: debug/buildinfo/buildinfo.go.
    """
    address = _find(elf)
    if elf.read(address + 15, 1)[0] & _INLINE == 0:
        raise BinaryError("build information of a Go older than 1.18")
    version, after = _string(elf, address + 32)
    module_info, _ = _string(elf, after)
    path, cgo = "", None
    for line in module_info[_SENTINEL_BYTES:-_SENTINEL_BYTES].split(b"\n"):
        key, _, value = line.partition(b"\t")
        if key == b"path":
            path = value.decode("utf-8", "replace")
        elif key == b"build" and value.startswith(b"CGO_ENABLED="):
            cgo = value == b"CGO_ENABLED=1"
    return BuildInfo(version.decode("utf-8", "replace"), path, cgo)


def is_go_command(image: bytes) -> bool | None:
    """
    Say whether a file is the `go` command; None where it does not tell.

    Its name says nothing: `go.d.plugin` is a program of netdata, and a script called `go` is run
    by a shell. What was linked by a Go older than 1.18 or for another architecture has build
    information that is not read, so it may be one.
    """
    try:
        info = read_build_info(parse_elf(image))
    except BinaryError:
        return None if image.find(MAGIC) >= 0 else False
    return info.is_go_command if info.path else None


def is_other_program(read: Callable[[int, int], bytes]) -> bool:
    """
    Say whether a file is surely not the `go` command, without reading it whole.

    Args:
        read: Returns so many bytes at an offset of the file, fewer at its end.
    """
    try:
        section = find_section(read, _SECTION_NAME)
    except BinaryError:
        return False
    if section is None:
        return True
    info = read(section.offset, min(section.size, _OWN_INFO_BYTES))
    is_read = info.startswith(MAGIC) and len(info) > len(MAGIC) + 1 and info[15] & _INLINE
    return bool(is_read) and _OWN_PATH not in info


def _find(elf: Elf) -> int:
    """Return the address of the build information."""
    section = elf.sections.get(_SECTION_NAME)
    if section is not None:
        address = section.address
        if elf.read(address, len(MAGIC)) == MAGIC:
            return address
        raise BinaryError("section .go.buildinfo without build information")
    for address in islice(elf.occurrences(MAGIC), MAX_CANDIDATES):
        if address % _ALIGNMENT == 0:
            return address
    raise BinaryError("no Go build information")


def _string(elf: Elf, address: int) -> tuple[bytes, int]:
    """Read a length and as many bytes; return them and the address after."""
    length, after = read_uvarint(elf, address)
    if length > MAX_BUILD_INFO_BYTES:
        raise BinaryError(f"build information of {length} bytes")
    return elf.read(after, length), after + length


def read_uvarint(elf: Elf, address: int) -> tuple[int, int]:
    """Read a length in 7-bit groups, lowest first; return it and the address after."""
    value = 0
    for index in range(5):
        byte = elf.read(address + index, 1)[0]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, address + index + 1
    raise BinaryError(f"no length at {address:#x}")
