"""One image in many containers: overlayfs shows the same `go` as another file in each."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import has_bpf, needs
from eyes import Eyes
from lab.lab import Lab
from lab.parts import machine_go

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]


def mount(stack: ExitStack, kind: str, options: str, at: Path) -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, kind, at], check=True)
    stack.callback(subprocess.run, ["umount", "--lazy", at], check=True)


@pytest.fixture
def images() -> Iterator[list[Path]]:
    """Two containers' views of the machine's GOROOT."""
    needs(has_bpf(), "the Debian package python3-bpfcc")
    asked = [machine_go(), "env", "GOROOT"]
    goroot = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mount(stack, "tmpfs", "mode=0755", top)
        views = []
        for name in ("a", "b"):
            upper, work, view = (top / f"{part}-{name}" for part in ("upper", "work", "view"))
            for folder in (upper, work, view):
                folder.mkdir()
            options = f"lowerdir={goroot},upperdir={upper},workdir={work}"
            mount(stack, "overlay", options, view)
            views.append(view / "bin" / "go")
        yield views


def test_each_request_is_told_once(images: list[Path]) -> None:
    """A uprobe sits on the file below; a link for each container would tell everything twice."""
    first, second = images
    counts = []
    with Lab() as lab, Eyes() as eyes:
        for go in (machine_go(), first, second, first):
            eyes.forget()
            process = lab.start_go(
                "mod", "download", goproxy=lab.url("ok"), requires=["m00"], go=go
            )
            while process.poll() is None:
                eyes.look(0.1)
            process.communicate()
            seen = eyes.seen()
            counts.append((len(seen.requests), {made.go_version for made in seen.processes}))

    (version,) = counts[0][1]
    assert version is not None
    assert counts == [(3, {version})] * 4
