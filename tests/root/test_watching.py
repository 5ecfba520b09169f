"""The command that is watched is always watched: whatever `go` is called, and however."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eyes import gather
from lab.lab import Lab

from modpulse.agent.kernel.attach import Compilation, KernelOptions
from modpulse.agent.observer import Observer

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

PROGRAM = str(Path(sys.executable).with_name("modpulse"))


@pytest.fixture
def elsewhere(lab: Lab, tmp_path: Path) -> Iterator[Path]:
    """A `go` that no place and no name tells, never seen before: its inode is new."""
    folder = Path("/var/tmp") / f"modpulse-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()
    try:
        shutil.copy2(os.path.realpath(lab.go_command), folder / "builder")
        (folder / "alias").symlink_to(folder / "builder")
        yield folder
    finally:
        shutil.rmtree(folder)


WAYS = {
    "absolute": ["{}/builder", "mod", "download"],
    "symlink": ["{}/alias", "mod", "download"],
    "relative": ["../../../../../../../../{}/builder", "mod", "download"],
    "path": ["builder", "mod", "download"],
    "env": ["env", "GOFLAGS=-modcacherw", "{}/builder", "mod", "download"],
    "nice": ["nice", "-n", "1", "{}/builder", "mod", "download"],
    "sudo": ["sudo", "-E", "-u", "root", "{}/builder", "mod", "download"],
    "xargs": ["sh", "-c", "echo download | xargs {}/builder mod"],
    "sh": ["sh", "-c", "true && {}/builder mod download"],
    "script": ["{}/build.sh", "download"],
    "make": ["make", "-s", "-C", "{}", "download"],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_first_request_is_seen(way: str, lab: Lab, elsewhere: Path, tmp_path: Path) -> None:
    """The binary that a command leads to is armed before it starts."""
    workspace = lab.workspace(["m00"])
    download = f"cd {workspace}/src && {elsewhere}/builder mod"
    (elsewhere / "build.sh").write_text(f"#!/bin/sh\n{download} $1\n")
    (elsewhere / "build.sh").chmod(0o755)
    (elsewhere / "Makefile").write_text(f"GO = {elsewhere}/builder\ndownload:\n\t{download} $@\n")
    file = tmp_path / "doc.json"
    first, *rest = [word.format(elsewhere) for word in WAYS[way]]
    goroot = Path(os.path.realpath(lab.go_command)).parents[1]

    done = lab.go(
        *rest,
        goproxy=lab.url("ok"),
        folder=workspace,
        go=first,
        env={"GOROOT": str(goroot), "PATH": f"{elsewhere}:/usr/bin:/bin", "GOTOOLCHAIN": "local"},
        before=[PROGRAM, "run", "--json", file, "--"],
    )

    document = json.loads(file.read_text())

    assert (done.returncode, done.stdout) == (0, "")
    assert [request["endpoint"] for request in document["requests"]] == ["mod", "info", "zip"]
    assert [len(document[kind]) for kind in ("lookups", "connections", "handshakes")] == [1, 1, 1]


def _processes(lab: Lab, go: Path, file: Path, script: str) -> list[dict[str, Any]]:
    """Download by a script that makes its own `go`, and return what ran."""
    goroot = Path(os.path.realpath(lab.go_command)).parents[1]
    done = lab.go(
        "-c", f"{script} && {go} mod download",
        goproxy=lab.url("ok"), requires=["m00"], go="sh",
        env={"GOROOT": str(goroot), "PATH": "/usr/bin:/bin", "GOTOOLCHAIN": "local"},
        before=[PROGRAM, "run", "--json", file, "--"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(file.read_text())["processes"]
    return found


def test_since_when_is_told(lab: Lab, elsewhere: Path, tmp_path: Path) -> None:
    """A binary that is there is armed before its process; one that the command makes, after it."""
    go, new = elsewhere / "go", elsewhere / "new" / "go"
    (there,) = _processes(lab, go, tmp_path / "a", f"mv {elsewhere}/builder {go}")
    (made,) = _processes(lab, new, tmp_path / "b", f"mkdir {new.parent} && cp {go} {new}")

    assert there["armed_at_ns"] < there["start_at_ns"]
    assert made["start_at_ns"] < made["armed_at_ns"] < made["end_at_ns"]


MEMORY = """import os, shutil, sys
held = os.memfd_create("q")
with open(sys.argv[1], "rb") as source, open(held, "wb", closefd=False) as copy:
    shutil.copyfileobj(source, copy)
