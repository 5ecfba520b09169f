"""
Whether who asks has the answer already (RFC 9110 sections 8.8.3 and 13.1.2). Pure.
"""

import re
from collections.abc import Mapping
from hashlib import sha256

_TAG = re.compile(rb'(?:W/)?("[^"]*")')
ANY = b"*"


def weak(*words: object) -> bytes:
    """Return a tag of what says the same while these are the same, whatever its bytes."""
    return b'W/"%s"' % "-".join(map(str, words)).encode()


def strong(body: bytes) -> bytes:
    """Return a tag of these very bytes."""
    return b'"%s"' % sha256(body).hexdigest()[:32].encode()


def has(headers: Mapping[bytes, bytes], tag: bytes) -> bool:
    """Return whether a request names a tag, strong or weak, among others or alone."""
    return _opaque(tag) in map(_opaque, _TAG.findall(headers.get(b"if-none-match", b"")))


def has_any(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether a request wants no answer that there is."""
    return headers.get(b"if-none-match", b"").strip() == ANY


def _opaque(tag: bytes) -> bytes:
    return tag.removeprefix(b"W/")
