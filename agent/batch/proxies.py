"""
Names of proxies on the wire: one spelling each, so that two that look alike are one.

What an agent sends has passed through `proxy_name`; the collector refuses what that would change.
"""

import re
from urllib.parse import quote

from ..service.foreign import CUT

MAX_PROXY_BYTES = 512
FILE = "file:"
"""How an entry begins that is a folder of this machine; its name where paths must not go."""
UNKNOWN = "unknown"
"""Of what is no name in any spelling."""

_PORTS = {"http": ":80", "https": ":443"}
_NOT_KEPT = re.compile(rf"[^!-~{CUT}]|[@?#]")
"""Not printable ASCII; what credentials end with, or a query and a fragment begin with."""
_FORM = re.compile(
    r"(?:https?://|sumdb:)(?:\[[^/\[\]]+\]|[^/\[\]:]+)(?::\d{1,5})?(?:/.*)?|[^/]+", re.DOTALL
)
"""An entry, a checksum database; or a word: `direct`, `file:`, a host of which nothing more is
known."""
_MAX_ROUNDS = 4
"""What is cut may have another spelling."""


def proxy_name(text: str) -> str:
    """
    Spell a canonical entry of GOPROXY (wire/goproxy.py) as it is sent.

    Returns:
        1 to MAX_PROXY_BYTES of printable ASCII and CUT, its host in small letters; others, in host
        and path alike, as `%C3%BC` (RFC 3986 section 3.2.2). Spelling that again changes nothing.
    """
    for _ in range(_MAX_ROUNDS):
        before, text = text, _spelled(text)
        if text == before:
            return text
    return UNKNOWN


def _spelled(text: str) -> str:
    if text[: len(FILE)].lower() == FILE:
        return FILE
    text = _NOT_KEPT.sub(lambda char: quote(char[0], safe="", errors="replace"), text)
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("", text)
    authority, slash, path = rest.rstrip("/").partition("/")
    authority = authority.lower().removesuffix(_PORTS.get(scheme, "")).removesuffix(":")
    name = f"{scheme}{separator}{authority}{slash}{path}"
    name = name.encode()[:MAX_PROXY_BYTES].decode(errors="ignore")
    return name if _FORM.fullmatch(name) else UNKNOWN
