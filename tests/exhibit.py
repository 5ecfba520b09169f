"""
A fleet to look at closely: one proxy that failed for a while, with all that is told apart of it.
"""

import random
import time
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from collectors import Collector, post
from outages import quick
from showcase import sketch as made_sketch

from modpulse.agent.batch.batch import (
    FIRST_BYTE,
    Batch,
    Chain,
    Exemplar,
    Leaf,
    Outcomes,
    ProxyWindow,
    encode,
)
from modpulse.collector.alerts.counted import Row
from modpulse.collector.intake.arrival import Arrival
from modpulse.collector.intake.ingest import Clocks, read
from modpulse.collector.intake.rollup import roll_up
from modpulse.collector.store.database import Store

HOUR_S, DAY_S, NS = 3_600, 86_400, 10**9
MARKUP = '"><script>document.title="owned"</script>'
SICK = "https://goproxy.corp/go"
FINE = "https://mirror.example"
PLANTED = f"https://x.example/{MARKUP}"
PROXIES = (SICK, FINE, PLANTED)
HOSTS = (*(f"build-{number:02}" for number in range(7)), f"host-{MARKUP}")
SITES = ("cn-north", "eu-west", MARKUP)
CHAIN = f"{SICK},{FINE}|direct"
CLASSES = ("tcp.timeout", "http.5xx", "tcp.reset")


@cache
def _sketch(middle_ms: float, variant: int) -> bytes:
    return made_sketch(random.Random(variant), middle_ms)


def sketch(chance: random.Random, middle_ms: float) -> bytes:
    """Latencies around a middle, on the wire; of each there are a few."""
    return _sketch(round(middle_ms, 1), chance.randrange(6))


def exemplars(chance: random.Random, now_ns: int, is_sick: bool) -> tuple[Exemplar, ...]:
    """Some of the worst requests."""
    found = []
    for number in range(3):
        failed = is_sick and number < 2
        wait, processing, transfer = (chance.randrange(1, 900) * 10**6 for _ in range(3))
        outcome = chance.choice(CLASSES) if failed else "ok"
        found.append(
            Exemplar(
                at_ns=now_ns - chance.randrange(9 * NS),
                endpoint=chance.choice(("zip", "mod", "info", "list")),
                module=chance.choice(("golang.org/x/net", "corp.example/very/long/module", MARKUP)),
                version=f"v1.{chance.randrange(40)}.0",
                outcome=outcome,
                final="fell_through" if failed else "ok",
                status=None if outcome.startswith("tcp") else 502 if failed else 200,
                elapsed_ns=(wait + processing + transfer) * (4 if failed else 1),
                phases={"wait": wait, "processing": processing, "transfer": transfer},
                evidence=f"no SYN-ACK from 10.0.3.7 {MARKUP}" if failed else None,
                host=None,
                address="10.0.3.7:443" if failed else None,
            )
        )
    return tuple(found)


