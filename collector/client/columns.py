"""Text in columns of a terminal, where East Asian characters take two. Pure."""

import unicodedata


def wide(text: str) -> int:
    """Return the columns that a terminal needs (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def left(text: str, width: int) -> str:
    """Return a text that begins at the left of so many columns."""
    return text + " " * (width - wide(text))


def right(text: str, width: int) -> str:
    """Return a text that ends at the right of so many columns."""
    return " " * (width - wide(text)) + text


def cut(text: str, width: int | None) -> str:
    """Return as much of a text as fits into so many columns of a terminal."""
    if width is None or wide(text) <= width:
        return text
    while text and wide(text) > width - 1:
        text = text[:-1]
    return text + "…"
