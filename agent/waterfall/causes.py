"""
Why it failed: each cause once, in words, with the command that shows it.

Knows nothing of widths but the style's. Roots stand in the order in which a person rules
them out: DNS, HTTPS, checksum, auth, this machine.
"""

from collections.abc import Sequence
from textwrap import wrap

from ..records.document import Document
from ..records.failures import ROOTS
from ..records.records import Failure, Final, Request, Root
from ..screen import words
from ..screen.style import Style
from . import reproduce
from .rows import Row

MAX_CAUSES = 12
"""One broken proxy fails in one or two ways; more causes than this are counted."""

MAX_COMMAND_CHARS = 2000
"""A longer command would be cut, and half a command is worse than none."""

NAMES: dict[Root, str] = {
    "dns": "DNS",
    "https": "HTTPS",
    "checksum": "checksum",
    "auth": "auth",
    "local": "machine",
}
_STOPPED, _WENT_ON = "go stopped here", "go did without it and ended well"
_THEN: tuple[tuple[Final | None, str], ...] = (
    ("stopped", _STOPPED),
    ("fell_through", "the next entry of GOPROXY was asked"),
    ("cancelled", "the command ended first"),
    (None, "still waiting for an answer"),
)
"""What `go` did next, the gravest first."""
_COLUMN = max(len(name) for name in NAMES.values()) + 2


def causes(rows: Sequence[Row], document: Document, style: Style) -> list[str]:
    """Return the lines that explain every failure; none where nothing failed."""
    grouped: dict[tuple[object, ...], list[Row]] = {}
    told = {reason.cls for reason in document.reasons}
    for row in rows:
        if row.failure is not None and not (row.failure.is_local and row.failure.cls in told):
            status = row.request.status if row.request is not None else None
            key = (row.failure.cls, row.failure.host, row.proxy, status)
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
        went_well = _went_well(row.pid, document)
        then = style.text(_consequence(row.request, group, went_well))
        then = style.fit(then, style.width - _COLUMN)
        lines.append(indent + style.paint(then, "dim"))
    command = reproduce.command(
        failed, row.request, row.connection, row.lookup, _sumdb(row, document), _via(row, document)
    )
    if command is not None and len(command) <= MAX_COMMAND_CHARS:
        lines.append(f"{indent}{style.paint('$', 'dim')} {style.text(command)}")
    return lines


def _went_well(pid: int, document: Document) -> bool:
    codes = [made.exit_code for made in document.processes if made.pid == pid]
    return (codes[-1] if codes else document.exit_code) == 0


def _consequence(request: Request, group: Sequence[Row], went_well: bool) -> str:
    finals = {row.request.final for row in group if row.request is not None}
    where = words.place(request.proxy or request.host)
    failed = _failure(group[0])
    if failed.is_local:
        where = f"before an answer of {where}, not its fault"
    elif not failed.is_local and not failed.is_of_proxy:
        where = f"on the way to {where}, not its fault"
    then = next((said for final, said in _THEN if final in finals), None)
    if then == _STOPPED and went_well:
        then = _WENT_ON
    return where if then is None else f"{where}: {then}"


def _via(row: Row, document: Document) -> str | None:
    """Return the HTTP or SOCKS proxy on the way as curl takes it; None where there is none."""
    via = row.connection.via if row.connection is not None else None
    made = next((made for made in document.processes if made.pid == row.pid), None)
    is_plain = row.request is not None and (row.request.url or "").startswith("http:")
    set_to = None if made is None else made.http_proxy if is_plain else made.https_proxy
    scheme = (set_to or "").partition("://")[0] if "://" in (set_to or "") else "http"
    # Both of go's have the proxy resolve the name; of curl's only the one with the h.
    scheme = {"socks5": "socks5h"}.get(scheme, scheme)
    return None if via is None else f"{scheme}://{via}"


def _sumdb(row: Row, document: Document) -> str | None:
    for process in document.processes:
        if process.pid == row.pid and process.gosumdb:
            return process.gosumdb.split()[0].partition("+")[0]
    return None
