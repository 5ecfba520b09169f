"""
Spans of time as a bar of characters.

Knows nothing of records; a bar is drawn in whole cells, each showing what took most of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ..records.phases import Painted, Span
from ..screen import words
from ..screen.style import Style


@dataclass(frozen=True, slots=True)
class Axis:
    """The time that all bars of a waterfall share, and the cells it takes."""

    start_ns: int
    end_ns: int
    cells: int

    def cell_of(self, at_ns: int) -> int:
        """Return the cell boundary nearest to an instant."""
        total_ns = max(1, self.end_ns - self.start_ns)
        return round((at_ns - self.start_ns) * self.cells / total_ns)

    def instant_of(self, cell: int) -> int:
        """Return when a cell begins."""
        return self.start_ns + cell * (self.end_ns - self.start_ns) // self.cells

    def header(self, style: Style) -> str:
        """Return the line above the bars: from 0 to the whole time."""
        total = f" {words.duration(self.end_ns - self.start_ns)}"
        rule = style.glyph("axis") * max(0, self.cells - len(total) - 2)
        return words.pad(f"0 {rule}", self.cells - len(total)) + total


def draw(spans: Sequence[Span], failed: bool, axis: Axis, style: Style) -> str:
    """Draw one bar, at least a cell wide; a failure ends in a cross."""
    if not spans:
        return ""
    first = min(axis.cell_of(spans[0].at_ns), axis.cells - 1)
    last = min(max(first + 1, axis.cell_of(spans[-1].end_ns)), axis.cells)
    if last - first == 1:
        phases = [max(spans, key=lambda span: span.end_ns - span.at_ns).phase]
    else:
        phases = [_dominant(spans, axis, cell) for cell in range(first, last)]
    if failed and last == axis.cells:
        phases.pop()
    drawn = "".join(
        style.paint(style.glyph(phase) * len(list(run)), phase) for phase, run in groupby(phases)
    )
    return " " * first + drawn + (style.paint(style.glyph("failed"), "bad") if failed else "")


def draw_fold(at_ns: int, end_ns: int, axis: Axis, style: Style) -> str:
    """Draw when folded rows happened."""
    first = min(axis.cell_of(at_ns), axis.cells - 1)
    last = min(max(first + 1, axis.cell_of(end_ns)), axis.cells)
    return " " * first + style.paint(style.glyph("fold") * (last - first), "fold")


def _dominant(spans: Sequence[Span], axis: Axis, cell: int) -> Painted:
    at_ns, end_ns = axis.instant_of(cell), axis.instant_of(cell + 1)
    return max(spans, key=lambda span: _shared_ns(span, at_ns, end_ns)).phase


def _shared_ns(span: Span, at_ns: int, end_ns: int) -> int:
    return min(span.end_ns, end_ns) - max(span.at_ns, at_ns)
