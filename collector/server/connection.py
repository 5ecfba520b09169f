"""
One connection: what it may bring in each state, for how long, and how it ends.

Every state has a deadline and a bound of bytes (docs/limits.md has the table): a peer that goes
beyond is answered where it can be, then we say no more, throw away a bounded rest so that the
answer is not lost to a reset, and hang up. What is said on it is `conversation.py`.
"""

import asyncio
import ssl
from typing import Protocol

from ..access.guard import certificate_name
from ..shares import Shares
from ..turns import Turns
from .conversation import App, Conversation
from .holding import STRANGERS, Holding
from .limits import (
    FRAMING_BYTES,
    IDLE_S,
    MAX_HEAD_BYTES,
    MAX_MUTE_BYTES,
    MAX_STREAM_BYTES,
    STREAM_S,
    TLS_SHARE,
    UNREAD_BYTES,
    Limits,
    State,
)
from .tls import Tls, certificate_names


class Door(Protocol):
    """What a connection needs of those who let it in."""

    limits: Limits
    is_closing: bool
    held: Shares
    """Bytes of all connections."""
    turns: Turns

    def count(self, what: str) -> None:
        """Something happened."""

    def know(self, connection: "Connection", caller: str) -> bool:
        """Whether there is a place for one more that we know."""

    def stream(self, connection: "Connection") -> bool:
        """Whether there is a place for one more stream; it is taken."""

    def leave(self, connection: "Connection") -> None:
        """It is gone."""

    def figures(self) -> dict[str, int]:
        """Return places and counters."""


_HEARD = frozenset({State.HEAD, State.BODY, State.IDLE})
"""In which what comes is read."""


