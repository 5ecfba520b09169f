"""
Toolchains that a `go` is fetching, each with the path at which its binary will be. Once it is
there, that `go` executes it in its own place.

A new `go` may be done 30 ms after its exec. Its download and unpacking take a second, and its
binary is among the first files, so there is time to read it before it runs.
"""

import os
import re
from collections.abc import Iterator

from ..machine.named import open_named
from ..wire.goproxy import TOOLCHAIN

MAX_EXPECTED = 32
"""At a time; a process fetches one. Beyond it the one asked for first is given up: its binary is
then met when it runs."""
EXPECTED_NS = 600_000_000_000
"""How long a download may take."""
Expected = tuple[int, str]
"""A process, and a path that it names."""
_ZIP = re.compile(rf"/{re.escape(TOOLCHAIN)}/@v/(v0\.0\.1-go[0-9a-z.]+-[a-z0-9]+)\.zip")


def toolchain_of(path: str) -> str | None:
    """Return the version that a URL path asks for; None where it is no toolchain."""
    found = _ZIP.search(path)
    return found[1] if found else None


class Toolchains:
    """Paths at which a toolchain is expected."""

    def __init__(self) -> None:
        self._until_ns: dict[Expected, int] = {}
        self._sizes: dict[Expected, int] = {}

    def expect(self, pid: int, cache: str, version: str, now_ns: int) -> None:
        """A process has begun to fetch a toolchain into this module cache of its own."""
        expected = pid, os.path.join(cache, f"{TOOLCHAIN}@{version}", "bin/go")
        if expected not in self._until_ns and len(self._until_ns) >= MAX_EXPECTED:
            self.arrived(next(iter(self._until_ns)))
        self._until_ns[expected] = now_ns + EXPECTED_NS

    def is_expecting(self) -> bool:
        """Whether it is worth looking."""
        return bool(self._until_ns)

    def grown(self, now_ns: int) -> Iterator[Expected]:
        """Yield the places that have a file which is new, or has grown since it was last tried."""
        for expected, until_ns in list(self._until_ns.items()):
            size = _size_of(expected)
            if now_ns > until_ns:
                self.arrived(expected)
            elif size != self._sizes.get(expected, 0):
                self._sizes[expected] = size
                yield expected

    def look_again(self, expected: Expected) -> None:
        """It could not be read yet: it need not grow to be tried again."""
        self._sizes.pop(expected, None)

    def arrived(self, expected: Expected) -> None:
        """It is whole, or will never come."""
        self._until_ns.pop(expected, None)
        self._sizes.pop(expected, None)


def _size_of(expected: Expected) -> int:
    """Return the size of a regular file; 0 where there is none."""
    handle = open_named(*expected)
    if handle is None:
        return 0
    try:
        return os.fstat(handle).st_size
    finally:
        os.close(handle)
