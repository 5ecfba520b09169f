"""Rules of the running collector: a real process, real sockets on loopback, a real kill."""

import dataclasses
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest
from collectors import PROGRAM, Collector, Reply, batch_bytes, call, post, write_certificates
from failing_disk import fill, small

from modpulse.agent.batch.batch import FIRST_BYTE, ProxyWindow
from modpulse.agent.batch.sketch import Sketch
from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say
from modpulse.collector.config import Config
from modpulse.collector.errors import BusyError
from modpulse.collector.server.process import listen

TOKEN = "0123456789abcdef"


def proxies(collector: Collector, **headers: str) -> dict[str, dict[str, object]]:
    """Return the document's proxies by name."""
    reply = call(collector, "GET", "/api/v1/proxies", **headers)
    return {proxy["proxy"]: proxy for proxy in reply.body["proxies"]}


def requests_of(collector: Collector, proxy: str = "https://good.example") -> object:
    """Return how many requests the collector knows of a proxy, after the next judgement."""
    for _ in range(200):
        if read_back(collector) and proxy in (found := proxies(collector)):
            return found[proxy]["requests"]
        threading.Event().wait(0.05)
    return None


def read_back(collector: Collector) -> bool:
    """Whether it knows all of the time before its start."""
    return call(collector, "GET", "/readyz").body["reading_back"] is None


def test_new_duplicate_and_poison(collector: Collector) -> None:
    """202 for a new batch, 200 for a known one, 400 for what is none, 415 for another type."""
    collector.start()
    new, known = post(collector, batch_bytes()), post(collector, batch_bytes())
    poison = post(collector, b"\x93\x01\x02")

    assert (new.status, new.body) == (202, {"duplicate": False})
    assert (known.status, known.body) == (200, {"duplicate": True})
    assert (poison.status, list(poison.body)) == (400, ["error"])
    assert post(collector, b"{}", Content_Type="application/json").status == 415
    assert post(collector, batch_bytes(seq=1), Content_Encoding="gzip").status == 415


def test_get_what_is_there(collector: Collector) -> None:
    """Health, readiness and proxies answer JSON; other paths and methods are told so."""
    collector.start()
    while not read_back(collector):
        threading.Event().wait(0.05)

    assert call(collector, "GET", "/healthz").body == {"alive": True}
    assert call(collector, "GET", "/readyz").body == {
        "ready": True,
        "reason": None,
        "reading_back": None,
    }
    assert call(collector, "GET", "/api/v1/proxies").body["proxies"] == []
    assert call(collector, "GET", "/nowhere").status == 404
    assert call(collector, "GET", "/api/v1/batches").headers["allow"] == "POST"
    assert call(collector, "DELETE", "/api/v1/proxies").status == 405


def test_oversize(collector: Collector) -> None:
    """More than the limit is 413, announced or not, and the connection ends."""
    collector.keys["max_batch_bytes"] = 10_000
    collector.start()
    announced = post(collector, b"x" * 10_001)
    with socket.create_connection(("127.0.0.1", collector.port), timeout=30) as raw:
        raw.sendall(
            b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/msgpack\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        )
        raw.sendall((b"1000\r\n" + b"x" * 0x1000 + b"\r\n") * 2)
        chunked = raw.makefile("rb").read()

    assert (announced.status, announced.headers["connection"]) == (413, "close")
    assert chunked.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("length", "status"), [("0" * 5000 + "1", 400), ("9" * 30, 400), ("9" * 19, 413)]
)
def test_a_length_of_many_digits(collector: Collector, length: str, status: int) -> None:
    """An announced length is a number, however many zeros precede it."""
    collector.start()
    with socket.create_connection(("127.0.0.1", collector.port), timeout=30) as raw:
        raw.sendall(
            b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/msgpack\r\n"
            b"Content-Length: %b\r\nConnection: close\r\n\r\n\xc1" % length.encode()
        )
        answer = raw.makefile("rb").readline()

    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", b""),
        (
            b"POST /api/v1/batches HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/msgpack\r\n"
            b"Content-Length: 100\r\n\r\nhalf",
            b"HTTP/1.1 408 ",
        ),
        (b"\x16\x03\x01 not HTTP\r\n\r\n", b"HTTP/1.1 400 "),
    ],
)
def test_slow_clients_are_cut_off(collector: Collector, sent: bytes, answer: bytes) -> None:
    """A head or a body that does not come in time ends the connection."""
    collector.keys["read_timeout_seconds"] = 0.3
    collector.start()
    with socket.create_connection(("127.0.0.1", collector.port), timeout=30) as raw:
        raw.sendall(sent)

        assert raw.makefile("rb").read().startswith(answer)


