"""
Values as words that are safe and short on a terminal.

Knows nothing of colours or of terminals. Whatever the network or a command line brings goes
through `clean` before a person sees it.
"""

import re
import unicodedata

MAX_CLEAN_CHARS = 4096
"""Longer strings are cut: no name or argument that a person can read is longer."""

PSEUDO_VERSION = re.compile(
    r"^(v\d+\.\d+\.\d+-)[0-9A-Za-z.-]*?\d{14}-([0-9a-f]{7})([0-9a-f]{5}\S*)$"
)
"""golang.org/x/mod/module: a version made of a time and the first 12 digits of a commit."""

MIN_PATH_CELLS = 12
"""Less of a module path does not tell it from its neighbours."""


def clean(text: str) -> str:
    """Replace what moves a cursor, hides or reorders text by a visible escape."""
    cut = text[:MAX_CLEAN_CHARS]
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in cut)


def _escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def width(text: str) -> int:
    """Return how many terminal cells a clean text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, cells: int, right: bool = False) -> str:
    """Fill a text with spaces to this many cells; `right` puts them before it."""
    fill = " " * max(0, cells - width(text))
    return fill + text if right else text + fill


def fit(text: str, cells: int, ellipsis: str = "…", keep_tail: bool = False) -> str:
    """Cut a text to this many cells; `keep_tail` cuts its beginning instead of its end."""
    if width(text) <= cells:
        return text
    room = cells - width(ellipsis)
    kept: list[str] = []
    for char in reversed(text) if keep_tail else text:
        room -= _cells(char)
        if room < 0:
            break
        kept.append(char)
    return ellipsis + "".join(reversed(kept)) if keep_tail else "".join(kept) + ellipsis


def fit_middle(text: str, cells: int, ellipsis: str = "…") -> str:
    """Cut the middle out of a text, so that both its name and its port can be told."""
    if width(text) <= cells:
        return text
    head = max(0, cells - width(ellipsis)) // 2
    kept = fit(text, head, "") if head else ""
    return kept + fit(text, cells - width(kept), ellipsis, keep_tail=True)


def fit_module(module: str, version: str | None, cells: int, ellipsis: str = "…") -> str:
    """
    Write `module@version` in this many cells, losing what tells least first.

    First the time within a pseudo-version, then all of it but the commit as git shortens it,
    then the beginning of the path, whose last elements tell modules apart.
    """
    if version is None:
        return fit(module, cells, ellipsis, keep_tail=True)
    shorter = (rf"\g<1>{ellipsis}-\g<2>\g<3>", rf"{ellipsis}\g<2>")
    for tail in ("@" + version, *(f"@{PSEUDO_VERSION.sub(form, version)}" for form in shorter)):
        room = cells - width(tail)
        if room >= min(MIN_PATH_CELLS, width(module)):
            return fit(module, room, ellipsis, keep_tail=True) + tail
    return fit(module + tail, cells, ellipsis, keep_tail=True)


def duration(ns: int | None) -> str:
    """Write a duration in at most 9 cells: `0.4 ms`, `12 ms`, `1.28 s`, `2 min 05 s`."""
    if ns is None:
        return "-"
    ms = ns / 1e6
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ns / 1e9
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    )


def size(count_bytes: int) -> str:
    """Write a size in decimal units, as download tools do: `812 B`, `1.4 kB`, `63 MB`."""
    value = float(count_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 9.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: `1 request`, `2 requests`, `3 proxies`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def place(proxy: str | None) -> str:
    """Write a GOPROXY entry as people call it: without https, the usual scheme."""
    return clean((proxy or "?").removeprefix("https://"))
