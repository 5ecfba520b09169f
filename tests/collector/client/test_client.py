"""Rules of asking: whatever answers at the address, over real sockets."""

import contextlib
import dataclasses
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from collectors import PROGRAM, write_certificates

from modpulse.agent.service.foreign import say
from modpulse.collector.cli import INTERRUPTED, main
from modpulse.collector.client import client
from modpulse.collector.client.client import ClientError, fetch
from modpulse.collector.config import Config

TOKEN = "0123456789abcdef-of-the-fleet"
OK = b"HTTP/1.1 200 OK\r\n"
DOCUMENT = b'{"schema":1,"proxies":[]}'


class Server:
    """Answers each connection on loopback with these pieces, and keeps what it was asked."""

    def __init__(
        self, pieces: Callable[[], Iterable[bytes]], context: ssl.SSLContext | None = None
    ) -> None:
        self._pieces = pieces
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[bytes] = []
        self._end = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, self._secured(connection) as secured:
            self.asked.append(secured.recv(65536))
            for piece in self._pieces():
                secured.sendall(piece)
                if self._end.is_set():
                    return

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._context is None:
            return connection
        return self._context.wrap_socket(connection, server_side=True)

    def end(self) -> None:
        """Answer nobody any more."""
        self._end.set()
        self._listener.close()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(
        *pieces: bytes, endless: bytes | None = None, context: ssl.SSLContext | None = None
    ) -> Server:
        def all_pieces() -> Iterator[bytes]:
            yield from pieces
            while endless is not None:
                yield endless
                threading.Event().wait(0.01)

        servers.append(Server(all_pieces, context))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """With a token to send."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return Config(token_file=str(file))


def refused(config: Config, url: str) -> str:
    """Return the line that the user is told."""
    with pytest.raises(ClientError) as caught:
        fetch(config, url, "proxies")
    line = say(str(caught.value))
    assert line.isprintable()
    return line


def test_the_token_goes_to_whom_the_user_named(serve: Serve, config: Config) -> None:
    """It is sent to that address."""
    server = serve(OK + b"\r\n" + DOCUMENT)

    assert fetch(config, server.url, "proxies") == json.loads(DOCUMENT)
    assert f"Authorization: Bearer {TOKEN}".encode() in server.asked[0]


@pytest.mark.parametrize("host", ["192.0.2.1", "collector.example", "[2001:db8::1]"])
def test_the_token_never_travels_in_the_clear(host: str, config: Config) -> None:
    """Beyond loopback it needs TLS, as with the agent; nothing is asked."""
    with pytest.raises(ClientError, match="would travel in the clear; beyond loopback it needs"):
        fetch(config, f"http://{host}:6637", "proxies")


def test_over_tls_the_token_goes_to_whom_is_trusted(
    serve: Serve, config: Config, tmp_path: Path
) -> None:
    """Whose certificate no authority of `ca_file` signed gets none."""
    write_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    server = serve(OK + b"\r\n" + DOCUMENT, context=context)

    assert "certificate verify failed" in refused(config, server.url)
    assert server.asked == []
    trusting = dataclasses.replace(config, ca_file=str(tmp_path / "ca.pem"))
    assert fetch(trusting, server.url, "proxies") == json.loads(DOCUMENT)
    assert TOKEN.encode() in server.asked[0]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_no_redirect_is_followed(status: int, serve: Serve, config: Config) -> None:
    """Whom a redirect names is asked nothing, and so gets no token: the user is told of it."""
    other = serve(OK + b"\r\n" + DOCUMENT)
    head = f"HTTP/1.1 {status} Go\r\nLocation: {other.url}/m/api/v1/proxies\r\n\r\n".encode()
    first = serve(head)
    line = refused(config, first.url)

    words = f"the collector at {first.url} redirects to {other.url}/m; ask there with --url"
    assert line == words
    assert other.asked == []
    assert len(first.asked) == 1


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (b"/elsewhere/api/v1/proxies", "redirects to http://127.0.0.1:PORT/elsewhere; ask"),
        (b"https://user:secret@c.example/", "redirects to https://c.example/; ask"),
        (b"http://c.example/\x1b[2J\x9b1m", "redirects to http://c.example/; ask"),
        (b"http://c.example/" + b"a" * 5000, "…; ask there with --url"),
        (b"http://[", "no modpulse collector at"),
        (b"", "answers 302: Go"),
    ],
)
def test_where_a_redirect_leads_is_said_safely(
    location: bytes, said: str, serve: Serve, config: Config
) -> None:
    """Its words are foreign as all others; the line says what to do whatever they are."""
    server = serve(b"HTTP/1.1 302 Go\r\nLocation: " + location + b"\r\n\r\n")
    line = refused(config, server.url)

    assert said.replace("PORT", server.url.rpartition(":")[2]) in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("pieces", "endless"),
    [
        ((), b""),
        ((), b"HTTP/1.1 100 Continue\r\n\r\n"),
        ((b"HTTP/1.1 200",), b" "),
        ((OK,), b"X: 1\r\n"),
        ((OK, b"X: "), b"1"),
        ((OK, b"Content-Length: 1000000\r\n\r\n"), b" "),
        ((OK, b"Transfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n"),
        ((OK, b"Transfer-Encoding: chunked\r\n\r\n0\r\n"), b"X: 1\r\n"),
        ((b"HTTP/1.1 401 No\r\n\r\n",), b" "),
    ],
    ids=["silence", "100", "status", "headers", "header", "body", "chunks", "trailer", "reason"],
)
def test_no_answer_holds_it(
    pieces: tuple[bytes, ...],
    endless: bytes,
    serve: Serve,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A byte now and then is no answer: the deadline is for all of it."""
    monkeypatch.setattr(client, "DEADLINE_S", 0.3)
    server = serve(*pieces, endless=endless)

    assert refused(config, server.url) in (
        f"no collector answers at {server.url}: no whole answer within 0.3 s",
        f"no collector answers at {server.url}: got more than 100 headers",
    )


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (OK + b"\r\n" + DEEP, "nested too deeply"),
        (OK + b"\r\n" + b'{"a":' * 200_000, "nested too deeply"),
        (OK + b"\r\n" + b"[" * 900 + b"]" * 900, "nested too deeply"),
        (OK + b'\r\n{"schema":1,"proxies":[],"x":' + b"[" * 99 + b"]" * 99 + b"}", "too deeply"),
        (OK + b"\r\n" + b"9" * 5000, "no modpulse collector"),
        (OK + b"\r\n\xff\xfe[", "no modpulse collector"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 100, "no "),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", "no collector answers"),
        (OK + b"Content-Length: -7\r\n\r\n{}", "unexpected answer"),
        (b"HTTP/1.1 204 None\r\n\r\n", "answers 204: None"),
        (b"HTTP/1.1 502 Bad\r\n\r\n" + DEEP, "answers 502: Bad"),
        (b'HTTP/1.1 502 Bad\r\n\r\n{"error":[1]}', "answers 502: Bad"),
        (b'HTTP/1.1 502 Bad\r\n\r\n{"error":"\\u001b[2Jno\\u202e"}', "answers 502: no"),
        (b"HTTP/1.1 502 Bad\r\n\r\n" + b"x" * 100_000, "answers 502: Bad"),
        (OK + b"X: 1\r\n" * 200 + b"\r\n", "no collector answers"),
        (b"HTTP/1.1 " + b"2" * 100_000, "no collector answers"),
        (
            OK + b'\r\n{"schema":1,"proxies":[{}' + b",{}" * 20_000 + b"]}",
            "more than 20000 proxies",
        ),
        (OK + b'\r\n{"schema":2,"proxies":[]}', "schema 2, this modpulse reads schema 1"),
        (OK + b'\r\n{"schema":"1","proxies":[]}', "no schema, this modpulse reads schema 1"),
        (OK + b'\r\n{"proxies":[]}', "no schema, this modpulse reads schema 1"),
    ],
)
def test_what_is_no_answer(content: bytes, words: str, serve: Serve, config: Config) -> None:
    """Whatever it is, it is one line that says so."""
    assert words in refused(config, serve(content).url)


