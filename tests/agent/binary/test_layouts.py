"""Where fields lie inside Go structs."""

import hashlib
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from lab.parts import CACHE, build_environment, built, machine_go

from modpulse.agent.binary.elf import Arch
from modpulse.agent.binary.layouts import (
    FIXED,
    LAYOUTS,
    MINORS,
    OFFSETS,
    WRAPPED,
    layout_index,
    minor_release,
)

Release = Callable[[int], Path]
SOURCE = Path(__file__).parent / "offsets" / "main.go"


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
    fields = [name for name, _ in (*OFFSETS.values(), *WRAPPED.values())] + list(FIXED)
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

    assert {name: computed[name] for name in FIXED} == FIXED


@pytest.mark.releases
@pytest.mark.parametrize("minor", MINORS)
def test_the_errors_inside_errors_are_where_the_table_says(release: Release, minor: int) -> None:
    """Each wrapping error type keeps its inner error at the same place in every release."""
    expected: dict[str, int | None] = dict(WRAPPED.values())
    if minor == 19:
        expected["crypto/tls:CertificateVerificationError.Err"] = None  # since 1.20

    computed = offsets_of(release(minor), minor, "amd64")

    assert expected == {name: computed[name] for name in expected}


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("go1.19.8", 19),
        ("go1.26", 26),
        ("go1.27.3", 27),
        ("go1.22.5 (Red Hat 1.22.5-1.el9)", 22),
        ("go1.24.6 X:nocoverageredesign", 24),
        ("go1.25.1-corp", 25),
        ("go1.27rc1", None),
        ("go1.27beta1", None),
        ("devel go1.28-0123abcd Mon Nov 2 10:00:00 2026 +0000", None),
        ("go2.1", None),
        ("go1.", None),
        ("go1.26.8evil", None),
        ("", None),
    ],
)
def test_only_releases_have_a_minor_release(version: str, minor: int | None) -> None:
    """A vendor's suffix does not change a layout, a candidate or development build may."""
    assert minor == minor_release(version)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_each_examined_release_has_its_layout(arch: Arch) -> None:
    """The index leads to the column of the release, on both architectures."""
    indexes = [layout_index(arch, f"go1.{minor}.1") for minor in MINORS]

    assert indexes == list(range(len(LAYOUTS)))
    assert (LAYOUTS[0].parent_goid, LAYOUTS[0].conn_config) == (None, 72)
    assert (LAYOUTS[-1].parent_goid, LAYOUTS[-1].conn_client_protocol) == (280, 376)


@pytest.mark.parametrize("version", ["go1.18.10", "go1.28.0", "go1.127", "devel"])
def test_a_release_that_was_not_examined_has_no_layout(version: str) -> None:
    """Nothing is guessed for a release that is not in the table."""
    assert layout_index("amd64", version) is None
