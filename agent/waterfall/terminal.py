"""What the terminal at the other end of a stream can show: width, colours, characters."""

import os
from collections.abc import Mapping
from typing import TextIO

from .style import NEEDED_CHARACTERS, Style

PLAIN_COLUMNS = 100
"""Width where there is no terminal: a CI log, a file."""


def style_of(stream: TextIO, environ: Mapping[str, str], all_rows: bool = False) -> Style:
    """Return how to print on this stream; NO_COLOR (no-color.org) and COLUMNS are respected."""
    is_terminal = stream.isatty()
    return Style(
        columns=_columns(stream, environ, is_terminal),
        colour=is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        unicode=_speaks_unicode(stream.encoding),
        all_rows=all_rows,
    )


def _columns(stream: TextIO, environ: Mapping[str, str], is_terminal: bool) -> int:
    wanted = environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if is_terminal:
        try:
            return os.get_terminal_size(stream.fileno()).columns or PLAIN_COLUMNS
        except OSError:
            return PLAIN_COLUMNS
    return PLAIN_COLUMNS


def _speaks_unicode(encoding: str | None) -> bool:
    try:
        NEEDED_CHARACTERS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
