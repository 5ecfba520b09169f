"""Rules of the door: what a stranger can make a running collector hold, and for how long."""

import contextlib
import os
import re
import resource
import select
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from attacks import ATTACKS, BOTH, GET, KNOWN_POST, MIB, POST, TOKEN, Attack
from collectors import PROGRAM, Collector, batch_bytes, call, post, write_certificates
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from modpulse.agent.batch.batch import MAX_BATCH_BYTES
from modpulse.collector.server.door import LOG_EVERY_S

KNOWN = {"Authorization": f"Bearer {TOKEN}"}
READ_S = 0.4
CROWD = 40
"""More than the 32 places that one source has of 512 connections."""
MUCH_BYTES = 16 << 20
"""What no attacker gets rid of; the buffers of the kernel take some MB of it."""
GROWN_BYTES = 32 << 20
"""An attack that is not cut off brings GiB."""
PATIENCE_S = 60.0
"""Far beyond every deadline: what ends is ended by the collector, not by the test."""

CASES = [(name, mode) for name, attack in ATTACKS.items() for mode in attack.modes]


IDLE_DESCRIPTORS: dict[str, int] = {}
"""What each collector holds when nobody is there."""


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Collector]]:
    """One collector with and one without TLS, with short deadlines and few places."""
    made = {}
    for mode in BOTH:
        folder = tmp_path_factory.mktemp(mode)
        (folder / "tokens").write_text(TOKEN)
        made[mode] = Collector(folder, token_file=folder / "tokens", read_timeout_seconds=READ_S)
        made[mode].keys["max_connections"] = 512
        if mode == "tls":
            write_certificates(folder)
            made[mode].keys |= dict.fromkeys(("tls_certificate", "tls_key"), folder / "server.pem")
        made[mode].start()
        assert ship(made[mode]) == 202
        time.sleep(2 * READ_S)
        IDLE_DESCRIPTORS[mode] = descriptors(made[mode])
    yield made
    for collector in made.values():
        collector.end()


def context_of(collector: Collector) -> ssl.SSLContext | None:
    """What a client needs to trust it."""
    ca = collector.directory / "ca.pem"
    return ssl.create_default_context(cafile=str(ca)) if ca.exists() else None


def dial(collector: Collector, below_tls: bool = False) -> socket.socket:
    """Connect; with TLS where the collector has it."""
    sock = socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE_S)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    context = None if below_tls else context_of(collector)
    if context is None:
        return sock
    try:
        return context.wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
    except OSError:
        sock.close()
        raise


def attack(collector: Collector, how: Attack) -> bytes:
    """Do it until the collector ends the connection; returns what it answered."""
    answer, sent, more = b"", 0, how.stream or how.drip
    until = time.monotonic() + PATIENCE_S
    hears, says, waiting = how.then not in ("deaf", "reset"), bool(more), memoryview(b"")
    with contextlib.suppress(OSError), dial(collector, how.below_tls) as sock:
        sock.sendall(how.opening)
        sock.setblocking(False)
        end(sock, how.then)
        while hears or says:
            assert time.monotonic() < until, "it holds the connection"
            assert sent < MUCH_BYTES, "it takes everything"
            select.select([sock] if hears else [], [sock] if how.stream else [], [], 0.02)
            with contextlib.suppress(*NOT_NOW):
                waiting = waiting or memoryview(more)
                try:
                    taken = sock.send(waiting) if says else 0
                except ConnectionError:
                    says = False
                else:
                    sent, waiting = sent + taken, waiting[taken:]
            with contextlib.suppress(*NOT_NOW):
                part = sock.recv(65_536) if hears else b""
                answer, hears = answer + part, bool(part)
    return answer


def end(sock: socket.socket, how: str) -> None:
    """Say that we send no more, in one of the ways there are."""
    if how == "fin":
        socket.socket.shutdown(sock, socket.SHUT_WR)
    elif how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(sock)
    elif how == "notify":
        assert isinstance(sock, ssl.SSLSocket)
        with contextlib.suppress(ssl.SSLWantReadError):
            sock.unwrap()


def descriptors(collector: Collector) -> int:
    """How many the process holds."""
    return len(os.listdir(f"/proc/{collector.pid}/fd"))


