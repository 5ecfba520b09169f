"""The overview of 50 proxies and a year of each: how soon it is there, and how large it is."""

import shutil
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from collectors import Collector, batch_bytes, post
from playwright.sync_api import sync_playwright

from modpulse.agent.batch.batch import ProxyWindow
from modpulse.collector.store.database import Store

from .figures import quantile
from .history import PROXIES, fill, proxy
from .report import line

CHROMIUM = "/usr/bin/chromium"
JUDGED_S = 11.0
"""Until the next judgement: its default is every ten seconds."""
WARM, LOADS = 20, 7
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def main() -> None:
    """Build the database, start a collector on it, and look."""
    folder = Path(tempfile.mkdtemp(prefix="modpulse-bench-"))
    collector = Collector(folder)
    try:
        path = Path(str(collector.keys["database"]))
        path.parent.mkdir()
        with closing(Store.open(path)) as store:
            fill(store, int(time.time()))
        collector.start()
        half = PROXIES // 2
        for number in range(4):
            asked = range(half * (number % 2), half * (number % 2 + 1))
            windows = tuple(ProxyWindow(proxy=proxy(n), requests=40) for n in asked)
            post(collector, batch_bytes(f"build-{number}", windows=windows))
        # The past is read ahead, a proxy at a time.
        time.sleep(4 * JUDGED_S)
        _requests(collector)
        _paints(collector)
    finally:
        collector.end()
        shutil.rmtree(folder)


def _requests(collector: Collector) -> None:
    firsts = []
    for _ in range(3):
        time.sleep(JUDGED_S)
        firsts.append(_get(collector)[0])
    warm = [_get(collector)[0] for _ in range(WARM)]
    body = _get(collector)[1]
    said = ", ".join(f"{took_s * 1e3:.0f}" for took_s in firsts)
    line("first request after a judgement", f"{said} ms")
    line("further ones", f"{quantile(warm, 0.5) * 1e3:.0f} ms, at most {max(warm) * 1e3:.0f}")
    packed = _get(collector, **{"Accept-Encoding": "gzip"})[1]
    line("HTML, and packed", f"{len(body) / 1e3:,.0f} kB, {len(packed) / 1e3:,.0f} kB")


def _get(collector: Collector, **headers: str) -> tuple[float, bytes]:
    with closing(HTTPConnection("127.0.0.1", collector.port, timeout=30)) as connection:
        began = time.perf_counter()
        connection.request("GET", "/", headers=headers)
        body = connection.getresponse().read()
        return time.perf_counter() - began, body


def _paints(collector: Collector) -> None:
    paints_ms = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(LOADS):
            # Of a context of its own nothing is in a cache.
            page = browser.new_context().new_page()
            page.goto(collector.url, wait_until="load")
            paints_ms.append(page.wait_for_function(PAINT).json_value())
            page.context.close()
        browser.close()
    line(
        f"first contentful paint, {LOADS} loads without a cache",
        f"{quantile(paints_ms, 0.5):.0f} ms, {min(paints_ms):.0f} to {max(paints_ms):.0f}",
        "< 1 s",
    )
