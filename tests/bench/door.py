"""What a hostile peer costs the collector: the event loop's time, memory, and bytes of the log."""

import contextlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import test_flood
from collectors import Collector, call
from sightings import T0_NS, S, arrival, sighting

from modpulse.agent.batch.batch import MAX_BATCH_BYTES, PHASES, ProxyWindow
from modpulse.agent.batch.sketch import ZERO_BUCKET, Sketch
from modpulse.collector.config import Config
from modpulse.collector.errors import RejectedError
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.held import MAX_PROXIES
from modpulse.collector.http.document import proxy_part
from modpulse.collector.http.shown import encoded
from modpulse.collector.intake import ingest

from .figures import quantile
from .report import line

TOKEN = "0123456789abcdef"
SECONDS = 5.0
BODIES = 1000
HEAD = (
    b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\n"
    b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
)


def main() -> None:
    """Print figures."""
    _steps()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokens").write_text(TOKEN)
        collector = Collector(
            Path(folder), token_file=Path(folder) / "tokens", read_timeout_seconds=30
        )
        collector.start()
        try:
            _waits(collector)
            _memory(collector)
            _log(collector)
        finally:
            collector.end()


def _steps() -> None:
    """The longest single steps of the event loop, in time of the processor."""
    bodies = {name: body[:MAX_BATCH_BYTES] for name, body in test_flood.BODIES.items()}
    bodies |= {f"whole, {name}": body for name, body in _whole().items()}
    worst = max((_best(lambda body=body: _read(body)), name) for name, body in bodies.items())
    line(f"read of up to a MiB, the worst: {worst[1]}", _ms(worst[0]))
    fleet = _full_fleet()
    judged = list(_timed(fleet.judging(T0_NS + 40 * S)))
    reports = [report for _, report in judged if report]
    line(f"a step of judging {len(reports)} proxies", _ms(max(took for took, _ in judged)))
    parts = [_best(lambda report=report: encoded(proxy_part(report))) for report in reports[:50]]
    line("a proxy's part of an answer", _ms(max(parts)))
    fleet = _fleet()
    fleet.merge(arrival(sighting("`?:" * 170, failures={"http.5xx": 9})))
    (report,) = fleet.evaluate(T0_NS)
    line("the same, of a name that is hard to say", _ms(_best(lambda: encoded(proxy_part(report)))))
    fleet = _fleet()
    for number in range(2000):
        seen = sighting(failures={"http.5xx": 6})
        fleet.merge(arrival(seen, agent_id=f"build-{number}"))
    judged = list(_timed(fleet.judging(T0_NS + 10 * S)))
    line("a step of judging 2000 agents that see one fail", _ms(max(took for took, _ in judged)))
    new = arrival(
        *(sighting(f"https://new{n}.example", ok=1) for n in range(32)),
        end_ns=T0_NS + 40 * S, agent_id="flood-0",
    )  # fmt: skip
    fleet = _full_fleet(agents=64)
    began = time.thread_time()
    fleet.merge(fleet.admit(new))
    line("32 new proxies where all places are taken", _ms(time.thread_time() - began))


def _waits(collector: Collector) -> None:
    """How long others wait for an answer while one floods."""
    line("an answer, nobody else there", _answered(collector, None))
    floods = {
        "poison of 8 KiB": _whole()["empty maps"],
        "poison of 1 MiB": test_flood.BODIES["arrays in arrays"][: 1 << 20],
        "the fullest batches": test_flood.FULLEST,
    }
    for name, body in floods.items():
        line(f"the same, 8 connections of {name}", _answered(collector, body))


def _memory(collector: Collector) -> None:
    before = _resident(collector)
    with contextlib.ExitStack() as stack:
        for _ in range(BODIES):
            sock = stack.enter_context(_dial(collector))
            with contextlib.suppress(OSError):
                sock.sendall(HEAD + b"Content-Length: 1048576\r\n\r\n" + b"x" * 1048575)
        line(f"{BODIES} bodies of 1 MiB at once", f"{(_resident(collector) - before) >> 20} MiB")


def _log(collector: Collector) -> None:
    before = sum(map(len, collector.log))
    sent = _flood(collector, b"\xc1", SECONDS)
    collector.stop()
    grown = sum(map(len, collector.log)) - before
    line(f"the log, after {sent} batches that are rejected", f"{grown} bytes")


def _answered(collector: Collector, body: bytes | None) -> str:
    """Return median and worst of GET /healthz on connections of their own."""
    waits: list[float] = []
    flood = threading.Thread(target=_flood, args=(collector, body, SECONDS))
    flood.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        began = time.perf_counter()
        call(collector, "GET", "/healthz")
        waits.append(time.perf_counter() - began)
    flood.join()
    return f"{_ms(quantile(waits, 0.5))}, p99 {_ms(quantile(waits, 0.99))}, max {_ms(max(waits))}"


def _flood(collector: Collector, body: bytes | None, seconds: float) -> int:
    """Send a body again and again on eight connections; returns how often it was answered."""
    if body is None:
        return 0
    answered = [0] * 8
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    until = time.monotonic() + seconds

    def run(number: int) -> None:
        sock = _dial(collector)
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                sock.sendall(request)
                answered[number] += sock.recv(65_536).startswith(b"HTTP/1.1 ")
        sock.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered)


def _dial(collector: Collector) -> socket.socket:
    return socket.create_connection(("127.0.0.1", collector.port), timeout=30)


def _resident(collector: Collector) -> int:
    with open(f"/proc/{collector.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _whole() -> dict[str, bytes]:
    """Bodies of nearly 8 KiB that are walked through to their end."""
    items = {"nils": b"\xc0", "empty arrays": b"\x90", "empty maps": b"\x80"}
    row = {name: b"\xdc\x04\x00" + item * 1024 for name, item in items.items()}
    return {name: b"\x97" + held * 7 for name, held in row.items()} | {"sketches": _sketches(7)}


def _sketches(proxies: int) -> bytes:
    wide = Sketch(dict.fromkeys(range(ZERO_BUCKET, ZERO_BUCKET + 150), 1)).to_bytes()
    return test_flood.batch(
        *(
            ProxyWindow(proxy=f"https://p{n}.example", sketches=dict.fromkeys(PHASES, wide))
            for n in range(proxies)
        )
    )


def _fleet() -> Fleet:
    return Fleet(Config().formula, Config().rules, ingest.bucket_estimate_ms)


def _full_fleet(agents: int = 32) -> Fleet:
    """As many proxies as there are places, of agents that are known, all of them failing."""
    fleet = _fleet()
    names = [f"https://{'p' * 400}{n}.example" for n in range(MAX_PROXIES)]
    for at_ns in (T0_NS, T0_NS + 31 * S):
        for first in range(0, MAX_PROXIES, 32):
            seen = (sighting(name, failures={"http.5xx": 9}) for name in names[first : first + 32])
            agent_id = f"flood-{first // 32 % agents}"
            fleet.merge(arrival(*seen, end_ns=at_ns, agent_id=agent_id))
    return fleet


def _read(body: bytes) -> None:
    with contextlib.suppress(RejectedError):
        ingest.read(body, None, ingest.Clocks(T0_NS))


def _best(run: Callable[[], object]) -> float:
    took = []
    for _ in range(5):
        began = time.thread_time()
        run()
        took.append(time.thread_time() - began)
    return min(took)


def _timed(steps: Iterable[object]) -> "Iterator[tuple[float, object]]":
    held = iter(steps)
    while True:
        began = time.thread_time()
        try:
            step = next(held)
        except StopIteration:
            return
        yield time.thread_time() - began, step


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"
