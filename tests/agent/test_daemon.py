"""Rules of the daemon's start; what it does once it runs is tested in root/test_daemon.py."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from modpulse.agent.config import ConfigError
from modpulse.agent.daemon import MISCONFIGURED, machine_name, main, read_key

MACHINE_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The daemon sets the logging of its whole process; a test gives it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_machine_name(tmp_path: Path) -> None:
    """The name is always the same for one machine, and does not disclose its id."""
    path = tmp_path / "machine-id"
    path.write_text(f"{MACHINE_ID}\n")
    name = machine_name(path)

    assert name == machine_name(path)
    assert (len(name), MACHINE_ID[:8] in name) == (32, False)


@pytest.mark.parametrize("text", [None, "", "uninitialized\n"])
def test_a_machine_without_id(tmp_path: Path, text: str | None) -> None:
    """In an image that has not booted there is no id: agent_id must be set."""
    path = tmp_path / "machine-id"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match="agent_id is not set"):
        machine_name(path)


@pytest.mark.parametrize(("size", "expected"), [(16, 16), (64, 64), (65, 64), (4096, 64)])
def test_read_key(tmp_path: Path, size: int, expected: int) -> None:
    """A key of 16 to 64 bytes is taken as it is, a longer one hashed."""
    path = tmp_path / "key"
    path.write_bytes(b"k" * size + b"\n")

    assert len(read_key(str(path))) == expected


@pytest.mark.parametrize("text", [None, b"", b"too short\n"])
def test_a_bad_key(tmp_path: Path, text: bytes | None) -> None:
    """Without a good key no name may be sent at all, so the agent does not start."""
    path = tmp_path / "key"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigError, match="module_key_file"):
        read_key(str(path))


def test_main_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad configuration ends the start with exit code 2 and one line."""
    path = tmp_path / "agent.toml"
    path.write_text("colour = 1\n")
    code = main(str(path))

    expected = f"ERROR agent.misconfigured reason={path}: unknown key 'colour'\n"
    assert (code, capsys.readouterr().err) == (MISCONFIGURED, expected)
