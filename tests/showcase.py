"""A fleet worth looking at: proxies with three months behind them, one of which is down."""

import random
import time
from collections import Counter
from itertools import product
from pathlib import Path

from collectors import Collector, post
from outages import quick

from modpulse.agent.batch.batch import FIRST_BYTE, Batch, Leaf, Outcomes, ProxyWindow, encode
from modpulse.agent.batch.sketch import Sketch, bucket_of
from modpulse.collector.intake.cells import Cell
from modpulse.collector.intake.dimensions import Dimension
from modpulse.collector.intake.rollup import Ask, Rollup
from modpulse.collector.store import tiers
from modpulse.collector.store.database import Store

HOSTS = 6
DAY_S, HOUR_S = 86_400, 3_600
MS = 1_000_000
DOWN = "https://goproxy.corp"
SLOW = "https://mirror.example/artifactory/api/go/virtual"
PLANTED = 'https://x.example/"><script>document.title="owned"</script>'
"""A name that is markup."""
FINE = ("https://proxy.example", "https://goproxy.example", "https://cache.corp/go")
PROXIES = (DOWN, SLOW, PLANTED, *FINE)
SITES = ("cn-north", "eu-west")
MAX_OF_BATCH = 30
PHASES_MS = {"resolve": 8, "connect": 20, "tls": 35, "processing": 90, "transfer": 60}


def sketch(chance: random.Random, middle_ms: float, number: int = 40) -> bytes:
    """Latencies around a middle, on the wire."""
    buckets: Counter[int] = Counter()
    for _ in range(number):
        buckets[bucket_of(round(middle_ms * MS * chance.lognormvariate(0, 0.4)) + 1)] += 1
    return Sketch(buckets).to_bytes()


def window(chance: random.Random, proxy: str, now_s: float) -> ProxyWindow:
    """What one agent saw of one proxy."""
    if proxy == DOWN:
        failures = {"tcp.refused": 9}
        return ProxyWindow(
            proxy=proxy, requests=9, failures=failures, fallbacks=4, fallback_ns=3 * 10**9,
            failed_ns=2 * 10**9, commands_stopped=3,
            by_address=(Outcomes(name="10.1.2.3", failures=failures),),
        )  # fmt: skip
    slow = 30.0 if proxy == SLOW else 1.0
    sketches = {phase: sketch(chance, ms * slow) for phase, ms in PHASES_MS.items()}
    sketches[FIRST_BYTE] = sketch(chance, 130 * slow)
    days = 5 if proxy == SLOW else 40 + len(proxy)
    start_s = round(now_s) - 60 * DAY_S
    leaf = Leaf(
        subject="CN=proxy", issuer="CN=lab", not_before_s=start_s,
        not_after_s=round(now_s) + days * DAY_S, sha256="ab" * 32,
    )  # fmt: skip
    return ProxyWindow(
        proxy=proxy, requests=40, misses=4, sketches=sketches, certificate=leaf, handshakes=5,
    )  # fmt: skip


def ship(
    collector: Collector, seq: int, proxies: tuple[str, ...] = PROXIES, hosts: int = HOSTS
) -> None:
    """A batch of each agent."""
    chance, now_ns = random.Random(seq), time.time_ns()
    parts = [
        proxies[first : first + MAX_OF_BATCH] for first in range(0, len(proxies), MAX_OF_BATCH)
    ]
    for number, part in product(range(hosts), parts):
        batch = Batch(
            agent_id=f"build-{number + hosts * parts.index(part)}", run_id=b"run", seq=seq,
            window_start_ns=now_ns - 10**10, window_end_ns=now_ns,
            labels={"site": SITES[number % 2]}, agent_version="0.1.0" if number else "0.0.9",
            kernel="6.1.0", links="multi" if number != 1 else "",
            proxies=tuple(window(chance, proxy, now_ns / 1e9) for proxy in part),
        )  # fmt: skip
        post(collector, encode(batch))


def remember(path: Path, proxies: tuple[str, ...], days: int = 90) -> None:
    """Write what proxies did in the last days, and in each of the last hours."""
    now_s = int(time.time())
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store.open(path)
    chance = random.Random(7)
    with store._transaction():
        for proxy in proxies:
            number = store._proxy_id(proxy)
            group = {}
            for dimension in ("judged", ""):
                for tier, period_s, periods in (
                    (tiers.DAYS, DAY_S, days), (tiers.HOURS, HOUR_S, 24 + 12),
                ):  # fmt: skip
                    last_s = now_s - now_s % period_s
                    for back in range(1, periods):
                        series = tiers.series_of(number, dimension)
                        key = tiers.key_of(series, tier, last_s - back * period_s)
                        group[key] = (dimension, [{"": past(chance, proxy, dimension)}])
            store._rollups.write(group)
    rollup, heard_ns = Rollup(), (now_s - HOUR_S // 2) * 10**9
    for number, proxy in product(range(HOSTS), proxies):
        # Heard for long enough to be known.
        ask = Ask(proxy, f"build-{number}", heard_ns, heard_ns, frozenset())
        rollup.asks[proxy, f"build-{number}"] = ask
        rollup.proxies.add(proxy)
    store.add(rollup, 1)
    store.close()


def past(chance: random.Random, proxy: str, dimension: Dimension) -> Cell:
    """One period of the past; now and then a bad one."""
    asked = chance.randrange(20_000, 60_000)
    share = chance.choice([0] * 24 + [0.0002] * 8 + [0.002, 0.02, 0.2])
    if proxy == DOWN:
        share *= 3
    failed = min(asked, round(asked * share))
    counts = Counter({"ok": asked - failed, "http.5xx": failed})
    sketches = [] if dimension else [(FIRST_BYTE, sketch(chance, 100 + chance.randrange(80)))]
    return Cell(+counts, sketches)


def showcase(folder: Path, proxies: tuple[str, ...] = PROXIES, **keys: object) -> Collector:
    """Start a collector that has all of it."""
    remember(folder / "db" / "c.db", proxies)
    made = quick(folder, **keys).start()
    for seq in range(3):
        ship(made, seq, proxies)
    return made
