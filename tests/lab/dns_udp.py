"""DNS over UDP for servers that fail on purpose."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

import dns.message


class Reply(NamedTuple):
    """Bytes to send, None for silence, and the seconds to wait before."""

    wire: bytes | None
    delay_s: float = 0.0


class Udp(asyncio.DatagramProtocol):
    """Remembers what was asked, to lose every other question."""

    def __init__(self, answer: Callable[[dns.message.Message, bool, int], Reply]) -> None:
        """`answer` takes a question, whether it came over TCP, and how often it came before."""
        self._answer = answer
        self._asked: dict[str, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        key = str(query.question[0])
        tries = self._asked.get(key, 0)
        self._asked[key] = tries + 1
        reply = self._answer(query, False, tries)
        if reply.wire is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(reply.delay_s, self._transport.sendto, reply.wire, peer)
