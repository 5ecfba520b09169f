"""Where a toolchain is expected, and when it is worth a look."""

import os
from pathlib import Path

import pytest

from modpulse.agent.armer import toolchains
from modpulse.agent.armer.toolchains import EXPECTED_NS, Toolchains, toolchain_of

PID = os.getpid()
VERSION = "v0.0.1-go1.27.3.linux-amd64"


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (f"/golang.org/toolchain/@v/{VERSION}.zip", VERSION),
        (f"/base/golang.org/toolchain/@v/{VERSION}.zip", VERSION),
        (f"/golang.org/toolchain/@v/{VERSION}.mod", None),
        ("/golang.org/x/text/@v/v0.1.0.zip", None),
        ("/golang.org/toolchain/@v/../../etc.zip", None),
    ],
)
def test_toolchain(path: str, version: str | None) -> None:
    """Only the zip of a toolchain brings a new `go`."""
    assert toolchain_of(path) == version


def binary(cache: Path) -> Path:
    path = cache / f"golang.org/toolchain@{VERSION}/bin/go"
    path.parent.mkdir(parents=True)
    return path


def test_tried_whenever_it_has_grown(tmp_path: Path) -> None:
    """A file that is still being unpacked is tried again, until it is whole."""
    expected = Toolchains()
    expected.expect(PID, str(tmp_path), VERSION, 0)
    path = binary(tmp_path)

    seen = [list(expected.grown(1))]
    for size in (10, 10, 20):
        path.write_bytes(bytes(size))
        seen.append(list(expected.grown(2)))
    assert expected.is_expecting()
    expected.arrived((PID, str(path)))
    path.write_bytes(bytes(30))

    assert seen == [[], [(PID, str(path))], [], [(PID, str(path))]]
    assert list(expected.grown(3)) == []
    assert not expected.is_expecting()


def test_given_up(tmp_path: Path) -> None:
    """A toolchain that never comes is not expected for ever."""
    expected = Toolchains()
    expected.expect(PID, str(tmp_path), VERSION, 0)
    expected.expect(PID, "\0", VERSION, 0)

    assert list(expected.grown(EXPECTED_NS + 1)) == []
    binary(tmp_path).write_bytes(b"go")
    assert list(expected.grown(EXPECTED_NS + 2)) == []


def test_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was asked for first gives way, not the one that is fetched now."""
    monkeypatch.setattr(toolchains, "MAX_EXPECTED", 2)
    expected = Toolchains()
    for cache in ("/nowhere", "/elsewhere", str(tmp_path)):
        expected.expect(PID, cache, VERSION, 0)
    path = binary(tmp_path)
    path.write_bytes(b"go")

    assert list(expected.grown(1)) == [(PID, str(path))]
    assert len(expected._until_ns) == 2
