"""One agent's flood: hostile bodies and invented names, against a real service and its store."""

import asyncio
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from collectors import Collector, call, post
from sightings import GOOD, SICK, T0_NS, S
from stored import cells

from modpulse.agent.batch.batch import MAX_BATCH_BYTES, PHASES, Batch, ProxyWindow, encode
from modpulse.agent.batch.sketch import MAX_BUCKET, ZERO_BUCKET, Sketch
from modpulse.collector.clock import Reading
from modpulse.collector.config import Config
from modpulse.collector.errors import OverloadedError, RejectedError
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.held import MAX_PROXIES
from modpulse.collector.health.roster import MAX_PROXIES_PER_AGENT
from modpulse.collector.http.document import service_document
from modpulse.collector.intake.cells import MOST_COUNT, Cell, pack
from modpulse.collector.intake.ingest import Clocks, bucket_estimate_ms, read
from modpulse.collector.service import LATE_S, Service
from modpulse.collector.store.database import Store
from modpulse.collector.store.keeping import MAX_RANGES_PER_AGENT

WINDOW_NS = 10 * S
MAX_HELD_S = 0.5
"""Of a test on a busy machine; a quiet one takes 0.02, and a million lists took Python 0.6."""


def _array(items: int, item: bytes) -> bytes:
    return b"\xdd" + struct.pack(">I", items) + item * items


