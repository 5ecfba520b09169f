"""The units under a real systemd: PID 1 of a container, booted in half a second."""

import json
import os
import platform
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import needs
from lab.parts import CACHE, built, machine_go

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

ROOT = Path(__file__).parent.parent.parent
SYSTEMD = ROOT / "systemd"
PACKAGES = "systemd,systemd-sysv,dbus,python3-bpfcc,python3-cryptography,python3-venv"
"""The last but one: an environment that sees the distribution's has none of its own."""
APT_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
BOOT_TIMEOUT_S = 30
HIDDEN = ("/root", "/home", "/tmp", "/var/tmp")
SHOWN = f"""\
[Service]
ProtectHome=tmpfs
BindReadOnlyPaths={ROOT} {sys.prefix}
"""
"""For a checkout that a unit would else be kept from, by ProtectHome or PrivateTmp."""
OWN_NETWORK = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""The default port may be another test's at the time. (nspawn's own way hides /sys as well.)"""
RUN_UNIT = """\
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=exec
ExecStart=/bin/sh -x /exchange/run.sh
StandardOutput=file:/exchange/run.log
StandardError=file:/exchange/run.log
"""


def make_tree(folder: Path) -> None:
    """The distribution that this machine runs, as small as systemd and bcc allow."""
    sources = next(path for path in APT_SOURCES if path.exists())
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    command = ["mmdebstrap", "--variant=apt", f"--include={PACKAGES}", codename, folder, sources]
    subprocess.run(command, check=True, timeout=600)


@pytest.fixture(scope="module")
def tree():
    """A root folder for containers, built once and never written to."""
    needs(os.geteuid() == 0, "root, to boot a container")
    needs(shutil.which("systemd-nspawn") is not None, "systemd-container")
    needs(shutil.which("mmdebstrap") is not None, "mmdebstrap")
    needs(any(path.exists() for path in APT_SOURCES), "Debian's package sources")
    kind = zlib.crc32(PACKAGES.encode())
    return built(CACHE / f"systemd-tree-{kind:08x}", make_tree)


@pytest.fixture
def boot(tree, tmp_path):
    """Boot a container with these units, run a script in it, return what it printed."""

    def run(script: str, units: Sequence[Path], goroot: Path | None = None) -> str:
        (tmp_path / "run.sh").write_text(script)
        (tmp_path / "run.service").write_text(RUN_UNIT)
        (tmp_path / "wants.conf").write_text("[Unit]\nWants=run.service\n")
        prefix, system = Path(sys.prefix), "/etc/systemd/system"
        binds = [
            f"--bind={tmp_path}:/exchange",
            f"--bind-ro={ROOT}",
            f"--bind-ro={prefix}",
            f"--bind-ro={prefix}:/opt/modpulse/.venv",
            f"--bind-ro={tmp_path}/run.service:{system}/run.service",
            f"--bind-ro={tmp_path}/wants.conf:{system}/multi-user.target.d/run.conf",
            *(f"--bind-ro={unit}:{system}/{unit.name}" for unit in units),
            *([f"--bind-ro={goroot}:/usr/local/go"] if goroot else []),
        ]
        if any(ROOT.is_relative_to(folder) for folder in HIDDEN):
            (tmp_path / "shown.conf").write_text(SHOWN)
            dropins = [f"{system}/{unit.name}.d/shown.conf" for unit in units]
            binds += [f"--bind-ro={tmp_path}/shown.conf:{dropin}" for dropin in dropins]
        # nspawn takes CAP_BPF and bpf(2) away unless it is told not to.
        allowed = ["--capability=all", "--system-call-filter=bpf perf_event_open"]
        booted = subprocess.run(
            [*OWN_NETWORK, "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
             "--volatile=overlay", "--console=pipe", "--bind=/sys/kernel/tracing",
             *allowed, *binds, "--boot", f"--directory={tree}"],
            env={**os.environ, "UNIFIED_CGROUP_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=BOOT_TIMEOUT_S, check=False,
        )  # fmt: skip
        log = tmp_path / "run.log"

        assert log.exists(), booted.stdout + booted.stderr
        return log.read_text()

    return run


def test_the_collector_starts_ready_and_answers(boot):
    """Started means that it answers; stopped means that it ended by itself."""
    said = boot(
        """
        systemctl start modpulse-collector && echo started
        python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:6637/healthz').status)"
        systemctl stop modpulse-collector
        systemctl show --property=Result,NRestarts modpulse-collector
        journalctl --output=cat --no-pager --unit=modpulse-collector
        """,
        [SYSTEMD / "modpulse-collector.service"],
    ).splitlines()

    assert "started" in said
    assert "200" in said
    assert "Result=success" in said
    assert "NRestarts=0" in said


def test_a_damaged_database_is_not_tried_again(boot):
    """What somebody must look at ends the unit with one line, not a start every few seconds."""
    said = boot(
        """
        systemctl start modpulse-collector && systemctl stop modpulse-collector
        head -c 20000 /dev/urandom > /var/lib/private/modpulse-collector/collector.db
        systemctl start modpulse-collector || sleep 8
        systemctl show --property=ActiveState,NRestarts,ExecMainStatus modpulse-collector
        journalctl --output=cat --no-pager --unit=modpulse-collector
        """,
        [SYSTEMD / "modpulse-collector.service"],
    )
    lines = said.splitlines()

    assert {"ActiveState=failed", "ExecMainStatus=2"} <= set(lines)
    # Once in more than RestartSec.
    assert said.count("file is not a database: move the file away") == 1
    assert "Traceback" not in said


def test_a_hanging_collector_is_started_anew(boot, tmp_path):
    """The watchdog kills what no longer works."""
    hasty = tmp_path / "modpulse-collector.service"
    text = (SYSTEMD / hasty.name).read_text()
    hasty.write_text(text.replace("WatchdogSec=30", "WatchdogSec=3"))
    said = boot(
        """
        systemctl start modpulse-collector
        systemctl kill --signal=STOP modpulse-collector
        for i in $(seq 300); do
            [ "$(systemctl show --value --property=NRestarts modpulse-collector)" = 1 ] && break
            sleep 0.1
        done
        journalctl --output=cat --no-pager --unit=modpulse-collector
        """,
        [hasty],
    )

    assert "Failed with result 'watchdog'" in said


def test_the_agent_watches_from_within_its_sandbox(boot):
    """Started means armed; what a real `go` met is on disk when the agent has ended."""
    said = boot(
        """
        systemctl start modpulse-agent && echo started
        mkdir -p /etc/modpulse && echo 'labels = { site = "fra" }' > /etc/modpulse/agent.toml
        systemctl reload modpulse-agent
        mkdir /run/work && cd /run/work
        printf 'module work.test\nrequire lab.test/m v1.0.0\n' > go.mod
        HOME=/run/work GOPROXY=http://127.0.0.1:9 /usr/local/go/bin/go mod download
        systemctl stop modpulse-agent
        systemctl show --property=Result,NRestarts modpulse-agent
        journalctl --output=cat --no-pager --unit=modpulse-agent
        grep --text --only-matching --no-filename -e http://127.0.0.1:9 -e tcp.refused \\
            --recursive /var/lib/modpulse-agent
        """,
        [SYSTEMD / "modpulse-agent.service"],
        goroot=Path(machine_go()).resolve().parent.parent,
    ).splitlines()

    assert "started" in said
    assert any(line.startswith("event=config.reloaded") for line in said)
    assert any(line.startswith("event=agent.stopped code=0") for line in said)
    assert "Result=success" in said
    assert "NRestarts=0" in said
    assert "http://127.0.0.1:9" in said
    assert "tcp.refused" in said


def test_the_agent_in_its_sandbox_keeps_no_mount(boot):
    """What a probed `go` lies on can be unmounted: the unit lets it have mounts of its own."""
    said = boot(
        """
        systemctl start modpulse-agent
        agent=$(systemctl show --property=MainPID --value modpulse-agent)
        mkdir /run/disk && mount -t tmpfs -o mode=0755 tmpfs /run/disk
        cp /usr/local/go/bin/go /run/disk/go
        export GOROOT=/usr/local/go
        for look in $(seq 20); do /run/disk/go version; sleep 0.1; done
        grep --fixed-strings /run/disk /proc/$agent/mountinfo && echo seen
        for link in /proc/$agent/fd/*; do
            [ "$(stat -Lc %d:%i $link)" = "$(stat -c %d:%i /run/disk/go)" ] && echo probed
        done
        umount /run/disk && echo unmounted
        systemctl stop modpulse-agent
        """,
        [SYSTEMD / "modpulse-agent.service"],
        goroot=Path(machine_go()).resolve().parent.parent,
    ).splitlines()

    assert {"seen", "probed", "unmounted"} <= set(said)


def test_the_agents_sandbox_lets_the_probes_through(boot, tmp_path):
    """With the agent's capabilities and filters everything compiles, loads and attaches."""
    checking = tmp_path / "modpulse-agent.service"
    lines = (SYSTEMD / checking.name).read_text().splitlines()
    changed = {
        "Type": "Type=oneshot",
        "ExecStart": "ExecStart=/opt/modpulse/.venv/bin/modpulse check --json",
        "WatchdogSec": "",
        "Restart": "Restart=no",
    }
    checking.write_text("\n".join(changed.get(line.partition("=")[0], line) for line in lines))
    said = boot(
        """
        systemctl start modpulse-agent && echo observable
        journalctl --output=cat --no-pager --unit=modpulse-agent
        """,
        [checking],
    ).splitlines()
    answer = json.loads(next(line for line in said if line.startswith('{"schema"')))

    assert [found for found in answer["findings"] if found["level"] == "fail"] == []
    assert "observable" in said
