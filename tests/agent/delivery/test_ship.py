"""Rules of shipping, against real servers on loopback."""

import contextlib
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from bad_servers import BAD_SERVERS, WAIT_S, Server, endlessly, hangs, read_request, says
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent.config import AgentConfig
from modpulse.agent.delivery import retry
from modpulse.agent.delivery.eras import Eras
from modpulse.agent.delivery.retry import Reply
from modpulse.agent.delivery.ship import Client, ShipError, Shipper
from modpulse.agent.delivery.spool import Spool

ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{"duplicate": false}'
DUPLICATE = b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"duplicate": true}'
TOKEN = "s3cret-token-of-16"


def short(status: int, *headers: str) -> bytes:
    """An answer without a body."""
    lines = [f"HTTP/1.1 {status} Words", *headers, "Content-Length: 0"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Servers that end with the test: given what to answer, in turn, the last for ever."""
    servers: list[Server] = []

    def start(*answers: bytes, context: ssl.SSLContext | None = None) -> Server:
        def answer(peer: socket.socket, _request: bytes) -> None:
            peer.sendall(answers[min(len(servers[-1].requests), len(answers)) - 1])

        servers.append(Server(answer, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def hostile() -> Iterator[Callable[..., Server]]:
    """A server that answers by a function of the connection."""
    servers: list[Server] = []

    def start(answer: Callable[[socket.socket, bytes], None]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@contextlib.contextmanager
def client_of(server: Server, **keys: object) -> Iterator[Client]:
    """A client of this server."""
    values = {"collector_url": f"http://127.0.0.1:{server.port}"} | keys
    client = Client(AgentConfig(**values))  # type: ignore[arg-type]  # of several types
    try:
        yield client
    finally:
        client.close()


def test_post(serve: Callable[..., Server], tmp_path: Path) -> None:
    """One POST of msgpack bytes with date and token; the connection is used again."""
    (tmp_path / "token").write_text(f"# of this fleet\n\n{TOKEN}\nold-token\n")
    server = serve(ACCEPTED, DUPLICATE)
    with client_of(server, token_file=str(tmp_path / "token")) as client:
        answers = [client.post(b"\x93abc"), client.post(b"\x93abc")]

    assert [Reply(202), Reply(200, is_duplicate=True)] == answers
    assert server.connections == 1
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert (lines[0], body) == ("POST /api/v1/batches HTTP/1.1", b"\x93abc")
    assert "Content-Type: application/msgpack" in lines
    assert f"Authorization: Bearer {TOKEN}" in lines
    assert [line for line in lines if line.startswith("Date: ") and line.endswith(" GMT")]


def test_a_clock_that_was_set_meanwhile(serve: Callable[..., Server], tmp_path: Path) -> None:
    """A batch that waited while the clock was set forward is dated by the clock that it has."""
    server, eras = serve(ACCEPTED), Eras("ab")
    hour_ns = 3600 * 10**9
    before_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) - hour_ns
    spool = Spool(str(tmp_path / "spool"), 1 << 20)
    for seq in range(2):
        eras.note(seq, before_ns + seq * hour_ns)
        spool.append("ab", seq, b"%d" % seq)
    with client_of(server) as client:
        shipper = Shipper(spool, client, eras)
        shipper.start()
        wait_for(lambda: shipper.delivered == 2)
        shipper.finish()
    dates = [
        parsedate_to_datetime(line.removeprefix("Date: ")).timestamp()
        for request in server.requests
        for line in request.decode().split("\r\n")
        if line.startswith("Date: ")
    ]

    assert 3500 < dates[1] - dates[0] < 3700


def test_below_a_path(serve: Callable[..., Server]) -> None:
    """The collector may live below a path of another server."""
    server = serve(ACCEPTED)
    with client_of(server, collector_url=f"http://127.0.0.1:{server.port}/x/") as client:
        client.post(b"a")

    assert server.requests[0].startswith(b"POST /x/api/v1/batches HTTP/1.1\r\n")


def test_an_idle_connection_that_was_closed(hostile: Callable[..., Server]) -> None:
    """A connection closed between two batches costs a new one, not a failure."""

    def once(peer: socket.socket, _request: bytes) -> None:
        peer.sendall(ACCEPTED)
        peer.shutdown(socket.SHUT_RDWR)

    server = hostile(once)
    with client_of(server) as client:
        statuses = [client.post(b"%d" % number).status for number in range(3)]

    assert (statuses, server.connections) == ([202, 202, 202], 3)


@pytest.mark.parametrize("name", sorted(BAD_SERVERS))
def test_hostile_answers(hostile: Callable[..., Server], name: str) -> None:
    """Whatever answers at the collector's address, a ShipError comes in time."""
    server = hostile(BAD_SERVERS[name])
    with client_of(server) as client, pytest.raises(ShipError):
        client.post(b"a", deadline_seconds=0.3)


PARTS = (
    b"HTTP/1.1 202 Accepted\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 200\r\n", b"\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Retry-After: Thu, 99 Foo\r\n", b"Connection: close\r\n", b"5\r\nhello\r\n0\r\n\r\n",
    b"-1\r\n", b'{"duplicate": true}', b"\xff\x00", b"A" * 70000,
)  # fmt: skip


def test_any_bytes(hostile: Callable[..., Server]) -> None:
    """Whatever bytes come back, in whatever order, it is an Reply or a ShipError."""
    reply = [b""]

    def answer(peer: socket.socket, _request: bytes) -> None:
        peer.sendall(reply[0])
        peer.shutdown(socket.SHUT_WR)

    server = hostile(answer)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.sampled_from(PARTS) | st.binary(max_size=20), max_size=8))
    def post(parts: list[bytes]) -> None:
        reply[0] = b"".join(parts)
        with client_of(server) as client, contextlib.suppress(ShipError):
            assert isinstance(client.post(b"a"), Reply)

    post()


