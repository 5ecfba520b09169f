"""
How `go` settles a setting: its environment, then the file of `go env -w`.

Knows nothing of files or processes. Source: cmd/go/internal/cfg/cfg.go, Getenv and EnvFile.
"""

import posixpath
from collections.abc import Mapping

_BUILDS_FOR = {
    "aix": "ppc64",
    "android": "386 amd64 arm arm64",
    "darwin": "amd64 arm64",
    "dragonfly": "amd64",
    "freebsd": "386 amd64 arm arm64 riscv64",
    "illumos": "amd64",
    "ios": "amd64 arm64",
    "js": "wasm",
    "linux": "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x",
    "netbsd": "386 amd64 arm arm64",
    "openbsd": "386 amd64 arm arm64 mips64 ppc64 riscv64",
    "plan9": "386 amd64 arm",
    "solaris": "amd64",
    "wasip1": "wasm",
    "windows": "386 amd64 arm arm64",
}
"""GOOS -> GOARCH that some release from 1.19 to 1.27 builds for: `go tool dist list`."""
_ARCHITECTURES = frozenset(" ".join(_BUILDS_FOR.values()).split())


def parse_settings(text: str) -> dict[str, str]:
    """Read a `go env` file: KEY=VALUE lines; what does not begin with A–Z is no setting."""
    settings = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and "A" <= line[:1] <= "Z":
            settings[name] = value
    return settings


def effective(
    name: str, environ: Mapping[str, str], user_settings: Mapping[str, str]
) -> str | None:
    """Return what the environment says, else the user's file; an empty value counts as none."""
    return environ.get(name) or user_settings.get(name) or None


def module_cache(environ: Mapping[str, str], user_settings: Mapping[str, str]) -> str | None:
    """Return where `go` keeps modules. Source: cmd/go/internal/cfg, gopathDir("pkg/mod")."""
    cache = effective("GOMODCACHE", environ, user_settings)
    if cache:
        return cache
    gopath = effective("GOPATH", environ, user_settings)
    if gopath:
        return posixpath.join(gopath.split(":")[0], "pkg/mod")
    home = environ.get("HOME")
    return posixpath.join(home, "go/pkg/mod") if home else None


def unusable(environ: Mapping[str, str], user_settings: Mapping[str, str]) -> str | None:
    """
    Say which setting ends a `go` that prints why itself, past what is watched, with exit code 2.

    Only some commands look at GOOS and GOARCH. Source: cmd/go/main.go, main; work/action.go,
    CheckGOOSARCHPair.
    """
    folders = (effective("GOPATH", environ, user_settings) or "").split(":")
    if not all(folder.startswith("/") for folder in folders if folder):
        return "GOPATH has a folder that is no absolute path"
    system = effective("GOOS", environ, user_settings)
    architecture = effective("GOARCH", environ, user_settings)
    if system is not None and system not in _BUILDS_FOR:
        return "GOOS is no system that go builds for"
    if architecture is not None and architecture not in _ARCHITECTURES:
        return "GOARCH is no architecture that go builds for"
    if architecture is not None and architecture not in _BUILDS_FOR[system or "linux"].split():
        return f"GOOS and GOARCH are no pair that go builds for: {system or 'linux'}/{architecture}"
    return None