def window(
    chance: random.Random, proxy: str, agent_id: str, now_ns: int, share: float, asked: int = 60
) -> ProxyWindow:
    """What one agent saw of one proxy, of whose requests so many fail."""
    failed = min(asked, round(asked * share))
    misses = min(asked - failed, chance.randrange(0, 5))
    failures = {}
    if failed:
        first = -(-failed * 2 // 3)
        failures = {"tcp.timeout": first} | ({"http.5xx": failed - first} if failed > first else {})
    rest = asked - failed - misses
    slow = 1 + 4 * share
    middles = (("resolve", 6), ("connect", 18), ("tls", 30), ("verify", 9), ("processing", 80))
    sketches = {name: sketch(chance, ms * slow) for name, ms in middles}
    sketches["transfer"], sketches[FIRST_BYTE] = sketch(chance, 55), sketch(chance, 120 * slow)
    endpoints = ("list", "info", "mod", "zip")
    cuts = sorted(chance.randrange(rest + 1) for _ in endpoints[1:])
    oks = [b - a for a, b in pairwise((0, *cuts, rest))]
    now_s = now_ns // NS // 86_400 * 86_400
    return ProxyWindow(
        proxy=proxy, requests=asked, misses=misses, failures=failures, sketches=sketches,
        body_bytes=chance.randrange(10**6, 10**8), handshakes=4,
        fallbacks=failed, fallback_ns=failed * NS // 2, failed_ns=failed * NS // 3,
        certificate=Leaf(
            subject="CN=p", issuer="CN=ca", not_before_s=now_s - 70 * 86_400,
            not_after_s=now_s + 20 * 86_400, sha256="ab" * 32,
        ),
        resolvers=("10.0.0.53",), exemplars=exemplars(chance, now_ns, share > 0),
        by_endpoint=tuple(
            Outcomes(name=name, ok=ok, failures=failures if name == "zip" else {},
                     sketch=sketch(chance, 100 * slow))
            for name, ok in zip(endpoints, oks, strict=True)
        ),
        by_address=(
            Outcomes(name="10.0.3.7", ok=rest // 2, failures=failures, sketch=sketch(chance, 150)),
            Outcomes(name="10.0.3.8", ok=rest - rest // 2, sketch=sketch(chance, 90)),
        ),
        by_resolver=(Outcomes(name="10.0.0.53", ok=20, sketch=sketch(chance, 5)),
                     Outcomes(name=MARKUP, ok=3, sketch=sketch(chance, 50))),
        commands_stopped=int(failed > 30),
    )  # fmt: skip


def batches(now_ns: int, seq: int, hours_ago: float, asked: int = 60) -> Iterator[bytes]:
    """One window of each host; the sick proxy fails for most now, and failed some hours ago."""
    for number, agent_id in enumerate(HOSTS):
        chance = random.Random(f"{agent_id} {seq}")
        share = 0.0
        if hours_ago < 0.5 and number < 6:
            share = 0.7
        elif 30 < hours_ago < 36 and number % 2:
            share = 0.3
        elif chance.random() < 0.08:
            share = 0.02
        of = {SICK: share, FINE: 0.0, PLANTED: 0.0}
        end_ns = now_ns - round(hours_ago * HOUR_S * NS)
        yield encode(
            Batch(
                agent_id=agent_id, run_id=b"run", seq=seq, window_start_ns=end_ns - 10 * NS,
                window_end_ns=end_ns, labels={"site": SITES[number % 3], "pool": MARKUP},
                agent_version="0.1.0", kernel="6.1.0-28-amd64", links="uprobe-multi",
                lost=7 if number == 3 else 0,
                proxies=tuple(
                    window(chance, proxy, agent_id, end_ns, share, asked)
                    for proxy, share in of.items()
                    if proxy == SICK or chance.random() < 0.8
                ),
                commands=3, chains=(Chain(entries=CHAIN, commands=3),),
            )
        )  # fmt: skip


def remember(path: Path, hours: int = 9 * 24) -> None:
    """Write what was seen in each of the last hours; of five of them nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    store, now_ns = Store.open(path), time.time_ns()
    for day in range(0, hours, 24):
        arrivals: list[Arrival] = []
        for back in range(day, min(day + 24, hours)):
            if 60 <= back < 65:
                continue
            for body in batches(now_ns, hours - back, back + 1.0, asked=600):
                arrivals.append(read(body, None, Clocks(now_ns - back * HOUR_S * NS), "t"))
        store.add(roll_up(arrivals), 1 + day)
    for number, seconds in enumerate((150, 90, 60, 30)):
        # In the log: who is replayed from it has been heard for a while.
        at_ns = now_ns - seconds * NS
        bodies = batches(at_ns, 500 + number, 0.0)
        store.append([read(body, None, Clocks(at_ns), "t") for body in bodies])
    today_s = time.time_ns() // NS // DAY_S * DAY_S
    chance = random.Random(5)
    for proxy in PROXIES:
        shares = [chance.choice((0, 0, 0, 0.0001, 0.004, 0.03)) for _ in range(80)]
        store.add_judged(
            Row(proxy, today_s - DAY_S * back, 9_000, {"http.5xx": round(9_000 * share)})
            for back, share in enumerate(shares)
        )
    store.close()


def exhibit(folder: Path, hours: int = 9 * 24, **keys: object) -> Collector:
    """Start a collector that has all of it."""
    remember(folder / "db" / "c.db", hours)
    made = quick(folder, **keys).start()
    ship(made)
    return made


def ship(collector: Collector, windows: int = 5, first: int = 1000) -> None:
    """Some windows of each host, half a minute and more, so that it is known."""
    now_ns = time.time_ns()
    for seq in range(windows):
        for body in batches(now_ns, first + seq, (windows - 1 - seq) / 360):
            reply = post(collector, body)
            assert reply.status == 202, reply.body