def _nested(item: bytes) -> bytes:
    """As many as fit, in arrays of arrays of 1024."""
    row = b"\xdc\x04\x00" + item * 1024
    return _array(min(1024, (MAX_BATCH_BYTES - 5) // len(row)), row)


def _map(keys: list[bytes]) -> bytes:
    return b"\xde" + struct.pack(">H", len(keys)) + b"".join(key + b"\xc0" for key in keys)


_INTS = [b"\xcf" + struct.pack(">Q", number << 44) for number in range(1000)]
_FLOATS = [
    b"\xcb" + struct.pack(">d", 2.0 ** (61 * (number % 33 - 16)) * (1 + number // 33))
    for number in range(1000)
]
"""Keys of a dict that fall into one another's places."""

BODIES: dict[str, bytes] = {
    "a million empty arrays": _array(MAX_BATCH_BYTES - 5, b"\x90"),
    "empty arrays in arrays": _nested(b"\x90"),
    "empty maps": _nested(b"\x80"),
    "arrays in arrays": _nested(b"\x91\x90"),
    "nils": _nested(b"\xc0"),
    "empty strings": _nested(b"\xa0"),
    "short strings": _nested("é".encode().join((b"\xa2", b""))),
    "empty bins": _nested(b"\xc4\x00"),
    "integers": _nested(b"\xcf" + b"\xff" * 8),
    "floats": _nested(b"\xcb" + b"\x01" * 8),
    "extensions": _nested(b"\xc7\x00\x05"),
    "arrays that announce more": b"\xdd\x00\x00\x04\x00" * (MAX_BATCH_BYTES // 5),
    "maps that announce more": b"\xdf\x00\x00\x04\x00" * (MAX_BATCH_BYTES // 5),
    "a million deep": b"\x91" * MAX_BATCH_BYTES,
    "the same key again": _nested(b"\x8f" + b"\x01\xc0" * 15),
    "integers that collide": _array(98, _map(_INTS)),
    "floats that collide": _array(98, _map(_FLOATS)),
    "one string": b"\xdb" + struct.pack(">I", 1 << 19) + "é".encode() * (1 << 18),
    "a tail": b"\x90" * MAX_BATCH_BYTES,
}


@pytest.mark.parametrize("name", BODIES)
def test_no_body_holds_the_loop(name: str) -> None:
    """A MiB of anything is refused before it costs more than a batch does."""
    took_s = []
    for _ in range(3):  # a garbage collection of the test's own memory may fall into one
        began = time.thread_time()
        with pytest.raises(RejectedError):
            read(BODIES[name][:MAX_BATCH_BYTES], None, Clocks(T0_NS))
        took_s.append(time.thread_time() - began)

    assert min(took_s) < MAX_HELD_S / 2


def batch(
    *windows: ProxyWindow, agent_id: str = "flood", run_id: bytes = b"run", seq: int = 0
) -> bytes:
    """Make a batch that ends at T0."""
    return encode(
        Batch(
            agent_id=agent_id,
            run_id=run_id,
            seq=seq,
            window_start_ns=T0_NS - WINDOW_NS,
            window_end_ns=T0_NS,
            proxies=windows,
        )
    )


FULL = Sketch(dict.fromkeys(range(ZERO_BUCKET, MAX_BUCKET + 1), 1)).to_bytes()
FULLEST = batch(
    *(
        ProxyWindow(
            proxy=f"https://p{n}.example",
            requests=1,
            sketches=dict.fromkeys((*PHASES, "quic"), FULL),
        )
        for n in range(32)
    )
)
"""Every bucket of every phase of as many proxies as a batch may have."""


def test_the_fullest_sketches_do_not_hold_the_loop() -> None:
    """Every bucket of every phase of as many proxies as there may be is added up in slices."""
    fleet = Fleet(Config().formula, Config().rules, bucket_estimate_ms)
    fleet.merge(read(FULLEST, None, Clocks(T0_NS)))
    took_s = []
    steps = fleet.judging(T0_NS)
    while True:
        began = time.thread_time()
        if next(steps, fleet) is fleet:
            break
        took_s.append(time.thread_time() - began)

    assert max(took_s) < MAX_HELD_S / 2


def test_names_of_a_newer_agent() -> None:
    """A phase that is not known is left out and counted, a failure class counts as `other`."""
    window = ProxyWindow(
        proxy=GOOD,
        requests=9,
        failures={"http.5xx": 1, "quic.lost": 2, "quic.late": 3},
        sketches={"quic": FULL, "tls": FULL},
        handshakes=4,
        bad_certificates={"tls.expired": 1, "tls.old": 2},
    )
    arrival = read(batch(window), None, Clocks(T0_NS))
    (seen,) = arrival.sightings

    assert seen.counts.failures == {"http.5xx": 1, "other": 5}
    assert seen.counts.bad_certificates == {"tls.expired": 1, "other": 2}
    assert (seen.counts.ok, seen.counts.failed) == (3, 6)
    assert list(seen.sketches) == ["tls"]
    assert (arrival.overflow["unknown_phases"], arrival.overflow["unknown_classes"]) == (1, 3)


class Flooded:
    """A service on a machine whose clock the test moves on."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(path)
        self.now = Reading(T0_NS, 0)
        self.service = Service(Config(), self.store, self.now, "boot")
        self.service.start(self.now)

    async def post(self, body: bytes, caller: str = "") -> None:
        """Take one batch."""
        await self.service.accept(body, None, self.now, T0_NS, caller)

    async def pass_windows(self, number: int = 1) -> None:
        """Let the clock go on."""
        for _ in range(number):
            passed_ns = self.now.boot_ns + WINDOW_NS
            self.now = Reading(T0_NS + passed_ns, passed_ns)
            await self.service.tick(self.now)

    async def pass_days(self, number: int) -> None:
        """Let days go by in which nobody asks, and the house be kept."""
        passed_ns = self.now.boot_ns + number * 86_400 * S
        self.now = Reading(T0_NS + passed_ns, passed_ns)
        await self.service.tick(self.now)

    def rows(self, table: str) -> int:
        """Rows of one table."""
        return int(self.store._db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def played(path: Path, play: Callable[[Flooded], object]) -> None:
    """Run a story against a service."""

    @asynccontextmanager
    async def opened():  # type: ignore[no-untyped-def]
        flooded = Flooded(path)
        try:
            yield flooded
        finally:
            await flooded.service.stop()
            flooded.store.close()

    async def run() -> None:
        async with opened() as flooded:
            await play(flooded)  # type: ignore[misc]

    asyncio.run(run())


def names(count: int, prefix: str = "p") -> Iterator[tuple[ProxyWindow, ...]]:
    """Windows of invented proxies, 32 at a time."""
    for first in range(0, count, 32):
        yield tuple(
            ProxyWindow(proxy=f"https://{prefix}{n}.example", requests=9)
            for n in range(first, min(count, first + 32))
        )


def test_invented_proxies_of_one_agent(tmp_path: Path) -> None:
    """However many one agent names, it holds its share, and a new real proxy is seen at once."""

    async def play(flooded: Flooded) -> None:
        for round_ in range(4):  # it is known from the second on
            for seq, windows in enumerate(names(1024)):
                await flooded.post(batch(*windows, seq=100 * round_ + seq))
            await flooded.pass_windows(4)
        real = ProxyWindow(proxy=SICK, requests=9, failures={"http.5xx": 9})
        await flooded.post(batch(real, agent_id="build-1"))
        await flooded.post(batch(real, agent_id="build-2"))
        await flooded.pass_windows()
        document = service_document(flooded.service)
        states = {p["proxy"]: p["state"] for p in document["proxies"]}  # type: ignore[attr-defined]
        overflow = document["overflow"]
        assert states[SICK] == "down"
        assert len(states) == MAX_PROXIES_PER_AGENT + 1
        assert overflow["MAX_PROXIES_PER_AGENT"] > 3000  # type: ignore[index]
        assert flooded.rows("proxies") == MAX_PROXIES_PER_AGENT + 1

    played(tmp_path / "c.db", play)


def test_invented_proxies_of_invented_agents(tmp_path: Path) -> None:
    """Where agents are invented too, the real proxies that several ask are shown and kept."""

    async def play(flooded: Flooded) -> None:
        real = tuple(ProxyWindow(proxy=f"https://real{n}.example", requests=9) for n in range(3))
        agents = [f"build-{n}" for n in range(3)]
        for seq in range(5):
            for agent_id in agents:
                await flooded.post(batch(*real[:2], agent_id=agent_id, seq=seq))
            await flooded.pass_windows()
        for number, windows in enumerate(names(2 * MAX_PROXIES)):
            await flooded.post(batch(*windows, agent_id=f"invented-{number}"))
        await flooded.pass_windows(4)
        for number, windows in enumerate(names(2 * MAX_PROXIES, "q")):
            await flooded.post(batch(*windows, agent_id=f"invented-{number}", seq=1))
        for seq in (5, 6):  # all places may change owner once a window, not more often
            for agent_id in agents:
                await flooded.post(batch(*real, agent_id=agent_id, seq=seq))
            await flooded.pass_windows()
        found = {report.proxy for report in flooded.service.reports}
        assert {window.proxy for window in real} <= found
        assert len(found) <= MAX_PROXIES
        assert flooded.rows("proxies") <= MAX_PROXIES
        assert flooded.rows("asks") <= 2 * MAX_PROXIES + 64
        assert flooded.service.fleet.overflow["MAX_PROXIES"] > 0

    played(tmp_path / "c.db", play)


def test_invented_agents_of_one_token(tmp_path: Path) -> None:
    """Forty that were heard for long, each proxy asked by two of them: they fill every place, and
    new proxies that an agent of another token asks are seen at once, and stay."""

    async def play(flooded: Flooded) -> None:
        invented = list(names(20 * MAX_PROXIES_PER_AGENT))
        for seq in range(5):
            for number in range(40):
                for part in range(2):
                    windows = invented[(number // 2 * 2 + part) % len(invented)]
                    body = batch(*windows, agent_id=f"invented-{number}", seq=2 * seq + part)
                    await flooded.post(body, "token 2")
            await flooded.pass_windows()
        assert len(flooded.service.fleet.proxies) == MAX_PROXIES
        real = tuple(
            ProxyWindow(proxy=f"https://real{n}.example", requests=9, failures={"http.5xx": 9})
            for n in range(32)
        )
        for seq in range(3):
            await flooded.post(batch(*real, agent_id="build-1", seq=seq), "token 1")
            for number in range(40):
                windows = invented[number % len(invented)]
                body = batch(*windows, agent_id=f"invented-{number}", seq=100 + seq)
                await flooded.post(body, "token 2")
            await flooded.pass_windows()
        document = service_document(flooded.service)
        found = {p["proxy"]: p["state"] for p in document["proxies"]}  # type: ignore[attr-defined]
        assert {window.proxy for window in real} <= found.keys()
        assert len(found) == MAX_PROXIES
        assert list(document["dropped_of"]) == ["token 2"]  # type: ignore[call-overload]

    played(tmp_path / "c.db", play)


def test_what_is_on_its_way_is_not_forgotten(tmp_path: Path) -> None:
    """A batch of a proxy that was pushed out, and is to be forgotten just now, keeps its rows."""

    async def play(flooded: Flooded) -> None:
        await flooded.pass_windows()
        flooded.service.fleet.proxies.pushed.add(GOOD)
        gate = threading.Event()
        waiting = flooded.service._writer.call(lambda _: gate.wait())
        arriving = asyncio.create_task(
            flooded.post(batch(ProxyWindow(proxy=GOOD, requests=9), agent_id="build-1"))
        )
        await asyncio.sleep(0)  # it waits for the disk
        judged = asyncio.create_task(flooded.pass_windows())
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(arriving, judged, asyncio.wrap_future(waiting))
        await flooded.pass_windows()
        assert flooded.rows("rollups") == 3  # of a minute: the proxy, its site, its agent
        assert GOOD in flooded.service.fleet.proxies
        assert not flooded.service.fleet.proxies.pushed

    played(tmp_path / "c.db", play)


def test_one_token_waits_in_its_own_row(tmp_path: Path) -> None:
    """Thousands of batches at once of one token are told to come again; another's are taken."""

    async def play(flooded: Flooded) -> None:
        real = ProxyWindow(proxy=GOOD, requests=1)
        flood = [flooded.post(batch(real, seq=seq), "token 2") for seq in range(3000)]
        others = [flooded.post(batch(real, agent_id=f"build-{n}"), "token 1") for n in range(100)]
        done = await asyncio.gather(*flood, *others, return_exceptions=True)
        refused = [isinstance(one, OverloadedError) for one in done]
        assert sum(refused[:3000]) == 2000
        assert not any(refused[3000:])
        assert flooded.service._waiting.held == flooded.service.held.held == 0

    played(tmp_path / "c.db", play)


def test_who_is_late_says_so(tmp_path: Path) -> None:
    """While what waits has waited long, batches of the caller that has most of it are told to come
    again, each later than the one before it; another caller's is taken."""

    async def play(flooded: Flooded) -> None:
        real, service = ProxyWindow(proxy=GOOD, requests=1), flooded.service
        flood = [asyncio.create_task(flooded.post(batch(real), "token 2"))]
        await asyncio.sleep(0)
        service.turns.begin(lambda: None)
        time.sleep(LATE_S)  # the loop is held
        with pytest.raises(OverloadedError):
            await flooded.post(batch(real, seq=1), "token 2")
        await flooded.post(batch(real, agent_id="build-1"), "token 1")
        await asyncio.gather(*flood)
        await flooded.post(batch(real, seq=1), "token 2")
        told = [service.again_s() for _ in range(300)]
        assert told == sorted(told)
        assert told[0] < told[-1]

    played(tmp_path / "c.db", play)


def test_the_largest_numbers(tmp_path: Path) -> None:
    """Batches with the largest counts there are, on sums that are full: all goes on for days."""
    largest = (1 << 32) - 1
    window = ProxyWindow(
        proxy=GOOD,
        requests=largest,
        failures={"http.5xx": largest // 2},
        handshakes=largest,
        bad_certificates={"tls.expired": largest},
        body_bytes=(1 << 63) - 1,
        sketches={phase: Sketch({1: largest, 2: largest}).to_bytes() for phase in PHASES},
    )

    async def play(flooded: Flooded) -> None:
        for seq in range(20):
            await flooded.post(batch(window, seq=seq))
        await flooded.pass_windows()
        full = Cell(Counter(dict.fromkeys(("ok", "http.5xx", "bytes"), MOST_COUNT)))
        flooded.store._db.execute("UPDATE rollups SET cells = ?", (pack({"": full}),))
        flooded.store._place.leave()
        for seq in range(20, 40):
            await flooded.post(batch(window, seq=seq))
        await flooded.pass_windows(3)
        await flooded.pass_days(4)
        assert flooded.service.trouble is None
        assert cells(flooded.store, GOOD)[""].counts["ok"] == MOST_COUNT
        assert flooded.service.unreadable == {}

    played(tmp_path / "c.db", play)


def test_invented_phases_cost_nothing(tmp_path: Path) -> None:
    """Five batches of phases that do not exist leave no row, also at the next start."""
    path = tmp_path / "c.db"

    async def play(flooded: Flooded) -> None:
        for seq in range(5):
            sketches = {f"phase-{seq}-{n}": FULL for n in range(16)}
            await flooded.post(
                batch(ProxyWindow(proxy=GOOD, requests=1, sketches=sketches), seq=seq)
            )
        await flooded.pass_windows()
        assert cells(flooded.store, GOOD)[""].sketches == []
        assert flooded.service.fleet.proxies[GOOD].latencies == {}

    played(path, play)
    with closing(Store.open(path)) as store:
        service = Service(Config(), store, Reading(T0_NS, 0), "boot")
        service.start(Reading(T0_NS, 0))

        async def live() -> None:
            await service.read_back(lambda: T0_NS)
            await service.stop()

        asyncio.run(live())

    assert service.fleet.proxies[GOOD].latencies == {}
    assert service.fleet.overflow["unknown_phases"] == 80


def test_invented_runs_and_agents(tmp_path: Path) -> None:
    """Runs of one agent are bounded, and agents that come once leave nobody who asked."""

    async def play(flooded: Flooded) -> None:
        real = ProxyWindow(proxy=GOOD, requests=1)
        for number in range(MAX_RANGES_PER_AGENT + 200):
            await flooded.post(batch(real, run_id=number.to_bytes(4, "big")))
        await flooded.service.tick(flooded.now)
        assert flooded.rows("seen") <= MAX_RANGES_PER_AGENT
        overflow = service_document(flooded.service)["overflow"]
        assert overflow["MAX_RANGES_PER_AGENT"] > 0  # type: ignore[index]
        for number in range(300):
            await flooded.post(batch(real, agent_id=f"invented-{number}"))
        await flooded.service.tick(flooded.now)
        assert flooded.rows("asks") == 0
        assert len(flooded.service.fleet.proxies[GOOD].witnesses) == 301

    played(tmp_path / "c.db", play)


def test_windows_of_long_ago(tmp_path: Path) -> None:
    """What is older than all that is kept is counted, and leaves no row but in the log."""

    async def play(flooded: Flooded) -> None:
        for number in range(50):
            old = Batch(
                agent_id="flood",
                run_id=b"run",
                seq=number,
                window_start_ns=0,
                window_end_ns=number * 60 * S,
                proxies=(ProxyWindow(proxy=GOOD, requests=1),),
            )
            await flooded.post(encode(old))
        await flooded.service.tick(flooded.now)
        assert (flooded.rows("rollups"), flooded.rows("proxies")) == (0, 0)
        assert flooded.service.fleet.overflow == {"hour_retention_days": 50}

    played(tmp_path / "c.db", play)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector with the defaults, serving on loopback."""
    made = Collector(tmp_path)
    yield made.start()
    made.end()


def test_a_process_answers_during_a_flood(collector: Collector) -> None:
    """While the fullest batches are read, others are answered, and overflow is in the API."""

    async def flood() -> list[float]:
        posts = [asyncio.to_thread(post, collector, FULLEST) for _ in range(4)]
        running = asyncio.gather(*posts)
        waits = []
        while not running.done():
            began = time.monotonic()
            await asyncio.to_thread(call, collector, "GET", "/healthz")
            waits.append(time.monotonic() - began)
        replies = await running
        assert sorted(reply.status for reply in replies) == [200, 200, 200, 202]
        return waits

    waits = asyncio.run(flood())
    overflow = call(collector, "GET", "/api/v1/proxies").body["overflow"]

    assert sorted(waits)[len(waits) // 2] < MAX_HELD_S
    assert overflow["unknown_phases"] == 32


def test_a_flood_leaves_few_lines(collector: Collector) -> None:
    """Thousands of requests that are refused, on connections that stay and that end: the log
    has some lines of each kind, and how many it has not."""
    head = b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: application/msgpack\r\n"
    poison = head + b"Content-Length: 1\r\n\r\n\xc1"

    def refused() -> None:
        with socket.create_connection(("127.0.0.1", collector.port), timeout=30) as sock:
            for _ in range(500):
                sock.sendall(poison)
                assert sock.recv(65_536).startswith(b"HTTP/1.1 400 ")

    def malformed() -> None:
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", collector.port), timeout=30) as sock:
                sock.sendall(b"\x16\x03\x01\r\n\r\n")
                assert sock.recv(65_536).startswith(b"HTTP/1.1 400 ")

    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(job) for job in (refused, malformed) * 4]:
            one.result()
    collector.stop()
    rejected = [line for line in collector.log if "batch.rejected" in line]

    assert len("".join(collector.log)) < 8_000
    assert 0 < len(rejected) < 40
    assert re.fullmatch(
        r"time=\S+ level=warning event=log.suppressed lines=19\d\d of=\S+\n", rejected[-1]
    )
