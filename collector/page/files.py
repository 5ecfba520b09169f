"""Reads the templates, and what a browser fetches beside the page: once, at the start."""

from importlib.resources import files
from pathlib import PurePath

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Of assets that are served; the others are for people who read the sources."""


def templates() -> dict[str, str]:
    """Return the text of each template by its name."""
    folder = files(__package__) / "templates"
    return {one.name: one.read_text("utf-8") for one in folder.iterdir()}


def assets() -> dict[str, tuple[bytes, str]]:
    """Return the bytes and the media type of each asset by its name."""
    folder = files(__package__) / "assets"
    return {
        one.name: (one.read_bytes(), _TYPES[PurePath(one.name).suffix])
        for one in folder.iterdir()
        if PurePath(one.name).suffix in _TYPES
    }
