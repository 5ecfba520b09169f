"""Real servers between a real `go` and what it wants: the records say what both ends saw."""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import needs
from eyes import Eyes, Seen, gather
from lab import servers
from lab.lab import DEAD_DNS, GOOD_DNS, Lab
from lab.processes import end, finish
from lab.workload import REQUEST_COUNT, workload

from modpulse.agent.records.records import Record, Request

pytestmark = pytest.mark.root

DOWNLOAD = ("mod", "download")
ASK = ("list", "-m")
"""With MODULE@VERSION it asks for the .info, then for the .mod."""
M00, M28, M29 = (f"mod.lab.test/{name}@v1.1.0" for name in ("m00", "m28", "m29"))
TESTS = Path(__file__).parents[1]
S = 1_000_000_000
MS = 1_000_000


@contextmanager
def serving(
    lab: Lab, command: list[str], name: str, port: int = 443, **options: Any
) -> Iterator[None]:
    """Run a server at a host of the lab until the block ends."""
    process = lab.serve(command, **options)
    try:
        lab.wait_until_listening(name, port)
        yield
    finally:
        end(process)


@contextmanager
def nginx(lab: Lab, name: str, folder: Path, *, tls: bool = True, **config: Any) -> Iterator[Path]:
    """Run nginx at a host of the lab; yields its log, `METHOD TARGET STATUS PROTOCOL` each line."""
    needs(Path(servers.NGINX).exists(), "nginx")
    folder.mkdir()
    port = 443 if tls else 80
    certificate = lab.certificate() if tls else None
    text = servers.nginx_config(
        folder, f"{lab.address(name)}:{port}", certificate=certificate, **config
    )
    (folder / "nginx.conf").write_text(text)
    with serving(lab, servers.nginx_command(folder / "nginx.conf"), name, port):
        yield folder / "access.log"


@contextmanager
def goproxy(lab: Lab, name: str, folder: Path, upstream: str) -> Iterator[Path]:
    """Run goproxy with HTTP/2 at a host of the lab; yields what it caches in."""
    folder.mkdir()
    command = servers.goproxy_command(folder, f"{lab.address(name)}:443", lab.certificate())
    with serving(lab, command, name, env=servers.goproxy_environment(folder, upstream)):
        yield folder / "cache"


def lines(log: Path) -> list[list[str]]:
    """The words of each line of an nginx log."""
    return [line.split() for line in log.read_text().splitlines()]


def outcome(request: Request) -> tuple[int | None, str | None, str | None]:
    """Status, class and final of a request."""
    return request.status, request.failure and request.failure.cls, request.final


def the_only_failure(seen: Seen) -> Request:
    """The one request that failed."""
    (failed,) = [request for request in seen.requests if request.failure is not None]
    return failed


RACING = 4
"""Requests at most that a busy machine may attribute to a dial that HTTP/2 did not need: of two
whose handshakes ended together, only the closing of one tells which was kept."""


def assert_shared(seen: Seen) -> None:
    """All requests came by one connection, the one that received."""
    kept = max(seen.connections, key=lambda made: made.bytes_in or 0)
    others = [each for each in seen.requests if each.connection != kept.cookie]
    assert len(others) <= RACING
    assert {each.connection for each in others} <= {made.cookie for made in seen.connections}


