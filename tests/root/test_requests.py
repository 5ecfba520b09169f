"""One logical request is one record, whatever `go` does below it."""

import subprocess
import time
from pathlib import Path

import pytest
from eyes import Eyes, assert_identity
from lab.lab import FAULTY_DNS, Lab
from lab.parts import go_release, machine_go

pytestmark = pytest.mark.root

DOWNLOAD = ("mod", "download")


def test_doubled_4xx(lab: Lab, eyes: Eyes) -> None:
    """A 404 that Go asks twice is one request, timed to its first answer; the server saw two."""
    lab.go(*DOWNLOAD, goproxy=lab.url("e404"), requires=["m00"])

    (request,) = eyes.seen().requests
    asked = lab.requests("e404")

    assert len(asked) == 2
    assert (request.status, request.attempts, request.final) == (404, 2, "stopped")
    first_head_ns = request.at_ns + (request.first_byte_ns or 0)
    assert asked[0]["at_ns"] < first_head_ns < asked[1]["at_ns"]


def test_redirect_to_another_host(lab: Lab, eyes: Eyes) -> None:
    """A zip served by a storage host is one request of the proxy it was asked of."""
    lab.go(*DOWNLOAD, goproxy=lab.url("redirect"), requires=["m00"])

    seen = eyes.seen()
    (zipped,) = [request for request in seen.requests if request.endpoint == "zip"]
    connection = {made.cookie: made for made in seen.connections}[zipped.connection or 0]

    assert zipped.host == "redirect.lab.test"
    assert zipped.proxy == "https://redirect.lab.test"
    assert zipped.redirects == ("storage.lab.test",)
    assert (zipped.attempts, zipped.status, zipped.paid_setup) == (1, 200, True)
    assert connection.host == "storage.lab.test"


@pytest.mark.parametrize("host", ["h2-tls13", "h2-tls12"])
def test_http2_shares_connections(host: str, lab: Lab, eyes: Eyes) -> None:
    """Parallel requests over HTTP/2 share the connection on which the server saw them."""
    modules = [f"m{number:02}" for number in range(8)]
    lab.go(*DOWNLOAD, goproxy=lab.url(host), requires=modules)

    seen = eyes.seen()
    used = {request.connection for request in seen.requests}
    served = {entry["client_port"] for entry in lab.requests(host)}

    assert len(seen.requests) == 24
    # One, as a rule: two cold dials at once may each serve before they know of the other.
    assert len(used) == len(served) <= 2
    assert {request.http_version for request in seen.requests} == {"2"}
    assert sum(request.reused is False for request in seen.requests) == len(served)
    assert {made.version for made in seen.handshakes if made.outcome == "ok"} == {f"1.{host[-1]}"}


@pytest.mark.parametrize("host", ["h1-tls13", "h1-tls12"])
def test_http1_connections(host: str, lab: Lab, eyes: Eyes) -> None:
    """Over HTTP/1.1 each request names the connection on which the server saw it."""
    modules = [f"m{number:02}" for number in range(6)]
    lab.go(*DOWNLOAD, goproxy=lab.url(host), requires=modules)

    seen = eyes.seen()
    ports_seen = {entry["client_port"] for entry in lab.requests(host)}
    connections = {made.cookie for made in seen.connections}

    assert len(seen.requests) == 18
    assert {request.http_version for request in seen.requests} == {"1.1"}
    assert None not in {request.connection for request in seen.requests}
    assert len({request.connection for request in seen.requests}) == len(ports_seen)
    assert {request.connection for request in seen.requests} <= connections
    first = [request for request in seen.requests if request.reused is False]
    assert len(first) == len(ports_seen)
    assert all(request.transfer_ns is not None for request in seen.requests)


@pytest.mark.parametrize(
    ("host", "family"), [("ok", 4), ("v6", 6), ("dual", 6), ("refused-v6", 4), ("dead-v6", 4)]
)
def test_happy_eyeballs(host: str, family: int, lab: Lab, eyes: Eyes) -> None:
    """The family that lost the race is no failure of the proxy."""
    lab.go(*DOWNLOAD, goproxy=lab.url(host), requires=["m00"])

    seen = eyes.seen()
    used = {request.connection for request in seen.requests}
    (made,) = [made for made in seen.connections if made.cookie in used]
    others = {made.outcome for made in seen.connections if made.cookie not in used}

    assert (":" in made.address) == (family == 6)
    assert [request.final for request in seen.requests] == ["ok"] * 3
    assert [request.failure for request in seen.requests] == [None] * 3
    assert others == {"refused-v6": {"refused"}, "dead-v6": {"cancelled"}}.get(host, set())


