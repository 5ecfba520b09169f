"""
`modpulse history` as a table for people: a row for each period, or for each value of a dimension.

Pure.
"""

from collections.abc import Sequence

from .columns import left, right, wide
from .status import ABSENT
from .told import Dot, Told, name_of

HEADS = ("REQUESTS", "FAILED", "FAIL%", "MISSES", "P50", "P95", "P99", "TOP CAUSE")


def table(told: Told) -> str:
    """Return the text; latencies are times to first byte, of a resolver times of lookups."""
    title = f"{told.proxy or ABSENT}"
    if told.since and told.until:
        title += f", {told.since:%Y-%m-%d %H:%M} to {told.until:%Y-%m-%d %H:%M} UTC"
    if not told.lines:
        return f"{title}\nNobody asked it then.\n"
    if told.by:
        rows = [(name_of(told, line), *_cells(line.total)) for line in told.lines]
        heads = (told.by.upper(), *HEADS)
    else:
        line = told.lines[0]
        rows = [
            (f"{dot.at:%Y-%m-%d %H:%M}" if dot.at else ABSENT, *_cells(dot)) for dot in line.dots
        ]
        rows.append(("all", *_cells(line.total)))
        heads = ("FROM (UTC)", *HEADS)
    return "\n".join([title, *aligned([heads, *rows])]) + "\n"


def _cells(dot: Dot) -> tuple[str, ...]:
    ratio = ABSENT if dot.failure_ratio is None else f"{dot.failure_ratio:.2%}"
    cause = max(dot.failures.items(), key=lambda item: item[1], default=(ABSENT, 0))[0]
    counted = tuple(_number(value) for value in (dot.requests, dot.failed))
    times = tuple(_time(value) for value in (dot.p50_ms, dot.p95_ms, dot.p99_ms))
    return (*counted, ratio, _number(dot.misses), *times, cause)


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:,.0f}"


def _time(value_ms: float | None) -> str:
    if value_ms is None:
        return ABSENT
    return f"{value_ms / 1000:.2f} s" if value_ms >= 1000 else f"{value_ms:.0f} ms"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Numbers to the right, the first and the last column to the left."""
    widths = [max(map(wide, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            left(cell, width) if place in (0, last) else right(cell, width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