def test_endless_head(collector: Collector) -> None:
    """A head that never ends is cut off at its bound."""
    collector.start()
    with socket.create_connection(("127.0.0.1", collector.port), timeout=30) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\n")
        try:
            for _ in range(64):
                raw.sendall(b"X-More: " + b"x" * 65_536 + b"\r\n")
            ended = raw.makefile("rb").read().startswith(b"HTTP/1.1 431 ")
        except ConnectionError:
            ended = True

    assert ended
    assert call(collector, "GET", "/healthz").status == 200


def test_tokens(collector: Collector) -> None:
    """With a token file a token is needed for everything but health; any of the file will do."""
    tokens = collector.directory / "tokens"
    tokens.write_text(f"# agents\n{TOKEN}\n\nanother-long-token\n")
    collector.keys["token_file"] = str(tokens)
    collector.start()
    nobody = post(collector, batch_bytes())

    assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer")
    # Whole: what takes credentials out of it takes no word for one.
    assert nobody.body == {"error": "a token or a client certificate is needed"}
    assert post(collector, batch_bytes(), Authorization="Bearer wrong").status == 401
    assert post(collector, batch_bytes(), Authorization=f"Bearer {TOKEN}").status == 202
    assert call(collector, "GET", "/api/v1/proxies").status == 401
    assert proxies(collector, Authorization="bearer another-long-token") is not None
    assert call(collector, "GET", "/healthz").status == 200
    collector.keys["token_file"] = ""
    refused = run_status(collector)
    assert refused.stderr.endswith("answers 401: a token or a client certificate is needed\n")


def test_who_was_dropped_is_told(collector: Collector) -> None:
    """A token that goes beyond a bound is named by its place in the file, as is a bad batch's."""
    tokens = collector.directory / "tokens"
    tokens.write_text(f"# agents\n{TOKEN}\n\nanother-long-token\n")
    collector.keys["token_file"] = str(tokens)
    collector.start()
    for seq in range(3):
        windows = tuple(ProxyWindow(proxy=f"https://p{32 * seq + n}.example") for n in range(32))
        post(
            collector,
            batch_bytes(seq=seq, windows=windows),
            Authorization="Bearer another-long-token",
        )
    post(collector, b"\xc1", Authorization=f"Bearer {TOKEN}")
    document = call(collector, "GET", "/api/v1/proxies", Authorization=f"Bearer {TOKEN}").body
    status = run_status(collector)

    assert document["overflow"]["MAX_PROXIES_PER_AGENT"] == 32
    assert document["dropped_of"] == {"token 2": 32}
    assert "Who shipped most of what was dropped: 32 of token 2." in status.stdout
    assert any('batch.rejected status=400 caller="token 1"' in line for line in collector.log)


def test_client_certificates(collector: Collector) -> None:
    """Over TLS a client certificate may ship as its own name, and only that."""
    folder = collector.directory
    write_certificates(folder, "build-1")
    (folder / "tokens").write_text(TOKEN)
    collector.keys |= {
        "tls_certificate": folder / "server.pem",
        "tls_key": folder / "server.pem",
        "tls_client_ca": folder / "ca.pem",
        "token_file": folder / "tokens",
        "ca_file": folder / "ca.pem",
    }
    collector.start()
    anybody = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    build_1 = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    build_1.load_cert_chain(folder / "build-1.pem")

    def ship(context: ssl.SSLContext, agent_id: str, **headers: str) -> int:
        return post(collector, batch_bytes(agent_id=agent_id), context, **headers).status

    assert ship(anybody, "build-1") == 401
    assert ship(build_1, "build-1") == 202
    assert ship(build_1, "build-1.example") == 202
    assert ship(build_1, "build-2") == 403
    assert call(collector, "GET", "/api/v1/proxies", None, build_1).status == 403
    assert call(collector, "GET", "/api/v1/audit", None, build_1).status == 403
    assert ship(anybody, "build-2", Authorization=f"Bearer {TOKEN}") == 202
    assert run_status(collector).returncode == 0


