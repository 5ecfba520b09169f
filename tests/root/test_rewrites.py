"""Who writes to a `go` that is probed is neither harmed nor held up."""

import contextlib
import itertools
import mmap
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import has_bpf, needs
from eyes import Eyes
from lab.lab import Lab
from lab.parts import CACHE, go_releases

from modpulse.agent.armer.apart import is_stranger

NO_HOME = "/dev/null/none"
"""Where `go` can make nothing: its telemetry would run the binary on, beside what it is run for."""
pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

SHM = Path("/dev/shm")
DOWNLOAD = ("mod", "download")
WAIT_S = 20.0


def by_cp(source: Path, target: Path) -> None:
    """Truncate, then write."""
    subprocess.run(["cp", source, target], check=True)


def by_redirection(source: Path, target: Path) -> None:
    """The shell truncates, another process writes."""
    subprocess.run(["sh", "-c", 'cat "$0" > "$1"', source, target], check=True)


def by_dd(source: Path, target: Path) -> None:
    """Nothing is truncated before it is written over, as by `rsync --inplace`."""
    of = f"of={target}"
    subprocess.run(["dd", f"if={source}", of, "bs=1M", "conv=notrunc", "status=none"], check=True)
    os.truncate(target, source.stat().st_size)


def by_tar(source: Path, target: Path) -> None:
    """An unpacking that keeps the inode, and sets an old time at the end."""
    name = f"--transform=s/.*/{target.name}/"
    tar = ["tar", "--create", "--to-stdout", "-C", source.parent, name, source.name]
    packed = subprocess.run(tar, check=True, stdout=subprocess.PIPE).stdout
    unpack = ["tar", "--extract", "--overwrite", "-C", target.parent]
    # It opens with O_NONBLOCK: whoever does not wait for a lease is refused, once.
    for check in (False, True):
        done = subprocess.run(unpack, input=packed, check=check, stderr=subprocess.PIPE)
        if done.returncode == 0:
            return
        assert b"temporarily unavailable" in done.stderr
        time.sleep(0.2)


def by_mapping(source: Path, target: Path) -> None:
    """Through memory, with no write(2) at all."""
    content = source.read_bytes()
    with target.open("r+b") as file:
        file.truncate(len(content))
        with mmap.mmap(file.fileno(), len(content)) as memory:
            memory[:] = content


def by_hard_link(source: Path, target: Path) -> None:
    """By another name of the same file."""
    other = target.with_name("other-name")
    other.hardlink_to(target)
    by_cp(source, other)
    other.unlink()


def by_truncation(source: Path, target: Path) -> None:
    """Cut off by its name first, then appended to."""
    os.truncate(target, 0)
    with source.open("rb") as content, target.open("ab") as file:
        shutil.copyfileobj(content, file)


def by_the_kernel(source: Path, target: Path) -> None:
    """A hole is punched, then the kernel copies."""
    size = source.stat().st_size
    subprocess.run(["fallocate", "--punch-hole", "-o", "0", "-l", "16M", target], check=True)
    with source.open("rb") as content, target.open("r+b") as file:
        left = size
        while left:
            left -= os.sendfile(file.fileno(), content.fileno(), None, left)
        file.truncate(size)


