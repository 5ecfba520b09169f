"""
One request as it comes in, and the application's view of it: ASGI's `receive`.
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

from ..errors import CrowdedError
from .holding import Holding
from .limits import MAX_HEADERS

Message = MutableMapping[str, Any]


class Request:
    """Filled by the connection, read by the application."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self.method = ""
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        """What came and was not received yet."""
        self.body_bytes = self.chunks = self.trailers = 0
        """Of the body, as far as it came."""
        self.is_whole = False
        """Its last byte is there."""
        self.is_broken = False
        """Nothing more of it comes."""
        self.is_late = False
        self.is_crowded = False
        """There is no room for more of it."""
        self.is_last = False
        """The connection ends with its answer."""
        self.is_stream = False
        """Its answer goes on."""
        self.answer: Message | None = None
        """Its `http.response.start`."""
        self.task: asyncio.Task[None] | None = None
        self._waits_100 = False
        self._waiter: asyncio.Future[None] | None = None

    def add_header(self, name: bytes, value: bytes) -> bool:
        """Keep one; False when there are too many."""
        name = name.lower()
        self._waits_100 |= name == b"expect" and value.lower() == b"100-continue"
        self.headers.append((name, value))
        return len(self.headers) <= MAX_HEADERS

    def add_body(self, part: bytes) -> bool:
        """Keep a part of the body; False when it is the first for which there is no room."""
        self.body_bytes += len(part)
        if self.is_crowded:
            return True
        if self._holding.more(len(part)):
            self.body += part
            return True
        self.is_crowded = True
        self.body = bytearray()
        return False

    def belongs_to(self, caller: str) -> None:
        """Who sends it has said who it is."""
        self._holding.belongs_to(caller)

    def let_go(self) -> None:
        """The application is done with it."""
        self.body = bytearray()
        self._holding.let_go()

    def wake(self) -> None:
        """Something changed."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self, go_on: Callable[[], None]) -> Message:
        """
        Return the next part of the body; `go_on` is called if the peer waits with it.

        Raises:
            TimeoutError: it did not come in time.
            CrowdedError: there is no room for it.
        """
        if self._waits_100 and not self.body and not self.is_whole:
            go_on()
        self._waits_100 = False
        while not (self.body or self.is_whole or self.is_broken or self.is_late or self.is_crowded):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.is_crowded:
            raise CrowdedError("too many bytes wait to be read")
        if self.is_late:
            raise TimeoutError
        if self.is_broken:
            return {"type": "http.disconnect"}
        body, self.body = self.body, bytearray()
        return {"type": "http.request", "body": body, "more_body": not self.is_whole}
