"""Rules of the daemon's start; what it does once it runs is tested in root/test_daemon.py."""

import logging
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from modpulse.agent.batch.batch import ProxyWindow, decode
from modpulse.agent.commands.agent import (
    MISCONFIGURED,
    Agent,
    main,
    unprobed_paths,
)
from modpulse.agent.commands.startup import read
from modpulse.agent.config import AgentConfig
from modpulse.agent.delivery.aggregate import Parts
from modpulse.agent.delivery.spool import Spool
from modpulse.agent.machine.sums import Sums
from modpulse.agent.service.version import version


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The daemon sets the logging of its whole process; a test gives it back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def blind() -> SimpleNamespace:
    """Stands for an observer, which needs root."""
    prober = SimpleNamespace(forgotten=0, failed=0)
    newcomers = SimpleNamespace(unprobed=0, sums=Sums())
    return SimpleNamespace(
        losses=lambda: {"ring_full": 0}, prober=prober, newcomers=newcomers,
        kernel=SimpleNamespace(link_kind="perf"),
    )  # fmt: skip


def test_a_window_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is out of bounds is counted and left out; this window and the next are sent."""
    bad = Parts((ProxyWindow(proxy="", requests=7),), 0)
    spool = Spool(str(tmp_path / "spool"), 1 << 20)
    agent = Agent(AgentConfig(agent_id="a"), None, spool, lambda: None)
    made = iter([bad, Parts((), 0)])
    monkeypatch.setattr(agent._aggregator, "flush", lambda _offset, _sums: next(made))
    observer = blind()
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


def test_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may change counts from the next window on, the rest is told; a bad file is counted, and
    changes nothing."""
    path, spool = tmp_path / "agent.toml", Spool(str(tmp_path / "spool"), 1 << 20)
    path.write_text('agent_id = "a"\nlabels = { site = "old" }\n')
    reread = partial(read, str(path), {})
    agent, observer = Agent(reread().config, None, spool, reread), blind()
    used: list[object] = []
    monkeypatch.setattr(agent._shipper, "use", used.append)
    caplog.set_level(logging.INFO)
    for now_ns, text in enumerate(
        ('labels = { site = "new" }\nring_bytes = 8192', "window_seconds = 99", 'labels = "x"'), 1
    ):
        path.write_text(f'agent_id = "a"\n{text}\n')
        agent._reload(observer, now_ns)  # type: ignore[arg-type]
    agent._close_window(observer, 9)  # type: ignore[arg-type]
    spool.write_out()
    batches = [decode(path.read_bytes()) for path in sorted((tmp_path / "spool").iterdir())]
    events = [record.getMessage().partition(" ")[0] for record in caplog.records]

    assert [batch.labels for batch in batches] == [{"site": "old"}, {"site": "new"}]
    assert [batch.losses["config_refused"] for batch in batches] == [0, 2]
    assert events == [
        "config.needs_restart", "config.reloaded", "config.refused", "config.refused",
    ]  # fmt: skip
    assert len(used) == 1
