"""A program's configuration: which of file and environment is wrong."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.settings import load_settings

PREFIX = "X_"


def parse(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """A program that knows a, b and c, of which c needs b."""
    values = dict(line.split("=") for line in text.split())
    values |= {name[2:].lower(): value for name, value in environ.items() if name[:2] == PREFIX}
    for key, value in values.items():
        if key not in "abc" or value == "bad":
            raise ConfigError(f"{key} = {value}")
    if "c" in values and "b" not in values:
        raise ConfigError("c needs b")
    return values


@pytest.mark.parametrize(
    ("text", "environ", "blamed"),
    [
        ("a=bad", {}, "FILE: a = bad"),
        ("a=bad", {"X_B": "1"}, "FILE: a = bad"),
        ("", {"X_A": "bad"}, "X_A: a = bad"),
        ("a=1", {"X_A": "bad", "X_B": "1"}, "X_A: a = bad"),
        ("a=bad", {"X_A": "1", "X_B": "bad"}, "X_B: b = bad"),
        ("", {"X_NO": "1", "NO": "1"}, "X_NO: no = 1"),
        ("a=1", {"X_C": "1"}, "X_C: c needs b"),
        ("c=1", {"X_A": "1"}, "FILE: c needs b"),
        ("", {"X_A": "bad", "X_B": "bad"}, "X_A: a = bad"),
    ],
)
def test_who_is_blamed(tmp_path: Path, text: str, environ: dict[str, str], blamed: str) -> None:
    """A line begins with the variable without which all would be well, else with the file."""
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, path, PREFIX, environ, parse)

    assert str(caught.value) == blamed.replace("FILE", str(path))


def test_the_mark_of_an_editor(tmp_path: Path) -> None:
    """A file that begins with a byte order mark, as editors of Windows write it, is read as one
    without."""
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfa=1")

    assert load_settings(path, path, PREFIX, {}, parse) == {"a": "1"}


def test_the_default_may_be_missing(tmp_path: Path) -> None:
    """A file that was asked for must be there; and what is there must be a file of text."""
    missing, folder, binary = tmp_path / "no", tmp_path, tmp_path / "binary"
    binary.write_bytes(b"a=\xff")

    assert load_settings(None, missing, PREFIX, {"X_A": "1"}, parse) == {"a": "1"}
    for path, default, words in (
        (missing, missing, f"{missing}: No such file or directory"),
        (None, folder, f"{folder}: a directory, not a regular file"),
        (None, binary, f"{binary}: byte 2 is no UTF-8"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_settings(path, default, PREFIX, {}, parse)
        assert str(caught.value) == words
