"""
The rows of a waterfall in columns that share the width of the terminal.

Knows nothing of records beyond the rows it is given.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..screen import words
from ..screen.style import Style
from .bar import Axis, draw, draw_fold
from .rows import Fold, Row

BAR_SHARE = 0.3
"""The least part of the width that belongs to the bars."""
MIN_PROXY_CELLS = 12
WIDE_COLUMNS = 100
"""From here on columns stand two cells apart and have their full headings."""
MOODS = {"ok": None, "miss": "dim", "failed": "bad", "pending": "warn"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells of each column, and the gap between them."""

    proxy: int
    kind: int
    module: int
    status: int
    took: int
    bar: int
    gap: str


def table(folded: Sequence[Row | Fold], style: Style) -> list[str]:
    """Return the heading and a line per row or fold."""
    rows = [row for item in folded for row in (item.rows if isinstance(item, Fold) else (item,))]
    shown = [item for item in folded if isinstance(item, Row)]
    columns = _columns(shown or rows, style)
    start_ns = min(row.at_ns for row in rows)
    axis = Axis(start_ns, max(start_ns + 1, *(row.end_ns for row in rows)), columns.bar)
    lines = [style.paint(_heading(columns, axis, style), "dim")]
    for item in folded:
        if isinstance(item, Fold):
            lines.append(_fold_line(item, columns, axis, style))
        else:
            lines.append(_row_line(item, columns, axis, style))
    return lines


def _columns(rows: Sequence[Row], style: Style) -> Columns:
    gap = "  " if style.width >= WIDE_COLUMNS else " "
    kind = max(words.width(style.text(row.kind)) for row in rows)
    if style.width >= WIDE_COLUMNS:
        kind = max(kind, len("endpoint"))
    status = max(len("status" if style.width >= WIDE_COLUMNS else ""), *map(len, _statuses(rows)))
    took = max(len(words.duration(row.end_ns - row.at_ns)) for row in rows)
    proxy = max(words.width(_proxy(row, style)) for row in rows)
    module = max(words.width(_module(row, style)) for row in rows)
    rest = style.width - kind - status - took - 5 * len(gap)
    room = rest - max(16, int(style.width * BAR_SHARE))
    if proxy + module > room:
        proxy = min(proxy, max(MIN_PROXY_CELLS, room * 2 // 5, room - module))
        module = max(8, room - proxy)
    return Columns(proxy, kind, module, status, took, rest - proxy - module, gap)


def _statuses(rows: Sequence[Row]) -> list[str]:
    # One cell more for the arrow of a row that fell through; it never shifts the others.
    return [row.status + "  " if row.leads else row.status for row in rows]


def _proxy(row: Row, style: Style) -> str:
    return (style.glyph("follows") if row.follows else "") + style.text(words.place(row.proxy))


def _module(row: Row, style: Style) -> str:
    return style.text(row.module + (f"@{row.version}" if row.version else ""))


def _heading(columns: Columns, axis: Axis, style: Style) -> str:
    kind = "endpoint" if columns.kind >= len("endpoint") else ""
    status = "status" if columns.status >= len("status") else ""
    module = "module@version" if columns.module >= len("module@version") else "module"
    cells = (
        words.pad("proxy", columns.proxy),
        words.pad(kind, columns.kind),
        words.pad(module, columns.module),
        words.pad(status, columns.status),
        words.pad("time", columns.took, right=True),
        axis.header(style),
    )
    return columns.gap.join(cells)


def _row_line(row: Row, columns: Columns, axis: Axis, style: Style) -> str:
    role = MOODS[row.mood]
    status = style.paint(row.status, role)
    if row.leads:
        status += " " + style.paint(style.glyph("leads"), "warn")
    status += " " * (columns.status - len(row.status) - 2 * row.leads)
    cells = (
        words.pad(style.fit_middle(_proxy(row, style), columns.proxy), columns.proxy),
        words.pad(style.text(row.kind), columns.kind),
        words.pad(_fit_module(row, columns.module, style), columns.module),
        status,
        words.pad(words.duration(row.end_ns - row.at_ns), columns.took, right=True),
        draw(row.spans, row.mood == "failed", axis, style),
    )
    return columns.gap.join(cells)


def _fit_module(row: Row, cells: int, style: Style) -> str:
    version = style.text(row.version) if row.version else None
    return words.fit_module(style.text(row.module), version, cells, style.glyph("ellipsis"))


def _fold_line(item: Fold, columns: Columns, axis: Axis, style: Style) -> str:
    took = sorted(row.end_ns - row.at_ns for row in item.rows)
    statuses = Counter(row.status for row in item.rows)
    counted = ", ".join(
        f"{status} {style.glyph('times')} {number}" for status, number in statuses.most_common(3)
    )
    text = (
        f"{style.glyph('more')} {len(item.rows)} more: {counted}"
        f", {words.duration(took[0])} to {words.duration(took[-1])}"
    )
    cells = columns.proxy + columns.kind + columns.module + columns.status + columns.took
    cells += 4 * len(columns.gap)
    line = style.paint(words.pad(style.fit(style.text(text), cells), cells), "dim")
    end_ns = max(row.end_ns for row in item.rows)
    return line + columns.gap + draw_fold(item.rows[0].at_ns, end_ns, axis, style)
