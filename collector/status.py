"""
The table of `modpulse status`: the API's document as text.

Pure: width, colour and the time are arguments.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modpulse.agent.batch import FIRST_BYTE

RESET = "\x1b[0m"
COLOURS = {
    "healthy": "\x1b[32m",
    "degraded": "\x1b[33m",
    "down": "\x1b[1;31m",
    "unknown": "\x1b[2m",
}
GAP = "  "
ABSENT = "-"
PHASES = ("resolve", "connect", "tls", "processing", "transfer")
MIN_PROXY_WIDTH = 24
"""The proxy's name is cut before anything else is dropped, but not below this."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table."""

    title: str
    key: str
    rank: int
    """The higher, the sooner it is dropped where the terminal is narrow."""
    right: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("PROXY", "proxy", 0),
    Column("STATE", "state", 0),
    Column("SCORE", "score", 0),
    Column("N", "n", 2, right=True),
    Column("AGENTS", "agents", 5, right=True),
    *(Column(phase.upper(), phase, 7, right=True) for phase in PHASES),
    Column("TTFB", "ttfb", 3, right=True),
    Column("P99", "p99", 6, right=True),
    Column("FAIL", "fail", 1, right=True),
    Column("CONSEC", "consecutive", 4, right=True),
    Column("TOP CAUSE", "cause", 1),
    Column("CERT", "certificate", 4, right=True),
    Column("SINCE", "since", 2, right=True),
    Column("SEEN", "seen", 5, right=True),
)
WIDE: tuple[Column, ...] = tuple(Column(name, name.lower(), 3, right=True) for name in "SRC")


def render(
    document: Mapping[str, Any], now: datetime, width: int | None, colour: bool, wide: bool
) -> str:
    """
    Return the table, and below it why each sick proxy is sick.

    Args:
        document: Of GET /api/v1/proxies.
        now: For "since" and "last seen".
        width: Of the terminal; None: as wide as it gets.
        colour: Whether escape sequences are welcome.
        wide: Show S, R and C too, and drop no column.
    """
    proxies: Sequence[Mapping[str, Any]] = document.get("proxies") or []
    if not proxies:
        return "No proxy was seen yet.\n"
    rows = [_cells(proxy, now) for proxy in proxies]
    columns = list(COLUMNS[:3] + WIDE + COLUMNS[3:] if wide else COLUMNS)
    if not wide:
        columns = [c for c in columns if c.rank < 4 or any(row[c.key] != ABSENT for row in rows)]
    widths = _fit(columns, rows, None if wide else width)
    lines = [_line(columns, widths, {c.key: c.title for c in columns}).rstrip()]
    for row in rows:
        lines.append(_line(columns, widths, row, row["state"] if colour else None).rstrip())
    reasons = [reason for proxy in proxies for reason in _reasons(proxy)]
    if reasons:
        lines += ["", *(_cut(reason, width) for reason in reasons)]
    return "\n".join(lines) + "\n"


def _cells(proxy: Mapping[str, Any], now: datetime) -> dict[str, str]:
    score = proxy.get("score")
    phases = proxy.get("phases") or {}
    ratio = proxy.get("failure_ratio")
    days = proxy.get("certificate_days_left")
    first_byte = phases.get(FIRST_BYTE) or {}
    scope = f" ({proxy['scope']})" if proxy.get("scope") else ""
    return {
        "proxy": _clean(str(proxy.get("proxy"))),
        "state": str(proxy.get("state")),
        "score": _interval(score),
        **{part: _number(score.get(part) if score else None) for part in "src"},
        "n": str(proxy.get("n", ABSENT)),
        "agents": str(proxy.get("agents", ABSENT)),
        **{phase: _latency((phases.get(phase) or {}).get("p95_ms")) for phase in PHASES},
        "ttfb": _latency(first_byte.get("p95_ms")),
        "p99": _latency(first_byte.get("p99_ms")),
        "fail": ABSENT if ratio is None else f"{100 * ratio:.3g}%",
        "consecutive": str(proxy.get("consecutive_failures", ABSENT)),
        "cause": _clean(str(proxy["top_cause"])) + scope if proxy.get("top_cause") else ABSENT,
        "certificate": ABSENT if days is None else f"{days:.0f}d",
        "since": _ago(proxy.get("since"), now),
        "seen": _ago(proxy.get("last_seen"), now),
    }


def _interval(score: Mapping[str, Any] | None) -> str:
    if not score:
        return ABSENT
    return f"{score['h']:.2f} [{score['low']:.2f}-{score['high']:.2f}]"


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"


def _latency(value_ms: float | None) -> str:
    if value_ms is None:
        return ABSENT
    if value_ms >= 1000:
        return f"{value_ms / 1000:.3g}s"
    return f"{value_ms:.3g}ms"


def _ago(moment: str | None, now: datetime) -> str:
    if moment is None:
        return ABSENT
    try:
        seconds = max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
    except (ValueError, TypeError):
        return "?"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def _reasons(proxy: Mapping[str, Any]) -> list[str]:
    name = _clean(str(proxy.get("proxy")))
    words = [str(gate.get("evidence")) for gate in proxy.get("gates") or []]
    if proxy.get("scope_evidence"):
        words.append(str(proxy["scope_evidence"]))
    return [f"{name}: {_clean('; '.join(words))}"] if words else []


def _fit(
    columns: list[Column], rows: Sequence[Mapping[str, str]], width: int | None
) -> dict[str, int]:
    """Drop columns, least wanted first, then cut the proxy's name until the table fits."""
    widths = {c.key: max(len(c.title), *(_cells_wide(row[c.key]) for row in rows)) for c in columns}

    def total() -> int:
        return sum(widths[c.key] for c in columns) + len(GAP) * (len(columns) - 1)

    while width is not None and total() > width:
        over = total() - width
        spare = widths["proxy"] - MIN_PROXY_WIDTH
        droppable = [c for c in columns if c.rank]
        if 0 < over <= spare or not droppable:
            widths["proxy"] = max(MIN_PROXY_WIDTH, widths["proxy"] - over)
            break
        worst = max(droppable, key=lambda c: c.rank)
        columns[:] = [c for c in columns if c.rank != worst.rank]
    return widths


def _line(
    columns: Sequence[Column],
    widths: Mapping[str, int],
    row: Mapping[str, str],
    state: str | None = None,
) -> str:
    cells = []
    for column in columns:
        text = _cut(row[column.key], widths[column.key])
        padding = " " * (widths[column.key] - _cells_wide(text))
        if state is not None and column.key == "state":
            text = f"{COLOURS.get(state, '')}{text}{RESET}"
        cells.append(padding + text if column.right else text + padding)
    return GAP.join(cells)


def _cut(text: str, width: int | None) -> str:
    if width is None or _cells_wide(text) <= width:
        return text
    while text and _cells_wide(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _cells_wide(text: str) -> int:
    """Return the columns a terminal needs: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _clean(text: str) -> str:
    """Keep what came over the network from steering the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
