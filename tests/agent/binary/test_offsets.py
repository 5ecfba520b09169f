"""Where fields lie inside Go structs, as the sources of each release have it."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from lab.parts import CACHE, build_environment, built, machine_go

from modpulse.agent.binary.elf import Arch
from modpulse.agent.binary.offsets import FIXED, MINORS, OFFSETS, OPERATIONS, TEXTS, WRAPPED

Release = Callable[[int], Path]
SOURCE = Path(__file__).parent / "offsets" / "main.go"
TOP = Path(__file__).parents[3]
BPF, BINARY = TOP / "bpf", TOP / "agent" / "binary"


def offsets_command() -> Path:
    """Build the program that computes offsets from sources."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]

    def build(target: Path) -> None:
        command = [machine_go(), "build", "-o", str(target / "offsets"), str(SOURCE)]
        subprocess.run(command, check=True, env=build_environment(), cwd=target)

    return built(CACHE / "bin" / f"offsets-{digest}", build) / "offsets"


@cache
def offsets_of(go: Path, minor: int, arch: Arch) -> dict[str, int | None]:
    """Compute where fields lie from the sources of a release; None for what it has not."""
    tables = (OFFSETS, WRAPPED, FIXED, TEXTS, OPERATIONS)
    fields = [name for table in tables for name, _ in table.values()]
    command = [str(offsets_command()), str(go.parents[1]), str(minor), arch, *fields]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    values = [None if line == "absent" else int(line) for line in output.splitlines()]
    return dict(zip(fields, values, strict=True))


@pytest.mark.releases
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
@pytest.mark.parametrize("minor", MINORS)
def test_the_table_is_what_the_sources_say(release: Release, minor: int, arch: Arch) -> None:
    """Every offset in the table is what the compiler of that release would give the field."""
    column = MINORS.index(minor)
    expected = {go_name: row[column] for go_name, row in OFFSETS.values()}

    computed = offsets_of(release(minor), minor, arch)

    assert expected == {name: computed[name] for name in expected}


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_no_release_changed_the_fixed_offsets(release: Release, minor: int) -> None:
    """What is compiled into the kernel's programs holds for every release."""
    computed = offsets_of(release(minor), minor, "amd64")

    assert {name: computed[name] for name, _ in FIXED.values()} == dict(FIXED.values())


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_the_texts_of_errors_are_where_the_table_says(release: Release, minor: int) -> None:
    """The field that says what was wrong lies there in every release that has the type."""
    column = MINORS.index(minor)
    expected = {go_name: row[column] for go_name, row in TEXTS.values()} | dict(OPERATIONS.values())

    computed = offsets_of(release(minor), minor, "amd64")

    assert expected == {name: computed[name] for name in expected}


def test_each_fixed_offset_is_read() -> None:
    """A row that neither a program in the kernel nor a reader of binaries names is taken out."""
    sources = [*BPF.glob("*.h"), *BINARY.glob("*.py")]
    words = {
        word
        for path in sources
        if path.name != "offsets.py"
        for word in re.findall(r"\w+", path.read_text())
    }

    assert set(FIXED) - words == set()


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_the_errors_inside_errors_are_where_the_table_says(release: Release, minor: int) -> None:
    """Each wrapping error type keeps its inner error at the same place in every release."""
    expected: dict[str, int | None] = dict(WRAPPED.values())
    if minor == 19:
        expected["crypto/tls:CertificateVerificationError.Err"] = None  # since 1.20

    computed = offsets_of(release(minor), minor, "amd64")

    assert expected == {name: computed[name] for name in expected}
