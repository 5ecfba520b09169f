"""A red command always has its cause, and never another's: what a sceptic tries, for real."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import needs
from lab.lab import Lab

pytestmark = pytest.mark.root

PROGRAM = str(Path(sys.executable).with_name("modpulse"))
SCHEMA = json.loads((Path(__file__).parents[1] / "records.schema.json").read_text())


@pytest.fixture(scope="module")
def sick_lab() -> Iterator[Lab]:
    """A lab with the sick hosts."""
    with Lab(sick=True) as lab:
        yield lab


@dataclass(frozen=True)
class Tried:
    """One command, and what `modpulse run` must say of it."""

    name: str
    args: Sequence[str]
    section: str
    """Of the one reason; "" where a request says it, or nothing failed."""
    says: str = ""
    """In the waterfall."""
    never: Sequence[str] = ()
    """Not in the waterfall."""
    setup: str = ":"
    """A script in the folder of the main module, before."""
    code: int = 1
    cls: str = ""
    options: dict[str, Any] = field(default_factory=dict)


M00 = {"requires": ["m00"]}
IMPORT = "printf 'package x\\nimport _ \"mod.lab.test/m00\"\\n' > x.go"
MAIN = "printf 'package main\\nfunc main() { panic(1) }\\n' > x.go"
REFUSED = (
    'printf \'package main\nimport "net"\nfunc main() { _, e := net.Dial("tcp", '
    '"refused.to.lab.test:443"); if e != nil { panic(e) } }\n\' > x.go'
)
TEST = "printf 'package x\\nimport . \"testing\"\\nfunc TestX(t *T) { t.Fatal(1) }\\n' > x_test.go"
VET = 'printf \'package x\\nimport "fmt"\\nfunc F() { fmt.Printf("%%d", "s") }\\n\' > x.go'
FINE = {"env": {"GOFLAGS": "-mod=mod -modcacherw"}, **M00}
BLAME = ("HTTPS  ", "auth  ", "DNS  ", "checksum  ")
TRIES = (
    Tried("it works", ("mod", "download"), "", never=("Unexplained", *BLAME), code=0, options=M00),
    Tried("a compile error after downloads", ("build", "./..."), "unexplained",
          "what it asked was answered: 3 requests", ("Not found", *BLAME),
          f"{IMPORT}; printf 'package x\\nvar y int = \"s\"\\n' > y.go", options=FINE),
    Tried("a test that fails after downloads", ("test", "./..."), "unexplained",
          "go test ended with exit code 1, and what it asked was answered", ("Not found", *BLAME),
          f"{IMPORT}; {TEST}", options=FINE),
    Tried("go vet", ("vet", "./..."), "unexplained", "go vet ended with exit code 1",
          BLAME, VET),
    Tried("a program that panics", ("run", "."), "unexplained", "no `go` asked anything of the",
          BLAME, MAIN),
    Tried("a program that is refused", ("run", "."), "unexplained",
          "Never watched: what `go run` ran", ("it asked nothing", *BLAME), REFUSED),
    Tried("a repository that git does not find", ("mod", "download"), "", "dns.nxdomain",
          ("Unexplained", "Not found"),
          options={"goproxy": "direct", "requires": ["gone.lab.test/x.git@v1.0.0"]}),
    Tried("no such tool", ("tool", "nonesuch"), "unexplained", "go tool … ended with exit code 2",
          BLAME, code=2),
    Tried("no such command", ("downlod",), "unexplained", "exit code 2", BLAME, code=2),
    Tried("a module that nobody has", ("mod", "download"), "not_found",
          "mod.lab.test/nope@v1.0.0: ok.lab.test answered 404", ("Unexplained", *BLAME),
          options={"requires": ["nope@v1.0.0"]}),
    Tried("a module with capital letters", ("mod", "download"), "not_found",
          "mod.lab.test/NoPe@v1.0.0: ok.lab.test answered 404", ("Unexplained", *BLAME),
          options={"requires": ["NoPe@v1.0.0"]}),
    Tried("a version that does not exist", ("get", "mod.lab.test/m00@v9.9.9"), "not_found",
          "m00@v9.9.9", ("Unexplained", *BLAME)),
    Tried("a package that the module lacks", ("get", "mod.lab.test/m00/none"), "not_found",
          "does not have the package", ("Unexplained", *BLAME)),
    Tried("as JSON", ("mod", "download", "-json", "mod.lab.test/nope@v1.0.0"), "not_found",
          "mod.lab.test/nope@v1.0.0: ok.lab.test answered 404", ("Unexplained",)),
    Tried("a host with a typing error", ("mod", "download"), "",
          "dns.nxdomain: gopoxy.lab.test does not exist", ("Unexplained", "Not found"),
          options={"goproxy": "https://gopoxy.lab.test", **M00}),
    Tried("GOPROXY=off", ("mod", "download"), "configuration", "GOPROXY", ("Unexplained", *BLAME),
          cls="local.config", options={"goproxy": "off", **M00}),
    Tried("vendored otherwise", ("build", "./..."), "configuration", "GOFLAGS", BLAME,
          f"{IMPORT}; mkdir vendor; touch vendor/modules.txt", cls="local.config",
          options={"env": {"GOFLAGS": "-mod=vendor"}, **M00}),
    Tried("a syntax error in go.mod", ("list", "-m", "all"), "configuration",
          "go.mod, or go.work, cannot", BLAME, "echo nonsense >> go.mod", cls="local.config"),
    Tried("a toolchain that nobody has", ("version",), "not_found", "go1.99.1",
          ("Unexplained", *BLAME), options={"env": {"GOTOOLCHAIN": "go1.99.1"}}),
    Tried("another sum in go.sum", ("mod", "download"), "", "checksum.gosum",
          ("Unexplained", "Not found"),
          "echo mod.lab.test/m00 v1.1.0 h1:" + "A" * 43 + "= > go.sum", options=M00),
    Tried("a full disk", ("mod", "download"), "machine", "no space left on the disk",
          ("Unexplained", "Not found", *BLAME), cls="local.disk",
          options={"mount": "size=12k", **M00}),
    Tried("a read-only cache", ("mod", "download"), "machine", "read-only",
          ("Unexplained", *BLAME), cls="local.disk", options={"mount": "ro", **M00}),
    Tried("no home", ("mod", "download"), "configuration", "HOME|GOPATH|GOMODCACHE", BLAME,
          cls="local.config",
          options={"unset": ("HOME", "GOPATH", "GOMODCACHE", "GOCACHE"), **M00}),
    Tried("a page with 200 for everything", ("mod", "download"), "", "http.content",
          ("Unexplained", "Not found"),
          options={"goproxy": "https://html-info.lab.test", **M00}),
    Tried("a private repository of git", ("mod", "download"), "", "git.failed",
          ("Unexplained", "Not found"),
          options={"goproxy": "direct", "requires": ["as.lab.test/get.meta-git/x@v1.0.0"]}),
    Tried("it crashes", ("mod", "download"), "unexplained", "crashed", BLAME, code=2,
          options={"before": ["prlimit", "--as=100000000"], **M00}),
    Tried("ended while a body drips", ("mod", "download"), "killed",
          "as-h1.lab.test was still sending mod.lab.test/m00 mod; ", ("Unexplained", "no answer"),
          code=124, options={"goproxy": "https://as-h1.lab.test/mod=drip-body",
                             "before": ["timeout", "4"], **M00}),
    Tried("timeout(1)", ("mod", "download"), "killed", "exit code 124 is that of timeout(1)",
          ("Unexplained",), code=124,
          options={"goproxy": "https://stall-head.lab.test", "before": ["timeout", "2"], **M00}),
)  # fmt: skip


COMPILED_S = 240.0
"""The standard library, on a loaded machine."""


@pytest.fixture(scope="module")
def build_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is compiled of the standard library, once."""
    return tmp_path_factory.mktemp("cache")


