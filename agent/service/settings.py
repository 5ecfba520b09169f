"""
Reads a program's configuration: its file and its environment, and says which of them is wrong.

Knows no key: parsing is the program's.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from .errors import ConfigError, FileError
from .regular import read_regular

MAX_FILE_BYTES = 1 << 20
"""Of the file; one with every key has some thousand."""

_T = TypeVar("_T")
_Parse = Callable[[str, Mapping[str, str]], _T]
"""Takes the text of the file and the environment, raises ConfigError."""


def load_settings(
    path: Path | None, default: Path, prefix: str, environ: Mapping[str, str], parse: _Parse[_T]
) -> _T:
    """
    Parse the file and the environment.

    Args:
        path: Asked for, so it must be there; None: the default, which may be missing.
        default: Where the file usually is.
        prefix: How the names of our variables begin.
        environ: Of the process.
        parse: What makes a configuration of them.

    Raises:
        ConfigError: begins with the file or the variable that is wrong.
    """
    source = path or default
    try:
        text = _text_of(source, is_needed=path is not None)
    except FileError as error:
        raise ConfigError(f"{source}: {error}") from None
    try:
        return parse(text, environ)
    except ConfigError as error:
        variable = _blamed(prefix, text, environ, parse, str(error))
        raise ConfigError(f"{variable or source}: {error}") from None


def _text_of(source: Path, is_needed: bool) -> str:
    try:
        data = read_regular(source, MAX_FILE_BYTES)
    except FileError as error:
        if error.is_missing and not is_needed:
            return ""
        raise
    try:
        return data.decode("utf-8-sig")  # editors of Windows begin files with a mark
    except UnicodeDecodeError as error:
        raise FileError(f"byte {error.start} is no UTF-8") from None


def _blamed(
    prefix: str, text: str, environ: Mapping[str, str], parse: _Parse[_T], complaint: str
) -> str | None:
    """Return the variable without which all is well, else one without which there is another
    complaint; None without one."""
    found = None
    for name in sorted(environ):
        if name.startswith(prefix):
            others = {other: value for other, value in environ.items() if other != name}
            try:
                parse(text, others)
            except ConfigError as error:
                found = found or (name if str(error) != complaint else None)
            else:
                return name
    return found
