"""Finding `go` binaries before they run."""

import os
from pathlib import Path

import pytest

from modpulse.agent.binary.plan import plan
from modpulse.agent.machine import findgo
from modpulse.agent.machine.findgo import (
    MAX_BINARY_BYTES,
    MAX_STRING_BYTES,
    MIN_BINARY_BYTES,
    find_go,
    hold,
    read_constant,
    read_image,
    stat_candidate,
)


def binary(path: Path, size: int = MIN_BINARY_BYTES, mode: int = 0o755) -> Path:
    """A file of the size of a `go`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode)
    os.truncate(path, size)
    return path


def found_below(folder: Path, **environ: str) -> list[str]:
    """What is found in a folder, of all that is on this machine."""
    paths = [candidate.path for candidate in find_go(environ)]
    return [str(Path(path).relative_to(folder)) for path in paths if path.startswith(str(folder))]


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("PATH", "relative:{}/bin:", "bin/go"),
        ("GOROOT", "{}/root", "root/bin/go"),
        ("GOMODCACHE", "{}", "golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64/bin/go"),
        ("GOPATH", "/none:{}", "pkg/mod/golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64/bin/go"),
        ("RUNNER_TOOL_CACHE", "{}", "go/1.26.8/x64/bin/go"),
        ("HOME", "{}", "sdk/go1.26.8/bin/go"),
        ("HOME", "{}", "go/pkg/mod/golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64/bin/go"),
    ],
)
def test_the_environment_of_a_command_says_where_to_look(
    tmp_path: Path, variable: str, value: str, path: str
) -> None:
    """Each variable leads to the places where `go` is by its rule."""
    binary(tmp_path / path)

    assert [path] == found_below(tmp_path, **{variable: value.format(tmp_path)})


def test_the_go_of_this_machine_is_found_and_can_be_planned(go_path: Path) -> None:
    """A GOROOT leads to a binary whose bytes make a plan."""
    candidate = next(iter(find_go({"GOROOT": str(go_path.parents[1])})))
    image = read_image(candidate.path)

    assert str(go_path.resolve()) == candidate.path
    assert image is not None
    assert plan(image).points


def test_a_file_with_many_names_counts_once(tmp_path: Path) -> None:
    """Symbolic and hard links lead to the same inode."""
    real = binary(tmp_path / "go1.26" / "bin" / "go")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "go").symlink_to(real)
    (tmp_path / "b" / "go").hardlink_to(real)

    assert found_below(tmp_path, PATH=f"{tmp_path}/a:{tmp_path}/b") == ["go1.26/bin/go"]


def test_only_regular_executable_files_of_a_fitting_size_count(tmp_path: Path) -> None:
    """A directory, a pipe, a script, a dangling link and a huge file are no `go`."""
    (tmp_path / "folder" / "go").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused = [
        tmp_path / "folder" / "go",
        tmp_path / "pipe",
        tmp_path / "dangling",
        tmp_path / "loop",
        binary(tmp_path / "script", size=MIN_BINARY_BYTES - 1),
        binary(tmp_path / "huge", size=MAX_BINARY_BYTES + 1),
        binary(tmp_path / "plain", mode=0o644),
        Path("/dev/zero"),
        Path("nul\0byte"),
    ]

    assert [None] * len(refused) == [stat_candidate(str(path)) for path in refused]
    assert stat_candidate(str(binary(tmp_path / "go"))) is not None


def test_a_folder_named_like_a_pattern_is_taken_literally(tmp_path: Path) -> None:
    """Brackets and stars of a variable are names, not patterns."""
    binary(tmp_path / "[ab]" / "go")
    binary(tmp_path / "a" / "go")

    assert found_below(tmp_path, PATH=f"{tmp_path}/[ab]") == ["[ab]/go"]


def test_what_is_looked_at_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many folders, files and binaries there are, the search ends."""
    for number in range(5):
        binary(tmp_path / "sdk" / f"go1.{number}" / "bin" / "go")
        binary(tmp_path / f"{number}" / "go")
    path = ":".join(f"{tmp_path}/{number}" for number in range(5))

    monkeypatch.setattr(findgo, "MAX_FOLDERS", 3)
    monkeypatch.setattr(findgo, "MAX_PATTERN_FILES", 2)
    assert len(found_below(tmp_path, PATH=path, HOME=str(tmp_path))) == 3 + 2

    monkeypatch.setattr(findgo, "MAX_BINARIES", 4)
    assert len(find_go({"PATH": path, "HOME": str(tmp_path)})) == 4


def test_a_file_that_is_held_cannot_be_swapped(tmp_path: Path) -> None:
    """What is read under the path of a held file is that file, whatever takes its name."""
    path = binary(tmp_path / "go")
    other = binary(tmp_path / "other", size=MIN_BINARY_BYTES + 1)

    with hold(str(path)) as held:
        original = stat_candidate(str(path))
        other.rename(path)
        assert held is not None
        assert original is not None
        assert held.key == original.key
        image = read_image(held.path)

    assert image == bytes(MIN_BINARY_BYTES)


def test_only_a_candidate_is_held(tmp_path: Path) -> None:
    """A folder and a name without a file give nothing to probe."""
    for path in (tmp_path, tmp_path / "nothing", binary(tmp_path / "plain", mode=0o644)):
        with hold(str(path)) as held:
            assert held is None


def test_an_image_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """A pipe does not block the reader, and a huge file is left alone."""
    (tmp_path / "go").write_bytes(b"image")
    os.mkfifo(tmp_path / "pipe")

    assert read_image(str(tmp_path / "go")) == b"image"
    assert read_image(str(tmp_path / "pipe")) is None
    assert read_image(str(tmp_path / "nothing")) is None
    assert read_image(str(tmp_path)) is None
    assert read_image(str(binary(tmp_path / "huge", size=MAX_BINARY_BYTES + 1))) is None


def test_a_constant_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """Strings that the kernel could not read are read from the file, within its bounds."""
    path = str(tmp_path / "go")
    Path(path).write_bytes(b"golang.org/x/text")

    assert read_constant(path, 7, 3) == b"org"
    assert read_constant(path, 7, 0) == b""
    assert read_constant(path, 7, 100) is None
    assert read_constant(path, -1, 1) is None
    assert read_constant(path, 1 << 80, 1) is None
    assert read_constant(path, 0, MAX_STRING_BYTES + 1) is None
    assert read_constant(str(tmp_path / "nothing"), 0, 1) is None
    assert read_constant(str(tmp_path), 0, 1) is None
