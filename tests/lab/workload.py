"""
The real workload of benchmarks and of the probe-hit test: the dependencies of client-go.

The main module is client-go itself, as its release is: `go mod download` in it asks an empty
machine's proxy for 58 modules. Everything served is checked against the release's own go.sum.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .parts import CACHE, GOMAIN, build_environment, built, fetch, machine_go

VERSION = "v0.37.2"
INFO_COUNT = 58
MOD_COUNT = 68
ZIP_COUNT = 58
REQUEST_COUNT = INFO_COUNT + MOD_COUNT + ZIP_COUNT
"""What one `go mod download` with an empty module cache and without a checksum database asks."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The workload as files: never write into them."""

    proxy: Path
    """A tree in GOPROXY layout, for a static proxy or file://."""
    main: Path
    """A folder with the main module's go.mod and a complete go.sum."""

    def write_main(self, folder: Path) -> None:
        """Put the main module into `folder`, where `go mod download` can then run."""
        for path in self.main.iterdir():
            shutil.copyfile(path, folder / path.name)


def workload() -> Workload:
    """
    Return the workload, fetched on first use through the machine's ordinary module proxy.

    Raises:
        subprocess.CalledProcessError: `go mod download` failed three times.
    """
    root = built(CACHE / "workload" / VERSION, _fetch)
    return Workload(proxy=root / "proxy", main=root / "main")


def _fetch(target: Path) -> None:
    environment = build_environment() | {
        "GOMODCACHE": str(target / "modcache"),
        "GOFLAGS": "-modcacherw",
    }
    download = [machine_go(), "mod", "download"]
    pin = Path(shutil.copytree(GOMAIN / "workload", target / "pin"))
    fetch([*download, "k8s.io/client-go"], cwd=pin, env=environment)
    find = [machine_go(), "list", "-m", "-f", "{{.Dir}}", "k8s.io/client-go"]
    found = subprocess.run(
        find, cwd=pin, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    main = target / "main"
    main.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(Path(found.stdout.strip()) / name, main / name)
    shutil.rmtree(target / "modcache")
    fetch(download, cwd=main, env=environment)
    shutil.rmtree(pin)
    tree = (target / "modcache" / "cache" / "download").rename(target / "proxy")
    shutil.rmtree(target / "modcache")
    # What no proxy serves: locks, the go command's own notes, the checksum database's tiles.
    shutil.rmtree(tree / "sumdb", ignore_errors=True)
    for suffix in ("lock", "ziphash"):
        for path in tree.rglob(f"*.{suffix}"):
            path.unlink()


if __name__ == "__main__":
    print(workload())
