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
        blamed = _Blamed(prefix, text, environ, parse)
        told = [f"{blamed.variable(fault) or source}: {fault}" for fault in error.faults]
        raise ConfigError(told[0], told[1:]) from None


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


class _Blamed:
    """Tells which variable is to blame, by what there is to complain of without it."""

    def __init__(
        self, prefix: str, text: str, environ: Mapping[str, str], parse: _Parse[_T]
    ) -> None:
        self._without: dict[str, tuple[str, ...]] = {}
        for name in sorted(environ):
            if name.startswith(prefix):
                others = {other: value for other, value in environ.items() if other != name}
                self._without[name] = _faults(text, others, parse)

    def variable(self, fault: str) -> str | None:
        """Return the variable without which all is well, else one without which there is not this
        fault; None without one."""
        cures = [name for name, faults in self._without.items() if not faults]
        helps = [name for name, faults in self._without.items() if fault not in faults]
        return next(iter(cures + helps), None)


def _faults(text: str, environ: Mapping[str, str], parse: _Parse[_T]) -> tuple[str, ...]:
    try:
        parse(text, environ)
    except ConfigError as error:
        return error.faults
    return ()