def test_prefix_probing(lab: Lab, eyes: Eyes) -> None:
    """`go get` asks for every path prefix: misses that are the protocol's normal answer."""
    lab.go("get", "mod.lab.test/m00@latest", goproxy=lab.url("ok"), requires=[])

    seen = eyes.seen()
    listed = {
        request.module: request.status for request in seen.requests if request.endpoint == "list"
    }

    assert listed == {"mod.lab.test": 404, "mod.lab.test/m00": 200}
    assert not [request for request in seen.requests if request.failure or request.suspect]


def test_sumdb_through_the_proxy(lab: Lab, eyes: Eyes) -> None:
    """A proxied checksum database belongs to the proxy's entry."""
    done = lab.go(
        *DOWNLOAD, goproxy=lab.url("ok"), requires=["m00"], env={"GOSUMDB": lab.gosumdb()}
    )

    seen = eyes.seen()
    sums = [request for request in seen.requests if request.endpoint == "sumdb"]

    assert done.returncode == 0
    assert {request.proxy for request in sums} == {"https://ok.lab.test"}
    assert {request.chain_index for request in sums} == {0}
    assert len(sums) == len([entry for entry in lab.requests("ok") if "/sumdb/" in entry["path"]])


def test_sumdb_asked_directly(lab: Lab, eyes: Eyes) -> None:
    """Where no proxy has the checksum database it is asked directly, under its own name."""
    done = lab.go(
        *DOWNLOAD, goproxy=lab.url("no-sumdb"), requires=["m00"], env={"GOSUMDB": lab.gosumdb()}
    )

    seen = eyes.seen()
    sums = [request for request in seen.requests if request.endpoint == "sumdb"]

    assert done.returncode == 0
    assert (sums[0].proxy, sums[0].status, sums[0].final) == (
        "https://no-sumdb.lab.test", 404, "fell_through",
    )  # fmt: skip
    direct = sums[1:]
    assert {(request.proxy, request.chain_index) for request in direct} == {
        ("sumdb:sum.lab.test", None)
    }
    assert {request.final for request in direct} == {"ok"}


def test_one_dns_lookup_for_many(lab: Lab, eyes: Eyes) -> None:
    """Parallel requests to one host share its DNS packets: one lookup has them, others say so."""
    modules = [f"m{number:02}" for number in range(8)]
    lab.go(*DOWNLOAD, goproxy=lab.url("h1-tls13"), requires=modules)

    lookups = eyes.seen().lookups

    asked = [lookup for lookup in lookups if lookup.queries]
    assert {lookup.source for lookup in asked} == {"dns"}
    assert {lookup.source for lookup in lookups if not lookup.queries} <= {"cache"}
    assert {lookup.outcome for lookup in lookups} == {"ok"}


def test_dns_over_tcp(lab: Lab, eyes: Eyes) -> None:
    """A truncated answer is asked again over TCP, and the record says both."""
    lab.go(*DOWNLOAD, goproxy=lab.url("dns-truncated"), requires=["m00"], resolver=FAULTY_DNS)

    lookup = eyes.seen().lookups[0]
    transports = {(query.transport, query.truncated) for query in lookup.queries}

    assert lookup.outcome == "ok"
    assert transports == {("udp", True), ("tcp", False)}


def test_hosts_file(lab: Lab, eyes: Eyes) -> None:
    """A name from the hosts file is a lookup without queries."""
    hosts = f"127.0.0.1 localhost\n{lab.address('ok')} ok.lab.test\n"
    lab.go(*DOWNLOAD, goproxy=lab.url("ok"), requires=["m00"], hosts_file=hosts)

    (lookup,) = eyes.seen().lookups

    assert (lookup.source, lookup.queries, lookup.outcome) == ("hosts", (), "ok")


def test_lookup_by_libc(lab: Lab, eyes: Eyes) -> None:
    """A `go` built with cgo may ask libc, which asks on one socket: the record says so."""
    done = lab.go(
        *DOWNLOAD,
        goproxy=lab.url("ok"),
        requires=["m00"],
        go=go_release("1.19"),
        env={"GODEBUG": "netdns=cgo"},
    )

    (lookup,) = eyes.seen().lookups

    assert done.returncode == 0
    assert (lookup.source, lookup.outcome) == ("cgo", "ok")
    assert {query.qtype for query in lookup.queries} == {"A", "AAAA"}


