"""
A command's life on the network as text: a row per request, the causes, a line per proxy.

Knows nothing of the terminal it goes to but the `Style` it is given.
"""

from collections.abc import Sequence
from textwrap import wrap

from ..records.document import Document
from ..records.phases import PHASES
from ..screen import words
from ..screen.style import Style
from ..service.foreign import said
from .causes import causes
from .caveats import caveats
from .ended import signal_name
from .rows import Row, fold, rows_of
from .sections import sections
from .table import WIDE_COLUMNS, table
from .tally import Tally, tally

MAX_PROXIES = 20
"""No GOPROXY list is longer; direct mode can ask any number of hosts."""
ROOMY_COLUMNS = 80
"""Below this a heading is as short as it can be."""
MIN_COMMAND_CELLS = 20
"""The facts after the command give way before the command is cut shorter than this."""


def render(document: Document, style: Style) -> str:
    """Return everything that `modpulse run` prints after the command, ending in a newline."""
    document = said(document)
    rows = rows_of(document)
    parts = [_title(document, rows, style)]
    if rows:
        folded = fold(rows, style.all_rows)
        parts += [table(folded, style), _legend(rows, len(folded) < len(rows), style)]
    ends_ns = {row.request.id: row.end_ns for row in rows if row.request is not None}
    tallies = tally(document.requests, ends_ns)
    parts += [
        causes(rows, document, style),
        sections(document.reasons, style),
        _tally_lines(tallies, style) if tallies else [],
        _caveats(document, rows, style),
    ]
    blocks = ["\n".join(line.rstrip() for line in part) for part in parts if part]
    return "\n\n".join(blocks) + "\n"


def _title(document: Document, rows: Sequence[Row], style: Style) -> list[str]:
    ending, role = "", None
    if document.exit_code is not None:
        ending, role = f"exit {document.exit_code}", "bad" if document.exit_code else "good"
    elif document.command:
        by = "a signal" if document.signal is None else signal_name(document.signal)
        ending, role = f"ended by {by}", "bad"
    took_ns = _took_ns(document, rows)
    versions = dict.fromkeys(p.go_version for p in document.processes if p.go_version)
    facts = [words.duration(took_ns)] if took_ns is not None else []
    facts += [_seen(document), *([", ".join(versions)] if versions else [])]
    dot = f" {style.glyph('dot')} "
    program = "".join(document.command[:1]).rpartition("/")[2]
    command = style.text(" ".join([program, *document.command[1:]]) or "capture")
    short = min(words.width(command), MIN_COMMAND_CELLS)
    tail = dot.join(style.text(fact) for fact in facts)
    while facts and short + len(ending) + words.width(tail) + 2 * len(dot) > style.width:
        facts.pop()
        tail = dot.join(style.text(fact) for fact in facts)
    room = style.width - words.width(tail) - len(ending) - 2 * len(dot)
    head = style.paint(style.fit(command, room), "bold")
    dim_dot = style.paint(dot, "dim")
    parts = (head, style.paint(ending, role), style.paint(tail, "dim"))
    return [dim_dot.join(part for part in parts if part)]


def _took_ns(document: Document, rows: Sequence[Row]) -> int | None:
    if document.ended_at_ns is not None and document.command:
        return document.ended_at_ns - document.started_at_ns
    ends = [p.end_at_ns for p in document.processes if p.end_at_ns is not None]
    ends += [row.end_ns for row in rows]
    starts = [p.start_at_ns for p in document.processes] + [row.at_ns for row in rows]
    return max(ends) - min(starts) if ends and starts else None


def _seen(document: Document) -> str:
    if document.requests:
        proxies = {request.proxy or request.host for request in document.requests}
        return (
            f"{words.count(len(document.requests), 'request')} to "
            f"{words.count(len(proxies), 'proxy', 'proxies')}"
        )
    if document.connections or document.lookups:
        return words.count(len(document.connections), "connection")
    return "no go asked the network" if document.processes else "no go ran"


def _legend(rows: Sequence[Row], folded: bool, style: Style) -> list[str]:
    used = {span.phase for row in rows for span in row.spans}
    entries: list[tuple[str, str]] = [(phase, phase) for phase in PHASES]
    if "wait" in used:
        entries.append(("wait", "waiting"))
    if any(row.leads for row in rows):
        entries.append(("leads", "asked the next"))
    gap = "   " if style.width >= WIDE_COLUMNS else "  "
    lines, room = [""], style.width
    for name, meaning in entries:
        cells = len(gap) + 2 + len(meaning)
        if cells > room + len(gap):
            lines, room = [*lines, ""], style.width
        lines[-1] += f"{style.paint(style.glyph(name), name)} {meaning}{gap}"
        room -= cells
    if folded:
        lines.append(style.paint("Some rows are folded; --all shows every one.", "dim"))
    return lines


def _tally_lines(tallies: Sequence[Tally], style: Style) -> list[str]:
    first_byte = "first byte p50" if style.width >= ROOMY_COLUMNS else "p50"
    heading = ("proxy", "requests", "misses", "failures", first_byte, "p95", "lost")
    body = [heading, *(_tally_cells(line, style) for line in tallies[:MAX_PROXIES])]
    widths = [max(words.width(cells[i]) for cells in body) for i in range(len(heading))]
    widths[0] = min(widths[0], style.width - sum(widths[1:]) - 2 * len(widths[1:]))
    lines = []
    for index, cells in enumerate(body):
        first = words.pad(style.fit_middle(cells[0], widths[0]), widths[0])
        others = [
            words.pad(cell, width, right=True)
            for cell, width in zip(cells[1:], widths[1:], strict=True)
        ]
        if index:
            others = _coloured(others, tallies[index - 1], style)
        line = "  ".join([first, *others])
        lines.append(line if index else style.paint(line, "dim"))
    if len(tallies) > MAX_PROXIES:
        lines.append(f"and {len(tallies) - MAX_PROXIES} more")
    return lines


def _tally_cells(line: Tally, style: Style) -> tuple[str, ...]:
    suspect = f" ({line.suspect} suspect)" if line.suspect else ""
    return (
        style.text(words.place(line.proxy)),
        str(line.requests),
        f"{line.misses}{suspect}",
        str(line.failures),
        words.duration(line.p50_ns),
        words.duration(line.p95_ns),
        words.duration(line.lost_ns or None),
    )


def _coloured(cells: list[str], line: Tally, style: Style) -> list[str]:
    requests, misses, failures, p50, p95, lost = cells
    return [
        requests,
        style.paint(misses, "warn" if line.suspect else None),
        style.paint(failures, "bad" if line.failures else None),
        p50,
        p95,
        style.paint(lost, "bad" if line.lost_ns else None),
    ]


def _caveats(document: Document, rows: Sequence[Row], style: Style) -> list[str]:
    blind = sorted({row.pid for row in rows if row.request is None})
    lines = []
    for text in caveats(document, blind):
        first, *more = wrap(style.text(text), style.width - 2, break_long_words=False)
        lines += [style.paint("! ", "warn") + first, *(f"  {line}" for line in more)]
    return lines
