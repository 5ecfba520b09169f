"""Which binaries a command line names."""

import os
import subprocess
from pathlib import Path

import pytest

from modpulse.agent.machine.commanded import MAX_NAMED, MAX_WORDS, named


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a binary `mygo`, a `bin` folder in PATH with another, links, and scripts."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tools").mkdir()
    for path in ("mygo", "bin/othergo", "tools/thirdgo"):
        target = tmp_path / path
        target.write_bytes(b"\x7fELF" + path.encode())
        target.chmod(0o755)
    (tmp_path / "bin" / "link").symlink_to(tmp_path / "mygo")
    return tmp_path


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def found(place: Path, *command: str, **variables: str) -> set[str]:
    """Names of what is found for a command, system programs left out."""
    environ = {"PATH": f"{place}/bin:/usr/bin:/bin", **variables}
    paths = [Path(path).resolve() for path in named(command, environ, str(place))]
    return {path.name for path in paths if path.is_relative_to(place)}


@pytest.mark.parametrize(
    "command",
    [
        ("./mygo", "mod", "download"),
        ("{}/mygo", "mod", "download"),
        ("link", "mod", "download"),
        ("env", "GOFLAGS=-x", "{}/mygo", "version"),
        ("env", "-C", "/", "{}/mygo", "version"),
        ("nice", "-n", "5", "./mygo"),
        ("sudo", "-u", "nobody", "./mygo", "list"),
        ("xargs", "-n1", "./mygo", "get"),
        ("timeout", "30", "link"),
        ("sh", "-c", "cd / && {}/mygo mod download; true"),
        ("bash", "-c", "GO={}/mygo; $GO mod download"),
        ("sh", "-c", "$GO_BINARY mod download"),
        ("sh", "-c", "${{GO_BINARY}} mod download"),
        ("python3", "-c", "import subprocess; subprocess.run(['{}/mygo', 'version'])"),
    ],
)
def test_words(place: Path, command: tuple[str, ...]) -> None:
    """Wherever in the command line a binary is named, and however, it is found."""
    given = [word.format(place) for word in command]

    assert found(place, *given, GO_BINARY=f"{place}/mygo") == {"mygo"}


def test_scripts(place: Path) -> None:
    """A script is read, and the scripts that it names."""
    script(place / "ci" / "build.sh", "#!/bin/sh\nset -e\nci/steps.sh download\n")
    script(place / "ci" / "steps.sh", "#!/usr/bin/env -S othergo run\n./mygo mod $1\n")

    assert found(place, "ci/build.sh") == {"mygo", "othergo"}
    assert found(place, "sh", "ci/build.sh") == {"mygo", "othergo"}


def test_a_script_that_is_not_executable(place: Path) -> None:
    """What a shell is told to read need not be executable."""
    script(place / "steps", "./mygo mod download\n", 0o644)

    assert found(place, "sh", "steps") == {"mygo"}


def test_make(place: Path) -> None:
    """The makefile of the folder is read, that of -C, and that of -f."""
    script(place / "Makefile", "GO ?= ./mygo\nall:\n\t$(GO) mod download\n", 0o644)
    script(place / "sub" / "makefile", "all:\n\tothergo mod download\n", 0o644)
    script(place / "rules.mk", "all:\n\t./tools/thirdgo mod download\n", 0o644)
    fake = script(place / "bin" / "make", "#!/bin/sh\n")

    assert fake.exists()
    assert found(place, "make") == {"mygo"}
    assert found(place, "make", "-C", "sub") == {"mygo", "othergo"}
    assert found(place, "make", "-f", "rules.mk") == {"mygo", "thirdgo"}


def test_what_is_no_binary(place: Path) -> None:
    """Folders, pipes, devices, missing files and files that may not be executed are none."""
    os.mkfifo(place / "pipe")
    (place / "plain").write_bytes(b"\x7fELF")
    (place / "loop").symlink_to(place / "loop")

    names = ("./pipe", "./plain", "./loop", "/dev/null", "/dev/zero", "./missing", "bin", "\0")

    assert found(place, "env", *names) == set()


def test_scripts_that_name_each_other(place: Path) -> None:
    """A circle ends."""
    script(place / "a.sh", "#!/bin/sh\n./b.sh\n")
    script(place / "b.sh", "#!/bin/sh\n./a.sh; ./mygo\n")

    assert found(place, "./a.sh") == {"mygo"}


def test_bounds(place: Path) -> None:
    """Of a command that names ever more, the first words and binaries count."""
    for index in range(MAX_NAMED + 10):
        script(place / "many" / f"b{index}", "").write_bytes(b"\x7fELF%d" % index)
    words = [f"./many/b{index}" for index in range(MAX_NAMED + 10)]
    filler = [f"word{index}" for index in range(MAX_WORDS)]

    assert len(named(["./many/b0", *words], {}, str(place))) == MAX_NAMED
    assert found(place, "env", *filler, "./mygo") == set()


def test_real_programs() -> None:
    """What is found is what the shell would execute."""
    shell = subprocess.run(
        ["sh", "-c", "command -v env"], capture_output=True, text=True, check=True
    ).stdout.strip()

    paths = named(["env", "true"], os.environ, "/")

    assert os.path.realpath(shell) in {os.path.realpath(path) for path in paths}
