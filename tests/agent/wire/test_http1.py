"""First lines of HTTP/1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.http1 import (
    MAX_HEAD_BYTES,
    MAX_LINE_BYTES,
    HttpRequest,
    HttpStatus,
    head_bytes,
    parse_request_line,
    parse_status_line,
)
from modpulse.agent.wire.reader import WireError


def test_request() -> None:
    """A request line tells method and target once it is whole."""
    line = b"CONNECT goproxy.example:443 HTTP/1.1\r\nHost: x\r\n"

    assert HttpRequest("CONNECT", "goproxy.example:443") == parse_request_line(line)
    assert [parse_request_line(line[:size]) for size in range(38)] == [None] * 38


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n", HttpStatus("1.1", 200)),
        (b"HTTP/1.0 407 Proxy Authentication Required\n", HttpStatus("1.0", 407)),
        (b"HTTP/1.1 204\r\n", HttpStatus("1.1", 204)),
    ],
)
def test_status(line: bytes, status: HttpStatus) -> None:
    """A status line may lack its words."""
    assert status == parse_status_line(line)
    assert parse_status_line(line[:-1]) is None


@pytest.mark.parametrize(
    "line", [b"\x16\x03", b"get / HTTP/1.1\n", b"GET /\n", b"A" * MAX_LINE_BYTES]
)
def test_no_request(line: bytes) -> None:
    """What cannot become a request line is refused as soon as it shows."""
    with pytest.raises(WireError):
        parse_request_line(line)


@pytest.mark.parametrize("line", [b"SSH-2.0-x", b"HTTP/2 200\n", b"HTTP/1.1 20\n", b"\n"])
def test_no_status(line: bytes) -> None:
    """What cannot become a status line is refused as soon as it shows."""
    with pytest.raises(WireError):
        parse_status_line(line)


def test_head() -> None:
    """The head ends behind its empty line, and does end."""
    assert head_bytes(b"a\r\nb\r\n\r\nbody") == 8
    assert head_bytes(b"a\r\nb\r\n") is None
    with pytest.raises(WireError, match="head of more than"):
        head_bytes(b"a" * MAX_HEAD_BYTES)


@given(st.binary(max_size=100))
def test_only_wire_errors(data: bytes) -> None:
    """Arbitrary bytes raise nothing but WireError."""
    for parse in (parse_request_line, parse_status_line, head_bytes):
        try:
            parse(data)
        except WireError:
            continue