def resident_bytes(collector: Collector) -> int:
    """Memory of the process."""
    with open(f"/proc/{collector.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


NOT_NOW = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError)
SEQ = count()


def ship(collector: Collector) -> int:
    """Ship as an agent does that has just started; returns the status.

    It is tried again where those who came later from the same address took its place: an agent is
    one of them until it has said its token.
    """
    body, until = batch_bytes(seq=next(SEQ)), time.monotonic() + PATIENCE_S
    while True:
        try:
            return post(collector, body, context_of(collector), **KNOWN).status
        except (ConnectionError, ssl.SSLEOFError):
            if time.monotonic() > until:
                raise


def settled(collector: Collector, wanted: int) -> int:
    """Return how many descriptors are held once they are no more than `wanted`."""
    until = time.monotonic() + PATIENCE_S
    while (held := descriptors(collector)) > wanted and time.monotonic() < until:
        time.sleep(0.02)
    return held


@pytest.mark.parametrize(("name", "mode"), CASES, ids=[f"{n}, {m}" for n, m in CASES])
def test_a_stranger_gets_nowhere(doors: dict[str, Collector], name: str, mode: str) -> None:
    """A crowd does it, and agents ship, health answers, and nothing is held afterwards."""
    collector, how = doors[mode], ATTACKS[name]
    assert ship(collector) == 202
    held, resident = IDLE_DESCRIPTORS[mode], resident_bytes(collector)
    answer = attack(collector, how)
    with ThreadPoolExecutor(CROWD) as pool:
        crowd = [pool.submit(attack, collector, how) for _ in range(CROWD)]
        shipped = [ship(collector) for _ in range(3)]
        health = call(collector, "GET", "/healthz", None, context_of(collector)).status
        for one in crowd:
            one.result()

    assert (shipped, health) == ([202] * 3, 200)
    if how.answer is not None:
        assert answer.startswith(how.answer) if how.answer else answer == b""
    assert b"\r\nconnection: close\r\n" in answer or answer[:5] != b"HTTP/"
    assert settled(collector, held) <= held
    # Bodies of those who are known are held until they are too large; libc keeps what they had.
    bodies = CROWD * MAX_BATCH_BYTES if how.opening.startswith(KNOWN_POST) else 0
    assert resident_bytes(collector) - resident < GROWN_BYTES + bodies


def test_silent_sockets_lock_nobody_out(doors: dict[str, Collector]) -> None:
    """600 silent sockets, more than there are connections, and more of them all the time."""
    for collector in doors.values():
        with contextlib.ExitStack() as stack:
            for _ in range(600):
                stack.enter_context(dial(collector, below_tls=True))
            assert ship(collector) == 202
        door = figures(collector)
        assert door["evicted"] >= 500
        assert settled(collector, 64) <= 64


def figures(collector: Collector) -> dict[str, int]:
    """What the API says of the door."""
    answer = call(collector, "GET", "/api/v1/proxies", None, context_of(collector), **KNOWN)
    door: dict[str, int] = answer.body["door"]
    return door


def closed_on(collector: Collector) -> int:
    """How often the log told of the door."""
    return sum("door.closed_on" in line for line in collector.log)


def test_everything_is_counted_and_told_once(doors: dict[str, Collector]) -> None:
    """Each way to be closed on has a counter in the API; the log has a line a minute at most."""
    collector, began = doors["plain"], time.monotonic()
    before, lines = figures(collector), closed_on(collector)
    for name in ("silence", "half a head and FIN", "head by the byte", "head without end"):
        attack(collector, ATTACKS[name])
    for name in ("401, body slowly", "length and chunks", "401, chunks"):
        attack(collector, ATTACKS[name])
    attack(collector, Attack(GET * 2, answer=b"HTTP/1.1 200 "))
    after = figures(collector)
    grown = {name for name, number in after.items() if number > before.get(name, 0)}

    names = {"late_head", "long_head", "unauthorized", "late_close", "malformed", "long_close"}
    assert names | {"pipelined", "accepted"} <= grown
    assert (after["known_max"], after["strangers_max"]) == (448, 64)
    assert closed_on(collector)
    assert closed_on(collector) - lines <= 1 + (time.monotonic() - began) // LOG_EVERY_S


