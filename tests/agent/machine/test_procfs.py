"""What /proc tells of a process: of real ones, and of texts as other hosts have them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modpulse.agent.machine import procfs
from modpulse.agent.machine.procfs import (
    cgroup_facts,
    differs,
    exists,
    read_environ,
    read_environment,
    read_facts,
    sees_all_processes,
    user_settings,
)
from modpulse.agent.service.foreign import CUT

NOBODY = 1 << 22
"""Beyond the largest pid."""
ID = "0123456789abcdef" * 4


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits, with an environment of its own."""
    (tmp_path / "goenv").write_text("GOSUMDB=off\nGOPRIVATE=*.corp\n")
    environ = {
        "GOENV": str(tmp_path / "goenv"),
        "HTTPS_PROXY": "http://user:secret@squid.test:3128",
        "http_proxy": "http://user:secret@plain.test:3128",
        "CI_JOB_ID": "77",
        "CI_EMPTY": "",
    }
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "x y"]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as made:
        assert made.stdout is not None
        made.stdout.readline()
        yield made
        made.kill()


def test_facts(process: subprocess.Popen[bytes]) -> None:
    """Fields of the process record, without what was not asked for, and without passwords."""
    environment = read_environment(process.pid)
    facts = read_facts(process.pid, environment, ["CI_JOB_ID", "CI_EMPTY", "CI_NONE"])

    assert facts["argv"] == (sys.executable, CUT)
    assert (facts["gosumdb"], facts["gonoproxy"]) == ("off", "*.corp")
    assert facts["job"] == {"CI_JOB_ID": "77"}
    assert "squid.test:3128" in facts["https_proxy"]
    assert facts["http_proxy"] == "http://plain.test:3128"
    assert "secret" not in facts["https_proxy"]
    assert set(facts) >= {"cgroup", "container", "unit"}


def test_a_go_by_another_name(process: subprocess.Popen[bytes]) -> None:
    """Its arguments are those of `go`, and so is its name: `exe` has the other."""
    facts = read_facts(process.pid, None, [], is_go=True)

    assert facts["argv"][0] == "go"


def test_a_process_that_is_gone() -> None:
    """What cannot be read is left out."""
    assert read_facts(NOBODY, None, []) == {}
    assert read_environ(NOBODY) is read_environment(NOBODY) is None


def test_exists() -> None:
    """A process is there or not."""
    assert [exists(os.getpid()), exists(NOBODY)] == [True, False]


def test_whether_all_processes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace other than the first numbers processes in its own way."""
    first = os.stat("/proc/self/ns/pid").st_ino
    monkeypatch.setattr(procfs, "_INITIAL_PID_NAMESPACE", first)
    ours = sees_all_processes()
    monkeypatch.setattr(procfs, "_INITIAL_PID_NAMESPACE", first + 1)

    assert [ours, sees_all_processes()] == [True, False]


def test_instructions_as_in_the_file(process: subprocess.Popen[bytes]) -> None:
    """Without a breakpoint memory and file agree; with one they would not."""
    address, offset = 0x401000, 0x1000
    maps = b"".join([
        b"400000-401000 r--p 00000000 fe:00 9 /go\n",
        b"401000-500000 r-xp 00001000 fe:00 9 /go\n",
        b"7f0000001000-7f0000500000 r-xp 00001000 fe:00 8 /libc\n",
    ])  # fmt: skip

    assert procfs._address_of(maps, offset + 5) == address + 5
    assert procfs._address_of(maps, 0) is None
    executable = Path(sys.executable).resolve()
    start = next(
        int(line.split()[2], 16)
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()
        if "r-xp" in line
    )
    original = executable.read_bytes()[start : start + 4]
    assert not differs(process.pid, start, original)
    assert differs(process.pid, start, bytes(byte ^ 0xFF for byte in original))


def test_a_process_without_instructions() -> None:
    """Of a process that is gone nothing can be said."""
    with pytest.raises(OSError, match="no executable file"):
        differs(NOBODY, 0, b"")


@pytest.mark.parametrize(
    ("text", "cgroup", "container", "unit"),
    [
        ("0::/system.slice/ci.service\n", "/system.slice/ci.service", None, "ci.service"),
        (f"0::/system.slice/docker-{ID}.scope\n", f"/system.slice/docker-{ID}.scope", ID[:12],
         f"docker-{ID}.scope"),
        (f"0::/kubepods/pod1/{ID}\n", f"/kubepods/pod1/{ID}", ID[:12], None),
        (f"4:memory:/docker/{ID}\n1:name=systemd:/a.slice/b.service/c\n", "/a.slice/b.service/c",
         ID[:12], "b.service"),
        ("0::/\n", "/", None, None),
        ("", None, None, None),
        ("nonsense\n", None, None, None),
    ],
)  # fmt: skip
def test_cgroup(text: str, cgroup: str | None, container: str | None, unit: str | None) -> None:
    """The path of cgroup2, else systemd's; the container and the unit that it names."""
    assert cgroup_facts(text) == {"cgroup": cgroup, "container": container, "unit": unit}


def test_user_settings(tmp_path: Path) -> None:
    """GOENV, or go/env below the user's configuration; `off` is none."""
    for folder in ("home/.config/go", "xdg/go"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "env").write_text(folder)
    home, xdg = str(tmp_path / "home"), str(tmp_path / "xdg")

    found = [
        user_settings(os.getpid(), environ)
        for environ in (
            {"HOME": home},
            {"HOME": home, "XDG_CONFIG_HOME": xdg},
            {"HOME": home, "GOENV": f"{xdg}/go/env"},
            {"HOME": home, "GOENV": "off"},
            {},
        )
    ]

    assert found == ["home/.config/go", "xdg/go", "xdg/go", "", ""]


def test_files_are_read_in_bounds(tmp_path: Path) -> None:
    """What is no file of a fitting size is as none, and none of it blocks."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sparse").write_bytes(b"GOSUMDB=off")
    os.truncate(tmp_path / "sparse", 1 << 40)
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    bad = ["/dev/zero", "/proc/kmsg", "/proc/self/environ", "/sys/kernel/tracing/trace_pipe",
           str(tmp_path), "\0", "relative", *map(str, tmp_path.iterdir())]  # fmt: skip

    assert [user_settings(os.getpid(), {"GOENV": path}) for path in bad] == [""] * len(bad)
