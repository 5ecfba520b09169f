"""The units: silent under `systemd-analyze verify`, and every capability with its reason."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import IN_CI

from modpulse.agent.config import AgentConfig
from modpulse.agent.machine.check import CAPABILITIES
from modpulse.agent.service import keys
from modpulse.collector.cli import BUSY, MISTAKE
from modpulse.collector.config import ENV_PREFIX, Config

SYSTEMD = Path(__file__).parent.parent / "systemd"
UNITS = ("modpulse-agent.service", "modpulse-collector.service")
PREFIX = "/opt/modpulse/.venv/bin/"


def settings(unit: str, name: str) -> list[str]:
    text = (SYSTEMD / unit).read_text()
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


@pytest.fixture
def installed(tmp_path):
    """The units as they are where the program is: with this environment's own path."""
    for unit in UNITS:
        text = (SYSTEMD / unit).read_text().replace(PREFIX, f"{Path(sys.prefix)}/bin/")
        (tmp_path / unit).write_text(text)
    return tmp_path


@pytest.mark.skipif(not (shutil.which("systemd-analyze") or IN_CI), reason="needs systemd")
def test_verify_is_silent(installed):
    """`systemd-analyze verify` says nothing; it exits 0 for unknown keys, so output counts."""
    units = [installed / unit for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not (shutil.which("systemd-analyze") or IN_CI), reason="needs systemd")
@pytest.mark.parametrize(("unit", "most"), [(UNITS[0], 40), (UNITS[1], 15)])
def test_exposure(installed, unit, most):
    """The hardening that was reached stays: at most 4.0 for the agent, 1.5 for the collector."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", installed / unit],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_notify_and_are_watched(unit):
    """Ready means ready, and a service that hangs is started anew."""
    assert settings(unit, "Type") == ["notify"]
    assert len(settings(unit, "WatchdogSec")) == 1
    assert settings(unit, "Restart") == ["always"]


def test_the_collector_is_left_alone_where_a_start_cannot_help():
    """The exit code of mistakes ends the restarts, that of what may pass does not."""
    assert settings(UNITS[1], "RestartPreventExitStatus") == [str(MISTAKE)]
    assert str(BUSY) not in settings(UNITS[1], "RestartPreventExitStatus")


@pytest.mark.parametrize("unit", UNITS)
def test_the_program_is_named_by_its_whole_path(unit):
    """ExecStart is one absolute path, the one that the README installs to."""
    (command,) = settings(unit, "ExecStart")

    assert command.startswith(PREFIX + "modpulse ")


def test_the_agent_has_what_check_asks_for():
    """The unit grants exactly the capabilities that `modpulse check` needs."""
    granted = " ".join(settings(UNITS[0], "CapabilityBoundingSet")).split()

    assert sorted(granted) == sorted(CAPABILITIES)


def test_each_capability_has_its_reason():
    """The unit and the README say what each capability is for."""
    unit = re.findall(r"^# (CAP_\w+): .+", (SYSTEMD / UNITS[0]).read_text(), re.MULTILINE)
    readme = re.findall(r"^\| `(CAP_\w+)` \| .+ \|$", (SYSTEMD / "README.md").read_text(), re.M)

    assert sorted(unit) == sorted(CAPABILITIES)
    assert sorted(readme) == sorted(CAPABILITIES)


def test_the_collector_has_no_capability():
    """The collector's bounding set is empty."""
    assert settings(UNITS[1], "CapabilityBoundingSet") == [""]


def test_the_defaults_change_nothing():
    """Every line of an installed environment file is a comment."""
    lines = [line for path in SYSTEMD.glob("*.default") for line in path.read_text().splitlines()]

    assert [line for line in lines if line and not line.startswith("#")] == []


def test_the_collectors_examples_are_keys():
    """What the collector's environment file shows are keys of its configuration."""
    text = (SYSTEMD / "modpulse-collector.default").read_text()
    shown = re.findall(rf"^#{ENV_PREFIX}(\w+)=", text, re.MULTILINE)

    assert [name for name in shown if name.lower() not in keys.defaults(Config)] == []


TABLES = {"channel", "maintenance"}


def test_the_sample_tables_are_right():
    """What the collector's sample shows of its tables is taken as it stands."""
    text = (SYSTEMD / "collector.toml").read_text()
    shown = re.sub(r"^# ?", "", text[text.index("# [[channel]]") :], flags=re.MULTILINE)
    config = keys.parse(Config, shown, "NONE_", {})
    for channel in config.channel:
        channel.check()

    assert [channel.kind for channel in config.channel] == ["webhook", "mail"]
    assert len(config.maintenance) == 1


@pytest.mark.parametrize(
    ("name", "kind"), [("agent.toml", AgentConfig), ("collector.toml", Config)]
)
def test_the_samples_show_every_key(name, kind):
    """As it is a sample changes nothing; without its marks it has every key, with its default."""
    text = (SYSTEMD / name).read_text()
    keys_shown = re.sub(r"^#(?! )|^#(?=    \")", "", text, flags=re.MULTILINE)

    assert keys.parse(kind, text, "NONE_", {}) == kind()
    # Tables have no default that could be shown.
    assert list(tomllib.loads(keys_shown)) == [k for k in keys.defaults(kind) if k not in TABLES]
    assert keys.parse(kind, keys_shown, "NONE_", {}) == kind()
