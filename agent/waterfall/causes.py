"""
Why it failed: each cause once, in words, with the command that shows it.

Knows nothing of widths but the style's. Roots stand in the order in which a person rules
them out: DNS, HTTPS, checksum, auth.
"""

from collections.abc import Sequence
from textwrap import wrap

from ..document import Document
from ..failures import ROOTS
from ..records import Failure, Final, Request, Root
from . import sceptic, words
from .rows import Row
from .style import Style
from .tally import at_via

MAX_CAUSES = 12
"""One broken proxy fails in one or two ways; more causes than this are counted."""

MAX_COMMAND_CHARS = 2000
"""A longer command would be cut, and half a command is worse than none."""

NAMES: dict[Root, str] = {
    "dns": "DNS",
    "https": "HTTPS",
    "checksum": "checksum",
    "auth": "auth",
}
_THEN: tuple[tuple[Final | None, str], ...] = (
    ("stopped", "go stopped here"),
    ("fell_through", "the next entry of GOPROXY was asked"),
    ("cancelled", "the command ended first"),
    (None, "still waiting for an answer"),
)
"""What `go` did next, the gravest first."""
_COLUMN = max(len(name) for name in NAMES.values()) + 2


def causes(rows: Sequence[Row], document: Document, style: Style) -> list[str]:
    """Return the lines that explain every failure; none where nothing failed."""
    grouped: dict[tuple[str, str | None, str], list[Row]] = {}
    for row in rows:
        if row.failure is not None:
            key = (row.failure.cls, row.failure.host, row.proxy)
            grouped.setdefault(key, []).append(row)
    ordered = sorted(grouped.values(), key=lambda group: ROOTS.index(_failure(group[0]).root))
    lines: list[str] = []
    shown: Root | None = None
    for group in ordered[:MAX_CAUSES]:
        root = _failure(group[0]).root
        label = NAMES[root] if root != shown else ""
        lines += _cause(group, label, document, style)
        shown = root
    if len(ordered) > MAX_CAUSES:
        lines.append(f"and {words.count(len(ordered) - MAX_CAUSES, 'other cause')}")
    return lines


def _failure(row: Row) -> Failure:
    assert row.failure is not None
    return row.failure


def _cause(group: Sequence[Row], label: str, document: Document, style: Style) -> list[str]:
    row, failed = group[0], _failure(group[0])
    indent = " " * _COLUMN
    times = f" ({style.glyph('times')} {len(group)})" if len(group) > 1 else ""
    text = f"{style.text(failed.cls)}: {style.text(failed.evidence)}{times}"
    said, *more = wrap(text, style.width - _COLUMN, break_long_words=False) or [""]
    head, colon, tail = said.partition(":")
    lines = [
        style.paint(words.pad(label, _COLUMN), "bold") + style.paint(head, "bad") + colon + tail,
        *(indent + line for line in more),
    ]
    if row.request is not None:
        then = style.fit(style.text(_consequence(row.request, group)), style.width - _COLUMN)
        lines.append(indent + style.paint(then, "dim"))
    command = sceptic.command(
        failed, row.request, row.connection, row.lookup, _sumdb(row, document)
    )
    if command is not None and len(command) <= MAX_COMMAND_CHARS:
        lines.append(f"{indent}{style.paint('$', 'dim')} {style.text(command)}")
    return lines


def _consequence(request: Request, group: Sequence[Row]) -> str:
    finals = {row.request.final for row in group if row.request is not None}
    where = words.place(request.proxy or request.host)
    if at_via(request):
        where = f"on the way to {where}, not its fault"
    then = next((said for final, said in _THEN if final in finals), None)
    return where if then is None else f"{where}: {then}"


def _sumdb(row: Row, document: Document) -> str | None:
    for process in document.processes:
        if process.pid == row.pid and process.gosumdb:
            return process.gosumdb.split()[0].partition("+")[0]
    return None
