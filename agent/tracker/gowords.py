"""
What `go` itself says of an error, without what it quotes of others.

A server's status line, header and reason phrase, and a user's URL, stand in the texts of Go's
errors, where no form tells them from Go's own words: so only texts that begin as Go begins them are
repeated. Source: net/http, net/textproto, net/url, cmd/go, x/mod, archive/zip, from 1.19 to 1.27.
"""

import re
from collections.abc import Mapping

from ..events.events import GoError
from ..service.foreign import CUT, say

MAX_REASON_CHARS = 300
"""Of Go's words in a sentence; the kernel side copies 128 bytes of a text."""

ERRNO_WORDS: Mapping[int, str] = {
    1: "operation not permitted", 2: "no such file or directory", 5: "input/output error",
    6: "no such device or address", 11: "resource temporarily unavailable",
    12: "cannot allocate memory", 13: "permission denied", 20: "not a directory",
    21: "is a directory", 22: "invalid argument", 23: "too many open files in system",
    24: "too many open files", 27: "file too large", 28: "no space left on device",
    30: "read-only file system", 32: "broken pipe", 36: "file name too long",
    40: "too many levels of symbolic links", 99: "cannot assign requested address",
    100: "network is down", 101: "network is unreachable", 104: "connection reset by peer",
    105: "no buffer space available", 110: "connection timed out", 111: "connection refused",
    113: "no route to host", 122: "disk quota exceeded",
}  # fmt: skip
"""syscall/zerrors_linux_amd64.go: what Go calls the numbers that a command meets."""
_IMAGE = range(1 << 16, 1 << 31)
"""Where constants of an executable lie, and nothing that came at run time: Go's memory begins far
behind (runtime/malloc.go: at 0x40 << 32 or 0xc0 << 32). Not of one that is loaded anywhere: PIE."""
_OF_FLAGS = frozenset({"no such host", "timeout"})
"""Texts of a `*net.DNSError` that the kernel side makes of its flags."""
_VERB = re.compile(r"%[-+# 0]*(?:\d+|\*)?(?:\.\d+)?[a-zA-Z]")
_WORDS = re.compile(r"[a-z]{3}")

_NOTHING_MORE = re.compile(
    r"malformed HTTP (?:response|status code|version|request)"
    r"|malformed MIME header(?: initial)?(?: line)?|bad Content-Length|invalid empty Content-Length"
    r"|(?:bad|invalid) [Tt]railer key|unsupported transfer encoding|too many transfer encodings"
    r"|unsupported protocol scheme|invalid (?:port|URL escape|method|userinfo)"
    r"|invalid response from proxy|proxy returned info for version"
)
"""What follows is the server's, or the user's."""
_AS_SAID = re.compile(
    r"(?:http2?|net/http|net/url|tls|x509|zip|flate|gzip|json|textproto|bufio|crypto/\w+): "
    r"|failed to parse Location header|redirected from secure URL|stopped after \d+ redirects"
    r"|\d+ response missing Location header|insecure URL|refusing to pass credentials"
    r"|unsupported scheme|unexpected EOF|EOF|i/o timeout|unknown status code|protocol error"
    r"|malformed response from server|header list too large|read limit of \d+ bytes"
    r"|missing protocol scheme|first path segment in URL|unexpected end of JSON"
    r"|invalid character '.{1,6}'|downloaded zip file too large|not a valid zip file"
    r"|create zip|zip for |unexpected file|path does not have prefix|go\.mod file"
    r"|LICENSE file too large|module (?:zip file|source tree)|total uncompressed size"
    r"|uncompressed size of file|case-insensitive file name|multiple entries for file|entry "
    r"|file \"|target directory|invalid version|invalid module path|malformed module path"
    r"|malformed file path|missing module path|no such file|no space left|permission denied"
    r"|should be v\d|file is too large"
    r"|server sent GOAWAY|stream error|connection (?:error|closed|reset)|use of closed"
)
"""What follows is Go's, but for URLs and quoted words."""
_QUOTED = re.compile(r'"(?![a-zA-Z][a-zA-Z0-9+.-]*:/|/)(?:\\.|[^"\\])*("|$)')


def go_words(text: str) -> str | None:
    """Return the part of an error's text that is Go's own; None where that cannot be told."""
    alone = _NOTHING_MORE.match(text)
    if alone:
        return alone[0]
    if not _AS_SAID.match(text):
        return None
    return say(_QUOTED.sub(f'"{CUT}"', text), MAX_REASON_CHARS)


def told_words(form: str, error: GoError | None) -> str | None:
    """
    Return what is Go's own of what a command told its user; None where that cannot be told.

    Args:
        form: Of cmd/go's base.Errorf: the format, a constant of its source.
        error: The error among what is put into it.
    """
    words = _of_error(error) if error is not None else None
    frame = _VERB.sub(CUT, form).removeprefix("go: ").strip()
    if words is None and _WORDS.search(frame):
        return say(frame, MAX_REASON_CHARS)
    return words


def _of_error(error: GoError) -> str | None:
    number = int.from_bytes(error.leaf[:8], "little")
    kind = error.types[-1]
    if kind == "syscall.Errno":
        return ERRNO_WORDS.get(number, f"errno {number}")
    is_constant = kind == "*errors.errorString" and number in _IMAGE
    if is_constant and error.text and error.text.isascii():
        return say(error.text, MAX_REASON_CHARS)
    return error.text if error.text in _OF_FLAGS else go_words(error.text)
