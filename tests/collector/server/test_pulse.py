"""Rules of /healthz and /readyz on an address of their own."""

import errno
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from collectors import Collector
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.server.limits import EXHAUSTED_S, MAX_PULSE_BYTES, MAX_PULSES, PULSE_S
from modpulse.collector.server.pulse import OLD_S, Pulse, Word, answer_of

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
READYZ = HEALTHZ.replace(b"healthz", b"readyz")
NOW_S = 1000.0


def told(head: bytes, word: Word) -> tuple[int, dict[str, object]]:
    """Status and body."""
    top, _, body = answer_of(head, word, NOW_S).partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(body) if body else {}


@pytest.mark.parametrize(
    ("word", "health", "ready"),
    [
        (Word(NOW_S - 0.2, is_alive=True, trouble=None), 200, 200),
        (Word(NOW_S - 0.2, is_alive=True, trouble="disk full"), 200, 503),
        (Word(NOW_S - 0.2, is_alive=False, trouble=None), 503, 503),
        (Word(NOW_S - OLD_S - 1, is_alive=True, trouble=None), 503, 503),
        (Word(None, is_alive=True, trouble="starting"), 200, 503),
    ],
)
def test_it_says_what_the_loop_said(word: Word, health: int, ready: int) -> None:
    """Unless that is old: then the loop stands still. A start may take its time."""
    assert told(HEALTHZ, word)[0] == health
    status, body = told(READYZ, word)
    assert (status, body["ready"]) == (ready, ready == 200)
    is_held = health == 503 and word.is_alive
    assert bool(body["reason"]) is bool(word.trouble or is_held)


@given(st.binary(max_size=200))
def test_whatever_is_asked(head: bytes) -> None:
    """A complete answer, which tells nothing but how we are."""
    status, _ = told(head, Word(NOW_S, is_alive=True, trouble=None))

    assert status in (200, 404, 405)


def test_head_has_no_body() -> None:
    """RFC 9110 section 9.3.2."""
    assert answer_of(HEALTHZ.replace(b"GET", b"HEAD"), Word(NOW_S, True, None), NOW_S).endswith(
        b"close\r\n\r\n"
    )


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """Where one answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pulse = Pulse(listener)
        pulse.start()
        pulse.say(is_alive=True, trouble=None)
        yield listener.getsockname()
        pulse.end()


def asked(address: tuple[str, int], head: bytes = HEALTHZ) -> bytes:
    """All that is answered."""
    with socket.create_connection(address, timeout=10) as line:
        line.sendall(head)
        answer = b""
        while part := line.recv(4096):
            answer += part
    return answer


def test_while_the_loop_is_busy(address: tuple[str, int]) -> None:
    """It answers while another thread holds the interpreter."""
    answers: list[tuple[bytes, bool]] = []
    is_busy = True

    def ask() -> None:
        answers.extend((asked(address)[:12], is_busy) for _ in range(3))

    asking = threading.Thread(target=ask)
    asking.start()
    end = time.monotonic() + 30
    while asking.is_alive() and time.monotonic() < end:
        sum(range(10_000))
    is_busy = False
    asking.join()

    assert answers == [(b"HTTP/1.1 200", True)] * 3


def test_who_says_nothing_keeps_nobody_out(address: tuple[str, int]) -> None:
    """Twice as many silent connections as there are places; each ends soon."""
    with ExitStack() as opened:
        lines = [
            opened.enter_context(socket.create_connection(address, timeout=10))
            for _ in range(2 * MAX_PULSES)
        ]
        assert asked(address).startswith(b"HTTP/1.1 200")
        for line in lines:
            line.settimeout(20 * PULSE_S)
            assert line.recv(1) == b""


class Slow(socket.socket):
    """Listens, and waits once all places are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.full, self.go_on = threading.Event(), threading.Event()
        self.places = MAX_PULSES

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        accepted = super().accept()
        self.places -= 1
        if self.places == 0:
            self.full.set()
            self.go_on.wait(10)
        return accepted


def test_who_goes_for_a_new_one_may_be_speaking() -> None:
    """The oldest says something at the moment in which its place is given away."""
    with ExitStack() as opened:
        listener = opened.enter_context(Slow())
        listener.bind(("127.0.0.1", 0))
        listener.listen(2 * MAX_PULSES)
        pulse = Pulse(listener)
        opened.callback(pulse.end)
        pulse.start()
        pulse.say(is_alive=True, trouble=None)
        address = listener.getsockname()
        lines = [
            opened.enter_context(socket.create_connection(address, timeout=10))
            for _ in range(MAX_PULSES + 1)
        ]
        assert listener.full.wait(10)
        lines[0].sendall(b"G")
        listener.go_on.set()

        assert asked(address).startswith(b"HTTP/1.1 200")


class Scarce(socket.socket):
    """Listens where only so many connections get a descriptor."""

    room = 1
    failures = 0

    def __init__(self) -> None:
        super().__init__()
        self.accepted: list[socket.socket] = []
        self.failed_twice = threading.Event()

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if sum(sock.fileno() >= 0 for sock in self.accepted) >= self.room:
            self.failures += 1
            if self.failures == 2:
                self.failed_twice.set()
            raise OSError(errno.EMFILE, "Too many open files")
        accepted = super().accept()
        self.accepted.append(accepted[0])
        return accepted


@pytest.fixture
def scarce() -> Iterator[Scarce]:
    """One that answers."""
    with Scarce() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        pulse = Pulse(listener)
        pulse.start()
        pulse.say(is_alive=True, trouble=None)
        yield listener
        pulse.end()


def test_the_last_descriptor_goes_to_who_comes(scarce: Scarce) -> None:
    """Who has it and says nothing is closed at the first failure."""
    with socket.create_connection(scarce.getsockname(), timeout=10):
        assert asked(scarce.getsockname()).startswith(b"HTTP/1.1 200")

    assert scarce.failures <= 1


def test_without_a_descriptor_it_waits(scarce: Scarce) -> None:
    """It takes no processor meanwhile: it is not tried again before a time has passed."""
    scarce.room = 0
    before_s = time.monotonic()
    with socket.create_connection(scarce.getsockname(), timeout=10) as line:
        assert scarce.failed_twice.wait(10)
        scarce.room = 1
        line.sendall(HEALTHZ)
        assert line.recv(4096).startswith(b"HTTP/1.1 200")

    assert scarce.failures <= (time.monotonic() - before_s) / EXHAUSTED_S + 1


def test_who_says_too_much_is_cut_off(address: tuple[str, int]) -> None:
    """Nothing is answered to what has no end."""
    assert asked(address, b"x" * (MAX_PULSE_BYTES + 1)) == b""
    assert asked(address).startswith(b"HTTP/1.1 200")


def test_a_real_collector_says_both(tmp_path: Path) -> None:
    """At its own address without a token, whatever the other one wants; and why it is not ready."""
    (tmp_path / "token").write_text("secret-of-the-fleet\n")
    made = Collector(tmp_path, token_file=tmp_path / "token", health_listen="127.0.0.1:0").start()
    try:
        (line,) = [line for line in made.log if "health.started" in line]
        url = line.split("url=")[1].split()[0]
        for path, key in (("healthz", "alive"), ("readyz", "ready")):
            with urllib.request.urlopen(f"{url}/{path}", timeout=10) as answer:
                body = json.load(answer)
            assert body[key] is True
            assert body["age_s"] < OLD_S
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/api/v1/proxies", timeout=10)
        assert made.stop() == 0
    finally:
        made.end()