def test_a_long_body_is_not_read(hostile: Callable[..., Server]) -> None:
    """Of an endless body the first part is enough; the connection is given up."""
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 99999999999\r\n\r\n"

    def answer(peer: socket.socket, request: bytes) -> None:
        peer.sendall(head)
        endlessly(b"x" * 65536)(peer, request)

    server = hostile(answer)
    with client_of(server) as client:
        statuses = [client.post(b"a").status, client.post(b"a").status]

    assert (statuses, server.connections) == ([503, 503], 2)


def test_a_cut_body(hostile: Callable[..., Server]) -> None:
    """The status line says that a batch is durable; the body's end is not needed for that."""
    server = hostile(says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 200\r\n\r\n{"))
    with client_of(server) as client:
        assert client.post(b"a") == Reply(202)


def test_refused() -> None:
    """Where nothing listens it says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Client(AgentConfig(collector_url=f"http://127.0.0.1:{port}"))
    with pytest.raises(ShipError, match="ConnectionRefusedError"):
        client.post(b"a")
    client.close()


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and its own certificate for 127.0.0.1: server, client and CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path_factory.mktemp("tls") / "identity.pem"
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def server_context(identity: Path, asks: bool = False) -> ssl.SSLContext:
    """TLS of the server's side; `asks` for a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(identity)
    return context


def test_tls(serve: Callable[..., Server], identity: Path) -> None:
    """With the collector's CA batches travel under TLS, over one connection."""
    server = serve(ACCEPTED, context=server_context(identity))
    url = f"https://127.0.0.1:{server.port}"
    with client_of(server, collector_url=url, ca_file=str(identity)) as client:
        statuses = [client.post(b"a").status, client.post(b"b").status]

    assert (statuses, server.connections) == ([202, 202], 1)


def test_client_certificate(serve: Callable[..., Server], identity: Path) -> None:
    """A collector that asks for a client certificate gets the configured one."""
    server = serve(ACCEPTED, context=server_context(identity, asks=True))
    keys = {"collector_url": f"https://127.0.0.1:{server.port}", "ca_file": str(identity)}
    own = {"tls_certificate": str(identity), "tls_key": str(identity)}
    with client_of(server, **keys, **own) as client:
        assert client.post(b"a").status == 202
    with client_of(server, **keys) as client, pytest.raises(ShipError):
        client.post(b"a")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_stranger_gets_nothing(serve: Callable[..., Server], identity: Path, host: str) -> None:
    """A server of an unknown CA, or for another name, sees neither token nor batch."""
    server = serve(ACCEPTED, context=server_context(identity))
    keys: dict[str, object] = {"ca_file": str(identity)} if host == "localhost" else {}
    keys["collector_url"] = f"https://{host}:{server.port}"
    with client_of(server, **keys) as client, pytest.raises(ShipError, match="CERTIFICATE_VERIFY"):
        client.post(b"a")

    assert server.requests == []


def test_tls_that_hangs(tmp_path: Path) -> None:
    """A handshake that never goes on ends at the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        client = Client(AgentConfig(collector_url=url))
        with pytest.raises(ShipError):
            client.post(b"a", deadline_seconds=0.3)
        client.close()


def test_a_token_that_no_header_can_carry(tmp_path: Path) -> None:
    """What became of the token's file while the agent runs is said, and tried again."""
    path = tmp_path / "token"
    path.write_text("café")
    client = Client(AgentConfig(collector_url="http://127.0.0.1:9", token_file=str(path)))
    with pytest.raises(ShipError, match="line 1 is not one word of printable ASCII"):
        client.post(b"a")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of the schedule become milliseconds."""
    monkeypatch.setattr(retry, "FIRST_BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr(retry, "LAST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(retry, "SLOW_SECONDS", 0.01)


def bodies(server: Server) -> list[bytes]:
    """What was posted, in order."""
    return [request.partition(b"\r\n\r\n")[2] for request in server.requests]


def wait_for(is_so: Callable[[], bool]) -> None:
    """Block until it is so; fail after WAIT_S."""
    until = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


@contextlib.contextmanager
def shipping(server: Server, folder: Path, batches: int, **keys: object) -> Iterator[Shipper]:
    """A shipper at work on a spool with some batches, ended at the end."""
    spool = Spool(str(folder / "spool"), 1 << 20)
    spool.lock()
    for seq in range(batches):
        spool.append("ab", seq, b"%d" % seq)
    with client_of(server, **keys) as client:
        shipper = Shipper(spool, client, Eras("ab"))
        shipper.start()
        try:
            yield shipper
        finally:
            shipper.finish()
            spool.close()


def test_in_order_and_once(serve: Callable[..., Server], tmp_path: Path) -> None:
    """Every batch of the spool is sent once, oldest first, and then it is gone."""
    server = serve(ACCEPTED, DUPLICATE, ACCEPTED)
    with shipping(server, tmp_path, 4) as shipper:
        wait_for(lambda: shipper.delivered == 4)

    assert bodies(server) == [b"0", b"1", b"2", b"3"]
    assert (shipper.duplicates, shipper.failed_attempts) == (1, 0)
    assert list((tmp_path / "spool").iterdir()) == []


def test_poison_does_not_block(
    serve: Callable[..., Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What the collector will never take is dropped, counted and said, with its reason."""
    reason = b'{"error": "schema 9"}'
    poison = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(reason), reason)
    server = serve(poison, ACCEPTED, short(413), short(415), ACCEPTED)
    with shipping(server, tmp_path, 5) as shipper:
        wait_for(lambda: shipper.delivered + shipper.poison == 5)

    assert bodies(server) == [b"0", b"1", b"2", b"3", b"4"]
    assert (shipper.delivered, shipper.poison) == (2, 3)
    assert "ship.dropped" in caplog.text
    assert "400 schema 9" in caplog.text


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "answer",
    [short(401), short(403), short(404), short(429, "Retry-After: 0"), short(503), short(500)],
)
def test_what_is_kept(serve: Callable[..., Server], tmp_path: Path, answer: bytes) -> None:
    """A batch that was not taken stays first in line until it is."""
    server = serve(answer, answer, ACCEPTED)
    with shipping(server, tmp_path, 2) as shipper:
        wait_for(lambda: shipper.delivered == 2)

    assert bodies(server) == [b"0", b"0", b"0", b"1"]
    assert (shipper.failed_attempts, shipper.poison) == (2, 0)