def _run(lab: Lab, tried: Tried, file: Path, cache: Path) -> "subprocess.CompletedProcess[str]":
    options = {"goproxy": lab.url("ok"), **tried.options}
    options["env"] = {"GOCACHE": str(cache), **options.get("env", {})}
    folder = lab.workspace(options.pop("requires", ()))
    mount, unset = options.pop("mount", None), options.pop("unset", ())
    script = f"cd {folder}/src && {tried.setup}"
    subprocess.run(["sh", "-ec", script], check=True)
    around = ["env", *(word for name in unset for word in ("-u", name))] if unset else []
    if mount:
        cache = f"mkdir -p $GOMODCACHE; mount -t tmpfs -o {mount} tmpfs $GOMODCACHE"
        around = ["unshare", "-m", "sh", "-ec", f'{cache}; exec "$@"', "sh"]
    before = [PROGRAM, "run", "--json", file, "--", *around, *options.pop("before", ())]
    try:
        return lab.go(*tried.args, timeout_s=COMPILED_S, folder=folder, before=before, **options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("tried", TRIES, ids=lambda tried: tried.name)
def test_what_a_sceptic_tries(
    tried: Tried, sick_lab: Lab, build_cache: Path, tmp_path: Path
) -> None:
    """The waterfall and the document name the section of what went wrong, and no other's."""
    file = tmp_path / "doc.json"
    done = _run(sick_lab, tried, file, build_cache)

    document = json.loads(file.read_text())
    printed = done.stderr.splitlines()
    title = max(number for number, line in enumerate(printed) if " · exit " in line)
    shown = "\n".join(printed[title:])
    sections = {reason["section"] for reason in document["reasons"]}
    words = " ".join(shown.split())

    assert done.returncode == tried.code, done.stderr
    jsonschema.validate(document, SCHEMA)
    assert sections == ({tried.section} if tried.section else set())
    assert any(said in words for said in tried.says.split("|")), shown
    assert [foreign for foreign in tried.never if foreign in shown] == []
    if tried.cls:
        assert {reason["class"] for reason in document["reasons"]} == {tried.cls}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal(number: signal.Signals, sick_lab: Lab, tmp_path: Path) -> None:
    """What ended it is named, with what it waited for."""
    file = tmp_path / "doc.json"
    ready = tmp_path / "pid"
    started = sick_lab.start_go(
        "-c", f"echo $$ > {ready}; exec {sick_lab.go_command} mod download",
        goproxy=sick_lab.url("stall-head"), requires=["m00"], go="sh",
        env={"PATH": f"{sick_lab.go_command.parent}:/usr/bin:/bin"},
        before=[PROGRAM, "run", "--json", file, "--"],
    )  # fmt: skip
    while not (ready.exists() and ready.read_text().strip()):
        time.sleep(0.05)
    time.sleep(3)
    os.kill(int(ready.read_text()), number)
    _, shown = started.communicate(timeout=30)

    document = json.loads(file.read_text())
    (reason,) = document["reasons"]

    assert document["signal"] == number
    assert reason["section"] == "killed"
    assert reason["words"].startswith(f"the command was ended by {number.name} after ")
    assert "http.stalled of stall-head.lab.test" in reason["advice"][0]
    assert "Killed" in shown


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """A memory cgroup of 16 MiB, of either version."""
    name = f"modpulse-test-{os.getpid()}"
    limits = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}
    for root, limit in limits.items():
        if not Path(root, "cgroup.procs").exists():
            continue
        folder = Path(root, name)
        folder.mkdir()
        try:
            if (folder / limit).exists():
                (folder / limit).write_text(str(16 << 20))
                yield folder
                return
        finally:
            folder.rmdir()
    needs(False, "a memory cgroup")


def test_out_of_memory(small_memory: Path, tmp_path: Path) -> None:
    """What the kernel killed for want of memory is counted."""
    file = tmp_path / "doc.json"
    eat = f"echo $$ > {small_memory}/cgroup.procs; exec tail /dev/zero"
    # Where the cgroup does not hold it, its address space does.
    done = subprocess.run(
        [PROGRAM, "run", "--json", file, "--", "prlimit", f"--as={512 << 20}", "sh", "-c", eat],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    document = json.loads(file.read_text())
    (reason,) = document["reasons"]

    assert done.returncode == 128 + signal.SIGKILL
    assert document["oom_kills"] >= 1
    assert [made["for_memory"] for made in document["programs"]] == [True]
    assert "for want of memory meanwhile" in reason["advice"][-2]
    assert reason["advice"][-1] == "It was the kernel, for want of memory."
