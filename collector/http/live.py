"""
Live pages: a stream that says when there was a new judgement, and nothing else.

Who hears it asks for its page again, as anybody does: so the stream tells nobody what it may not
know, and one that is slow misses nothing.
"""

import asyncio
from collections.abc import AsyncIterator

from ..service import Service
from . import routes
from .call import Answer, Call, Handler
from .routes import Route

ALIVE_S = 20.0
"""So often at least something is said, or what lies between thinks that nobody is there."""
JUDGED = b"event: judged\ndata: \n\n"
ALIVE = b": alive\n\n"
HEADERS = ((b"x-accel-buffering", b"no"),)
"""nginx hands on at once what it would else collect."""


class Live:
    """Of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.handlers: dict[Route, Handler] = {routes.LIVE: self.live}

    async def live(self, _: Call) -> Answer:
        """Begin a stream."""
        return Answer(
            200,
            encoded=b"",
            media_type=b"text/event-stream",
            headers=HEADERS,
            stream=self._events(),
        )

    async def _events(self) -> AsyncIterator[bytes]:
        yield ALIVE
        while True:
            try:
                await asyncio.wait_for(self._service.judged.wait(), ALIVE_S)
                yield JUDGED
            except TimeoutError:
                yield ALIVE