def test_loss_identity(lab: Lab) -> None:
    """Every would-be record is accounted for, to one event."""
    with Eyes() as eyes:
        lab.go(*DOWNLOAD, goproxy=lab.url("e404", "ok"), requires=["m00"])
        eyes.seen()
        losses = eyes.observer.losses()

    assert losses["seen"] > 50
    assert_identity(losses)
    assert losses["ring_full"] == losses["map_full"] == losses["decode_errors"] == 0


def test_what_is_not_below_the_command_is_not_counted() -> None:
    """Who runs one command under observation pays for it alone, and sees it alone."""
    command = ["sh", "-c", 'read _; exec "$0" version', machine_go()]
    stranger = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with Eyes() as eyes:
        stranger.communicate(b"\n")
        losses = eyes.observer.losses()

    assert stranger.returncode == 0
    assert losses["seen"] == 0


def test_a_short_process_is_looked_at_at_once(lab: Lab, eyes: Eyes) -> None:
    """What /proc tells is read while a process of some milliseconds lives, its events later."""
    process = lab.start_go("env", "GOVERSION", goproxy=lab.url("ok"))
    eyes.look(0.5, step_seconds=0.5)
    lives_on = process.poll() is None
    process.communicate()
    (found,) = eyes.seen().processes

    assert not lives_on
    assert found.argv is not None
    assert found.argv[1:] == ("env", "GOVERSION")
    assert found.go_version is not None


def test_tiny_ring(lab: Lab) -> None:
    """A ring that overflows loses records, counts each, and crashes nothing."""
    with Eyes(ring_bytes=8192) as eyes:
        lab.go(*DOWNLOAD, goproxy=lab.url("e404", "ok"), requires=["m00", "m01", "m02"])
        eyes.seen()
        losses = eyes.observer.losses()

    assert losses["ring_full"] > 0
    assert losses["in_ring"] == 0
    assert_identity(losses)


def test_a_ring_that_fills_wakes_its_reader(lab: Lab) -> None:
    """More records at once than the ring holds are read in time, however long the reader sleeps."""
    modules = [f"m{number:02}" for number in range(30)]
    with Eyes(ring_bytes=64 << 10) as eyes:
        process = lab.start_go(*DOWNLOAD, goproxy=lab.url("e404", "ok"), requires=modules)
        eyes.look(2.0, step_seconds=2.0)
        process.communicate()
        eyes.seen()
        losses = eyes.observer.losses()

    assert losses["decoded"] > 500
    assert losses["ring_full"] == 0


def test_perf_links(lab: Lab) -> None:
    """Without the multi-uprobe link the same is seen through one perf link per probe."""
    with Eyes(multi=False) as eyes:
        assert eyes.observer.kernel.link_kind == "perf"
        eyes.forget()
        lab.go(*DOWNLOAD, goproxy=lab.url("e404", "ok"), requires=["m00"])
        seen = eyes.seen()

    assert [request.status for request in seen.requests] == [404, 200] * 3
    assert [made.outcome for made in seen.handshakes] == ["ok", "ok"]


def test_toolchain_switch(lab: Lab) -> None:
    """A `go` that fetches another release and becomes it is followed in the same pid."""
    newer = go_release("1.27")
    goroot = newer.resolve().parent.parent
    with Lab(toolchains=[goroot]) as switching, Eyes([Path(newer)]) as eyes:
        eyes.forget()
        process = switching.start_go(
            *DOWNLOAD,
            goproxy=switching.url("ok"),
            requires=["m00"],
            env={"GOTOOLCHAIN": "go1.27.3", "GOSUMDB": switching.gosumdb()},
        )
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            eyes.look(1.0, step_seconds=1.0)  # as the daemon does
        _, complaint = process.communicate()
        seen = eyes.seen()

    assert process.returncode == 0, complaint
    before, after = sorted(seen.processes, key=lambda process: process.start_at_ns)
    assert before.pid == after.pid
    assert (before.go_version or "").startswith("go1.26")
    assert after.go_version == "go1.27.3"
    fetched = [request for request in seen.requests if request.endpoint == "toolchain"]
    assert [request.final for request in fetched] == ["ok"]
    assert [
        request.endpoint for request in seen.requests if request.module == "mod.lab.test/m00"
    ] == ["mod", "sumdb", "info", "zip"]
