"""Fixtures of the agent's tests: a real `go` binary."""

import subprocess
from pathlib import Path

import pytest
from lab.parts import build_environment, machine_go


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
