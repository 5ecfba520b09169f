"""
How text may look on the reader's terminal: its width, its colours, its characters.

Knows nothing of the terminal itself; terminal.py asks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from . import words

MIN_COLUMNS = 60
"""Below this a row wraps rather than saying nothing."""
MAX_COLUMNS = 200
"""Beyond this the eye loses a row between its name and its bar."""

_CODES: Mapping[str, str] = {
    "bold": "1", "dim": "2", "bad": "31", "warn": "33", "good": "32",
    "resolve": "36", "connect": "33", "tls": "35", "processing": "32", "transfer": "34",
    "wait": "2", "fold": "2", "leads": "33",
}  # fmt: skip

_UNICODE: Mapping[str, str] = {
    "resolve": "░", "connect": "▒", "tls": "▓", "processing": "█", "transfer": "▄", "wait": "·",
    "fold": "┈", "axis": "┈", "failed": "✗", "follows": "↳ ", "leads": "↴", "more": "⋮",
    "ellipsis": "…", "dot": "·", "remedy": "→", "times": "\N{MULTIPLICATION SIGN}",
}  # fmt: skip
_ASCII: Mapping[str, str] = {
    "resolve": "r", "connect": "c", "tls": "t", "processing": "#", "transfer": "=", "wait": ".",
    "fold": "-", "axis": "-", "failed": "x", "follows": "> ", "leads": ">", "more": ":",
    "ellipsis": "~", "dot": "|", "remedy": "->", "times": "x",
}  # fmt: skip

NEEDED_CHARACTERS = "".join(_UNICODE.values())
"""What an encoding must know to be given more than ASCII."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the reader's terminal can show."""

    columns: int = 100
    colour: bool = False
    unicode: bool = True
    """False: nothing but ASCII is printed."""
    all_rows: bool = False
    """Fold nothing, however many rows there are."""

    @property
    def width(self) -> int:
        """The columns that are used."""
        return min(max(self.columns, MIN_COLUMNS), MAX_COLUMNS)

    def glyph(self, name: str) -> str:
        """Return the character for a phase or a mark."""
        return (_UNICODE if self.unicode else _ASCII)[name]

    def paint(self, text: str, role: str | None) -> str:
        """Colour a text where there is colour; the text itself never changes."""
        code = _CODES.get(role or "")
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text

    def text(self, text: str) -> str:
        """Make a text from a record safe to print, and ASCII where nothing else can be shown."""
        safe = words.clean(text)
        return safe if self.unicode else safe.encode("ascii", "backslashreplace").decode("ascii")

    def fit(self, text: str, cells: int, keep_tail: bool = False) -> str:
        """Cut a text to this many cells, its beginning if the tail is to be kept."""
        return words.fit(text, cells, self.glyph("ellipsis"), keep_tail)

    def fit_middle(self, text: str, cells: int) -> str:
        """Cut a text to this many cells, its middle first."""
        return words.fit_middle(text, cells, self.glyph("ellipsis"))
