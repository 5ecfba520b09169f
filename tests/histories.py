"""What pages are made of, as values: histories, a request, what anybody may know."""

from typing import Any

from modpulse.collector.health.worst import WorstRequest
from modpulse.collector.insight.history import Asked, History, Point, Series
from modpulse.collector.intake.dimensions import Dimension

HOUR_S, DAY_S = 3_600, 86_400
T0_S = 1_800_000_000 // DAY_S * DAY_S
MS = 1_000_000
PROXY = "https://a.example"
REQUEST = WorstRequest(
    agent_id="build-1", at_ns=5, endpoint="zip", module="mod.example/m", version="v1.0.0",
    outcome="tcp.timeout", final="stopped", status=None, elapsed_ns=100 * MS,
    phases_ns={"transfer": 20 * MS, "wait": 30 * MS, "what a newer agent knows": 1},
    evidence="GET https://user:secret@a.example/ timed out", host="a.example", address=None,
)  # fmt: skip


def point(hour: int = 0, ok: int = 10, period_s: int = HOUR_S, **more: Any) -> Point:
    """One period."""
    values: dict[str, Any] = {
        "start_s": T0_S + hour * HOUR_S, "period_s": period_s, "ok": ok, "misses": 0, "suspects": 0,
        "failures": {}, "body_bytes": 0, "fallbacks": 0, "lost_ms": 0, "commands_stopped": 0,
        "p50_ms": None, "p95_ms": None, "p99_ms": None,
    } | more  # fmt: skip
    return Point(**values)


def series(*points: Point, name: str = "", **total: Any) -> Series:
    """One value of a dimension; its total has what is said of it."""
    whole = {
        "ok": sum(one.ok for one in points),
        "failures": {"http.5xx": n} if (n := sum(one.failed for one in points)) else {},
    } | total
    return Series(name, point(period_s=DAY_S, **whole), points)


def history(*all_series: Series, by: Dimension = "") -> History:
    """Of a day by hours."""
    return History(Asked(PROXY, by, HOUR_S, T0_S, T0_S + DAY_S), all_series)
