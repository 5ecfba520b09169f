"""Fixtures of the agent's tests: real `go` binaries."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.parts import CACHE, build_environment, built, fetch, go_release, machine_go

GO_1_20 = "golang.org/toolchain@v0.0.1-go1.20.14.linux-amd64"
"""Of this release there is no wheel, but a toolchain module, as for all official releases."""


@pytest.fixture(scope="session")
def go_path() -> Path:
    """The file of the `go` that builds the other parts: official, with symbols."""
    command = [machine_go(), "env", "GOROOT"]
    output = subprocess.run(
        command, env=build_environment(), check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(output.stdout.strip(), "bin", "go")


@pytest.fixture(scope="session")
def go_image(go_path: Path) -> bytes:
    """Its bytes."""
    return go_path.read_bytes()


@pytest.fixture(scope="session")
def release() -> Callable[[int], Path]:
    """Minor release -> its `bin/go`, inside a complete GOROOT."""
    return lambda minor: _go_1_20() if minor == 20 else go_release(f"1.{minor}")


def _go_1_20() -> Path:
    def download(target: Path) -> None:
        # An unprivileged user can remove a module cache only if it is writable.
        environment = build_environment() | {"GOMODCACHE": str(target), "GOFLAGS": "-modcacherw"}
        fetch([machine_go(), "mod", "download", GO_1_20], cwd=target, env=environment)

    return built(CACHE / "go" / "1.20.14", download) / GO_1_20 / "bin" / "go"
