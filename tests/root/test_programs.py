"""What fails below a `go` is told by name: compilers, tests, what could not be executed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from conftest import has_bpf, needs
from lab.parts import machine_go

pytestmark = pytest.mark.root

PROGRAM = str(Path(sys.executable).with_name("modpulse"))
SCHEMA = json.loads((Path(__file__).parents[1] / "records.schema.json").read_text())
GENERATED = "package x\n//go:generate {}\n"


@pytest.mark.parametrize(
    ("args", "source", "section", "words"),
    [
        (["build", "-toolexec=./k"], "package x\n", "unexplained", "; k was killed by SIGKILL"),
        (["generate"], GENERATED.format('sh -c "cat /nope; exit 4"'), "unexplained",
         "; cat (below sh) ended with exit code 1"),
        (["build", "-toolexec=nowhere"], "package x\n", "machine",
         "local.tool: a program that it runs is not on PATH"),
    ],
    ids=["killed", "below a shell", "not on PATH"],
)  # fmt: skip
def test_who_failed_below(
    args: list[str], source: str, section: str, words: str, tmp_path: Path
) -> None:
    """The kernel tells how each program ended, and the reason names the one that failed."""
    needs(os.geteuid() == 0, "root, to load eBPF programs")
    needs(has_bpf(), "the Debian package python3-bpfcc")
    (tmp_path / "go.mod").write_text("module x.test/x\n\ngo 1.21\n")
    (tmp_path / "x.go").write_text(source)
    (tmp_path / "k").write_text("#!/bin/sh\nkill -9 $$\n")
    (tmp_path / "k").chmod(0o755)
    places = {name: str(tmp_path / name.lower()) for name in ("GOCACHE", "GOPATH", "HOME")}
    subprocess.run(
        [PROGRAM, "run", "--json", "doc.json", "--", machine_go(), *args],
        env={"PATH": "/usr/bin:/bin", "GOPROXY": "off", "GOTOOLCHAIN": "local", **places},
        cwd=tmp_path, capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    document = json.loads((tmp_path / "doc.json").read_text())
    (reason,) = document["reasons"]

    jsonschema.validate(document, SCHEMA)
    assert reason["section"] == section
    assert reason["words"].endswith(words)
