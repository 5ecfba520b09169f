"""
A request as whoever answers it sees it, and its answer, as values.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from ..access.guard import Caller
from ..errors import RejectedError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody who may make it."""

    caller: Caller
    path: str
    argument: str
    """What stands for `*` in the route's path."""
    query: bytes
    """Of the address, behind the `?`."""
    address: str
    """Where the connection comes from."""
    headers: Mapping[bytes, bytes]
    """The last of each name, in lower case."""
    receive: Receive
    """The next part of the body."""
    figures: Callable[[], Mapping[str, int]]
    """Of the door."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: Any = None
    """JSON value."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    encoded: bytes | None = None
    """The same as bytes, where they are made already."""
    media_type: bytes = b"application/json"
    stream: AsyncIterator[bytes] | None = None
    """What follows, as it comes; the answer has no end of its own."""


Handler = Callable[[Call], Awaitable[Answer]]


async def read_body(call: Call, limit: int, within_s: float) -> bytes:
    """
    Return the body.

    Args:
        call: Whose.
        limit: Bytes.
        within_s: Of the door, which ends the wait; said in the answer.

    Raises:
        RejectedError: 408, 413, or 400 where it broke off.
    """
    try:
        return await _read(call.receive, call.headers, limit)
    except TimeoutError:
        raise RejectedError(408, f"no body within {within_s:g} s") from None


async def _read(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    # Python reads no number of 5000 digits; what follows the zeros the parser holds below 2^64.
    announced = headers.get(b"content-length", b"").lstrip(b"0")
    if announced.isdigit() and int(announced) > limit:
        raise RejectedError(413, f"{int(announced)} bytes, at most {limit} are taken")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RejectedError(400, "the body broke off")
        body += message.get("body", b"")
        if len(body) > limit:
            raise RejectedError(413, f"more than {limit} bytes")
        if not message.get("more_body"):
            return bytes(body)
