"""
Where fields lie inside Go structs, per release of the `go` command.

A release that is not in the tables of offsets.py has no layout: the probes in `go` are not
attached there, and `modpulse check` says so.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from .elf import Arch
from .offsets import MINORS, OFFSETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Byte offsets of fields for one minor release; the same on amd64 and arm64."""

    goid: int
    """u64."""
    parent_goid: int | None
    """u64; None where the release has none (before 1.21)."""
    conn_config: int
    """Pointer to a tls.Config."""
    conn_vers: int
    """u16: 0x0303 is TLS 1.2."""
    conn_cipher_suite: int
    """u16, IANA number."""
    conn_did_resume: int
    """bool."""
    conn_client_protocol: int
    """string: what ALPN chose."""
    dialer_address: int
    """string: `host:port` as asked for."""
    dns_error_is_timeout: int
    """bool."""
    dns_error_is_not_found: int
    """bool."""
    module_types: int
    """Address that the offsets of types and of their names count from."""
    module_itablinks: int | None
    """Slice of pointers to the static itabs; None where they are packed (1.27)."""
    module_itaboffset: int | None
    """u64, where the packed itabs begin, counted from types; their size in bytes follows."""


LAYOUTS: tuple[Layout, ...] = tuple(
    Layout(**{name: row[column] for name, (_, row) in OFFSETS.items()})  # type: ignore[arg-type]
    for column in range(len(MINORS))
)
"""A layout's index in this tuple is its key in the kernel's array of layouts."""

_INDEX: dict[tuple[Arch, int], int] = {
    (arch, minor): index for arch in ("amd64", "arm64") for index, minor in enumerate(MINORS)
}

# A release candidate or a development build may differ from the release in any field.
_RELEASE = re.compile(r"go1\.(\d{1,3})(?:\.\d{1,4})?(?=$|[ +-])")
_MAX_RELEASES = 64
"""Versions of which the release is remembered; each answer asks for its own."""


@lru_cache(maxsize=_MAX_RELEASES)
def minor_release(version: str) -> int | None:
    """Return N of `go1.N.P`, also with a vendor's suffix; None for a development build."""
    found = _RELEASE.match(version)
    return int(found[1]) if found else None


def layout_index(arch: Arch, version: str) -> int | None:
    """Return the index in LAYOUTS for a binary; None for a release that was not examined."""
    minor = minor_release(version)
    return None if minor is None else _INDEX.get((arch, minor))
