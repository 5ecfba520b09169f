"""
`modpulse history --csv`: a row for each value and period (RFC 4180).

A name that others chose is no formula: what a spreadsheet would calculate begins with `'`. Pure.
"""

from .told import Dot, Line, Told

COLUMNS = (
    "proxy", "by", "name", "at", "period_s", "requests", "ok", "misses", "suspect_misses",
    "failed", "failure_ratio", "bytes", "fallbacks", "lost_ms", "commands_stopped",
    "p50_ms", "p95_ms", "p99_ms", "failures",
)  # fmt: skip
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "|", "%")
"""With what a cell begins that Excel, LibreOffice or Google would calculate or execute."""
_QUOTED = frozenset(',"\r\n')


def sheet(told: Told) -> str:
    """Return the text; what is not known is empty."""
    rows = [",".join(COLUMNS)]
    rows += [_row(told, line, dot) for line in told.lines for dot in line.dots]
    return "".join(f"{row}\r\n" for row in rows)


def _row(told: Told, line: Line, dot: Dot) -> str:
    numbers = (
        dot.period_s, dot.requests, dot.ok, dot.misses, dot.suspects, dot.failed,
        dot.failure_ratio, dot.body_bytes, dot.fallbacks, dot.lost_ms, dot.commands_stopped,
        dot.p50_ms, dot.p95_ms, dot.p99_ms,
    )  # fmt: skip
    failures = " ".join(f"{name}:{count:.0f}" for name, count in dot.failures.items())
    at = dot.at.isoformat() if dot.at else ""
    cells = (
        *map(_text, (told.proxy, told.by, line.name, at)),
        *("" if value is None else f"{value}" for value in numbers),
        _text(failures),
    )
    return ",".join(cells)


def _text(value: str | None) -> str:
    value = value or ""
    if value.startswith(FORMULAS):
        value = f"'{value}"
    return '"' + value.replace('"', '""') + '"' if _QUOTED & set(value) else value
