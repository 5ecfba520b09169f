"""The real parts start and do what the tests that use them rely on."""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import needs
from lab import parts, servers, workspace
from lab.lab import Lab
from lab.workload import INFO_COUNT, MOD_COUNT, REQUEST_COUNT, ZIP_COUNT, Workload, workload

MODULE = "github.com/google/uuid@v1.6.0"


@pytest.fixture(scope="session")
def tree() -> Workload:
    """The workload: what all proxies here serve."""
    return workload()


@pytest.fixture
def known(tmp_path: Path, tree: Workload) -> Path:
    """What the checksum databases here know: two modules are hashed faster than all."""
    for path in ("github.com/google/uuid", "github.com/go-logr/logr"):
        shutil.copytree(tree.proxy / path, tmp_path / "known" / path)
    return tmp_path / "known"


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory: on disk, unpacking the workload takes many times longer."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def nginx(tmp_path: Path, tree: Workload) -> Iterator[str]:
    """The address of a static proxy over the workload."""
    needs(Path(servers.NGINX).exists(), "nginx")
    with servers.running_nginx(tmp_path / "nginx", tree.proxy) as address:
        yield address


def go(
    folder: Path, *args: str, env: Mapping[str, str], command: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a real go, cold, in `folder`; its workspace is made unless it is there."""
    command = command or Path(parts.machine_go())
    if not folder.exists():
        workspace.make(folder)
    return subprocess.run(
        [str(command), *args],
        cwd=folder / "src",
        env=workspace.env(folder, command) | env,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def get(url: str) -> tuple[int, str]:
    """Return status and body."""
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.releases
def test_each_release_of_go_runs_and_says_its_version() -> None:
    """Each release answers `go env GOVERSION` with the version it is listed under."""
    releases = parts.go_releases()
    needs(parts.DEBIAN_GO.exists(), "Debian's golang-1.19-go")

    said = {
        version: subprocess.run(
            [path, "env", "GOVERSION"], check=True, capture_output=True, text=True, cwd="/"
        ).stdout.strip()
        for version, path in releases.items()
    }

    assert {version: f"go{version}" for version in releases} == said
    assert len(said) == 8


def test_an_unknown_release_is_a_clear_error() -> None:
    """A release that nobody packaged is refused by name."""
    with pytest.raises(LookupError, match=r"go 1\.20"):
        parts.go_release("1.20")


def test_a_part_is_built_once_and_never_half(tmp_path: Path) -> None:
    """A build that fails leaves nothing behind, one that succeeds is not repeated."""
    builds = []

    def build(target: Path) -> None:
        builds.append(target)
        (target / "file").touch()
        if len(builds) == 1:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        parts.built(tmp_path / "part", build)
    assert not (tmp_path / "part").exists()
    parts.built(tmp_path / "part", build)
    parts.built(tmp_path / "part", build)

    assert len(builds) == 2
    assert [path.name for path in (tmp_path / "part").iterdir()] == ["file"]


def test_workers_that_ask_together_build_once(tmp_path: Path) -> None:
    """Of several askers at the same time one builds and the others wait for it."""
    builds = []

    def build(target: Path) -> None:
        builds.append(target)
        time.sleep(0.1)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: parts.built(tmp_path / "part", build), range(4)))

    assert [tmp_path / "part"] * 4 == found
    assert len(builds) == 1


def test_the_workload_is_184_requests(
    nginx: str, tmp_path: Path, memory: Path, tree: Workload
) -> None:
    """One cold `go mod download` of the workload asks a static proxy for exactly these files."""
    folder = memory / "go"
    workspace.make(folder)
    tree.write_main(folder / "src")

    done = go(folder, "mod", "download", env={"GOPROXY": f"http://{nginx}"})

    assert (done.returncode, done.stderr) == (0, "")
    lines = (tmp_path / "nginx" / "access.log").read_text().splitlines()
    assert {"200"} == {line.split()[2] for line in lines}
    kinds = Counter(line.split()[1].rpartition(".")[2] for line in lines)
    assert kinds == {"info": INFO_COUNT, "mod": MOD_COUNT, "zip": ZIP_COUNT}
    assert len(lines) == REQUEST_COUNT


def listening(lab: Lab, address: str) -> None:
    """Wait until a server of the lab accepts connections at "ADDRESS:PORT"."""
    path = address.replace(":", "/")
    wait = f"until : < /dev/tcp/{path}; do sleep 0.02; done 2>/dev/null"
    lab.popen(["bash", "-c", wait]).wait(servers.START_S)


def test_nginx_in_the_lab_serves_http2_through_a_forward_proxy(
    lab: Lab, tmp_path: Path, tree: Workload
) -> None:
    """A go with HTTPS_PROXY reaches an HTTP/2 nginx through a CONNECT tunnel."""
    needs(Path(servers.NGINX).exists(), "nginx")
    address, forward = f"{lab.address('real-a')}:443", f"{lab.address('real-b')}:3128"
    config = tmp_path / "nginx.conf"
    config.write_text(
        servers.nginx_config(
            tmp_path, address, tree.proxy, certificate=lab.certificate(), http2=True
        )
    )
    for command in (servers.nginx_command(config), servers.connect_proxy_command(forward)):
        lab.serve(command)
    listening(lab, address)
    listening(lab, forward)

    done = lab.go(
        *("mod", "download", MODULE),
        goproxy=lab.url("real-a"),
        env={"HTTPS_PROXY": f"http://{lab.host('real-b')}:3128"},
    )

    assert (done.returncode, done.stderr) == (0, "")
    lines = (tmp_path / "access.log").read_text().splitlines()
    assert {"HTTP/2.0"} == {line.split()[-1] for line in lines}
    assert f"{lab.host('real-a')}:443" in lab.server_errors()


def test_goproxy_serves_what_its_upstream_has(nginx: str, tmp_path: Path) -> None:
    """A cold goproxy fetches from its upstream and keeps what it fetched."""
    with servers.running_goproxy(tmp_path / "goproxy", f"http://{nginx}") as address:
        done = go(tmp_path / "go", "mod", "download", MODULE, env={"GOPROXY": f"http://{address}"})

    assert (done.returncode, done.stderr) == (0, "")
    kept = tmp_path / "goproxy" / "cache" / "github.com" / "google" / "uuid" / "@v"
    assert {"v1.6.0.info", "v1.6.0.mod", "v1.6.0.zip"} == {path.name for path in kept.iterdir()}


def test_goproxy_with_a_503_upstream_says_404(nginx: str, tmp_path: Path) -> None:
    """A goproxy whose upstream is broken answers a slow 404, so go falls through a comma."""
    with (
        servers.running_nginx(tmp_path / "broken", status=503) as broken,
        servers.running_goproxy(tmp_path / "goproxy", f"http://{broken}") as address,
    ):
        started = time.monotonic()
        answer = get(f"http://{address}/github.com/google/uuid/@v/v1.6.0.info")
        took_s = time.monotonic() - started

    assert answer == (404, "not found: bad upstream")
    assert took_s > 0.5


def test_go_stops_at_a_goproxy_with_a_refusing_upstream(nginx: str, tmp_path: Path) -> None:
    """A goproxy whose upstream refuses connections answers 500: a comma does not help."""
    with servers.running_goproxy(tmp_path / "goproxy", servers.REFUSING_URL) as address:
        done = go(
            tmp_path / "go",
            *("mod", "download", MODULE),
            env={"GOPROXY": f"http://{address},http://{nginx}"},
        )

    assert done.returncode == 1
    assert "500 Internal Server Error" in done.stderr


def test_toxiproxy_adds_latency(nginx: str, tmp_path: Path) -> None:
    """A latency toxic of 300 ms delays each answer by at least that."""
    api, address = servers.loopback_address(), servers.loopback_address()
    with servers.running(servers.toxiproxy_command(api), api, tmp_path / "log"):
        servers.toxiproxy_call(
            api, "proxies", {"name": "p", "listen": address, "upstream": nginx, "enabled": True}
        )
        servers.toxiproxy_call(
            api, "proxies/p/toxics", {"type": "latency", "attributes": {"latency": 300}}
        )
        started = time.monotonic()
        status, _ = get(f"http://{address}/github.com/google/uuid/@v/v1.6.0.info")
        took_s = time.monotonic() - started

    assert status == 200
    assert took_s >= 0.3


def test_connect_proxy_forwards_plain_requests(nginx: str, tmp_path: Path) -> None:
    """A request given to the forward proxy reaches the server it names."""
    address = servers.loopback_address()
    log = tmp_path / "log"
    with servers.running(servers.connect_proxy_command(address), address, log):
        handler = urllib.request.ProxyHandler({"http": f"http://{address}"})
        opener = urllib.request.build_opener(handler)
        with opener.open(f"http://{nginx}/github.com/google/uuid/@v/list", timeout=10) as response:
            body = response.read()

    assert body == b"v1.6.0\n"
    assert f"http://{nginx}/github.com" in log.read_text()


@pytest.mark.parametrize("wrong", ["", MODULE])
def test_the_checksum_database_is_believed(
    wrong: str, nginx: str, tmp_path: Path, known: Path
) -> None:
    """go accepts a module by its lookup, and refuses one whose hash the database has wrong."""
    address = servers.loopback_address()
    command = servers.sumdb_command(address, known, wrong=wrong)
    env = {"GOPROXY": f"http://{nginx}", "GOSUMDB": f"{servers.sumdb_key()} http://{address}"}
    with servers.running(command, address, tmp_path / "log"):
        done = go(tmp_path / "go", "mod", "download", MODULE, env=env)

    assert (1 if wrong else 0) == done.returncode
    assert bool(wrong) == ("SECURITY ERROR" in done.stderr)


def test_the_checksum_database_is_the_same_after_a_restart(
    nginx: str, tmp_path: Path, known: Path
) -> None:
    """A go that remembers the tree accepts the database after a restart."""
    address = servers.loopback_address()
    command = servers.sumdb_command(address, known)
    env = {"GOPROXY": f"http://{nginx}", "GOSUMDB": f"{servers.sumdb_key()} http://{address}"}
    done = []
    for module in (MODULE, "github.com/go-logr/logr@v1.4.3"):
        with servers.running(command, address, tmp_path / "log"):
            done.append(go(tmp_path / "go", "mod", "download", module, env=env))

    assert [(run.returncode, run.stderr) for run in done] == [(0, ""), (0, "")]


def test_httptrace_go_logs_each_request(nginx: str, tmp_path: Path) -> None:
    """The rebuilt go writes the points of every request in the order they happened."""
    log = tmp_path / "trace.jsonl"
    before_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    done = go(
        tmp_path / "go",
        *("mod", "download", MODULE),
        env={"GOPROXY": f"http://{nginx}", "MODPULSE_HTTPTRACE": str(log)},
        command=parts.httptrace_go(),
    )
    after_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    times = [event["at_ns"] for event in events]
    assert before_ns < min(times) <= max(times) < after_ns
    urls = {event["url"] for event in events if event["event"] == "Start"}
    base = f"http://{nginx}/github.com/google/uuid/@v/v1.6.0"
    assert {f"{base}.info", f"{base}.mod", f"{base}.zip"} == urls
    first = [event["event"] for event in events if event["attempt"] == 1]
    assert [
        *("Start", "GetConn", "ConnectStart", "ConnectDone", "GotConn", "WroteRequest"),
        *("GotFirstResponseByte", "Done", "BodyEnd", "BodyClose"),
    ] == first
    assert sum(event["event"] == "Done" and event["status"] == 200 for event in events) == 3


def test_httptrace_go_logs_dns_and_tls_of_each_attempt(lab: Lab, tmp_path: Path) -> None:
    """Over https a 404 is two attempts, and only the first pays for lookup, connect and TLS."""
    log = tmp_path / "trace.jsonl"
    lab.go(
        *("mod", "download"),
        goproxy=lab.url("e404"),
        requires=["m00"],
        go=parts.httptrace_go(),
        env={"MODPULSE_HTTPTRACE": str(log)},
    )

    events = [json.loads(line) for line in log.read_text().splitlines()]
    done = [(event["attempt"], event["status"]) for event in events if event["event"] == "Done"]
    assert done[:2] == [(1, 404), (2, 404)]
    setup = ("DNSStart", "DNSDone", "ConnectDone", "TLSHandshakeStart", "TLSHandshakeDone")
    paid = [(event["attempt"], event["event"]) for event in events if event["event"] in setup]
    assert [(1, point) for point in setup] == paid
    assert [event.get("reused", False) for event in events if event["event"] == "GotConn"][:2] == [
        False,
        True,
    ]


def test_httptrace_go_has_the_functions_of_its_release() -> None:
    """The rebuilt go has the build information and the probed functions of the official one."""
    official, rebuilt = parts.go_release(parts.BUILD_MINOR), parts.httptrace_go()
    probed = {
        "cmd/go/internal/web.get",
        "cmd/go/internal/web.hookCloser.Close",
        "net/http.(*Client).do",
        "net/http.(*Transport).roundTrip",
        "net/http.(*Transport).getConn",
    }

    def ask(*args: str) -> list[str]:
        return parts.ask_go(*args).splitlines()[1:]

    functions = {line.split(maxsplit=2)[-1] for line in ask("tool", "nm", str(rebuilt))}
    assert probed <= functions
    assert ask("version", "-m", str(official)) == ask("version", "-m", str(rebuilt))