@pytest.mark.usefixtures("quick")
def test_a_collector_that_comes_back(tmp_path: Path, serve: Callable[..., Server]) -> None:
    """While nothing listens batches wait; they are sent when something does."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    spool = Spool(str(tmp_path), 1 << 20)
    spool.append("ab", 0, b"0")
    client = Client(AgentConfig(collector_url=f"http://127.0.0.1:{port}"))
    shipper = Shipper(spool, client, Eras("ab"))
    shipper.start()
    wait_for(lambda: shipper.failed_attempts > 2)
    with socket.create_server(("127.0.0.1", port)) as listener:
        peer, _ = listener.accept()
        with peer:
            request = read_request(peer)
            peer.sendall(ACCEPTED)
            wait_for(lambda: shipper.delivered == 1)
    shipper.finish()

    assert request.endswith(b"\r\n\r\n0")
    assert spool.batches == 0


def test_the_end_does_not_wait(hostile: Callable[..., Server], tmp_path: Path) -> None:
    """An agent that ends while the collector hangs keeps the batch for its next start."""
    server = hostile(hangs)
    with shipping(server, tmp_path, 1) as shipper:
        wait_for(lambda: bool(server.requests))
        shipper.finish(0.1)

        assert not shipper.is_alive
        assert len(list((tmp_path / "spool").iterdir())) == 1


def test_the_end_without_a_disk(serve: Callable[..., Server], tmp_path: Path) -> None:
    """What only memory has is sent before the agent ends, in order and once."""
    server = serve(ACCEPTED)
    (tmp_path / "file").touch()
    spool = Spool(str(tmp_path / "file" / "spool"), 1 << 20)
    with client_of(server) as client:
        shipper = Shipper(spool, client, Eras("ab"))
        shipper.start()
        for seq in range(3):
            spool.append("ab", seq, b"%d" % seq)
        spool.hold("ab", 3, b"3")
        shipper.finish()

    assert bodies(server) == [b"0", b"1", b"2", b"3"]
    assert (spool.unwritten, spool.refused, spool.dropped_io) == (0, 3, 0)


def test_the_end_interrupts_a_wait(serve: Callable[..., Server], tmp_path: Path) -> None:
    """An agent that ends while it waits for its next attempt makes that attempt."""
    server = serve(short(503, "Retry-After: 3000"), ACCEPTED)
    with shipping(server, tmp_path, 2) as shipper:
        wait_for(lambda: shipper.failed_attempts == 1)

    assert bodies(server) == [b"0", b"0", b"1"]
    assert shipper.delivered == 2


def test_another_collector(
    hostile: Callable[..., Server], serve: Callable[..., Server], tmp_path: Path
) -> None:
    """What one that hangs does not take goes to another as soon as that is configured."""
    old, new = hostile(hangs), serve(ACCEPTED)
    with shipping(old, tmp_path, 1) as shipper, client_of(new) as client:
        wait_for(lambda: bool(old.requests))
        shipper.use(client)
        wait_for(lambda: shipper.delivered == 1)

    assert bodies(new) == [b"0"]
    assert shipper.failed_attempts == 1


@pytest.mark.usefixtures("quick")
def test_tokens_are_not_logged(
    serve: Callable[..., Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, the log has the reason and not the token."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    server = serve(short(401), b"garbage\r\n\r\n", short(503))
    with shipping(server, tmp_path, 1, token_file=str(tmp_path / "token")) as shipper:
        wait_for(lambda: shipper.failed_attempts >= 3)
        (tmp_path / "token").write_text(f"{TOKEN} {TOKEN}\n")
        wait_for(lambda: "is not one word of printable ASCII" in caplog.text)
        (tmp_path / "token").unlink()
        wait_for(lambda: "No such file or directory" in caplog.text)

    assert "401" in caplog.text
    assert TOKEN not in caplog.text
