"""
What the Go linker says about a binary: release, main package, build settings.

Works on stripped binaries. Knows nothing of functions or types.
"""

from dataclasses import dataclass
from itertools import islice

from .elf import BinaryError, Elf

MAX_BUILD_INFO_BYTES = 1 << 20
"""The module list of a large program has some 100 kB; that of `go` has 1 kB."""
MAX_CANDIDATES = 16
"""Places that look like build information, tried before giving up."""

_MAGIC = b"\xff Go buildinf:"
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


def _find(elf: Elf) -> int:
    """Return the address of the build information."""
    section = elf.sections.get(".go.buildinfo")
    if section is not None:
        address = section.address
        if elf.read(address, len(_MAGIC)) == _MAGIC:
            return address
        raise BinaryError("section .go.buildinfo without build information")
    for address in islice(elf.occurrences(_MAGIC), MAX_CANDIDATES):
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
