"""What the terminal at the other end of a stream can show: width, colours, characters."""

import os
from collections.abc import Mapping
from typing import TextIO

from .style import NEEDED_CHARACTERS, Style

PLAIN_COLUMNS = 100
"""Width where there is no terminal: a CI log, a file."""


def style_of(
    stream: TextIO,
    environ: Mapping[str, str],
    all_rows: bool = False,
    colour: bool | None = None,
) -> Style:
    """
    Return how to print on this stream.

    Args:
        stream: Where to.
        environ: COLUMNS, TERM, NO_COLOR (no-color.org) and FORCE_COLOR (force-color.org).
        all_rows: Fold nothing.
        colour: What the user asked for; None: as the environment and the stream have it.
    """
    is_terminal = stream.isatty()
    return Style(
        columns=_columns(stream, environ, is_terminal),
        colour=_wants_colour(environ, is_terminal) if colour is None else colour,
        unicode=_speaks_unicode(stream.encoding),
        all_rows=all_rows,
    )


def _wants_colour(environ: Mapping[str, str], is_terminal: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    # A CI log is no terminal, but many show colours.
    if environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    return is_terminal and environ.get("TERM") != "dumb"


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
