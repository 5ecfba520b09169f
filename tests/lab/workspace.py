"""A folder and an environment in which one `go` command starts cold."""

from collections.abc import Iterable
from pathlib import Path

from . import modules

TELEMETRY = "home/.config/go/telemetry"


def module_at(requirement: str) -> tuple[str, str]:
    """Path and version of `m00@v1.1.0` or `m00`; below mod.lab.test unless the path has a dot."""
    path, _, version = requirement.partition("@")
    if "." not in path.split("/", maxsplit=1)[0]:
        path = f"{modules.ROOT}/{path}"
    return path, version or modules.LATEST


def make(folder: Path, requires: Iterable[str] = (), go_sum: str = "") -> None:
    """Make a main module in `folder/src`, with `gopath`, `home`, `cache` and `tmp` beside it."""
    for name in ("src", "gopath", TELEMETRY, "cache", "tmp"):
        (folder / name).mkdir(parents=True)
    # In a new home go would start a child that outlives it, and writes there.
    (folder / TELEMETRY / "mode").write_text("off")
    lines = ["module build.lab.test/app", "", "go 1.18"]
    lines += ["require {} {}".format(*module_at(requirement)) for requirement in requires]
    (folder / "src" / "go.mod").write_text("\n".join([*lines, ""]))
    if go_sum:
        (folder / "src" / "go.sum").write_text(go_sum)


def env(folder: Path, go: Path) -> dict[str, str]:
    """A whole environment but for GOPROXY: one toolchain, no settings, no checksum database."""
    return {
        "PATH": f"{go.parent}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "GOPATH": str(folder / "gopath"),
        "GOMODCACHE": str(folder / "gopath" / "pkg" / "mod"),
        "GOCACHE": str(folder / "cache"),
        "TMPDIR": str(folder / "tmp"),
        "GOENV": "off",
        "GOFLAGS": "-modcacherw",
        "GOTOOLCHAIN": "local",
        "GOSUMDB": "off",
    }