def run_status(collector: Collector, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run `modpulse status` against it, with its configuration."""
    settings = {f"MODPULSE_COLLECTOR_{k.upper()}": str(v) for k, v in collector.keys.items()}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "status", "--url", collector.url, *flags],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_status(collector: Collector) -> None:
    """`status` prints a row per proxy without colour into a pipe; `--json` the API's document."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    post(collector, batch_bytes(ok=8))
    requests_of(collector)
    table, document = run_status(collector), run_status(collector, "--json")

    assert "https://good.example  healthy" in table.stdout
    assert "\x1b" not in table.stdout
    assert '"schema": 1' in document.stdout


def test_status_on_a_terminal(collector: Collector) -> None:
    """On a terminal the state is coloured and lines fit its width; NO_COLOR takes the colour."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    post(collector, batch_bytes(ok=8))
    requests_of(collector)
    shown = []
    for extra in ({}, {"NO_COLOR": "1"}):
        master, slave = os.openpty()
        termios.tcsetwinsize(slave, (24, 72))
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
        with open(master, "rb", buffering=0) as screen:
            subprocess.run(
                [sys.executable, "-c", PROGRAM, "status", "--url", collector.url],
                env=environment | extra,
                stdout=slave,
                timeout=60,
                check=True,
            )
            shown.append(screen.read(65_536).decode())
            os.close(slave)

    assert "\x1b[32mhealthy\x1b[0m" in shown[0]
    assert "\x1b" not in shown[1]
    assert "healthy" in shown[1]
    assert max(len(line) for line in shown[1].splitlines()) <= 72


def test_good_slow_and_failing(collector: Collector) -> None:
    """From bytes to table: good is healthy, slow degraded, failing down with the right cause."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    quick, slow = Sketch(), Sketch()
    for _ in range(12):
        quick.add(30_000_000)
        slow.add(2_520_000_000)
    windows = (
        ProxyWindow(proxy="https://a", requests=12, sketches={FIRST_BYTE: quick.to_bytes()}),
        ProxyWindow(proxy="https://b", requests=12, sketches={FIRST_BYTE: slow.to_bytes()}),
        ProxyWindow(proxy="https://c", requests=8, failures={"http.5xx": 5, "tls.expired": 3}),
    )
    post(collector, batch_bytes(windows=windows))
    for _ in range(100):
        found = proxies(collector)
        if found and found["https://b"]["state"] == "degraded":
            break
        threading.Event().wait(0.05)

    assert {name: proxy["state"] for name, proxy in found.items()} == {
        "https://a": "healthy",
        "https://b": "degraded",
        "https://c": "down",
    }
    assert found["https://c"]["top_cause"] == "http.5xx"
    assert found["https://c"]["scope"] == "host"


def test_kill_loses_nothing_that_was_answered(collector: Collector) -> None:
    """After `kill -9` in the middle of ingest every batch that was answered 202 is known."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    answered: list[int] = []
    numbers = count()
    enough = threading.Event()

    def ship() -> None:
        while True:
            seq = next(numbers)
            try:
                reply = post(collector, batch_bytes(seq=seq, ok=1))
            except (OSError, HTTPException):
                return
            if reply.status != 202:
                return
            answered.append(seq)
            if len(answered) >= 200:
                enough.set()

    shippers = [threading.Thread(target=ship) for _ in range(8)]
    for shipper in shippers:
        shipper.start()
    assert enough.wait(60)
    collector.kill()
    for shipper in shippers:
        shipper.join(60)
    sent = next(numbers)
    collector.start()
    known = {
        seq for seq in range(sent) if post(collector, batch_bytes(seq=seq, ok=1)).status == 200
    }
    collector.stop()
    collector.start()

    assert set(answered) <= known
    # Each batch is one request: the rebuilt evidence holds each exactly once.
    assert requests_of(collector) == sent


def test_state_survives_a_restart(collector: Collector) -> None:
    """State and since are as before the restart, the evidence too."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    post(collector, batch_bytes(ok=9, failing="https://bad.example"))
    requests_of(collector)
    before = proxies(collector)
    threading.Event().wait(0.3)  # states are written with the next window
    stopped = collector.stop()
    collector.start()
    requests_of(collector)
    after = proxies(collector)

    assert stopped == 0
    for proxy in before:
        assert (after[proxy]["state"], after[proxy]["since"], after[proxy]["requests"]) == (
            before[proxy]["state"],
            before[proxy]["since"],
            before[proxy]["requests"],
        )
    assert after["https://bad.example"]["state"] == "down"
    assert after["https://bad.example"]["top_cause"] == "tcp.refused"


def test_skewed_clock(collector: Collector) -> None:
    """An agent whose clock is an hour slow says so with Date, and its windows count as of now."""
    collector.keys["window_seconds"] = 0.1
    collector.start()
    slow = datetime.now(UTC) - timedelta(hours=1)
    body = batch_bytes(ok=8, end_ns=int(slow.timestamp()) * 1_000_000_000)
    post(collector, body, Date=format_datetime(slow, usegmt=True))

    assert requests_of(collector) == 8


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "noon", ""]
)
def test_dates_that_are_no_clock(collector: Collector, date: str) -> None:
    """A Date that no clock shows corrects nothing."""
    collector.keys["window_seconds"] = 0.1
    collector.start()

    assert post(collector, batch_bytes(ok=8), Date=date).status == 202
    assert requests_of(collector) == 8