def test_goproxy_in_health(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """A cold goproxy answers over HTTP/2 what it fetched, and is no build itself."""
    with (
        nginx(lab, "real-b", tmp_path / "nginx", tls=False, root=lab.tree()) as log,
        goproxy(lab, "real-a", tmp_path / "goproxy", f"http://{lab.address('real-b')}"),
    ):
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a"), requires=["m00", "m01"])

        seen = eyes.seen()

    assert (done.returncode, done.stderr) == (0, "")
    assert {words[2] for words in lines(log)} == {"200"}
    # goproxy asks its own `go` for the version, which asks nobody
    assert len([process for process in seen.processes if process.goproxy]) == 1
    assert len(seen.requests) == 6
    assert {outcome(request) for request in seen.requests} == {(200, None, "ok")}
    assert {request.http_version for request in seen.requests} == {"2"}
    assert {request.proxy for request in seen.requests} == {lab.url("real-a")}
    assert_shared(seen)


def test_goproxy_with_a_broken_upstream(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Its 404 after seconds is a suspect miss, not a failure, and `go` asks the next proxy."""
    with (
        nginx(lab, "real-b", tmp_path / "nginx", tls=False, status=503) as log,
        goproxy(lab, "real-a", tmp_path / "goproxy", f"http://{lab.address('real-b')}"),
    ):
        done = lab.go(*ASK, M00, goproxy=lab.url("real-a", "ok"))

        requests = eyes.seen().requests

    assert (done.returncode, done.stderr) == (0, "")
    assert {words[2] for words in lines(log)} == {"503"}
    assert [(each.endpoint, each.chain_index, *outcome(each)) for each in requests] == [
        ("info", 0, 404, None, "fell_through"), ("info", 1, 200, None, "ok"),
        ("mod", 0, 404, None, "fell_through"), ("mod", 1, 200, None, "ok"),
    ]  # fmt: skip
    assert [each.suspect for each in requests] == [True, False, True, False]
    assert all((each.processing_ns or 0) > 2 * S for each in requests if each.suspect)


def test_goproxy_that_lost_what_it_served(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """A quick miss is suspect only for what this proxy has served before."""
    upstream = f"http://{lab.address('real-b')}"
    with goproxy(lab, "real-a", tmp_path / "goproxy", upstream) as cache:
        with nginx(lab, "real-b", tmp_path / "nginx", tls=False, root=lab.tree()):
            lab.go(*ASK, M28, goproxy=lab.url("real-a"))
        cache.rename(tmp_path / "lost")
        with nginx(lab, "real-b", tmp_path / "empty", tls=False, status=404):
            for module in (M28, M29):
                lab.go(*ASK, module, goproxy=lab.url("real-a"))

        requests = eyes.seen().requests

    assert [outcome(request) for request in requests] == [
        (200, None, "ok"), (200, None, "ok"), (404, None, "stopped"), (404, None, "stopped"),
    ]  # fmt: skip
    assert [request.suspect for request in requests] == [False, False, True, False]
    assert max(request.processing_ns or 0 for request in requests) < 2 * S


def test_goproxy_with_a_refusing_upstream(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Its 500 is a failure, at which `go` stops."""
    with goproxy(lab, "real-a", tmp_path / "goproxy", servers.REFUSING_URL):
        done = lab.go(*ASK, M00, goproxy=lab.url("real-a", "ok"))

        (request,) = eyes.seen().requests

    assert done.returncode == 1
    assert "500 Internal Server Error" in done.stderr
    assert outcome(request) == (500, "http.5xx", "stopped")
    assert not request.suspect


def test_slow_lookup_makes_no_suspect(lab: Lab, eyes: Eyes) -> None:
    """A miss that was late because of the resolver is not held against the proxy."""
    lab.go(*ASK, M00, goproxy=lab.url("e404"), resolver=DEAD_DNS + GOOD_DNS)

    (request,) = eyes.seen().requests

    assert outcome(request) == (404, None, "stopped")
    assert (request.connect_wait_ns or 0) > 2 * S
    assert not request.suspect


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_static_nginx(version: str, lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Each file that nginx served is a request record, over HTTP/1.1 and over HTTP/2."""
    with nginx(lab, "real-a", tmp_path / "nginx", root=lab.tree(), http2=version == "2") as log:
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a"), requires=["m00", "m01", "m02"])

        requests = eyes.seen().requests

    assert (done.returncode, done.stderr) == (0, "")
    assert {outcome(request) for request in requests} == {(200, None, "ok")}
    assert {request.http_version for request in requests} == {version}
    targets = [f"/{each.module}/@v/{each.version}.{each.endpoint}" for each in requests]
    assert sorted(targets) == sorted(words[1] for words in lines(log))
    assert {words[3] for words in lines(log)} == {"HTTP/2.0" if version == "2" else "HTTP/1.1"}


@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize(
    ("config", "status", "cls"),
    [({"status": 403}, 403, "auth.403"), ({"upstream": servers.REFUSING_URL}, 502, "http.5xx")],
    ids=["403", "502"],
)
def test_sick_nginx(
    config: dict[str, Any], status: int, cls: str, version: str, lab: Lab, eyes: Eyes,
    tmp_path: Path,
) -> None:  # fmt: skip
    """A refusal and a dead upstream are failures with nginx's own status."""
    with nginx(lab, "real-a", tmp_path / "nginx", http2=version == "2", **config) as log:
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a", "ok"), requires=["m00"])

        (request,) = eyes.seen().requests

    assert done.returncode == 1
    assert f"{status} " in done.stderr
    assert outcome(request) == (status, cls, "stopped")
    assert request.http_version == version
    assert request.attempts == len(lines(log))
    assert {words[2] for words in lines(log)} == {str(status)}


@contextmanager
def toxic(
    lab: Lab, folder: Path, kind: str, attributes: Mapping[str, int], *, tls: bool = True
) -> Iterator[Path]:
    """Put a toxiproxy with one toxic at real-a before an nginx at real-b; yields nginx's log."""
    port = 443 if tls else 80
    api = f"{lab.address('real-a')}:8474"
    proxy = {
        "name": "p",
        "listen": f"{lab.address('real-a')}:{port}",
        "upstream": f"{lab.address('real-b')}:{port}",
        "enabled": True,
    }
    calls = {"proxies": proxy, "proxies/p/toxics": {"type": kind, "attributes": attributes}}
    with (
        nginx(lab, "real-b", folder / "nginx", tls=tls, root=lab.tree()) as log,
        serving(lab, servers.toxiproxy_command(api), "real-a", 8474),
    ):
        # Its API listens where only the servers are.
        code = f"from lab.servers import toxiproxy_call as call\nfor it in {calls!r}.items(): "
        called = lab.serve(
            [sys.executable, "-P", "-c", f"{code}call({api!r}, *it)"],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        assert finish(called).returncode == 0, lab.server_errors()
        yield log


def test_toxiproxy_latency(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Time that the way back takes is processing, in each request."""
    with toxic(lab, tmp_path, "latency", {"latency": 300}):
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a"), requires=["m00"])

        seen = eyes.seen()

    assert done.returncode == 0
    assert len(seen.requests) == 3
    assert all(300 * MS <= (each.processing_ns or 0) < 3 * S for each in seen.requests)
    assert all((each.transfer_ns or 0) < 300 * MS for each in seen.requests)
    (handshake,) = seen.handshakes
    assert (handshake.handshake_ns or 0) >= 300 * MS


def test_toxiproxy_bandwidth(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """A narrow way shows in the transfer of what is large, not in its processing."""
    with toxic(lab, tmp_path, "bandwidth", {"rate": 4000}):
        done = lab.go(*DOWNLOAD, "mod.lab.test/big@v1.1.0", goproxy=lab.url("real-a"))

        (zipped,) = [each for each in eyes.seen().requests if each.endpoint == "zip"]

    assert done.returncode == 0
    assert outcome(zipped) == (200, None, "ok")
    assert (zipped.body_bytes or 0) > 4_000_000
    assert (zipped.transfer_ns or 0) > 500 * MS
    assert (zipped.processing_ns or 0) < 500 * MS


def test_toxiproxy_reset(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """A connection that is reset under `go` is `tcp.reset`."""
    with toxic(lab, tmp_path, "reset_peer", {"timeout": 0}) as log:
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a", "ok"), requires=["m00"])

        failed = the_only_failure(eyes.seen())

    assert done.returncode == 1
    assert "connection reset by peer" in done.stderr
    assert outcome(failed) == (None, "tcp.reset", "stopped")
    assert lines(log) == []


def test_toxiproxy_stall(lab: Lab, tmp_path: Path) -> None:
    """An answer that never comes through is reported while `go` waits, and counts once."""
    with (
        Eyes(stalled_after_ns=S) as eyes,
        toxic(lab, tmp_path, "timeout", {"timeout": 0}, tls=False) as log,
    ):
        eyes.forget()
        process = lab.start_go(*ASK, M00, goproxy=f"http://{lab.host('real-a')},{lab.url('ok')}")
        until = time.monotonic() + 15
        records: list[Record] = []
        while not gather(records).requests and time.monotonic() < until:
            records += eyes.observer.poll(0.05)
        reported = gather(records).requests
        still_waits = process.poll() is None
        process.kill()
        process.communicate()

        (request,) = eyes.seen().requests

    assert still_waits
    assert [outcome(each) for each in reported] == [(None, "http.stalled", None)]
    assert request.id == reported[0].id
    assert outcome(request) == (None, "http.stalled", "cancelled")
    # nginx answered at once: it is the way that is sick
    assert [words[2] for words in lines(log)] == ["200"]


@pytest.mark.parametrize("by_name", [False, True])
def test_checksum_database(by_name: bool, lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """It is asked itself, at a URL at once, by name once the proxy has said 404: as its host."""
    name = lab.host("real-b") if by_name else "sum.example"
    command = servers.sumdb_command(
        f"{lab.address('real-b')}:443", lab.tree(), name=name, certificate=lab.certificate()
    )
    url = "" if by_name else f" https://{lab.host('real-b')}"
    env = {"GOSUMDB": servers.sumdb_key(name) + url}
    with (
        nginx(lab, "real-a", tmp_path / "nginx", root=lab.tree(), http2=True) as log,
        serving(lab, command, "real-b"),
    ):
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a"), requires=["m00", "m01"], env=env)

        seen = eyes.seen()

    assert (done.returncode, done.stderr) == (0, "")
    direct = [each for each in seen.requests if each.host == lab.host("real-b")]
    assert {each.endpoint for each in direct} == {"sumdb"}
    assert {(each.proxy, each.chain_index) for each in direct} == {
        (f"sumdb:{lab.host('real-b')}", None)
    }
    assert {outcome(each) for each in direct} == {(200, None, "ok")}
    assert len(direct) >= 3  # two lookups and a tile
    through = [each for each in seen.requests if each.endpoint == "sumdb" and each not in direct]
    assert [outcome(each) for each in through] == [(404, None, "fell_through")] * by_name
    tried = [words[2] for words in lines(log) if words[1] == f"/sumdb/{name}/supported"]
    assert set(tried) == ({"404"} if by_name else set())


def test_wrong_checksum_database(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Content that the checksum database contradicts is the proxy's failure, and `go` stops."""
    command = servers.sumdb_command(
        f"{lab.address('real-b')}:443", lab.tree(), certificate=lab.certificate(), wrong=M00
    )
    env = {"GOSUMDB": f"{servers.sumdb_key()} https://{lab.host('real-b')}"}
    with (
        nginx(lab, "real-a", tmp_path / "nginx", root=lab.tree(), http2=True),
        serving(lab, command, "real-b"),
    ):
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a"), requires=["m00"], env=env)

        failed = the_only_failure(eyes.seen())

    assert done.returncode == 1
    assert "SECURITY ERROR" in done.stderr
    assert (failed.proxy, failed.endpoint) == (lab.url("real-a"), "zip")
    assert outcome(failed) == (200, "checksum.sumdb", "stopped")


def test_connect_proxy(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Through a forward proxy the connection says so, and requests are the module proxy's."""
    via = f"{lab.host('real-b')}:3128"
    command = servers.connect_proxy_command(f"{lab.address('real-b')}:3128")
    with (
        nginx(lab, "real-a", tmp_path / "nginx", root=lab.tree(), http2=True) as log,
        serving(lab, command, "real-b", 3128),
    ):
        done = lab.go(
            *DOWNLOAD,
            goproxy=lab.url("real-a"),
            requires=["m00", "m01"],
            env={"HTTPS_PROXY": f"http://{via}"},
        )

        seen = eyes.seen()

    assert (done.returncode, done.stderr) == (0, "")
    assert len(lines(log)) == len(seen.requests) == 6
    assert {outcome(each) for each in seen.requests} == {(200, None, "ok")}
    assert {each.proxy for each in seen.requests} == {lab.url("real-a")}
    assert {(each.via, each.address) for each in seen.connections} == {(via, lab.address("real-b"))}
    assert_shared(seen)
    assert f"{lab.host('real-a')}:443" in lab.server_errors()
    assert {each.host for each in seen.lookups} == {lab.host("real-b")}
    assert {(each.sni, each.outcome) for each in seen.handshakes} == {(lab.host("real-a"), "ok")}


def test_workload(lab: Lab, eyes: Eyes, tmp_path: Path) -> None:
    """Every file of a real download is a record, on one connection, and nothing was lost."""
    tree = workload()
    folder = lab.workspace()
    tree.write_main(folder / "src")
    before = eyes.observer.losses()
    with nginx(lab, "real-a", tmp_path / "nginx", root=tree.proxy, http2=True) as log:
        done = lab.go(*DOWNLOAD, goproxy=lab.url("real-a"), folder=folder)

        seen = eyes.seen()
    shutil.rmtree(folder)
    after = eyes.observer.losses()

    assert (done.returncode, done.stderr) == (0, "")
    targets = [words[1].rpartition("/@v/")[2].rpartition(".")[2] for words in lines(log)]
    assert Counter(targets) == Counter(each.endpoint for each in seen.requests)
    assert len(seen.requests) == REQUEST_COUNT
    assert {outcome(each) for each in seen.requests} == {(200, None, "ok")}
    assert_shared(seen)
    assert [each.reused for each in seen.requests].count(False) == 1
    lost = ("ring_full", "map_full", "orphan", "late", "decode_errors", "queue_dropped")
    assert {name: after[name] - before[name] for name in lost} == dict.fromkeys(lost, 0)
    assert after["in_ring"] == after["pending"] == 0
