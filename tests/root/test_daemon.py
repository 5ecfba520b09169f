"""The daemon against a real collector: real `go` commands in, the health of proxies out."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import needs
from floods import copied, flood, undecided
from lab import parts
from lab.lab import FAULTY_DNS, GOOD_DNS, Lab

from modpulse.agent.batch.batch import Batch, decode

pytestmark = [pytest.mark.root, pytest.mark.xdist_group("host")]

AGENT = "import sys; from modpulse.agent.commands.agent import main; sys.exit(main(None))"
COLLECTOR = "import sys; from modpulse.collector.cli import main; sys.exit(main(['serve']))"
WAIT_S = 20.0
DETACHED_S = {"uprobe-multi": 2.0, "perf": 15.0}
"""How long the kernel may take to let go of a dead agent's probes, by kind of link."""
MAX_RSS_KB, MAX_ANONYMOUS_KB = 60_000, 30_000


def wait_for(what: Callable[[], Any], seconds: float = WAIT_S) -> Any:
    """Return the first true value; fail when there is none in time."""
    until = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return value


class Service:
    """An agent or a collector of this test, with its log."""

    def __init__(self, program: str, started: str, prefix: str, **keys: object) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MODPULSE")}
        more = {
            f"{prefix}{key.upper()}": str(value) for key, value in keys.items() if key.islower()
        }
        more |= {key: str(value) for key, value in keys.items() if key.isupper()}
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=inherited | more,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self.started: str = wait_for(lambda: next((x for x in self.log if started in x), ""))
        except AssertionError:
            self.end(signal.SIGKILL)
            raise AssertionError(self.log) from None

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr:
            self.log.extend(self.process.stderr)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services of this test: `start("agent", …)`, `start("collector", …)`."""
    services: list[Service] = []

    def begin(what: str, **keys: object) -> Service:
        if what == "collector":
            own = {
                "listen": "127.0.0.1:0",
                "database": tmp_path / "collector.db",
                "window_seconds": 1,
            }
            named = (COLLECTOR, "collector.started", "MODPULSE_COLLECTOR_")
        else:
            own = {"agent_id": "host-1", "spool_dir": tmp_path / "spool", "window_seconds": 1}
            named = (AGENT, "agent.started", "MODPULSE_AGENT_")
        services.append(Service(*named, **(own | keys)))
        return services[-1]

    yield begin
    for service in services:
        service.end(signal.SIGKILL)


def url_of(collector: Service) -> str:
    """Where a collector listens."""
    return collector.started.split("url=")[1].split()[0]


def health(url: str, proxy: str) -> dict[str, Any] | None:
    """What the collector knows of a proxy."""
    with urllib.request.urlopen(f"{url}/api/v1/proxies", timeout=WAIT_S) as answer:
        document = json.load(answer)
    return next((entry for entry in document["proxies"] if entry["proxy"] == proxy), None)


@contextlib.contextmanager
def manager(path: Path) -> Iterator[socket.socket]:
    """The socket that systemd would have."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(WAIT_S)
        yield listener


