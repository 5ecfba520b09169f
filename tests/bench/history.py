"""The history of a year: how large it is, how long questions take, and what house-keeping holds."""

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from modpulse.agent.batch.batch import FIRST_BYTE, PHASES
from modpulse.collector.config import Config
from modpulse.collector.history import compare, read
from modpulse.collector.insight import comparison
from modpulse.collector.insight.history import Asked
from modpulse.collector.intake.cells import Cell, Cells, pack, sketch_of
from modpulse.collector.intake.dimensions import DIMENSIONS, Dimension
from modpulse.collector.intake.rollup import Rollup
from modpulse.collector.store import tiers
from modpulse.collector.store.database import Store
from modpulse.collector.store.insert import put
from modpulse.collector.store.pruning import Cuts, used_bytes

from .figures import quantile
from .report import line

PROXIES = 50
VALUES = {"": 1, "site": 5, "endpoint": 6, "resolver": 4, "address": 4, "agent": 40,
          "judged": 1, "circumstance": 5}  # fmt: skip
"""Of each dimension: a fleet of some hundred hosts."""
NOW_S = 1_800_000_000 // tiers.DAY_S * tiers.DAY_S + 13 * 3600
DAYS = 365
HOURS = 90 * 24
MINUTES = 24 * 60
ROUNDS = 9
KINDS = 16
"""Rows that differ, of each dimension and tier; they are repeated."""


def main() -> None:
    """Build the database, then ask."""
    folder = Path(tempfile.mkdtemp(prefix="modpulse-bench-"))
    try:
        path = folder / "c.db"
        with closing(Store.open(path)) as store:
            rows = fill(store)
            line("a year of 50 proxies, five dimensions", f"{rows:,} rows")
            line("  of that what is in use", f"{used_bytes(store._db) / 2**20:,.0f} MiB")
            _questions(store)
            _comparisons(store)
            _house_keeping(store)
        line("  the file", f"{os.path.getsize(path) / 2**20:,.0f} MiB")
    finally:
        shutil.rmtree(folder)


def proxy(number: int) -> str:
    """The name of one."""
    return f"https://proxy-{number}.example"


