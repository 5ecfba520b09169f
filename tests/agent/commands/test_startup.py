"""Rules of what the agent reads before it watches."""

from pathlib import Path

import pytest

from modpulse.agent.commands.startup import machine_name, read, read_key
from modpulse.agent.service.errors import ConfigError

MACHINE_ID = "0123456789abcdef0123456789abcdef"


def test_every_fault_is_told(tmp_path: Path) -> None:
    """A bad file does not hide the next: who mends them all at once starts once."""
    path = tmp_path / "agent.toml"
    path.write_text("\n".join((
        'agent_id = "a"', f'token_file = "{tmp_path}/token"', f'module_key_file = "{tmp_path}/key"',
        'collector_url = "https://127.0.0.1:9"', f'ca_file = "{tmp_path}/ca"',
    )))  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        read(str(path), {})

    named = [fault.partition(" = ")[0] for fault in caught.value.faults]
    assert named == ["module_key_file", "token_file", "ca_file"]
    assert list(tmp_path.iterdir()) == [path]


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