def memory_kb(pid: int, what: str) -> int:
    """A line of /proc/PID/status."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(what)))


def test_from_go_to_health(lab: Lab, start: Callable[..., Service], tmp_path: Path) -> None:
    """What go asks of two proxies is in the collector within seconds; SIGTERM leaves nothing."""
    url = url_of(start("collector"))
    with manager(tmp_path / "notify") as systemd:
        told = {"NOTIFY_SOCKET": tmp_path / "notify", "WATCHDOG_USEC": 400_000}
        agent = start("agent", collector_url=url, **told)
        assert systemd.recv(100) == b"READY=1"

        done = lab.go("mod", "download", goproxy=lab.url("e404", "ok"), requires=["m00"])
        served = len(lab.requests("ok"))
        good, miss = [
            wait_for(lambda proxy=proxy: health(url, proxy))
            for proxy in lab.url("ok", "e404").split(",")
        ]
        assert systemd.recv(100) == b"WATCHDOG=1"
        # Another go of this machine may just be read: that lasts until the window ends.
        wait_for(lambda: memory_kb(agent.process.pid, "RssAnon") <= MAX_ANONYMOUS_KB)
        resident_kb = memory_kb(agent.process.pid, "VmRSS")
        code = agent.end()
        messages = {systemd.recv(100)}
        while b"STOPPING=1" not in messages:
            messages.add(systemd.recv(100))

    assert done.returncode == 0
    # Another go of this machine would be counted as well.
    assert good["ok"] >= served > 0
    assert (good["failures"], miss["ok"], miss["failures"]) == ({}, 0, {})
    assert miss["misses"] >= served
    assert set(good["phases"]) >= {"resolve", "connect", "tls", "processing", "transfer"}
    assert resident_kb <= MAX_RSS_KB
    assert (code, os.listdir(tmp_path / "spool")) == (0, [])


def kernel_objects(pid: int) -> dict[str, set[int]]:
    """Ids of the BPF links and programs that a process holds, from its descriptors."""
    found: dict[str, set[int]] = {"link": set(), "prog": set()}
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        text = info.read_text()
        for kind, ids in found.items():
            ids.update(int(number) for number in re.findall(rf"^{kind}_id:\t(\d+)$", text, re.M))
    return found


def listed(kind: str) -> set[int]:
    """Ids that bpftool lists."""
    output = subprocess.run(
        ["bpftool", "-j", kind, "show"], check=True, stdout=subprocess.PIPE
    ).stdout
    return {entry["id"] for entry in json.loads(output or b"[]")}


def test_nothing_stays_after_kill_9(start: Callable[..., Service]) -> None:
    """After kill -9 bpftool lists none of the links and programs that the agent held."""
    needs(shutil.which("bpftool") is not None, "bpftool")
    agent = start("agent", collector_url="http://127.0.0.1:9")
    held = kernel_objects(agent.process.pid)
    assert all(held[kind] and held[kind] <= listed(kind) for kind in held)

    agent.end(signal.SIGKILL)
    seconds = DETACHED_S[agent.started.split("links=")[1].split()[0]]

    wait_for(lambda: not any(held[kind] & listed(kind) for kind in held), seconds)


def spooled(folder: Path) -> list[Batch]:
    """The batches in a spool, oldest first."""
    return [decode(path.read_bytes()) for path in sorted(folder.glob("*.batch"))]


def ok_of(batches: list[Batch], proxy: str) -> int:
    """Requests that a proxy answered, in these batches."""
    return sum(p.ok for batch in batches for p in batch.proxies if p.proxy == proxy)


def test_the_spool_survives_and_counts_once(
    lab: Lab, start: Callable[..., Service], tmp_path: Path
) -> None:
    """What kill -9 left in the spool is shipped by the next start; sent twice it counts once."""
    # Over plain HTTP this proxy is no other test's: its numbers are this test's alone.
    proxy, spool, copy = "http://twin.lab.test", tmp_path / "spool", tmp_path / "copy"
    first = start("agent", collector_url="http://127.0.0.1:9")
    done = lab.go("mod", "download", goproxy=proxy, requires=["m00"])
    served = len(lab.requests("twin"))
    wait_for(lambda: ok_of(spooled(spool), proxy) == served)
    first.end(signal.SIGKILL)
    left = spooled(spool)
    shutil.copytree(spool, copy)

    collector = start("collector")
    url = url_of(collector)
    again = start("agent", collector_url=url)
    wait_for(lambda: not any(spool.glob(f"*-{left[-1].run_id.hex()}-*")))
    assert again.end() == 0
    shutil.copytree(copy, spool, dirs_exist_ok=True)
    once_more = start("agent", collector_url=url)
    wait_for(lambda: not any(spool.glob(f"*-{left[-1].run_id.hex()}-*")))
    assert once_more.end() == 0
    known = wait_for(lambda: health(url, proxy))
    assert collector.end() == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "collector.db")) as database:
        ranges = database.execute(
            "SELECT first_seq, last_seq FROM seen WHERE agent_id = 'host-1' AND run_id = ?",
            (left[-1].run_id,),
        ).fetchall()

    assert (done.returncode, known["ok"], known["failures"]) == (0, served, {})
    assert [batch.seq for batch in left] == list(range(len(left)))
    assert ranges == [(0, len(left) - 1)]
    assert os.listdir(spool) == []


def outcomes(batches: list[Batch], proxy: str, what: str) -> dict[str, Counter[str]]:
    """Outcomes by endpoint, address or resolver, of all windows."""
    found: dict[str, Counter[str]] = {}
    for window in (w for batch in batches for w in batch.proxies if w.proxy == proxy):
        for row in getattr(window, what):
            ended = Counter(ok=row.ok, miss=row.misses + row.suspect_misses) + Counter(row.failures)
            found[row.name] = found.get(row.name, Counter()) + ended
    return found


def test_what_requests_have_in_common(
    lab: Lab, start: Callable[..., Service], tmp_path: Path
) -> None:
    """Outcomes by endpoint, address and resolver, commands and their chains are what `go` and the
    servers say, of a good proxy, one that fails, and one whose name nobody knows."""
    # Over plain HTTP these proxies are no other test's.
    good, bad, nameless = (f"http://{name}.lab.test" for name in ("b", "e502", "dns-servfail"))
    chains = {f"{good},direct": 0, f"{bad},{good}": 1, nameless: 1}
    agent = start("agent", collector_url="http://127.0.0.1:9")
    lab.forget()
    for chain, code in chains.items():
        resolver = FAULTY_DNS if chain == nameless else GOOD_DNS
        done = lab.go("mod", "download", goproxy=chain, requires=["m00"], resolver=resolver)
        assert done.returncode == code
    asked = Counter(one["path"].rpartition(".")[2] for one in lab.requests("b"))
    assert agent.end() == 0
    batches = spooled(tmp_path / "spool")
    seen = Counter[str]()
    for told in (told for batch in batches for told in batch.chains):
        seen[told.entries] += told.commands
    stopped = Counter[str]()
    for window in (window for batch in batches for window in batch.proxies):
        stopped[window.proxy] += window.commands_stopped

    assert set(asked) == {"mod", "zip", "info"}
    by_endpoint = outcomes(batches, good, "by_endpoint")
    assert by_endpoint == {name: Counter(ok=count) for name, count in asked.items()}
    assert outcomes(batches, good, "by_address") == {lab.address("b"): Counter(ok=asked.total())}
    (paid,) = outcomes(batches, good, "by_resolver").items()
    assert paid[0] == GOOD_DNS[0]
    assert 1 <= paid[1]["ok"] == paid[1].total() <= asked.total()
    failed = len(lab.requests("e502"))
    assert outcomes(batches, bad, "by_address") == {
        lab.address("e502"): Counter({"http.5xx": failed})
    }
    assert outcomes(batches, nameless, "by_address") == {}
    (unknown,) = outcomes(batches, nameless, "by_resolver").items()
    assert (unknown[0], set(unknown[1])) == (FAULTY_DNS[0], {"dns.servfail"})
    assert {chain: seen[chain] for chain in chains} == dict.fromkeys(chains, 1)
    assert (stopped[good], stopped[bad], stopped[nameless]) == (0, 1, 1)
    assert sum(batch.commands for batch in batches) >= 3
    assert sum(batch.commands_failed for batch in batches) >= 2
    assert {(batch.kernel, batch.links) for batch in batches} == {
        (os.uname().release, agent.started.split("links=")[1].split()[0])
    }


def test_sums_of_zips(lab: Lab, start: Callable[..., Service], tmp_path: Path) -> None:
    """The `h1:` sum of each zip is what `go` has in its cache, though the command was short."""
    # It ends with the agent: no window ends between a zip and its sum.
    agent = start("agent", collector_url="http://127.0.0.1:9", window_seconds=60)
    folder = lab.workspace(["m00", "m01"])
    try:
        done = lab.go("mod", "download", goproxy="http://b.lab.test", folder=folder)
        kept = {path.read_text().strip() for path in folder.rglob("*.ziphash")}
        assert agent.end() == 0
    finally:
        shutil.rmtree(folder)
    asked = [
        one
        for batch in spooled(tmp_path / "spool")
        for proxy in batch.proxies
        if proxy.proxy == "http://b.lab.test"
        for one in proxy.asked
    ]

    assert done.returncode == 0
    assert {one.h1 for one in asked if one.endpoint == "zip"} == kept
    assert len(kept) == 2
    assert {one.h1 for one in asked if one.endpoint != "zip"} == {None}


def test_one_agent_per_spool(start: Callable[..., Service], tmp_path: Path) -> None:
    """A second agent on the same spool says so and ends."""
    start("agent", collector_url="http://127.0.0.1:9")
    environ = os.environ | {"MODPULSE_AGENT_SPOOL_DIR": str(tmp_path / "spool")}
    second = subprocess.run(
        [sys.executable, "-c", AGENT], env=environ, capture_output=True, text=True, check=False
    )

    assert second.returncode == 1
    assert "another agent uses this spool" in second.stderr


def _fill(spool: Path) -> None:
    (spool / "ballast").write_bytes(bytes(64 << 10))


def _protect(spool: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(spool)], check=True)


def _cover(spool: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=1", "none", str(spool)], check=True)


@pytest.mark.parametrize(("host", "harm"), [("a", _fill), ("b", _protect), ("c", _cover)])
def test_a_disk_that_takes_nothing(
    lab: Lab, start: Callable[..., Service], tmp_path: Path, host: str, harm: Callable[[Path], None]
) -> None:
    """With a disk that takes nothing every batch reaches the collector once, and that is said."""
    # Over plain HTTP this proxy is no other test's: its numbers are this test's alone.
    proxy, spool = f"http://{host}.lab.test", tmp_path / "spool"
    spool.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(spool)], check=True)
    try:
        collector = start("collector")
        url = url_of(collector)
        agent = start("agent", collector_url=url)
        wait_for(lambda: not list(spool.iterdir()))
        with contextlib.suppress(OSError):
            harm(spool)
        before = (health(url, proxy) or {"ok": 0})["ok"]
        for _ in range(2):
            done = lab.go("mod", "download", goproxy=proxy, requires=["m00"])
            known = wait_for(
                lambda: (
                    (now := health(url, proxy))
                    and now["ok"] >= before + len(lab.requests(host))
                    and now
                )
            )
            wait_for(lambda: any("spool.failed action=append" in line for line in agent.log))
        assert agent.end() == 0
        assert collector.end() == 0
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=True)
        subprocess.run(["umount", "-l", str(spool)], check=False, stderr=subprocess.DEVNULL)
    with contextlib.closing(sqlite3.connect(tmp_path / "collector.db")) as database:
        ranges = database.execute("SELECT first_seq, last_seq FROM seen").fetchall()
        rows = database.execute("SELECT batch FROM log ORDER BY id").fetchall()
    losses = [decode(row[0]).losses for row in rows]

    assert (done.returncode, known["ok"] - before) == (0, len(lab.requests(host)))
    assert len(ranges) == 1
    assert ranges[0][0] == 0
    assert losses[-1]["spool_refused"] > 0
    assert (losses[-1]["spool_queue_full"], losses[-1]["spool_io"]) == (0, 0)
    assert not any("spool.lost" in line for line in agent.log)


@pytest.mark.parametrize("stranger", [True, False])
def test_a_flood_beside(
    stranger: bool, lab: Lab, start: Callable[..., Service], tmp_path: Path
) -> None:
    """After 52,000 connections of one that lives on a batch has every phase and the certificate."""
    proxy, spool = lab.url("ok"), tmp_path / "spool"
    command = [copied(tmp_path, parts.flood(), "go.d.plugin")] if stranger else undecided(tmp_path)
    agent = start("agent", collector_url="http://127.0.0.1:9")
    with flood(command, time.sleep, 50_000):
        time.sleep(3.0)  # what it did is in batches, as soon as all of it is read
        wait_for(lambda: spooled(spool)[-1].losses["in_ring"] < 1_000)
        done = lab.go("mod", "download", goproxy=proxy, requires=["m00"])
        served = len(lab.requests("ok"))
        wait_for(lambda: ok_of(spooled(spool), proxy) >= served)
        # What was lost is in the account of each batch, from the beginning of the run.
        wait_for(lambda: steps_of(spooled(spool), proxy) >= {"resolve", "connect", "tls", "verify"})
    agent.end()
    batches = spooled(spool)

    assert done.returncode == 0
    assert any(p.certificate for batch in batches for p in batch.proxies if p.proxy == proxy)
    lost = batches[-1].losses
    if stranger:
        # It counts for as long as it takes to look at it, which a busy machine makes longer.
        assert lost["process_full"] < 5_000
    else:
        assert lost["process_full"] > 0 < lost["unattributed"]
        assert sum(batch.lost for batch in batches) > 0
        assert any("events.lost" in line and "process_full=" in line for line in agent.log)


def steps_of(batches: list[Batch], proxy: str) -> set[str]:
    """The phases that these batches have of a proxy."""
    windows = [p for batch in batches for p in batch.proxies if p.proxy == proxy]
    return {name for window in windows for name in window.sketches}
