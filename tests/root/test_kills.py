"""An agent that is killed leaves no breakpoint to whoever writes to a `go` after it."""

import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import has_bpf, needs
from lab.parts import CACHE, go_releases

from modpulse.agent.binary.plan import plan
from modpulse.agent.machine.findgo import read_image

NO_HOME = "/dev/null/none"
"""Where `go` can make nothing: its telemetry would run the binary on, beside what it is run for."""
pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

TESTS = Path(__file__).parent.parent
WATCH = """
import sys
from pathlib import Path
from eyes import Eyes

with Eyes([Path(sys.argv[2])], multi=sys.argv[1] == "multi") as eyes:
    print(*eyes.observer.prober.paths(), flush=True)
    while True:
        eyes.look(1.0)
"""


@pytest.fixture
def go() -> Iterator[Path]:
    """A probed `go` is to be here: in memory, where writing takes least."""
    needs(has_bpf(), "the Debian package python3-bpfcc")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name) / "go"


def watch(links: str, go: Path) -> subprocess.Popen[str]:
    """Start an agent that probes it, and little else."""
    command = [sys.executable, "-c", WATCH, links, go]
    environ = os.environ | {
        "PYTHONPATH": str(TESTS),
        "PATH": str(go.parent / "absent"),
        "HOME": NO_HOME,
    }
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def is_ready(agent: subprocess.Popen[str], go: Path) -> bool:
    """Wait until it is probed."""
    assert agent.stdout is not None
    return str(go) in agent.stdout.readline().split()


def breakpoints(go: Path) -> set[int]:
    """Where a process that runs it would have other bytes than the file."""
    content = go.read_bytes()
    flags, may = mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC
    with go.open("rb") as file, mmap.mmap(file.fileno(), 0, flags=flags, prot=may) as memory:
        pages = range(0, len(content), mmap.PAGESIZE)
        return {
            at
            for start in pages
            if memory[start : start + mmap.PAGESIZE] != content[start : start + mmap.PAGESIZE]
            for at in range(start, min(start + mmap.PAGESIZE, len(content)))
            if memory[at] != content[at]
        }


def harmful(go: Path) -> set[int]:
    """Those of them that are not for this content: an agent may have met it by now."""
    image = read_image(str(go))
    assert image is not None
    return breakpoints(go) - {point.offset for point in plan(image).points}


def runs_as(release: Path, go: Path) -> bool:
    """Whether it is that release, and runs."""
    environ = {"HOME": NO_HOME, "GOROOT": str(release.parents[1])}
    done = subprocess.run([go, "version"], env=environ, check=False, capture_output=True, text=True)
    return done.returncode == 0 and release.parents[2].name in done.stdout


@pytest.mark.parametrize("links", ["multi", "perf"])
@pytest.mark.parametrize("seconds", [None, 0.4])
def test_who_writes_after_a_kill_is_not_harmed(seconds: float | None, links: str, go: Path) -> None:
    """Killed while it watches, or while it closes links for a writer: he waits until all are."""
    old, new = [path for path in go_releases().values() if path.is_relative_to(CACHE)][-2:]
    shutil.copy(old, go)
    with watch(links, go) as agent:
        was_probed = is_ready(agent, go) and len(breakpoints(go)) > 0
        if seconds is None:
            agent.kill()
        with subprocess.Popen(["cp", new, go]) as writer:
            if seconds is not None:
                time.sleep(seconds)
                agent.kill()
            code = writer.wait()
        left = harmful(go)

    assert was_probed
    assert (code, left, runs_as(new, go)) == (0, set(), True)


@pytest.mark.parametrize("links", ["multi", "perf"])
def test_a_kill_at_any_time_harms_nobody(links: str, go: Path) -> None:
    """While it starts, reads and probes: whenever it ends, what is written next runs unharmed."""
    old, new = [path for path in go_releases().values() if path.is_relative_to(CACHE)][-2:]
    found = []
    for step in range(6):
        shutil.copy(old, go)
        with watch(links, go) as agent:
            time.sleep(0.2 + step * 0.2)
            agent.kill()
            subprocess.run(["cp", new, go], check=True)
            found.append((harmful(go), runs_as(new, go)))

    assert found == [(set(), True)] * 6
