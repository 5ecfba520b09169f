"""An answer of GET /api/v1/history: two sites, one of which was asked in three hours of five."""

from typing import Any


def point(hour: int, failed: int = 2, name: str = "http.5xx", **more: object) -> dict[str, Any]:
    """Return one period."""
    return {
        "at": f"2027-01-15T{hour:02}:00:00.000Z",
        "period_s": 3600,
        "requests": 10,
        "ok": 8 - failed,
        "misses": 2,
        "suspect_misses": 0,
        "failed": failed,
        "failures": {name: failed} if failed else {},
        "failure_ratio": failed / 8,
        "bytes": 1000,
        "fallbacks": 1,
        "lost_ms": 1500,
        "commands_stopped": 0,
        "p50_ms": 120.0,
        "p95_ms": 490.5,
        "p99_ms": 1490.5,
    } | more


DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "at": "2027-01-15T08:00:00.000Z",
    "proxy": "https://proxy.example",
    "by": "site",
    "step_s": 3600,
    "since": "2027-01-15T03:00:00.000Z",
    "until": "2027-01-15T08:00:00.000Z",
    "history": [
        {
            "name": "berlin",
            "total": point(3, 6) | {"requests": 20},
            "points": [point(3), point(4), point(7)],
        },
        {
            "name": None,
            "total": point(3, 0),
            "points": [point(3, 0, p95_ms=None, failure_ratio=None)],
        },
    ],
}
