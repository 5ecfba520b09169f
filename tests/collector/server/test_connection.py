"""Rules of one connection, with a clock that the test moves: which deadline each state has."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from modpulse.collector.errors import CrowdedError
from modpulse.collector.server.connection import Connection
from modpulse.collector.server.limits import (
    ANSWER_S,
    IDLE_S,
    MAX_HEAD_BYTES,
    MAX_STREAM_BYTES,
    STREAM_S,
    UNREAD_BYTES,
    Limits,
)
from modpulse.collector.shares import Shares
from modpulse.collector.turns import TURN_S, Turns

HEAD = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
READ_S = 10.0


class Wire(asyncio.Transport):
    """Keeps what is written; the peer reads only what `capacity` lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.is_open, self.reads = b"", True, True

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return not self.is_open

    def close(self) -> None:
        self.is_open = False

    abort = close

    def write_eof(self) -> None:
        self.written += b"<eof>"

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high


class Yard:
    """A door with a place for everybody."""

    limits = Limits(READ_S, 1000)
    is_closing = False
    streams = 1

    def __init__(self, max_bytes: int = 1 << 20) -> None:
        self.held = Shares(max_bytes)
        self.turns = Turns()
        self.counts: Counter[str] = Counter()

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def know(self, connection: Connection, caller: str) -> bool:
        return True

    def stream(self, connection: Connection) -> bool:
        return self.streams > 0

    def leave(self, connection: Connection) -> None:
        self.counts["left"] += 1

    def figures(self) -> dict[str, int]:
        return dict(self.counts)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Know everybody, read the body, answer as the path says."""
    scope["state"]["know"]("token 1")
    message = {"more_body": True}
    while message.get("more_body"):
        message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def known() -> tuple[Connection, Wire, Yard]:
    """A connection whose first request was answered."""
    wire, yard = Wire(), Yard()
    connection = Connection(yard, app, None)
    connection.connection_made(wire)
    connection.data_received(HEAD + b"abc")
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.written.endswith(b"\r\n\r\nok")
    return connection, wire, yard


def left(connection: Connection) -> float:
    """Seconds until its deadline, as they were when its state began."""
    return round(connection.deadline - asyncio.get_running_loop().time(), 1)


@pytest.mark.parametrize("bytes_", [b"\r\n", b"\n", b"\r\n" * 1000])
def test_an_empty_line_moves_no_deadline(bytes_: bytes) -> None:
    """Between requests only the first byte of the next one does, and empty lines are bounded."""

    async def run() -> None:
        connection, wire, yard = await known()
        until = connection.deadline
        assert left(connection) == IDLE_S
        connection.data_received(bytes_)
        assert connection.deadline == until
        for _ in range(MAX_HEAD_BYTES // len(bytes_) + 1):
            if wire.is_open:
                connection.data_received(bytes_)
                await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        assert (wire.is_open, yard.counts["long_idle"]) == (False, 1)

    asyncio.run(run())


def test_each_state_has_its_own_deadline() -> None:
    """Head and body have the configured time from their first byte, an answer its own."""

    async def run() -> None:
        connection, wire, yard = await known()
        connection.data_received(b"P")
        until = connection.deadline
        assert left(connection) == READ_S
        connection.data_received(b"OST / HTTP/1.1\r\n")
        assert connection.deadline == until
        connection.data_received(b"Content-Length: 3\r\n\r\n")
        until = connection.deadline
        connection.data_received(b"ab")
        assert (connection.deadline, left(connection)) == (until, READ_S)
        connection.data_received(b"c")
        assert left(connection) == ANSWER_S
        connection.overdue()
        assert (wire.is_open, yard.counts["late_answer"]) == (False, 1)

    asyncio.run(run())


def test_an_idle_connection_is_closed_without_a_word() -> None:
    """After its time, and is no complaint of the log."""

    async def run() -> None:
        connection, wire, yard = await known()
        connection.overdue()
        assert (wire.is_open, yard.counts["idle"]) == (False, 1)

    asyncio.run(run())


def test_who_reads_no_answers_is_not_heard() -> None:
    """Its requests wait until it has read, for a time."""

    async def run() -> None:
        connection, wire, yard = await known()
        connection.pause_writing()
        connection.data_received(HEAD + b"abc")
        for _ in range(5):
            await asyncio.sleep(0)
        assert (wire.reads, left(connection)) == (False, IDLE_S)
        connection.resume_writing()
        assert wire.reads
        connection.pause_writing()
        connection.data_received(HEAD + b"abc")
        for _ in range(5):
            await asyncio.sleep(0)
        connection.overdue()
        assert (wire.is_open, yard.counts["unread_answer"]) == (False, 1)

    asyncio.run(run())


def test_one_answer_and_no_more_while_another_waits() -> None:
    """Who asks again before the answer came gets one, and the end."""

    async def run() -> None:
        connection, wire, yard = await known()
        wire.written = b""
        connection.data_received((HEAD + b"abc") * 10)
        connection.data_received(HEAD + b"abc")
        for _ in range(5):
            await asyncio.sleep(0)
        assert wire.written.count(b"HTTP/1.1 200 OK") == 1
        assert b"connection: close" in wire.written
        assert wire.written.endswith(b"<eof>")
        assert yard.counts["pipelined"] == 1

    asyncio.run(run())


def test_a_trailer_is_no_header() -> None:
    """What comes after the body does not reach the application."""

    async def run() -> None:
        seen: list[Any] = []

        async def look(scope: Any, receive: Any, send: Any) -> None:
            while (await receive()).get("more_body"):
                pass
            seen.append(scope["headers"])

        connection = Connection(Yard(), look, None)
        connection.connection_made(Wire())
        connection.data_received(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: x\r\n\r\n"
        )
        for _ in range(5):
            await asyncio.sleep(0)
        assert seen == [[(b"transfer-encoding", b"chunked")]]

    asyncio.run(run())


async def spoken(yard: Yard, data: bytes, how: Any = app) -> tuple[Connection, Wire]:
    """A connection on which something was said, and its answer."""
    wire = Wire()
    connection = Connection(yard, how, None)
    connection.connection_made(wire)
    connection.data_received(data)
    for _ in range(5):
        await asyncio.sleep(0)
    return connection, wire


def post_of(size: int, sent: int) -> bytes:
    """A request of which so much of the body is sent."""
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"x" * sent


def test_no_room_for_one_more_body() -> None:
    """Beyond the bytes of all connections a body is refused for now; what is let go is free."""

    async def run() -> None:
        yard = Yard(max_bytes=1600)

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            except CrowdedError:
                await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body", "body": b""})

        first, _ = await spoken(yard, post_of(1000, 100), slow)
        first.data_received(b"x" * 650)  # a half is one caller's
        second, wire = await spoken(yard, post_of(1000, 90), slow)
        assert yard.held.held == 750 + 90
        second.data_received(b"x" * 300)
        for _ in range(5):
            await asyncio.sleep(0)
        assert wire.written.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close" in wire.written
        assert (yard.counts["no_room"], yard.held.held) == (1, 750)
        first.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert yard.held.held == 0

    asyncio.run(run())


def test_strangers_leave_room() -> None:
    """Who has not said who it is has an eighth of what is left."""

    async def run() -> None:
        yard = Yard(max_bytes=800)

        async def silent(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(3600)

        for _ in range(20):
            await spoken(yard, post_of(1000, 20), silent)
        assert 80 <= yard.held.held <= 100
        assert yard.counts["no_room"] > 10

    asyncio.run(run())


def test_a_body_that_nobody_wants_is_not_kept() -> None:
    """An answer that needs none lets it go, also where the connection goes on."""

    async def run() -> None:
        yard = Yard()

        async def deaf(scope: Any, receive: Any, send: Any) -> None:
            scope["state"]["know"]("token 1")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})

        connection, wire = await spoken(yard, post_of(900, 900), deaf)
        assert wire.is_open
        assert (yard.held.held, bytes(connection._talk.request.body)) == (0, b"")

    asyncio.run(run())


def test_answers_that_nobody_reads() -> None:
    """A large one counts until it is read; where there is no room for it one comes again."""

    async def run() -> None:
        yard = Yard(max_bytes=100_000)

        async def much(scope: Any, receive: Any, send: Any) -> None:
            scope["state"]["know"]("token 1")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 40_000})

        wire = Wire()
        deaf = Connection(yard, much, None)
        deaf.connection_made(wire)
        deaf.pause_writing()
        deaf.data_received(b"GET / HTTP/1.1\r\n\r\n")
        for _ in range(5):
            await asyncio.sleep(0)
        assert (wire.high, yard.held.held) == (UNREAD_BYTES, 40_000)
        _, refused = await spoken(yard, b"GET / HTTP/1.1\r\n\r\n", much)
        assert refused.written.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 2" in refused.written
        deaf.resume_writing()
        assert yard.held.held == 0
        _, taken = await spoken(yard, b"GET / HTTP/1.1\r\n\r\n", much)
        assert taken.written.startswith(b"HTTP/1.1 200 ")

    asyncio.run(run())


CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (CHUNKED + b"1\r\nx\r\n" * 2000, b"413"),
        (CHUNKED + b"1;a=b\r\nx\r\n" * 2000, b"413"),
        (CHUNKED + b"0\r\n" + b"a: b\r\n" * 100, b"431"),
    ],
)
def test_crumbs_end_before_they_cost(sent: bytes, status: bytes) -> None:
    """What costs more for its bytes than a body does is counted, in what comes at once too."""

    async def run() -> None:
        _, wire = await spoken(Yard(), sent)
        assert wire.written.startswith(b"HTTP/1.1 %b " % status)
        assert b"connection: close" in wire.written

    asyncio.run(run())


def test_a_body_in_chunks_is_taken() -> None:
    """Chunks of some size are no crumbs, however many."""

    async def run() -> None:
        yard = Yard(64 << 20)
        yard.limits = Limits(READ_S, 4 << 20)
        chunks = (b"200\r\n" + b"x" * 512 + b"\r\n") * 4000
        _, wire = await spoken(yard, CHUNKED + chunks + b"0\r\n\r\n")
        assert wire.written.startswith(b"HTTP/1.1 200 ")

    asyncio.run(run())


def test_whom_we_know_waits_for_a_turn() -> None:
    """While batches take a turn what comes of those we know waits, is held, and is answered in the
    next one; a deadline that passes meanwhile is not theirs, and strangers do not wait."""

    async def run() -> None:
        connection, wire, yard = await known()
        answered = len(wire.written)
        yard.turns.go_on(lambda: time.sleep(TURN_S))
        connection.data_received(HEAD + b"abc")
        assert (wire.reads, yard.held.held) == (False, len(HEAD) + 3)
        connection.overdue()
        _, other = await spoken(yard, HEAD + b"abc")
        assert other.written.endswith(b"ok")
        for _ in range(5):
            await asyncio.sleep(0)
        assert wire.written[answered:].endswith(b"ok")
        assert (wire.reads, yard.held.held, yard.counts["idle"]) == (True, 0, 0)

    asyncio.run(run())


def test_what_waits_comes_before_the_end() -> None:
    """A peer that sends and hangs up is answered also where what it sent waits for its turn."""

    async def run() -> None:
        connection, wire, yard = await known()
        answered = len(wire.written)
        yard.turns.go_on(lambda: time.sleep(TURN_S))
        connection.data_received(HEAD + b"abc")
        assert connection.eof_received()
        for _ in range(5):
            await asyncio.sleep(0)
        assert b"connection: close" in wire.written[answered:]
        assert not wire.is_open

    asyncio.run(run())


def test_what_has_no_room_does_not_wait() -> None:
    """Where nothing more can be held what comes is looked at at once, and refused by the rules."""

    async def run() -> None:
        connection, wire, yard = await known()
        yard.turns.go_on(lambda: time.sleep(TURN_S))
        yard.held.take("token 2", yard.held.total)
        connection.data_received(HEAD + b"abc")
        assert wire.reads
        assert yard.counts["no_room"] == 1

    asyncio.run(run())


def test_who_has_gone_waits_no_more() -> None:
    """What a connection that is lost had sent is forgotten."""

    async def run() -> None:
        connection, wire, yard = await known()
        answered = wire.written
        yard.turns.go_on(lambda: time.sleep(TURN_S))
        connection.data_received(HEAD + b"abc")
        connection.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert (wire.written, yard.held.held) == (answered, 0)

    asyncio.run(run())


async def streaming(scope: Any, receive: Any, send: Any) -> None:
    """Know everybody, and tell for ever."""
    scope["state"]["know"]("token 1")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"event\n", "more_body": True})
        await asyncio.sleep(0)


GET = b"GET / HTTP/1.1\r\n\r\n"


def test_a_stream_has_its_own_deadline() -> None:
    """It is sent as it comes, says no length, and ends when its time is over."""

    async def run() -> None:
        yard = Yard()
        connection, wire = await spoken(yard, GET, streaming)
        assert wire.written.startswith(b"HTTP/1.1 200 OK")
        assert b"connection: close" in wire.written
        assert wire.written.count(b"event\n") > 1
        assert left(connection) == STREAM_S
        connection.overdue()
        said = len(wire.written)
        for _ in range(5):
            await asyncio.sleep(0)
        assert yard.counts["ended_stream"] == 1
        assert wire.written[said:] == b""
        assert wire.written.endswith(b"<eof>")

    asyncio.run(run())


def test_streams_are_bounded() -> None:
    """Who finds no place is told to come again."""

    async def run() -> None:
        yard = Yard()
        yard.streams = 0
        _, wire = await spoken(yard, GET, streaming)
        assert wire.written.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in wire.written
        assert yard.counts["no_stream"] == 1

    asyncio.run(run())


def test_who_does_not_read_a_stream() -> None:
    """It is hung up on: others are told of what is new, and so is it when it comes again."""

    async def run() -> None:
        yard = Yard()
        connection, wire = await spoken(yard, GET, streaming)
        connection.pause_writing()
        assert (wire.is_open, yard.counts["slow_stream"]) == (False, 1)

    asyncio.run(run())


def test_who_talks_on_a_stream() -> None:
    """A little is passed over, more ends it."""

    async def run() -> None:
        yard = Yard()
        connection, wire = await spoken(yard, GET, streaming)
        connection.data_received(b"x" * MAX_STREAM_BYTES)
        assert wire.is_open
        connection.data_received(b"x")
        assert (wire.is_open, yard.counts["long_stream"]) == (False, 1)

    asyncio.run(run())


@pytest.mark.parametrize("how", ["lost", "shutdown"])
def test_a_stream_that_is_over_costs_nothing(how: str) -> None:
    """Who tells is ended when nobody is left to be told, and when all connections are to end."""

    async def run() -> None:
        yard = Yard()
        before = asyncio.all_tasks()
        connection, _ = await spoken(yard, GET, streaming)
        assert asyncio.all_tasks() - before
        if how == "shutdown":
            connection.shutdown()
        connection.connection_lost(None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() - before == set()
        assert yard.counts["left"] == 1

    asyncio.run(run())
