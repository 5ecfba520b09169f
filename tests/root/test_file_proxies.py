"""Entries of GOPROXY that are folders: real `go` commands, without any network."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eyes import Eyes, Seen
from lab import answers
from lab.lab import Lab
from lab.parts import go_releases

from modpulse.agent.batch.batch import Batch, encode
from modpulse.agent.delivery.aggregate import Aggregator

pytestmark = [pytest.mark.root, pytest.mark.releases]

RELEASES = ("1.19", "1.21", "1.26", "1.27")
SECRET = "people/alice"
"""Part of every path here that must not leave the host."""
FILES = ("mod", "info", "zip")
M00 = "mod.lab.test/m00/@v/v1.1.0"


@pytest.fixture(scope="module")
def releases() -> dict[str, Path]:
    """Minor release -> its `bin/go`."""
    return {".".join(version.split(".")[:2]): path for version, path in go_releases().items()}


@pytest.fixture(scope="module")
def all_eyes(releases: dict[str, Path], running_lab: Lab) -> Iterator[Eyes]:
    """Eyes that know every release."""
    with Eyes([releases[minor] for minor in RELEASES]) as eyes:
        yield eyes


class Folders:
    """Trees in GOPROXY layout, whole ones and damaged ones."""

    def __init__(self, lab: Lab) -> None:
        self._tree = lab.tree()
        self._top = lab.folder / SECRET
        self._made = 0

    def new(self, name: str = "mir ror%20", change: Callable[[Path], None] | None = None) -> str:
        """A tree at a path with all that must be escaped in a URL; return its URL."""
        self._made += 1
        root = self._top / str(self._made) / name
        shutil.copytree(self._tree, root)
        if change is not None:
            change(root)
        return "file://" + str(root).replace("%", "%25").replace(" ", "%20")

    def empty(self) -> str:
        """A folder with nothing in it."""
        return self.new("empty", shutil.rmtree)


@pytest.fixture(scope="module")
def folders(running_lab: Lab) -> Folders:
    return Folders(running_lab)


class Go:
    """One release, watched."""

    def __init__(self, lab: Lab, eyes: Eyes, minor: int, command: Path) -> None:
        self.lab, self.minor = lab, minor
        self._eyes, self._command = eyes, command

    def __call__(self, goproxy: str, *args: str, **options: Any) -> tuple[Seen, Any]:
        self._eyes.forget()
        words = args or ("mod", "download")
        known = {"requires": ["m00"], "go": self._command, **options}
        done = self.lab.go(*words, goproxy=goproxy, **known)
        seen = self._eyes.seen()
        assert SECRET.encode() not in shipped(seen)
        return seen, done


@pytest.fixture(params=RELEASES)
def go(request: pytest.FixtureRequest, lab: Lab, all_eyes: Eyes, releases: dict[str, Path]) -> Go:
    return Go(lab, all_eyes, int(request.param[2:]), releases[request.param])


def shipped(seen: Seen) -> bytes:
    """What a collector would get of it."""
    aggregator = Aggregator()
    for record in (*seen.requests, *seen.lookups, *seen.connections, *seen.handshakes):
        aggregator.add(record, record.at_ns + 1)
    parts = aggregator.flush(0)
    return encode(
        Batch(agent_id="a", run_id=b"r", seq=0, window_start_ns=0, window_end_ns=1,
              proxies=parts.proxies)
    )  # fmt: skip


def told(seen: Seen) -> list[tuple[Any, ...]]:
    """What each request was and became; the proxy by its place in the chain."""
    return [
        (request.chain_index, request.endpoint, request.status, request.final)
        for request in seen.requests
    ]


def assert_no_network(seen: Seen) -> None:
    """Nothing that a network would have: no host, no time, no lookup, no connection."""
    assert (seen.lookups, seen.connections, seen.handshakes) == ([], [], [])
    for request in seen.requests:
        assert request.host == ""
        assert (request.connection, request.reused, request.http_version) == (None, None, None)
        assert (request.connect_wait_ns, request.processing_ns, request.transfer_ns) == (
            None, None, None,
        )  # fmt: skip


def test_only_a_folder(go: Go, folders: Folders) -> None:
    """A folder that has the module is asked like a proxy, and answers 200."""
    url = folders.new()
    seen, done = go(url)

    assert done.returncode == 0, done.stderr
    assert told(seen) == [(0, name, 200, "ok") for name in FILES]
    assert {request.proxy for request in seen.requests} == {url}
    assert {request.module for request in seen.requests} == {"mod.lab.test/m00"}
    assert [process.goproxy[0].url for process in seen.processes if process.goproxy] == [url]
    assert_no_network(seen)


@pytest.mark.parametrize("separator", [",", "|"])
def test_a_folder_first(go: Go, folders: Folders, separator: str) -> None:
    """What a folder does not have is a miss there, and is asked of the next entry."""
    seen, done = go(f"{folders.empty()}{separator}{go.lab.url('ok')}")

    assert done.returncode == 0, done.stderr
    assert told(seen) == [
        row for name in FILES for row in ((0, name, 404, "fell_through"), (1, name, 200, "ok"))
    ]
    assert [request.failure for request in seen.requests] == [None] * 6
    assert {request.host for request in seen.requests} == {"", "ok.lab.test"}
    assert {connection.host for connection in seen.connections} == {"ok.lab.test"}


def test_a_folder_last(go: Go, folders: Folders) -> None:
    """A folder behind a proxy that fails is another entry than that proxy."""
    seen, done = go(f"{go.lab.url('e500')}|{folders.new()}")

    assert done.returncode == 0, done.stderr
    assert told(seen) == [
        row for name in FILES for row in ((0, name, 500, "fell_through"), (1, name, 200, "ok"))
    ]


def test_nothing_but_misses(go: Go, folders: Folders) -> None:
    """Where no entry has it, the last miss is the end."""
    seen, done = go(f"{folders.empty()},{folders.empty()}")

    assert done.returncode == 1
    assert told(seen) == [(0, "mod", 404, "fell_through"), (1, "mod", 404, "stopped")]
    assert_no_network(seen)


def test_latest_of_a_folder(go: Go, folders: Folders) -> None:
    """`@latest` that a folder does not have is a miss, though `go` makes no error of it."""
    no_list = folders.new(change=lambda root: (root / "mod.lab.test/m01/@v/list").write_text(""))
    seen, _ = go(no_list, "list", "-m", "mod.lab.test/m01@latest")

    rows = [(request.endpoint, request.status) for request in seen.requests]
    assert ("list", 200) in rows
    assert {status for endpoint, status in rows if endpoint == "latest"} <= {200, 404}
    assert_no_network(seen)


def _directory(root: Path) -> None:
    (root / f"{M00}.mod").unlink()
    (root / f"{M00}.mod").mkdir()


def _file_in_the_way(root: Path) -> None:
    shutil.rmtree(root / "mod.lab.test/m00")
    (root / "mod.lab.test/m00").write_text("")


def _link_to_itself(root: Path) -> None:
    file = root / f"{M00}.mod"
    file.unlink()
    file.symlink_to(file)


def _unreadable(root: Path) -> None:
    file = root / f"{M00}.mod"
    file.unlink()
    file.symlink_to("/proc/self/mem")  # there is nothing at its beginning: EIO


def _socket(root: Path) -> None:
    file = root / f"{M00}.mod"
    file.unlink()
    os.mknod(file, stat.S_IFSOCK | 0o600)


def _write(suffix: str, data: bytes) -> Callable[[Path], None]:
    return lambda root: (root / f"{M00}.{suffix}").write_bytes(data) and None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("file://", "file:///"),
        ("file://", "FILE://"),
        ("/plain", "/x/../plain"),
        ("/plain", "/./plain//"),
        ("/plain", "%2Fplain"),
        ("/plain", "/%2e/pl%61in"),
        ("/plain", "//plain"),
    ],
)
def test_however_it_is_written(go: Go, folders: Folders, written: str, meant: str) -> None:
    """`go` cleans a path before it reads; an entry is known all the same, with its module."""
    seen, done = go(folders.new("plain").replace(written, meant))

    assert done.returncode == 0, done.stderr
    assert told(seen) == [(0, name, 200, "ok") for name in FILES]
    assert {request.module for request in seen.requests} == {"mod.lab.test/m00"}
    assert_no_network(seen)


def test_a_proxy_however_it_is_written(go: Go) -> None:
    """The same of the path of a URL: it is that proxy, not `direct`."""
    seen, done = go(f"{go.lab.url('ok')}//a/../")

    assert done.returncode == 0, done.stderr
    assert told(seen) == [(0, name, 200, "ok") for name in FILES]


@pytest.mark.parametrize(("separator", "code"), [(",", 1), ("|", 0)])
def test_no_folder(go: Go, folders: Folders, separator: str, code: int) -> None:
    """What is no folder is an error of this machine, after which only `|` goes on."""
    seen, done = go(f"file:///dev/null/x{separator}{folders.new()}")

    first = seen.requests[0]
    assert done.returncode == code
    assert (first.module, first.status) == ("mod.lab.test/m00", None)
    assert first.failure is not None
    assert (first.failure.cls, first.failure.against) == ("local.disk", "proxy")
    assert first.final == ("fell_through" if separator == "|" else "stopped")
    assert seen.processes[-1].said == (None if separator == "|" else "not a directory")


@pytest.mark.parametrize("name", [f"{M00}.mod", "mod.lab.test/m00/@v/list"])
def test_a_pipe(go: Go, folders: Folders, name: str) -> None:
    """A command that waits for a pipe until it is killed has not read it."""

    def pipe(root: Path) -> None:
        (root / name).unlink(missing_ok=True)
        os.mkfifo(root / name)

    args = ("list", "-m", "-versions", "mod.lab.test/m00") if name.endswith("list") else ()
    seen, done = go(folders.new(change=pipe), *args, before=("timeout", "-s", "KILL", "2"))

    last = seen.requests[-1]
    assert done.returncode in (-9, 137)
    assert (last.status, last.final, last.failure) == (None, "cancelled", None)
    assert last.module == "mod.lab.test/m00"


@pytest.mark.parametrize(
    ("change", "endpoint", "status", "cls"),
    [
        (_directory, "mod", None, "local.disk"),
        (_file_in_the_way, "mod", None, "local.disk"),
        (_link_to_itself, "mod", None, "local.disk"),
        (_socket, "mod", None, "local.disk"),
        (_unreadable, "mod", None, "local.disk"),
        (_write("info", b"<html>"), "info", 200, "http.content"),
        (_write("zip", b"no zip of people/alice"), "zip", 200, "http.content"),
    ],
)
def test_damaged_folder(
    go: Go, folders: Folders, change: Any, endpoint: str, status: int | None, cls: str
) -> None:
    """What a folder has and `go` cannot use is its failure, in words without paths."""
    seen, done = go(folders.new(change=change))

    last = seen.requests[-1]
    assert done.returncode == 1
    assert (last.endpoint, last.status, last.final) == (endpoint, status, "stopped")
    assert last.failure is not None
    assert (last.failure.cls, last.failure.host, last.failure.address) == (cls, None, None)
    assert "/" not in last.failure.evidence.replace("input/output", "")
    assert_no_network(seen)


def test_file_that_may_not_be_read(go: Go, folders: Folders) -> None:
    """A file without permission is a 403 to `go`, and to us."""
    url = folders.new(change=lambda root: (root / f"{M00}.mod").chmod(0))
    mortal = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")
    seen, done = go(url, before=mortal)

    last = seen.requests[-1]
    assert done.returncode == 1
    assert told(seen) == [(0, "mod", 403, "stopped")]
    assert last.failure is not None
    assert (last.failure.cls, last.failure.against) == ("local.permission", "proxy")
    assert_no_network(seen)


def test_checksum_database_behind_a_folder(go: Go, folders: Folders) -> None:
    """A folder that is no mirror of the database says so by a miss; one that is, is asked."""

    def mirror(root: Path) -> None:
        files = answers.Content().databases[answers.SUM_NAME]
        for path, data in files.items():
            file = root / "sumdb" / answers.SUM_NAME / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    checked = {"env": {"GOSUMDB": go.lab.gosumdb()}}
    without, done = go(f"{folders.new()},{go.lab.url('ok')}", **checked)
    assert done.returncode == 0, done.stderr
    asked = [request for request in without.requests if request.endpoint == "sumdb"]
    assert (asked[0].chain_index, asked[0].status, asked[0].final) == (0, 404, "fell_through")
    assert {request.chain_index for request in asked[1:]} == {1}

    mirrored, done = go(folders.new(change=mirror), **checked)
    assert done.returncode == 0, done.stderr
    assert {(row[0], row[2], row[3]) for row in told(mirrored)} == {(0, 200, "ok")}
    assert [request.endpoint for request in mirrored.requests].count("sumdb") >= 3
    assert_no_network(mirrored)


def test_checksum_database_that_is_a_folder(go: Go, folders: Folders) -> None:
    """A database that GOSUMDB names by a path is told without the path."""
    path = f"/nowhere/{SECRET}/lookup/a@b"
    seen, done = go(folders.new(), env={"GOSUMDB": go.lab.gosumdb(url=f"file://{path}")})

    last = seen.requests[-1]
    assert done.returncode == 1
    assert (last.proxy, last.endpoint, last.module, last.version) == ("file:", "sumdb", None, None)
    assert (last.status, last.final) == (404, "stopped")


def test_content_that_go_sum_contradicts(go: Go, folders: Folders) -> None:
    """Checksums count for a folder as for any proxy."""
    seen, done = go(
        folders.new(),
        go_sum=f"mod.lab.test/m00 v1.1.0 h1:{'A' * 43}=\nmod.lab.test/m00 v1.1.0/go.mod "
        f"h1:{'A' * 43}=\n",
    )

    failed = [request.failure for request in seen.requests if request.failure is not None]
    assert done.returncode == 1
    assert [failure.cls for failure in failed] == ["checksum.gosum"]


def test_toolchain_of_a_folder(go: Go, folders: Folders) -> None:
    """A toolchain that a folder does not have is a miss of its own kind."""
    seen, _ = go(folders.new(), env={"GOTOOLCHAIN": "go1.99.9"})

    if go.minor < 21:
        assert [request.endpoint for request in seen.requests] == list(FILES)
    else:
        assert told(seen) == [(0, "toolchain", 404, "stopped")]
    assert_no_network(seen)


@pytest.mark.parametrize(
    "goproxy",
    [
        "file://host{path}",
        "{path}",
        "file://u:secret@{path}",
        "file://{path}?token=x",
        "file:{path}",
        "file://./x",
        "file://localhost{path}",
        "file://{path}%zz",
    ],
)
def test_what_go_refuses(go: Go, folders: Folders, goproxy: str) -> None:
    """An entry that `go` itself refuses makes no request, and no record with a path."""
    path = folders.new("plain").removeprefix("file://")
    seen, done = go(goproxy.format(path=path))

    assert done.returncode == 1
    assert seen.requests == []
    assert {process.goproxy for process in seen.processes} == {None}
    assert SECRET not in str(seen.processes)


def test_waterfall(folders: Folders, lab: Lab) -> None:
    """A person sees the folder, its miss, and a command that looks at the file, not at a URL."""
    url = folders.new("plain", _directory)
    with (lab.folder / "waterfall").open("w+") as screen:
        subprocess.run(
            [sys.executable, "-m", "modpulse.agent.cli", "run", "--", "go", "mod", "download"],
            cwd=(made := lab.workspace(["m00"])) / "src",
            env=lab.env(made, f"{folders.empty()},{url}", COLUMNS="200", PATH=os.environ["PATH"]),
            stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, check=False,
        )  # fmt: skip
        screen.seek(0)
        text = screen.read()

    assert "404 ↴" in text
    assert f"$ cat {url.removeprefix('file://')}/{M00}.mod" in text
    assert "curl" not in text
