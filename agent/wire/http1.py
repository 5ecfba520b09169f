"""The first line of an HTTP/1 request or answer in clear text. Knows nothing of TLS."""

import re
from dataclasses import dataclass

from .reader import WireError

MAX_LINE_BYTES = 8192
"""A first line that is longer is not read; servers commonly refuse it, too."""

MAX_HEAD_BYTES = 16384
"""First line and header fields together, where their end is looked for."""

_REQUEST = re.compile(rb"([A-Z]{3,16}) (\S{1,8192}) HTTP/1\.[01]\r?")
_STATUS = re.compile(rb"HTTP/(\d\.\d) +(\d\d\d)(?: .*)?\r?")
"""As net/http reads it (response.go: ReadResponse): any version, any reason or none."""
_BODY = re.compile(rb"(?im)^(?:transfer-encoding:|content-length:[ \t]*0*[1-9])")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The request line. `target` may hold secrets in its query: redact before use."""

    method: str
    target: str
    """`host:port` for CONNECT, else a path or an absolute URL, percent-encoded."""


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """The status line."""

    version: str
    """`1.1` or `1.0`; any other is repeated."""
    status: int


def parse_request_line(data: bytes | bytearray) -> HttpRequest | None:
    """
    Read the request line at the start of a stream.

    Returns:
        The request, or None while the line is incomplete.

    Raises:
        WireError: no request line of HTTP/1.
    """
    if data and not 65 <= data[0] <= 90:
        raise WireError("no method of HTTP")
    line = _first_line(data)
    if line is None:
        return None
    match = _REQUEST.fullmatch(line)
    if not match:
        raise WireError("no request line of HTTP/1")
    return HttpRequest(match[1].decode("ascii"), match[2].decode("ascii", "backslashreplace"))


def parse_status_line(data: bytes | bytearray) -> HttpStatus | None:
    """
    Read the status line at the start of a stream.

    Returns:
        Version and status, or None while the line is incomplete.

    Raises:
        WireError: no status line of HTTP/1.
    """
    if not (data.startswith(b"HTTP/1.") or b"HTTP/1.".startswith(data)):
        raise WireError("no status line of HTTP/1")
    line = _first_line(data)
    if line is None:
        return None
    match = _STATUS.fullmatch(line)
    if not match:
        raise WireError("no status line of HTTP/1")
    return HttpStatus(match[1].decode("ascii"), int(match[2]))


def announces_body(head: bytes | bytearray) -> bool:
    """
    Say whether a head announces a body.

    The answer to a CONNECT has none where the tunnel stands: RFC 9110 section 9.3.6.
    """
    return _BODY.search(head) is not None


def head_bytes(data: bytes | bytearray) -> int | None:
    """
    Return the size of the head at the start of a stream, its empty line included.

    Returns:
        The size, or None while the head is incomplete.

    Raises:
        WireError: no end within MAX_HEAD_BYTES.
    """
    match = _HEAD_END.search(data, 0, MAX_HEAD_BYTES)
    if match:
        return match.end()
    if len(data) >= MAX_HEAD_BYTES:
        raise WireError(f"head of more than {MAX_HEAD_BYTES} bytes")
    return None


def _first_line(data: bytes | bytearray) -> bytes | None:
    end = data.find(b"\n", 0, MAX_LINE_BYTES)
    if end >= 0:
        return bytes(data[:end])
    if len(data) >= MAX_LINE_BYTES:
        raise WireError(f"line of more than {MAX_LINE_BYTES} bytes")
    return None
