"""Who deletes or unmounts a `go` that is probed is not held up: it is let go."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import has_bpf, needs
from eyes import Eyes
from lab.lab import Lab
from lab.parts import go_releases

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

WAIT_S = 20.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory."""
    needs(has_bpf(), "the Debian package python3-bpfcc")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def goroot(release: Path) -> dict[str, str]:
    """Where a binary that lies elsewhere finds the rest of its release."""
    return {"GOROOT": str(release.parents[1])}


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A file system of its own, unmounted at the end whatever happens."""
    at = folder / "mount"
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", "--quiet", at], check=False)


def unmounts(at: Path) -> bool:
    """Try it as anybody would."""
    return subprocess.run(["umount", at], check=False, capture_output=True).returncode == 0


def test_a_deleted_go_frees_its_disk_and_its_mount(folder: Path) -> None:
    """It stays probed while a process runs it; seconds after, the disk is free, umount works."""
    release = list(go_releases().values())[-1]
    with mounted(folder) as at, socket.create_server(("127.0.0.1", 0)) as silent, Eyes() as eyes:
        go = at / "go"
        shutil.copy(release, go)
        environ = {"GOPROXY": f"http://127.0.0.1:{silent.getsockname()[1]}", "HOME": str(folder)}
        command = [go, "list", "-m", "lab.test/m@v1.0.0"]
        process = subprocess.Popen(command, env=environ | goroot(release), cwd="/", stderr=-3)
        eyes.look(0.5)
        go.unlink()
        eyes.look(5.0)
        still_probed = f"{go} (deleted)" in eyes.observer.prober.paths()
        process.kill()
        process.wait()
        until = time.monotonic() + WAIT_S
        while used := os.statvfs(at).f_blocks - os.statvfs(at).f_bfree:
            assert time.monotonic() < until
            eyes.look(0.2)
        is_unmounted = unmounts(at)

    assert still_probed
    assert (used, is_unmounted) == (0, True)


def test_a_container_that_is_done_unmounts(lab: Lab, folder: Path) -> None:
    """Nothing is deleted in it, and its mount was never this namespace's: it ends all the same."""
    release = list(go_releases().values())[-1]
    namespace = f'mount -t tmpfs -o mode=0755 tmpfs {folder}; cp {release} {folder}/go; exec "$@"'
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", namespace, "sh"]
    until = f"for i in $(seq 60); do umount {folder} && exit $code; sleep 0.5; done; exit 99"
    inside = f'"$@"; code=$?; {until}'
    with Eyes() as eyes:
        process = lab.start_go(
            "mod", "download", goproxy=lab.url("ok"), requires=["m00"], go=folder / "go",
            env=goroot(release), before=[*enter, "sh", "-c", inside, "sh"],
        )  # fmt: skip
        while process.poll() is None:
            eyes.look(0.05)
        process.communicate()

    assert process.returncode == 0


def is_probed(eyes: Eyes, go: Path) -> bool:
    """Whether it is now, by this path."""
    return str(go) in eyes.observer.prober.paths()


def loops(image: Path) -> str:
    """Say which devices show a file."""
    found = subprocess.run(["losetup", "-j", image], check=True, capture_output=True, text=True)
    return found.stdout


@pytest.mark.parametrize("multi", [True, False])
def test_a_probed_go_unmounts_and_frees_its_device(multi: bool, folder: Path) -> None:
    """A cache of toolchains on a disk: umount is not refused, and the disk is free soon after."""
    release = list(go_releases().values())[-1]
    image, at = folder / "image", folder / "mount"
    at.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
    go = at / "go"
    try:
        shutil.copy(release, go)
        with Eyes([go], multi=multi) as eyes:
            subprocess.run([go, "version"], check=True, env=goroot(release))
            eyes.look(0.1)
            was_probed = is_probed(eyes, go)
            is_unmounted = unmounts(at)
            until = time.monotonic() + WAIT_S
            while loops(image):
                assert time.monotonic() < until
                eyes.look(0.2)
    finally:
        subprocess.run(["umount", "--lazy", "--quiet", at], check=False)

    assert (was_probed, is_unmounted) == (True, True)


def test_what_has_another_mount_stays_probed(folder: Path) -> None:
    """A part of a disk that is shown twice, and unmounted once."""
    release = list(go_releases().values())[-1]
    shown = folder / "shown"
    shown.mkdir()
    with mounted(folder) as at:
        shutil.copy(release, at / "go")
        subprocess.run(["mount", "--bind", at, shown], check=True)
        with Eyes([shown / "go"]) as eyes:
            is_unmounted = unmounts(shown)
            eyes.look(3.0)
            still_probed = is_probed(eyes, shown / "go")
            is_second_unmounted = unmounts(at)

    assert (is_unmounted, still_probed, is_second_unmounted) == (True, True, True)


def test_a_service_with_its_own_mounts_keeps_none(folder: Path) -> None:
    """Its copy of a mount goes with the host's, unless it is busy: no fault of the agent."""
    release = list(go_releases().values())[-1]
    with mounted(folder) as top:
        subprocess.run(["mount", "--make-shared", top], check=True)
        with mounted(top) as at:
            go = at / "go"
            shutil.copy(release, go)
            inside = f"cd /; while ! read -t 0.1 end; do {go} version; done >&2; echo; read"
            enter = ["unshare", "--mount", "--propagation", "slave", "bash", "-c", inside]
            with Eyes() as eyes, subprocess.Popen(
                enter, env=os.environ | goroot(release), stdin=-1, stdout=-1
            ) as service:  # fmt: skip
                until = time.monotonic() + WAIT_S
                while not is_probed(eyes, go):
                    assert time.monotonic() < until
                    eyes.look(0.1)
                assert service.stdin is not None
                assert service.stdout is not None
                os.write(service.stdin.fileno(), b"\n")
                service.stdout.readline()
                is_unmounted = unmounts(at)
                service.communicate(b"\n")

    assert is_unmounted


def test_where_mounts_cannot_be_copied_it_is_let_go_unused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a unit does not allow open_tree(2): umount is refused until it was not used."""
    monkeypatch.setattr("modpulse.agent.machine.mounttable._OPEN_TREE", 4096)
    monkeypatch.setattr("modpulse.agent.armer.prober.UNUSED_NS", 3_000_000_000)
    release = list(go_releases().values())[-1]
    with mounted(folder) as at:
        go = at / "go"
        shutil.copy(release, go)
        with Eyes([go]) as eyes:
            subprocess.run([go, "version"], check=True, env=goroot(release))
            eyes.look(0.1)
            is_kept = not unmounts(at)
            until = time.monotonic() + WAIT_S
            while not unmounts(at):
                assert time.monotonic() < until
                eyes.look(0.2)

    assert is_kept