def test_an_answer_is_bounded(
    serve: Serve, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more is read than a fleet could need."""
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 100_000)

    assert "more than 100000 bytes" in refused(config, serve(OK + b"\r\n", endless=b" " * 9999).url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://", "http:///x", "http://h:x", "http://h:99999", "http://[::1", "ws://h"),
        *("http://user@127.0.0.1:1", "http://127.0.0.1:1/?a", "http://127.0.0.1:1/#a"),
        *("http://127.0.0.1:1/\u202e", "http://127.0.0.1:1/a b", f"http://{'a' * 70}.example"),
    ],
)
def test_a_url_that_is_none(url: str, config: Config) -> None:
    """A mistake in it is a line as well."""
    assert refused(config, url)


def test_every_code_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """The command says it, and ends with 1."""
    server = serve(b"HTTP/1.1 302 Go\r\nLocation: http://c.example\r\n\r\n")

    assert main(["status", "--url", server.url]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_who_waits_may_interrupt(serve: Serve) -> None:
    """^C ends it at once and without a word, though the server still talks."""
    server = serve(endless=b"HTTP/1.1 100 Continue\r\n\r\n")
    command = [sys.executable, "-c", PROGRAM, "status", "--url", server.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not server.asked:
            threading.Event().wait(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()

    assert (process.returncode, said) == (INTERRUPTED, "")
