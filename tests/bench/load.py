"""Simulated agents: batches of three weights, and keep-alive connections that send them."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvloop
from collectors import Collector

from modpulse.agent.batch.batch import (
    PHASES,
    Asked,
    Batch,
    Exemplar,
    Happening,
    Leaf,
    ProxyWindow,
    encode,
)
from modpulse.agent.batch.sketch import Sketch
from modpulse.agent.delivery.retry import Verdict, next_attempt

from . import health

SEQ = 1 << 16
"""From here on a seq has four bytes, which are exchanged in a body that is made."""
PROXIES = ("https://goproxy.corp", "https://proxy.golang.org", "https://athens.corp:3000/go")
WEIGHTS = {"heavy": (3, 200, 60), "light": (1, 5, 5), "heartbeat": (0, 0, 0)}
"""Proxies, requests and `asked` of one batch."""
DIALLED = 256
"""Agents that connect at once, where they do not come spread over a window."""
HEAD = (
    b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\n"
    b"Authorization: Bearer 0123456789abcdef\r\nUser-Agent: modpulse/0.1.0\r\n"
)


def body(weight: str, number: int, end_ns: int, run_id: bytes = b"0123456789abcdef") -> bytes:
    """Make the first batch of an agent's run; `numbered` makes the others of it."""
    proxies, requests, asked = WEIGHTS[weight]
    rng = random.Random(number)
    batch = Batch(
        agent_id=f"build-{number:06}",
        run_id=run_id,
        seq=SEQ,
        window_start_ns=end_ns - 10**10,
        window_end_ns=end_ns,
        labels={"site": "ber", "pool": "linux"},
        losses=dict.fromkeys(("seen", "submitted", "decoded", "joined", "ring_full"), 100_000),
        proxies=tuple(
            _window(rng, PROXIES[p], requests // proxies, asked // proxies, end_ns)
            for p in range(proxies)
        ),
        agent_version="0.1.0",
    )
    return encode(batch)


def _window(rng: random.Random, proxy: str, requests: int, asked: int, end_ns: int) -> ProxyWindow:
    sketches = {}
    for phase in PHASES:
        sketch = Sketch()
        for _ in range(requests if phase != "resolve" else max(1, requests // 8)):
            sketch.add(round(rng.lognormvariate(17, 0.6)))
        sketches[phase] = sketch.to_bytes()
    worst = Exemplar(
        at_ns=end_ns, endpoint="zip", module="golang.org/x/text", version="v0.14.0",
        outcome="ok", final="ok", status=200, elapsed_ns=30_000_000,
        phases={"wait": 10**6, "processing": 10**7}, evidence=None, host=None, address=None,
    )  # fmt: skip
    return ProxyWindow(
        proxy=proxy,
        requests=requests,
        misses=requests // 10,
        statuses={200: requests - requests // 10, 404: requests // 10},
        endpoints={"info": requests // 2, "mod": requests // 2},
        body_bytes=requests * 20_000,
        modules=asked,
        sketches=sketches,
        exemplars=(worst,) * min(3, requests),
        certificate=Leaf(
            subject="CN=goproxy.corp", issuer="CN=corp CA", not_before_s=1_700_000_000,
            not_after_s=1_990_000_000, sha256="ab" * 32,
        ),
        handshakes=2,
        resolvers=("10.0.0.53:53",),
        addresses=("10.0.0.7",),
        min_ttl_s=60,
        peak_in_flight=4,
        happenings=tuple(
            Happening(at_ns=end_ns - n, outcome="ok") for n in range(min(16, requests))
        ),
        asked=tuple(
            Asked(
                module=f"github.com/team/module-{rng.randrange(999)}",
                version="v1.2.3", endpoint="mod", outcome="ok", body_bytes=20_000, h1=None,
            )
            for _ in range(asked)
        ),
    )  # fmt: skip


@dataclass(slots=True)
class Run:
    """One agent's bodies, cut where the seq is."""

    before: bytes
    after: bytes
    seq: int = SEQ

    @classmethod
    def of(cls, made: bytes) -> "Run":
        """Cut what `body` made."""
        before, mark, after = made.partition(b"\xce" + SEQ.to_bytes(4, "big"))
        assert mark
        return cls(before + b"\xce", after)

    def numbered(self, seq: int) -> bytes:
        """Return the batch of a seq."""
        return self.before + seq.to_bytes(4, "big") + self.after


@dataclass(slots=True)
class Tally:
    """What came back."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    """Seconds from the send to the answer, of what was taken."""
    health: list[float] = field(default_factory=list)
    """The same of GET /healthz, beside it."""
    lost: int = 0
    """Connections that the collector hung up."""
    cpu_s: float = 0.0
    """Of the collector's process."""

    @property
    def taken(self) -> int:
        """New batches that are durable."""
        return self.statuses.get(202, 0)


class Agent(asyncio.Protocol):
    """Sends, waits for the answer, sends again at once or when it is due."""

    def __init__(self, run: Run, tally: Tally, every_s: float) -> None:
        self._run, self._tally, self._every_s = run, tally, every_s
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._transport: asyncio.Transport | None = None
        self._sent_s = 0.0
        self.is_over = False
        self.answered: list[int] = []
        """Each seq that was answered 202 or 200."""

    async def connect(self, port: int, first_s: float) -> None:
        """Connect when there is something to send, as an agent does, and begin."""
        await asyncio.sleep(first_s)
        self._due = self._loop.time()
        await self._loop.create_connection(lambda: self, "127.0.0.1", port)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one
        """Begin."""
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count whom the collector hung up on."""
        self._tally.lost += not self.is_over

    def _next(self) -> None:
        if self._every_s:
            self._due += self._every_s
            self._loop.call_at(max(self._due, self._loop.time()), self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self.is_over or self._transport is None or self._transport.is_closing():
            return
        data = self._run.numbered(self._run.seq)
        self._sent_s = time.perf_counter()
        self._transport.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data)

    def data_received(self, data: bytes) -> None:
        """Take an answer: they are short, and come whole."""
        status = int(data[9:12])
        statuses = self._tally.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if status in (200, 202):
            self._tally.waits.append(time.perf_counter() - self._sent_s)
            self.answered.append(self._run.seq)
            self._run.seq += 1
            self._next()
        else:
            told = data.partition(b"retry-after: ")[2].partition(b"\r")[0]
            wait_s = next_attempt(Verdict.BUSY, 1, float(told or 1), random.random())
            self._loop.call_later(wait_s, self._send)

    def end(self) -> None:
        """Hang up."""
        self.is_over = True
        if self._transport:
            self._transport.abort()


def run(collector: Collector, runs: list[Run], seconds: float, every_s: float = 0.0) -> Tally:
    """
    Let agents send for a while, and ask for health beside them.

    Args:
        collector: Which serves.
        runs: One for each agent.
        seconds: How long, after all are connected.
        every_s: Each agent's window; 0: as soon as it is answered.
    """
    return uvloop.run(_run(collector, runs, seconds, every_s))


async def _run(collector: Collector, runs: list[Run], seconds: float, every_s: float) -> Tally:
    tally = Tally()
    agents = [Agent(made, tally, every_s) for made in runs]
    tasks: list[asyncio.Future[None]] = []
    for first in range(0, len(agents), DIALLED):
        some = enumerate(agents[first : first + DIALLED], first)
        dialled = (a.connect(collector.port, every_s * n / len(agents)) for n, a in some)
        if every_s:
            tasks += map(asyncio.ensure_future, dialled)
        else:
            await asyncio.gather(*dialled)
    if every_s:
        await asyncio.sleep(every_s)
        await asyncio.gather(*tasks)
    # What came while they connected is no part of it.
    tally.statuses.clear()
    tally.waits.clear()
    began, cpu_s = time.perf_counter(), cpu_seconds(collector.pid)
    with health.watched(collector.port) as waits:
        await asyncio.sleep(seconds)
        tally.seconds = time.perf_counter() - began
        tally.cpu_s = cpu_seconds(collector.pid) - cpu_s
    tally.health = waits
    for agent in agents:
        agent.end()
    return tally


def cpu_seconds(pid: int) -> float:
    """Return what a process has used, all threads, user and system."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def cores() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Give the collector one core and us the others; what is passed to it starts the collector."""
    ours = os.sched_getaffinity(0)

    def start(run: Callable[[], object]) -> None:
        first = min(ours)
        os.sched_setaffinity(0, {first})
        try:
            run()
        finally:
            os.sched_setaffinity(0, ours - {first} or ours)

    try:
        yield start
    finally:
        os.sched_setaffinity(0, ours)
