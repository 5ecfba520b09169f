"""
Toolchains on their way: where the binary will lie that a `go` is fetching and about to become.

A new `go` may be done 30 ms after its exec. Its download and unpacking take a second, and its
binary is among the first files, so there is time to read it before it runs.
"""

import os
import re
from collections.abc import Iterator, Mapping

from ..goenv import effective
from ..wire.goproxy import TOOLCHAIN

MAX_EXPECTED = 32
"""At a time; a process fetches one."""
EXPECTED_NS = 600_000_000_000
"""How long a download may take."""
_ZIP = re.compile(rf"/{re.escape(TOOLCHAIN)}/@v/(v0\.0\.1-go[0-9a-z.]+-[a-z0-9]+)\.zip")


def toolchain_of(path: str) -> str | None:
    """Return the version that a URL path asks for; None where it is no toolchain."""
    found = _ZIP.search(path)
    return found[1] if found else None


def module_cache(environ: Mapping[str, str], user_settings: Mapping[str, str]) -> str | None:
    """Return where `go` keeps modules. Source: cmd/go/internal/cfg, gopathDir("pkg/mod")."""
    cache = effective("GOMODCACHE", environ, user_settings)
    if cache:
        return cache
    gopath = effective("GOPATH", environ, user_settings)
    if gopath:
        return os.path.join(gopath.split(":")[0], "pkg/mod")
    home = environ.get("HOME")
    return os.path.join(home, "go/pkg/mod") if home else None


class Arrivals:
    """Paths at which a toolchain is expected."""

    def __init__(self) -> None:
        self._until_ns: dict[str, int] = {}
        self._sizes: dict[str, int] = {}

    def expect(self, cache: str, version: str, now_ns: int) -> None:
        """A process has begun to fetch a toolchain into this module cache."""
        if len(self._until_ns) < MAX_EXPECTED:
            path = os.path.join(cache, f"{TOOLCHAIN}@{version}", "bin/go")
            self._until_ns[path] = now_ns + EXPECTED_NS

    def is_expecting(self) -> bool:
        """Whether it is worth looking."""
        return bool(self._until_ns)

    def grown(self, now_ns: int) -> Iterator[str]:
        """Yield the paths that have a file which is new, or has grown since it was last tried."""
        for path, until_ns in list(self._until_ns.items()):
            try:
                size = os.stat(path).st_size
            except (OSError, ValueError):
                size = 0
            if now_ns > until_ns:
                self.arrived(path)
            elif size != self._sizes.get(path, 0):
                self._sizes[path] = size
                yield path

    def arrived(self, path: str) -> None:
        """It is whole, or will never come."""
        self._until_ns.pop(path, None)
        self._sizes.pop(path, None)