def test_places_of_those_we_know(collector: Collector) -> None:
    """Beyond them an agent is told to come again, and one that leaves makes room."""
    (collector.directory / "tokens").write_text(TOKEN)
    collector.keys |= {"token_file": collector.directory / "tokens", "max_connections": 8}
    collector.start()
    request = POST + b"Authorization: Bearer " + TOKEN.encode()
    request += b"\r\nContent-Length: 1\r\n\r\n\xc1"
    with contextlib.ExitStack() as stack:
        agents = []
        for _ in range(7):
            agent = stack.enter_context(dial(collector))
            agents.append(agent)
            agent.sendall(request)
            assert agent.recv(65_536).startswith(b"HTTP/1.1 400 ")
        refused = post(collector, batch_bytes(), **KNOWN)
        health = call(collector, "GET", "/healthz")
        agents[0].sendall(request)  # who is in goes on
        assert agents[0].recv(65_536).startswith(b"HTTP/1.1 400 ")
        held = descriptors(collector)
        agents[1].close()
        settled(collector, held - 1)
        taken = post(collector, batch_bytes(), **KNOWN)

    assert (refused.status, refused.headers["retry-after"], health.status) == (503, "2", 200)
    assert refused.headers["connection"] == "close"
    assert taken.status == 202


def test_one_token_fills_no_others_places(collector: Collector) -> None:
    """Connections of one take all places, and another's agent finds one: the longest quiet goes."""
    other = "fedcba9876543210"
    (collector.directory / "tokens").write_text(f"{TOKEN}\n{other}\n")
    collector.keys |= {"token_file": collector.directory / "tokens", "max_connections": 8}
    collector.start()
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            sock = stack.enter_context(dial(collector))
            sock.sendall(KNOWN_POST + b"Content-Length: 1\r\n\r\n\xc1")
            assert sock.recv(65_536).startswith(b"HTTP/1.1 400 ")
        same = post(collector, batch_bytes(), **KNOWN)
        others = post(collector, batch_bytes("build-2"), Authorization=f"Bearer {other}")
        door = figures(collector)

    assert (same.status, others.status) == (503, 202)
    assert (door["crowded"], door["crowded_out"]) == (1, 1)