def _cell(rng: random.Random, dimension: Dimension, requests: int) -> Cell:
    counts = Counter(ok=requests, miss=requests // 9, bytes=requests * 40_000)
    counts["http.5xx"], counts["tcp.timeout"] = requests // 200, requests // 500
    phases = (FIRST_BYTE,) if dimension else PHASES
    sketches = []
    for phase in phases:
        buckets: Counter[int] = Counter()
        for _ in range(min(requests, 400)):
            buckets[round(rng.gauss(-80, 22))] += max(1, requests // 400)
        sketches.append((phase, sketch_of(buckets)))
    return Cell(counts, sketches)


def _cells(rng: random.Random, dimension: Dimension, requests: int) -> Cells:
    count = VALUES[dimension]
    names = [f"{dimension}-{n}" if dimension else "" for n in range(count)]
    return {name: _cell(rng, dimension, max(3, requests // count)) for name in names}


def fill(store: Store, now_s: int = NOW_S) -> int:
    """Write rows as a year until now would leave them; returns how many."""
    rng = random.Random(1)
    starts = (
        (tiers.MINUTES, 60, MINUTES + 60, 60),
        (tiers.HOURS, 3600, HOURS, 3000),
        (tiers.DAYS, tiers.DAY_S, DAYS, 60_000),
    )
    names = [proxy(number) for number in range(PROXIES)]
    store.change(lambda db: put(db, "INSERT INTO proxies VALUES", list(enumerate(names, 1))))
    made = 0
    for proxy_id in range(1, PROXIES + 1):
        rows = []
        for dimension in DIMENSIONS:
            series = tiers.series_of(proxy_id, dimension)
            for tier, period_s, count, requests in starts:
                kinds = [pack(_cells(rng, dimension, requests)) for _ in range(KINDS)]
                end_s = now_s // period_s * period_s
                rows += [
                    (tiers.key_of(series, tier, end_s - n * period_s), kinds[n % KINDS])
                    for n in range(1, count + 1)
                ]
        rows.sort()
        store.change(lambda db, rows=rows: put(db, "INSERT INTO rollups VALUES", rows))
        made += len(rows)
    return made


def _questions(store: Store) -> None:
    async def ask(job):  # type: ignore[no-untyped-def]
        return await asyncio.to_thread(job, store)

    for words, by, period_s, span_s, target in (
        ("90 days by hour", "", 3600, 90 * tiers.DAY_S, "< 0.2 s"),
        ("365 days by day", "", tiers.DAY_S, 365 * tiers.DAY_S, "< 0.2 s"),
        ("24 hours by minute", "", 60, tiers.DAY_S, ""),
        ("7 days by hour and site", "site", 3600, 7 * tiers.DAY_S, ""),
        ("365 days by day and site", "site", tiers.DAY_S, 365 * tiers.DAY_S, ""),
        ("365 days by day and agent", "agent", tiers.DAY_S, 365 * tiers.DAY_S, ""),
    ):
        took, cpu = [], []
        for number in range(ROUNDS):
            asked = Asked(proxy(number), by, period_s, NOW_S - span_s, NOW_S)  # type: ignore[arg-type]
            began, used = time.perf_counter(), time.process_time()
            asyncio.run(read(ask, asked))
            took.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        line(words, _said(took, cpu), target)
    began = time.perf_counter()
    store.history(["https://proxy-1.example"], FIRST_BYTE, NOW_S - 7 * tiers.DAY_S, NOW_S)
    line("what is usual, of 7 days of one proxy", f"{(time.perf_counter() - began) * 1e3:.0f} ms")


def _comparisons(store: Store) -> None:
    async def ask(job):  # type: ignore[no-untyped-def]
        return await asyncio.to_thread(job, store)

    for days in (1, 7, 30, 90):
        took, cpu = [], []
        for number in range(3):
            span_s = NOW_S - days * tiers.DAY_S, NOW_S
            asked = comparison.Asked(proxy(number), proxy(number + 1), *span_s)
            began, used = time.perf_counter(), time.process_time()
            found, certificates = asyncio.run(compare(ask, asked))
            found.comparison(certificates, {}, None)
            took.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        line(f"two mirrors side by side, of {days} days", _said(took, cpu))


def _said(took: list[float], cpu: list[float]) -> str:
    """Return waits, and the processor's time, which other programs do not lengthen."""
    return (
        f"{quantile(took, 0.5) * 1e3:.0f} ms, at most {max(took) * 1e3:.0f}; "
        f"of a processor {quantile(cpu, 0.5) * 1e3:.0f}, at most {max(cpu) * 1e3:.0f}"
    )


def _house_keeping(store: Store) -> None:
    """A day's end: the last hour and the last day are added up, the oldest of all tiers goes."""
    config = Config()
    later_s = (NOW_S // tiers.DAY_S + 1) * tiers.DAY_S + 600
    cuts = Cuts(
        now_s=later_s,
        asks_until_ns=0,
        minutes_until_s=later_s - round(config.minute_retention_hours * 3600),
        hours_until_s=later_s - round(config.hour_retention_days * tiers.DAY_S),
        days_until_s=later_s - round(config.day_retention_days * tiers.DAY_S),
        most_bytes=round(config.database_max_mib) << 20,
    )
    took, cpu, is_more = [], [], True
    while is_more:
        began, used = time.perf_counter(), time.process_time()
        is_more = store.prune(cuts)
        took.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    line("house-keeping at the end of a day", f"{sum(took):.1f} s in {len(took)} slices")
    line("  a slice", _said(took, cpu), "< 50 ms")
    rng = random.Random(2)
    rollup = Rollup(proxies={"https://proxy-1.example", "https://proxy-2.example"})
    start_s = later_s // 60 * 60
    for proxy in rollup.proxies:
        for dimension in DIMENSIONS[1:]:
            rollup.parts[proxy, start_s, dimension] = _cells(rng, dimension, 100)
    _, log_id = store.append([])
    adds = []
    for number in range(20):
        began = time.perf_counter()
        store.add(rollup, log_id + number + 1)
        adds.append(time.perf_counter() - began)
    line(
        "a roll-up of two busy proxies",
        f"{quantile(adds, 0.5) * 1e3:.1f} ms, at most {max(adds) * 1e3:.1f}",
    )