WAYS = (
    by_cp, by_redirection, by_dd, by_tar, by_mapping, by_hard_link, by_truncation, by_the_kernel,
)  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory."""
    needs(has_bpf(), "the Debian package python3-bpfcc")
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        yield Path(name)


def goroot(release: Path) -> dict[str, str]:
    """Where a binary that lies elsewhere finds the rest of its release."""
    return {"GOROOT": str(release.parents[1])}


@contextlib.contextmanager
def load(go: Path, release: Path) -> Iterator[list[int]]:
    """Run one `go` after another until the end; gives their exit codes."""
    codes: list[int] = []
    is_over = threading.Event()

    def run() -> None:
        environ = {"HOME": NO_HOME, "GOCACHE": "off", **goroot(release)}
        while not is_over.is_set():
            done = subprocess.run([go, "version"], check=False, env=environ, stdout=-3)
            codes.append(done.returncode)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield codes
    finally:
        is_over.set()
        thread.join()


def seen_by(eyes: Eyes, lab: Lab, go: Path, release: Path) -> tuple[int, int, set[str | None]]:
    """Run a command of three requests: its exit code, the requests seen, the releases told."""
    eyes.forget()
    process = lab.start_go(
        *DOWNLOAD, goproxy=lab.url("ok"), requires=["m00"], go=go, env=goroot(release)
    )
    while process.poll() is None:
        eyes.look(0.02)
    process.communicate()
    seen = eyes.seen()
    told = {made.go_version for made in seen.processes if made.exe == str(go)}
    return process.returncode, len(seen.requests), told


def wait_until_probed(eyes: Eyes, go: Path) -> None:
    """Give the agent the seconds after which it looks again."""
    until = time.monotonic() + WAIT_S
    while str(go) not in eyes.observer.prober.paths():
        assert time.monotonic() < until
        eyes.look(0.1)


def test_each_release_is_overwritten_by_each_other(lab: Lab, folder: Path) -> None:
    """However a probed `go` is overwritten, what runs next is the new one, unharmed, and seen."""
    releases = [path for path in go_releases().values() if path.is_relative_to(CACHE)]
    pairs = [pair for pair in itertools.permutations(releases, 2) for _ in range(3)]
    ways = itertools.cycle(WAYS)
    go, busy = folder / "go", folder / "busy" / "go"
    busy.parent.mkdir()
    shutil.copy(releases[0], go)
    shutil.copy(releases[0], busy)
    wrong: list[tuple[str, ...]] = []
    with Eyes([go, busy]) as eyes, load(busy, releases[0]) as codes:
        for number, (old, new) in enumerate(pairs):
            by_cp(old, go)
            # Probed anew by its next processes, or by the agent itself.
            while number % 18 and str(go) not in eyes.observer.prober.paths():
                process = lab.start_go("env", goproxy="off", go=go, env=goroot(old))
                eyes.look(0.05, step_seconds=0.05)
                process.communicate()
            wait_until_probed(eyes, go)
            way = next(ways)
            way(new, go)
            first = lab.go("version", goproxy="off", go=go, env=goroot(new))
            second = lab.go(
                *DOWNLOAD, goproxy=lab.url("ok"), requires=["m00"], go=go, env=goroot(new)
            )
            version = new.parents[2].name
            if first.returncode or second.returncode or version not in first.stdout:
                wrong.append((old.parents[2].name, version, way.__name__, second.stderr[-200:]))
        wait_until_probed(eyes, go)
        code, requests, told = seen_by(eyes, lab, go, pairs[-1][1])

    assert wrong == []
    assert set(codes) == {0}
    assert len(pairs) >= 100
    assert (code, requests, told) == (0, 3, {f"go{pairs[-1][1].parents[2].name}"})


def run_beside(eyes: Eyes, go: Path, release: Path) -> int:
    """Run it where the mounts of this process are; returns its exit code."""
    environ = {"HOME": NO_HOME, "GOCACHE": "off", **goroot(release)}
    process = subprocess.Popen([go, "env", "GOPATH"], env=environ, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        eyes.look(0.02)
    return process.wait()


def test_a_file_system_that_others_write(folder: Path) -> None:
    """A `go` on FUSE is not probed: who changes it below does not open it through this kernel."""
    needs(shutil.which("bindfs") is not None, "bindfs")
    below, mounted = folder / "below", folder / "mounted"
    below.mkdir()
    mounted.mkdir()
    old, new = [path for path in go_releases().values() if path.is_relative_to(CACHE)][-2:]
    shutil.copy(old, below / "go")
    subprocess.run(["bindfs", below, mounted], check=True)
    try:
        with Eyes([mounted / "go"]) as eyes:
            first = run_beside(eyes, mounted / "go", old)
            by_cp(new, below / "go")
            eyes.look(1.5)  # FUSE itself shows a mixture of both for a second
            codes = [run_beside(eyes, mounted / "go", new) for _ in range(5)]
            told = eyes.observer.prober.take_failures()
    finally:
        subprocess.run(["umount", mounted], check=True)

    assert (first, codes) == (0, [0] * 5)
    assert any("may be written past a lease" in why for why in told.values())


def test_with_a_link_for_each_probe(lab: Lab, folder: Path) -> None:
    """Where closing takes the kernel 0.1 s a probe, the writer waits, and nobody is harmed."""
    old, *others = [path for path in go_releases().values() if path.is_relative_to(CACHE)][-3:]
    go = folder / "go"
    shutil.copy(old, go)
    codes = []
    with Eyes([go], multi=False) as eyes:
        for new, way in zip((*others, old), (by_cp, by_dd, by_mapping), strict=True):
            wait_until_probed(eyes, go)
            way(new, go)
            codes.append(seen_by(eyes, lab, go, new)[0])
        wait_until_probed(eyes, go)
        found = seen_by(eyes, lab, go, old)

    assert codes == [0, 0, 0]
    assert found == (0, 3, {f"go{old.parents[2].name}"})


def by_its_times(go: Path) -> None:
    """Only its times change."""
    os.utime(go, ns=(0, time.time_ns()))


def by_touch(go: Path) -> None:
    """touch(1) opens it for writing, and writes nothing."""
    subprocess.run(["touch", go], check=True)


def by_its_mode(go: Path) -> None:
    """Only its mode changes."""
    go.chmod(0o555)
    go.chmod(0o755)


def by_its_name(go: Path) -> None:
    """It is renamed, and gets its name back by another way."""
    away = go.with_name("away")
    go.rename(away)
    go.hardlink_to(away)
    away.unlink()


@pytest.mark.parametrize("change", [by_its_times, by_touch, by_its_mode, by_its_name])
def test_what_is_the_same_is_probed_once(
    change: Callable[[Path], None], lab: Lab, folder: Path
) -> None:
    """Where a probed file changes, and not what is in it, each request is still told once."""
    release = list(go_releases().values())[-1]
    go = folder / "go"
    shutil.copy(release, go)
    with Eyes([go]) as eyes:
        change(go)
        if change is by_touch:
            eyes.look(0.2)
            wait_until_probed(eyes, go)
        found = [seen_by(eyes, lab, go, release) for _ in range(2)]

    assert found == [(0, 3, {f"go{release.parents[2].name}"})] * 2


def test_who_was_refused_may_try_again(lab: Lab, folder: Path) -> None:
    """A job that does not wait fails once, and not when it is run again, whatever ran between."""
    old, new = [path for path in go_releases().values() if path.is_relative_to(CACHE)][-2:]
    go = folder / "go"
    shutil.copy(old, go)
    truncate = ["truncate", "--size=0", go]
    with Eyes([go]) as eyes:
        codes = []
        for _ in range(3):
            codes.append(subprocess.run(truncate, check=False, stderr=-3).returncode)
            if go.stat().st_size:
                eyes.look(3.0)
                codes.append(seen_by(eyes, lab, go, old)[0])
        by_cp(new, go)
        wait_until_probed(eyes, go)
        found = seen_by(eyes, lab, go, new)

    assert codes == [1, 0, 0, 0]
    assert found == (0, 3, {f"go{new.parents[2].name}"})


def test_what_began_before_its_probes_is_counted(lab: Lab, folder: Path) -> None:
    """The first command of a binary that nobody knew, and one right after touch(1), if need be."""
    release = list(go_releases().values())[-1]
    go = folder / "go"
    shutil.copy(release, go)
    found = []
    with Eyes() as eyes:
        for change in (None, None, by_touch, by_touch):
            if change is not None:
                change(go)
            before = eyes.observer.losses()["unprobed"]
            code, requests, _ = seen_by(eyes, lab, go, release)
            found.append((code, requests, eyes.observer.losses()["unprobed"] - before))
            wait_until_probed(eyes, go)

    assert found[0][::2] == (0, 1)
    assert found[1] == (0, 3, 0)
    assert all(code == 0 and (requests == 3 or late == 1) for code, requests, late in found)


@pytest.mark.parametrize("multi", [True, False])
def test_the_longest_unused_goes(
    multi: bool, lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more binaries than are probed at a time each is still seen, and those gone counted."""
    most = 3
    for name in ("MAX_BINARIES", "MAX_SLOW_BINARIES"):
        monkeypatch.setattr(f"modpulse.agent.armer.prober.{name}", most)
    release = list(go_releases().values())[-1]
    found = []
    with Eyes(multi=multi) as eyes:
        for number in range(most + 2):
            go = folder / str(number) / "go"
            go.parent.mkdir()
            shutil.copy(release, go)
            seen_by(eyes, lab, go, release)
            found.append(seen_by(eyes, lab, go, release)[1])
        first, last = folder / "0" / "go", folder / str(number) / "go"
        again = [seen_by(eyes, lab, go, release)[1] for go in (first, first, last)]
        probed, forgotten = len(eyes.observer.prober.paths()), eyes.observer.prober.forgotten

    assert found == [3] * (most + 2)
    assert again[1:] == [3, 3]
    assert probed == most
    assert forgotten >= 3


def test_what_is_no_go_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is only named like one is not read again at each of its starts."""
    read: list[int] = []

    def count(handle: int) -> bool:
        read.append(os.fstat(handle).st_ino)
        return is_stranger(handle)

    monkeypatch.setattr("modpulse.agent.armer.plans.is_stranger", count)
    named = folder / "go"
    named.write_bytes(Path("/bin/true").read_bytes().ljust(2 << 20, b"\0"))
    named.chmod(0o755)
    with Eyes() as eyes:
        for _ in range(3):
            subprocess.run([named], check=True)
            eyes.look(0.1)
        once = read.count(named.stat().st_ino)
        named.touch()
        subprocess.run([named], check=True)
        eyes.look(0.1)
        again = read.count(named.stat().st_ino)

    assert once == 1
    assert again <= 2