def test_bodies_of_one_token_at_once(collector: Collector) -> None:
    """Hundreds of the largest that never end take a share of memory; the others are told to come
    again, and so small batches of the same token are taken, and those of another."""
    other = "fedcba9876543210"
    (collector.directory / "tokens").write_text(f"{TOKEN}\n{other}\n")
    collector.keys |= {"token_file": collector.directory / "tokens", "read_timeout_seconds": 60}
    collector.start()
    resident = resident_bytes(collector)
    head = (
        POST + b"Authorization: Bearer " + TOKEN.encode() + b"\r\nContent-Length: 1048576\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        flood = []
        for _ in range(400):
            sock = stack.enter_context(dial(collector))
            with contextlib.suppress(ConnectionError):
                sock.sendall(head + MIB[:-1])
            flood.append(sock)
        grown = resident_bytes(collector) - resident
        shipped = [ship(collector) for _ in range(3)]
        others = post(collector, batch_bytes("build-2"), Authorization=f"Bearer {other}").status
        door = figures(collector)
        told = [sock.recv(65_536)[:12] for sock in select.select(flood, [], [], 0)[0]]

    assert grown < 360 << 20  # all of them would be 400
    assert (shipped, others) == ([202] * 3, 202)
    assert 0 < door["held_bytes"] <= door["held_bytes_max"] // 3
    assert door["no_room"] >= 200
    assert b"HTTP/1.1 503" in told


def test_an_agent_keeps_its_connection(doors: dict[str, Collector]) -> None:
    """Who is known asks again on the same connection, also after a batch that is none."""
    for collector in doors.values():
        with dial(collector) as sock, sock.makefile("rb") as answers:
            for body, status in ((b"\xc1", b"400"), (batch_bytes(seq=next(SEQ)), b"202")) * 2:
                head = POST + b"Authorization: Bearer " + TOKEN.encode()
                sock.sendall(head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                length = 0
                first = answers.readline()
                while (line := answers.readline()) != b"\r\n":
                    if line.startswith(b"content-length:"):
                        length = int(line.split()[1])
                answers.read(length)
                assert first.split()[1] in (status, b"200")


def test_descriptors_that_others_took(collector: Collector) -> None:
    """Where no descriptor is left, strangers make room, it is counted, and agents ship."""
    (collector.directory / "tokens").write_text(TOKEN)
    collector.keys |= {"token_file": collector.directory / "tokens", "max_connections": 512}
    collector.start()
    free = descriptors(collector) + 8
    resource.prlimit(collector.pid, resource.RLIMIT_NOFILE, (free, free))
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(dial(collector))
        shipped = ship(collector)
    settled(collector, free - 8)

    assert shipped == 202
    assert figures(collector)["no_descriptors"] > 0


def test_descriptors_are_asked_for_at_the_start(tmp_path: Path) -> None:
    """The soft limit is raised; a hard one that is too low ends the start with one line."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    collector = Collector(tmp_path, max_connections=500)

    def lower(soft: int, hard: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    try:
        lower(300, limits[1])
        collector.start()
        assert resource.prlimit(collector.pid, resource.RLIMIT_NOFILE)[0] == 628
        collector.stop()
    finally:
        lower(*limits)
        collector.end()
    settings = {"MODPULSE_COLLECTOR_LISTEN": "127.0.0.1:0"}
    settings["MODPULSE_COLLECTOR_DATABASE"] = str(tmp_path / "c.db")
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 300; exec "$0" "$@"', sys.executable, "-c", PROGRAM, "serve"],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "max_connections = 12000: needs 12128 descriptors, 300 are allowed" in done.stderr
    assert done.stderr.count("\n") == 1


def expand(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label of RFC 8446 section 7.1, without a context."""
    label = b"tls13 " + label
    info = struct.pack("!HB", length, len(label)) + label + b"\0"
    return HKDFExpand(hashes.SHA384(), length, info).derive(secret)


def key_updates(secret: bytes, number: int) -> bytes:
    """Records in each of which a client takes a new key and asks for one (section 4.6.3)."""
    records = bytearray()
    for _ in range(number):
        inner = b"\x18\0\0\x01\x01" + b"\x16"
        head = struct.pack("!BHH", 23, 0x0303, len(inner) + 16)
        key, nonce = expand(secret, b"key", 32), expand(secret, b"iv", 12)
        records += head + AESGCM(key).encrypt(nonce, inner, head)
        secret = expand(secret, b"traffic upd", 48)
    return bytes(records)


def test_records_of_a_byte(doors: dict[str, Collector]) -> None:
    """TLS that is nearly all frame and no word is cut off, whoever sends it."""
    collector = doors["tls"]
    before = figures(collector).get("mute_tls", 0)
    with dial(collector) as sock, contextlib.suppress(OSError):
        sock.sendall(KNOWN_POST + b"Content-Length: 1000000\r\n\r\n")
        for _ in range(1_000_000):
            sock.send(b"x")

    assert figures(collector)["mute_tls"] == before + 1


def test_keys_that_change_all_the_time(collector: Collector, tmp_path: Path) -> None:
    """TLS that never says a word of HTTP is cut off by bytes, not only by time."""
    write_certificates(tmp_path)
    (tmp_path / "tokens").write_text(TOKEN)
    collector.keys |= dict.fromkeys(("tls_certificate", "tls_key"), tmp_path / "server.pem")
    collector.keys |= {"token_file": tmp_path / "tokens"}
    collector.start()
    resident = resident_bytes(collector)
    context = ssl.create_default_context(cafile=str(collector.directory / "ca.pem"))
    context.keylog_filename = str(tmp_path / "keys")
    bare = socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE_S)
    with bare, context.wrap_socket(bare, server_hostname="127.0.0.1") as sock:
        assert sock.cipher()[0] == "TLS_AES_256_GCM_SHA384"
        (line,) = re.findall(r"CLIENT_TRAFFIC_SECRET_0 \w+ (\w+)", (tmp_path / "keys").read_text())
        flood = key_updates(bytes.fromhex(line), 4000)
        with contextlib.suppress(ConnectionError):
            socket.socket.sendall(sock, flood)
            while socket.socket.recv(sock, 65_536):
                pass

    assert figures(collector)["mute_tls"] == 1
    assert resident_bytes(collector) - resident < GROWN_BYTES