os.execve(held, ["q", *sys.argv[2:]], os.environ)
"""
UNNAMED = {
    "copy": "cp {0}/builder {0}/x.$$ && {0}/x.$$ mod download",
    "link": "ln -s {0}/builder {0}/f$$ && {0}/f$$ mod download",
    "copy of its tree": "mkdir {0}/x && cp {0}/builder {0}/x/go && {0}/x/go mod download",
    "memory": "{python} {0}/memory.py {0}/builder mod download",
}
"""Under names that the command does not have before it runs."""


@pytest.mark.parametrize("way", UNNAMED)
def test_a_failure_under_another_name(way: str, lab: Lab, elsewhere: Path, tmp_path: Path) -> None:
    """Whatever runs it under whatever name: that a `go` ran is told, what it is, and no killing."""
    (elsewhere / "memory.py").write_text(MEMORY)
    file = tmp_path / "doc.json"
    done = lab.go(
        "-c", UNNAMED[way].format(elsewhere, python=sys.executable),
        goproxy=lab.url("e500"), requires=["m00"], go="sh",
        env={
            "GOROOT": str(Path(os.path.realpath(lab.go_command)).parents[1]),
            "PATH": "/usr/bin:/bin", "GOTOOLCHAIN": "local",
        },
        before=[PROGRAM, "run", "--json", file, "--"],
    )  # fmt: skip
    document = json.loads(file.read_text())
    (process,) = document["processes"]

    assert done.returncode == 1, done.stderr
    assert process["go_version"] == machine_version(lab)
    assert process["argv"][1:] == ["mod", "download"]
    assert process["exe"]
    assert (process["exit_code"], process["ended_by"]) == (1, "exit")
    assert [made for made in document["reasons"] if made["section"] == "killed"] == []
    if way == "link":
        assert process["armed_at_ns"] < process["start_at_ns"]
    if way != "memory":  # written to by who runs it, so there is no lease
        assert process["armed_at_ns"] is not None


@pytest.mark.parametrize(("number", "ended_by"), [("KILL", "signal"), ("QUIT", "crash")])
def test_how_a_go_below_it_ended(
    number: str, ended_by: str, lab: Lab, elsewhere: Path, tmp_path: Path
) -> None:
    """A signal is told from a crash of Go's runtime, of any process: this one dumps and exits."""
    file = tmp_path / "doc.json"
    done = lab.go(
        "-c", f"{elsewhere}/builder mod download & sleep 0.7; kill -{number} $!; wait $!",
        goproxy=lab.url("stall-head"), requires=["m00"], go="sh",
        env={
            "GOROOT": str(Path(os.path.realpath(lab.go_command)).parents[1]),
            "PATH": "/usr/bin:/bin", "GOTOOLCHAIN": "local",
        },
        before=[PROGRAM, "run", "--json", file, "--"],
    )  # fmt: skip
    (process,) = json.loads(file.read_text())["processes"]

    assert done.returncode == {"KILL": 128 + 9, "QUIT": 2}[number]
    assert process["ended_by"] == ended_by
    assert process["exit_code"] == {"KILL": None, "QUIT": 2}[number]


def test_a_whole_host_knows_it_by_its_events(lab: Lab, elsewhere: Path) -> None:
    """A `go` by another name is no exec that is looked at; its first event tells what it is."""
    options = KernelOptions(ring_bytes=1 << 20)
    builder = elsewhere / "builder"
    observer = Observer(Compilation(options), os.environ, 10**10, extra_paths=[str(builder)])
    try:
        done = lab.go(
            "mod", "download",
            goproxy=lab.url("ok"), requires=["m00"], go=str(elsewhere / "alias"),
            env={
                "GOROOT": str(Path(os.path.realpath(lab.go_command)).parents[1]),
                "GOTOOLCHAIN": "local",
            },
        )  # fmt: skip
        records = observer.finish()
    finally:
        observer.close()
    (process,) = gather(records).processes

    assert done.returncode == 0, done.stderr
    assert process.go_version == machine_version(lab)
    assert process.armed_at_ns is not None
    assert process.armed_at_ns < process.start_at_ns


def test_never_armed_is_told(lab: Lab, elsewhere: Path, tmp_path: Path) -> None:
    """A release that nobody has examined is seen by its packets, and says so."""
    version = machine_version(lab)
    unknown = re.sub(r"^go1\.\d\d", "go1.99", version)
    script = f"sed -i 's/{version}/{unknown}/g' {elsewhere}/builder && mv {elsewhere}/builder"

    (process,) = _processes(lab, elsewhere / "go", tmp_path / "doc", f"{script} {elsewhere}/go")

    assert (process["go_version"], process["armed_at_ns"]) == (unknown, None)


def machine_version(lab: Lab) -> str:
    """As the linker has it: `go1.26.8`."""
    told = subprocess.run(
        [lab.go_command, "env", "GOVERSION"], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()
