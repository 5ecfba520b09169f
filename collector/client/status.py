"""
The table of `modpulse status`: the API's document as text.

Pure: width, colour and the time are arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modpulse.agent.batch.batch import FIRST_BYTE, PHASES
from modpulse.agent.service.foreign import say

from .answer import Answer, Phase, Proxy, Score, read
from .columns import cut, wide

RESET = "\x1b[0m"
COLOURS = {
    "healthy": "\x1b[32m",
    "degraded": "\x1b[33m",
    "down": "\x1b[1;31m",
    "unknown": "\x1b[2m",
}
GAP = "  "
ABSENT = "-"
COLUMNS_OF_PHASES = tuple(phase for phase in PHASES if phase not in ("verify", FIRST_BYTE))
"""The others are parts of these."""
NAMED = 3
"""Who shipped what was dropped."""
MIN_PROXY_WIDTH = 24
"""The proxy's name is cut before anything else is dropped, but not below this."""
PADDED_PROXY_WIDTH = 60
"""Where no name is cut, one that is longer pushes its own row aside, not all others."""


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
    *(Column(phase.upper(), phase, 7, right=True) for phase in COLUMNS_OF_PHASES),
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
        document: Of GET /api/v1/proxies, or any other; what makes no sense in it is absent.
        now: For "since" and "last seen".
        width: Of the terminal; None: as wide as it gets.
        colour: Whether escape sequences are welcome.
        wide: Show S, R and C too, and drop no column.
    """
    answer = read(document)
    notes = [cut(note, width) for note in _notes(answer)]
    if not answer.proxies:
        return "\n".join(["No proxy was seen yet.", *notes]) + "\n"
    rows = [_cells(proxy, now) for proxy in answer.proxies]
    if not wide:
        # Gates decide what is down; a weighted sum beside it would only soften that.
        rows = [row | {"score": ABSENT} if row["state"] == "down" else row for row in rows]
    columns = list(COLUMNS[:3] + WIDE + COLUMNS[3:] if wide else COLUMNS)
    if not wide:
        columns = [c for c in columns if c.rank < 4 or any(row[c.key] != ABSENT for row in rows)]
    widths = _fit(columns, rows, None if wide else width)
    is_cut = width is not None and not wide
    lines = [_line(columns, widths, {c.key: c.title for c in columns}, is_cut).rstrip()]
    for row in rows:
        state = row["state"] if colour else None
        lines.append(_line(columns, widths, row, is_cut, state).rstrip())
    reasons = [f"{_name(p)}: {say('; '.join(p.reasons))}" for p in answer.proxies if p.reasons]
    if reasons:
        lines += ["", *(cut(reason, width) for reason in reasons)]
    if notes:
        lines += ["", *notes]
    return "\n".join(lines) + "\n"


def _notes(answer: Answer) -> list[str]:
    """Return what is to be known of the collector itself."""
    notes = []
    if answer.read_back is not None:
        done, of = answer.read_back
        notes.append(
            f"Just started: {done} of {of} batches are read back; until then the states are those "
            "of before."
        )
    if answer.unreadable:
        rows = ", ".join(f"{count} of {table}" for table, count in answer.unreadable.items())
        notes.append(f"Rows of the database that could not be read: {rows}.")
    if answer.clock_step is not None:
        size_s, at = answer.clock_step
        notes.append(f"The collector's wall clock was set by {size_s} s at {at}.")
    if answer.overflow:
        words = ", ".join(f"{name} {count}" for name, count in sorted(answer.overflow.items()))
        notes.append(f"Dropped at bounds of the collector: {words}.")
    if answer.dropped_of:
        numbers = [(count, name) for name, count in answer.dropped_of.items()]
        most = sorted(numbers, reverse=True)[:NAMED]
        words = ", ".join(f"{count} of {name or 'all callers'}" for count, name in most)
        notes.append(f"Who shipped most of what was dropped: {words}.")
    # What was harmless in pieces may be a credential in a row.
    return [say(note) for note in notes]


def _score(score: Score) -> str:
    """Return it with its interval; of no width it would only look like a fault."""
    h, low, high = (f"{part:.2f}" for part in (score.h, score.low, score.high))
    return h if low == high else f"{h} [{low}-{high}]"


def _cells(proxy: Proxy, now: datetime) -> dict[str, str]:
    score, ratio, days = proxy.score, proxy.failure_ratio, proxy.certificate_days_left
    first_byte = proxy.phases.get(FIRST_BYTE, Phase(None, None))
    scope = f" ({proxy.scope})" if proxy.scope else ""
    p95s = {name: phase.p95_ms for name, phase in proxy.phases.items()}
    return {
        "proxy": _name(proxy),
        "state": proxy.state or ABSENT,
        "score": _score(score) if score else ABSENT,
        "s": _part(score.s if score else None),
        "r": _part(score.r if score else None),
        "c": _part(score.c if score else None),
        "n": _count(proxy.n),
        "agents": _count(proxy.agents),
        **{phase: _latency(p95s.get(phase)) for phase in COLUMNS_OF_PHASES},
        "ttfb": _latency(first_byte.p95_ms),
        "p99": _latency(first_byte.p99_ms),
        "fail": ABSENT if ratio is None else f"{100 * ratio:.3g}%",
        "consecutive": _count(proxy.consecutive_failures),
        "cause": proxy.top_cause + scope if proxy.top_cause else ABSENT,
        "certificate": ABSENT if days is None else f"{days:.0f}d",
        "since": ago(proxy.since, now),
        "seen": ago(proxy.last_seen, now),
    }


def _name(proxy: Proxy) -> str:
    return proxy.name or ABSENT


def _count(value: float | None) -> str:
    return ABSENT if value is None else str(value)


def _part(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"


def _latency(value_ms: float | None) -> str:
    if value_ms is None:
        return ABSENT
    if value_ms >= 1000:
        return f"{value_ms / 1000:.3g}s"
    return f"{value_ms:.3g}ms"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago that was, in its largest unit."""
    if moment is None:
        return ABSENT
    seconds = max(0.0, (now - moment).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


def _fit(
    columns: list[Column], rows: Sequence[Mapping[str, str]], width: int | None
) -> dict[str, int]:
    """Drop columns, least wanted first, then cut the proxy's name until the table fits."""
    widths = {c.key: max(len(c.title), *(wide(row[c.key]) for row in rows)) for c in columns}
    if width is None:
        widths["proxy"] = min(widths["proxy"], PADDED_PROXY_WIDTH)

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
    is_cut: bool,
    state: str | None = None,
) -> str:
    cells = []
    for column in columns:
        text = cut(row[column.key], widths[column.key] if is_cut else None)
        padding = " " * (widths[column.key] - wide(text))
        if state is not None and column.key == "state":
            text = f"{COLOURS.get(state, '')}{text}{RESET}"
        cells.append(padding + text if column.right else text + padding)
    return GAP.join(cells)