class Connection(asyncio.Protocol):
    """From accept to the end."""

    def __init__(self, door: Door, app: App, tls: Tls | None, address: str = "") -> None:
        self._door, self._tls = door, tls
        self.address = address
        self._loop = asyncio.get_running_loop()
        self._caller = STRANGERS
        self._answer = Holding(door.held)
        self._unheard = Holding(door.held)
        self._waiting = b""
        """What came and waits for its turn."""
        self._transport: asyncio.Transport | None = None
        self.limits = door.limits
        self.names: frozenset[str] = frozenset()
        """Of the peer's certificate."""
        self.is_known = False
        """It has said who it is."""
        self._talk = Conversation(self, app)
        self._is_aborted = False
        self._is_clogged = False
        self._has_ended = False
        self._mute_bytes = 0
        self.state, self.deadline, self._bound, self._spent = State.CLOSED, 0.0, 0, 0
        if tls:
            self.enter(State.HANDSHAKE, door.limits.read_s)
        else:
            self.enter(State.HEAD, door.limits.read_s, MAX_HEAD_BYTES)

    def enter(self, state: State, seconds: float, max_bytes: int = 0) -> None:
        """Begin a state, with its deadline and its bound of bytes."""
        self.state, self.deadline = state, self._loop.time() + seconds
        self._bound, self._spent = max_bytes, 0

    # What the transport tells.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one
        """The loop took the socket over."""
        self._transport = transport
        transport.set_write_buffer_limits(high=UNREAD_BYTES)
        if self._is_aborted:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # why is all the same
        """It is over, whatever the request is doing."""
        self.state = State.CLOSED
        self._door.leave(self)
        self._answer.let_go()
        self._unheard.let_go()
        self._talk.break_off()

    def data_received(self, data: bytes) -> None:
        """Take what came: of those we know in its turn, of others at once."""
        if self._waiting:
            self._waiting += data
        elif not (self._is_in_turn and self._door.turns.is_over and self._can_wait(data)):
            self._take(data)

    @property
    def _is_in_turn(self) -> bool:
        return self.is_known and self.state in _HEARD

    def _can_wait(self, data: bytes) -> bool:
        """Have it wait for the next turn, and take no more; False: there is no room for it."""
        self._unheard.belongs_to(self._caller)
        if self._transport is None or not self._unheard.more(len(data)):
            return False
        self._waiting = data
        self._transport.pause_reading()
        self._door.turns.begin(self._hear)
        return True

    def _hear(self) -> None:
        """It is the turn of what waits."""
        data, self._waiting = self._waiting, b""
        self._unheard.let_go()
        if self._transport is None or self.state is State.CLOSED:
            return
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self._take(data)
        if self._has_ended and not self._peer_ends():
            self.close()

    def _take(self, data: bytes) -> None:
        """Take it as far as the state wants it."""
        if self.state is State.CLOSING:
            self._spent += len(data)
            if self._spent > self._bound:
                self._give_up("long_close")
        elif self._tls is None:
            self._feed(data)
        else:
            self._decrypt(self._tls, data)

    def eof_received(self) -> bool:
        """The peer hangs up; it may still want the answer to what it sent."""
        self._has_ended = True
        return bool(self._waiting) or self._peer_ends()

    def _peer_ends(self) -> bool:
        """It sends no more; returns whether it may wait for an answer."""
        if self.state is State.BODY:
            self._talk.break_off()
        self._talk.request.is_last = True
        return self.state in (State.BODY, State.ANSWER)

    def pause_writing(self) -> None:
        """The peer does not read our answers: take no more of its requests, tell it no more."""
        self._is_clogged = True
        if self.state is State.STREAM:
            self._give_up("slow_stream")

    def resume_writing(self) -> None:
        """It does again."""
        self._is_clogged = False
        self._answer.let_go()
        if self.state is State.UNREAD and self._transport:
            self.enter(State.IDLE, IDLE_S, MAX_HEAD_BYTES)
            self._transport.resume_reading()

    # What the door tells.

    def overdue(self) -> None:
        """The deadline of the state has passed."""
        if self._waiting:
            return  # for us
        self.count(self.state.value)
        request = self._talk.request
        if self.state is State.BODY and not request.is_late:
            request.is_late = True
            # Time for the application to say so.
            self.deadline = self._loop.time() + self.limits.linger_s
            request.wake()
        elif self.state in (State.IDLE, State.STREAM):
            self.close()
        else:
            self.abort()

    def shutdown(self) -> None:
        """End it as soon as what it asked is answered."""
        self._talk.request.is_last = True
        if self.state not in (State.BODY, State.ANSWER) and not self._waiting:
            self.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._is_aborted = True
        if self._transport:
            self._transport.abort()

    # TLS, and what is left of it.

    def _decrypt(self, tls: Tls, data: bytes) -> None:
        is_new = not tls.is_open
        try:
            said = tls.feed(data)
        except ssl.SSLError:
            self._write(tls.sendable())
            self.count("bad_tls")
            self.close()
            return
        self._write(tls.sendable())
        self._mute_bytes = max(0, self._mute_bytes + len(data) - TLS_SHARE * len(said))
        if self._mute_bytes > MAX_MUTE_BYTES:
            # A handshake without end, keys that change all the time, records of a byte.
            self._give_up("mute_tls")
            return
        if is_new and tls.is_open:
            self.names = certificate_names(tls.certificate)
            if self.names:
                self.know(certificate_name(self.names))
            self.enter(State.HEAD, self.limits.read_s, MAX_HEAD_BYTES)
        if said:
            self._feed(said)
        if tls.is_ended and not self._peer_ends():
            self.close()

    def _feed(self, data: bytes) -> None:
        while data and self.state in _HEARD:
            room = self._bound - self._spent
            if room <= 0:
                if self.state is State.IDLE:
                    self._give_up("long_idle")
                else:
                    self._talk.overflow()
                return
            part, data = data[:room], data[room:]
            self._spent += len(part)
            self._talk.feed(part)
        if data and self.state is State.ANSWER:
            self._talk.more_follows()
        elif data and self.state is State.STREAM:
            self._spent += len(data)
            if self._spent > self._bound:
                self._give_up("long_stream")

    # What the conversation needs.

    def know(self, caller: str) -> bool:
        """Whether there is a place for one more that we know; it is taken."""
        self._caller = caller
        self.is_known = self._door.know(self, caller)
        return self.is_known

    def holding(self) -> Holding:
        """Return what a request is to hold its bytes with."""
        return Holding(self._door.held, self._caller if self.is_known else STRANGERS)

    def hold_answer(self, size_bytes: int) -> bool:
        """Whether there is room for an answer until it is read."""
        self._answer.belongs_to(self._caller)
        return self._answer.more(size_bytes)

    def stream(self) -> bool:
        """Whether there is a place for one more stream, which begins then."""
        has_place = self._door.stream(self)
        if has_place:
            self.enter(State.STREAM, STREAM_S, MAX_STREAM_BYTES)
        return has_place

    def count(self, what: str) -> None:
        """Something happened."""
        self._door.count(what)

    def figures(self) -> dict[str, int]:
        """Return places and counters of the door."""
        return self._door.figures()

    @property
    def is_ending(self) -> bool:
        """Whether all connections are to end."""
        return self._door.is_closing

    def say(self, data: bytes) -> None:
        """Send."""
        try:
            self._write(self._tls.say(data) if self._tls else data)
        except ssl.SSLError:
            self._give_up("bad_tls")

    def hear_no_more(self) -> None:
        """Take no more of what comes."""
        if self._transport:
            self._transport.pause_reading()

    def rest(self) -> None:
        """The answer is written: the next request may come, once the peer has read enough."""
        if not self._is_clogged:
            self._answer.let_go()
        if self._is_clogged and self._transport:
            self.enter(State.UNREAD, IDLE_S)
            self._transport.pause_reading()
        else:
            self.enter(State.IDLE, IDLE_S, MAX_HEAD_BYTES)

    # The end.

    def _give_up(self, why: str) -> None:
        self.count(why)
        self.abort()

    def close(self) -> None:
        """
        Say that we say no more, then hang up; a rest that may still come is read before.

        A close with unread bytes is a reset, which would overtake the answer.
        """
        transport = self._transport
        if self.state in (State.CLOSING, State.CLOSED) or transport is None:
            return
        is_done = self.state is State.IDLE or self._has_ended
        if self._tls and self._tls.is_open:
            self._write(self._tls.end())
        is_slow = self.is_known and transport.get_write_buffer_size() > 0
        seconds = IDLE_S if is_slow else self.limits.linger_s
        self.enter(State.CLOSING, seconds, self.limits.body_bytes + FRAMING_BYTES)
        if is_done:
            transport.close()
        elif not transport.is_closing():
            transport.write_eof()
            transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if data and self._transport and not self._transport.is_closing():
            self._transport.write(data)
