"""
The reasons of a command as lines below its causes: each section with its name, once.

Knows nothing of widths but the style's.
"""

from collections.abc import Sequence
from textwrap import wrap

from ..records.records import Reason, Section
from ..screen import words
from ..screen.style import Style

NAMES: dict[Section, str] = {
    "not_found": "Not found",
    "machine": "This machine",
    "configuration": "Configuration",
    "killed": "Killed",
    "unexplained": "Unexplained",
}
_COLUMN = max(len(name) for name in NAMES.values()) + 2


def sections(reasons: Sequence[Reason], style: Style) -> list[str]:
    """Return the lines that tell why the command failed; none without a reason."""
    lines: list[str] = []
    shown: Section | None = None
    for reason in reasons:
        label = NAMES[reason.section] if reason.section != shown else ""
        shown = reason.section
        role = "warn" if reason.section in ("unexplained", "killed") else "bad"
        lines += _paragraph(label, reason.words, role, style)
        for advice in reason.advice:
            lines += _paragraph("", advice, "dim", style)
    return lines


def _paragraph(label: str, text: str, role: str, style: Style) -> list[str]:
    cells = style.width - _COLUMN
    first, *more = wrap(style.text(text), cells, break_long_words=True) or [""]
    head = style.paint(words.pad(label, _COLUMN), "bold")
    return [head + style.paint(first, role), *(" " * _COLUMN + style.paint(x, role) for x in more)]
