"""Fixtures of the agent's tests: real `go` binaries."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.parts import CACHE, ask_go, build_environment, built, fetch, go_release, machine_go


@pytest.fixture(scope="session")
def go_path() -> Path:
    """The file of the `go` that builds the other parts: official, with symbols."""
    return Path(ask_go("env", "GOROOT").strip(), "bin", "go")


@pytest.fixture(scope="session")
def go_image(go_path: Path) -> bytes:
    """Its bytes."""
    return go_path.read_bytes()


@pytest.fixture(scope="session")
def release() -> Callable[[int], Path]:
    """Minor release -> its `bin/go`, inside a complete GOROOT. Of 1.20 there is no wheel."""
    return lambda minor: _toolchain("1.20.14", "amd64") if minor == 20 else go_release(f"1.{minor}")


@pytest.fixture(scope="session")
def arm64_go() -> Path:
    """The `bin/go` of a release for arm64."""
    return _toolchain("1.27.3", "arm64")


def _toolchain(version: str, arch: str) -> Path:
    """Return a `bin/go` from the toolchain module of an official release; it is not executable."""
    module = f"golang.org/toolchain@v0.0.1-go{version}.linux-{arch}"

    def download(target: Path) -> None:
        # An unprivileged user can remove a module cache only if it is writable.
        environment = build_environment() | {"GOMODCACHE": str(target), "GOFLAGS": "-modcacherw"}
        fetch([machine_go(), "mod", "download", module], cwd=target, env=environment)

    return built(CACHE / "go" / f"{version}-{arch}", download) / module / "bin" / "go"
