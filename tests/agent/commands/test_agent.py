"""Rules of the daemon's start; what it does once it runs is tested in root/test_daemon.py."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from modpulse.agent.batch.batch import ProxyWindow, decode
from modpulse.agent.commands.agent import (
    MISCONFIGURED,
    Agent,
    machine_name,
    main,
    read_key,
    unprobed_paths,
)
from modpulse.agent.config import AgentConfig
from modpulse.agent.delivery.aggregate import Parts
from modpulse.agent.delivery.spool import Spool
from modpulse.agent.machine.sums import Sums
from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.version import version

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


def test_a_window_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is out of bounds is counted and left out; this window and the next are sent."""
    bad = Parts((ProxyWindow(proxy="", requests=7),), 0)
    spool = Spool(str(tmp_path / "spool"), 1 << 20)
    agent = Agent(AgentConfig(agent_id="a"), None, spool)
    made = iter([bad, Parts((), 0)])
    monkeypatch.setattr(agent._aggregator, "flush", lambda _offset, _sums: next(made))
    prober = SimpleNamespace(forgotten=0, failed=0)
    newcomers = SimpleNamespace(unprobed=0, sums=Sums())
    observer = SimpleNamespace(
        losses=lambda: {"ring_full": 0}, prober=prober, newcomers=newcomers,
        kernel=SimpleNamespace(link_kind="perf"),
    )  # fmt: skip
    for now_ns in (1, 2):
        agent._close_window(observer, now_ns)  # type: ignore[arg-type]
    spool.write_out()
    batches = [decode(path.read_bytes()) for path in sorted((tmp_path / "spool").iterdir())]

    assert [batch.seq for batch in batches] == [0, 1]
    assert [batch.losses["batch_unsendable"] for batch in batches] == [1, 1]
    assert (batches[0].proxies, batches[0].proxies_dropped) == ((), 7)
    said = {(batch.agent_version, batch.kernel, batch.links) for batch in batches}
    assert said == {(version(), os.uname().release, "perf")}


def test_go_paths_that_are_not_probed_are_told(tmp_path: Path) -> None:
    """A typo, or what is no `go`; a symbolic link to one that is probed is none."""
    go, link = tmp_path / "go", tmp_path / "link"
    go.touch()
    link.symlink_to(go)
    wanted = [str(link), str(tmp_path / "typo"), "/dev/zero"]

    assert unprobed_paths(wanted, [str(go)]) == [str(tmp_path / "typo"), "/dev/zero"]


def test_main_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad configuration ends the start with exit code 2 and one line."""
    path = tmp_path / "agent.toml"
    path.write_text("colour = 1\n")
    code = main(str(path))

    expected = f"level=error event=agent.misconfigured reason=\"{path}: unknown key 'colour'\"\n"
    assert code == MISCONFIGURED
    assert capsys.readouterr().err.partition(" ")[2] == expected