def test_largest_numbers_and_strange_names(collector: Collector) -> None:
    """A valid batch at every bound is taken, judged, shown and replayed like any other."""
    count, seen = (1 << 32) - 1, ProxyWindow(proxy="https://…" + "x" * 501)
    window = dataclasses.replace(
        seen,
        requests=count,
        failures={"new.class": count},
        body_bytes=(1 << 63) - 1,
        handshakes=count,
        bad_certificates={"new.class": count},
        sketches={FIRST_BYTE: Sketch({640: count, -957: count}).to_bytes(), "new": b""},
        resolvers=("\n",),
    )
    collector.keys["window_seconds"] = 0.1
    collector.start()
    ends = [0, (1 << 63) - 1]
    statuses = [
        post(collector, batch_bytes(seq=seq, end_ns=end_ns, windows=(window,))).status
        for seq, end_ns in enumerate(ends)
    ]
    requests_of(collector, say(window.proxy))
    table = run_status(collector)
    stopped = collector.stop()
    collector.start()

    assert (statuses, table.returncode, stopped) == ([202, 202], 0, 0)
    assert "\x1b" not in table.stdout
    assert requests_of(collector, say(window.proxy)) == count


def test_watchdog_and_readiness(collector: Collector) -> None:
    """systemd is told READY once it serves, WATCHDOG while it works and STOPPING at the end."""
    path = str(collector.directory / "notify")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(path)
        manager.settimeout(30)
        collector.start(NOTIFY_SOCKET=path, WATCHDOG_USEC="100000")
        first = {manager.recv(100) for _ in range(3)}
        os.kill(collector.pid, signal.SIGTERM)
        last = manager.recv(100)
        while last == b"WATCHDOG=1":
            last = manager.recv(100)

    assert first == {b"READY=1", b"WATCHDOG=1"}
    assert last == b"STOPPING=1"
    assert collector.stop() == 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"listen": "0.0.0.0:0"}, "beyond loopback needs"),
        ({"listen": "192.0.2.1:0", "token_file": "t"}, "beyond loopback needs"),
        ({"token_file": "/dev/null"}, "token_file = '/dev/null': a device, not a regular file"),
        ({"token_file": "/missing/tokens"}, "No such file"),
        ({"tls_certificate": "/dev/null", "tls_key": "/dev/null"}, "tls_certificate = '/dev/null'"),
        ({"database": "/dev/null/c.db"}, "cannot be opened"),
    ],
)
def test_refuses_to_start(tmp_path: Path, keys: dict[str, str], words: str) -> None:
    """A start that cannot be right ends with one line and exit code 2."""
    settings = {"listen": "127.0.0.1:0", "database": str(tmp_path / "c.db")} | keys
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve"],
        env=os.environ | {f"MODPULSE_COLLECTOR_{k.upper()}": v for k, v in settings.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("[fe80::1%nope]:0", ConfigError, "no such network interface"),
        ("[fe80::1%99999]:0", ConfigError, "Invalid argument"),
        ("[fe80::1]:0", ConfigError, "Invalid argument"),
        ("192.0.2.1:0", BusyError, "Cannot assign requested address"),
    ],
)
def test_an_address_that_cannot_be_bound(address: str, error: type[Exception], words: str) -> None:
    """What no other start can bind is a mistake; an address may come late at boot."""
    with pytest.raises(error, match=re.escape(f"listen = '{address}': {words}")):
        listen(Config(listen=address))


def test_port_in_use(collector: Collector) -> None:
    """A port that is taken is one line too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        collector.keys["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AssertionError, match="Address already in use"):
            collector.start()


def test_disk_full(collector: Collector) -> None:
    """A full disk is 503 with Retry-After, the process lives, and room makes it ready again."""
    with small(collector.directory / "small") as mount:
        collector.keys |= {"database": str(mount / "c.db"), "window_seconds": 2}
        collector.start()
        fill(mount)
        refused: list[Reply] = [post(collector, batch_bytes(seq=seq)) for seq in range(3)]
        unready = call(collector, "GET", "/readyz")
        (mount / "ballast").unlink()
        for _ in range(200):
            if call(collector, "GET", "/readyz").status == 200:
                break
            threading.Event().wait(0.05)
        ready = call(collector, "GET", "/readyz")
        taken = post(collector, batch_bytes(seq=0))

    assert {reply.status for reply in refused} == {503}
    assert refused[0].headers["retry-after"] == "30"
    assert (unready.status, ready.status, taken.status) == (503, 200, 202)
