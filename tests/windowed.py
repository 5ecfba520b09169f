"""Records of a window, and what an aggregator makes of them."""

import stories
from stories import MS, T0, at

from modpulse.agent.batch.batch import (
    Batch,
    ProxyWindow,
)
from modpulse.agent.batch.sketch import Sketch
from modpulse.agent.delivery.aggregate import Aggregator
from modpulse.agent.records.records import Certificate, Record, Request

CORP, CN = "https://goproxy.corp", "https://goproxy.cn"
TEXT, YAML = "golang.org/x/text", "gopkg.in/yaml.v3"
OFFSET = 1_800_000_000_000_000_000 - T0
"""So that the command began at a round moment."""


def wall(ms: float) -> int:
    return at(ms) + OFFSET


def request(number: int, proxy: str = CORP, status: int | None = 200, **fields) -> Request:
    defaults = {"endpoint": "info", "module": TEXT, "version": "v0.14.0", "start": 10 * number,
                "times": (1, 2, 3)}  # fmt: skip
    known = {name: fields.pop(name, value) for name, value in defaults.items()}
    return stories.request(number, proxy, status=status, **known, **fields)


def failing(number: int, cls: str = "tcp.refused", **fields) -> Request:
    failure = stories.failed(cls, f"{cls} it was", "goproxy.corp", "10.0.0.7:443")
    defaults = {
        "failure": failure, "status": None, "times": (None, None, None), "final": "stopped",
    }  # fmt: skip
    return request(number, **(defaults | fields))


def hanging(number: int) -> Request:
    return failing(number, "http.stalled", times=(1, None, None), final=None)


def certificate(not_after: int, subject: str = "CN=goproxy.corp") -> Certificate:
    return Certificate(
        subject=subject, issuer="CN=corp CA", dns_names=("goproxy.corp",),
        not_before=1_700_000_000, not_after=not_after, sha256="ab" * 32,
    )  # fmt: skip


def fed(*seen: Record, now_ms: float = 1000, name_key: bytes | None = None) -> Aggregator:
    aggregator = Aggregator(name_key)
    for record in seen:
        aggregator.add(record, at(now_ms))
    return aggregator


def windows(*seen: Record, **options) -> dict[str, ProxyWindow]:
    parts = fed(*seen, **options).flush(OFFSET)
    return {window.proxy: window for window in parts.proxies}


def only(*seen: Record, **options) -> ProxyWindow:
    (window,) = windows(*seen, **options).values()
    return window


def sketched(window: ProxyWindow) -> dict[str, Sketch]:
    return {phase: Sketch.from_bytes(data) for phase, data in window.sketches.items()}


def of_ms(*durations: float) -> Sketch:
    sketch = Sketch()
    for duration in durations:
        sketch.add(round(duration * MS))
    return sketch


def as_batch(aggregator: Aggregator) -> Batch:
    parts = aggregator.flush(OFFSET)
    return Batch(
        agent_id="build-1", run_id=b"run", seq=0, window_start_ns=0, window_end_ns=1,
        **parts.fields(),
    )  # fmt: skip
