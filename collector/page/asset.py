"""
What a browser fetches beside the page, under names that say what is in it. Pure.

A name is never given to other bytes, so a browser may keep them for a year and need not ask.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

PREFIX = "/assets/"
_DIGITS = 12
"""Of the hash, in a name: no two of a handful of files share them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    path: str
    """As a page names it."""
    body: bytes
    packed: bytes
    """The same by gzip."""
    media_type: str


class Assets:
    """All of them."""

    def __init__(self, files: Mapping[str, tuple[bytes, str]]) -> None:
        """
        Args:
            files: Bytes and media type by name.
        """
        self._named = {name: _asset(name, *file) for name, file in files.items()}
        self._at = {asset.path: asset for asset in self._named.values()}

    def path(self, name: str) -> str:
        """Return where a file is fetched; KeyError for one that there is not."""
        return self._named[name].path

    def find(self, word: str) -> Asset | None:
        """Return what is at the last word of a path; None: nothing."""
        return self._at.get(PREFIX + word)


def _asset(name: str, body: bytes, media_type: str) -> Asset:
    stem, _, kind = name.rpartition(".")
    digest = sha256(body).hexdigest()[:_DIGITS]
    packed = gzip.compress(body, mtime=0)
    return Asset(f"{PREFIX}{stem}.{digest}.{kind}", body, packed, media_type)
