"""Rules of delivery, with a real collector and receivers that fail in every way."""

import asyncio
import hashlib
import hmac
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from alarms import Run, down
from collectors import PROGRAM, Collector, call, write_certificates
from outages import SICK, document, fail, quick, recover, until
from receivers import Behaviour, answer, close, cut, garbage, hang, receiving, reset

from modpulse.collector.alerts.notice import Notice, Outcome, Waiting
from modpulse.collector.channels import sender
from modpulse.collector.channels.channel import Channel
from modpulse.collector.channels.sender import Sender
from modpulse.collector.errors import StoreUnavailableError

SECRET = "5ca1ab1e-5ca1ab1e"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the database and the secrets are."""
    (tmp_path / "secret").write_text(f"# of the hook\n{SECRET}\n")
    return tmp_path


def hook(url: str, name: str = "hook", **keys: str) -> str:
    """One `[[channel]]` table of a webhook."""
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[channel]]\nname = "{name}"\nkind = "webhook"\nurl = "{url}"\n{lines}'


def running(made: Collector) -> Iterator[Collector]:
    """Start it and leave nothing running."""
    try:
        yield made.start()
    finally:
        made.end()


def test_an_outage_arrives_once_and_its_end_once(folder: Path) -> None:
    """Two requests, signed, with the words of a person and the incident as the API has it."""
    with receiving() as receiver:
        tables = hook(receiver.url, secret_file=f'"{folder / "secret"}"')
        for collector in running(quick(folder, tables)):
            fail(collector)
            receiver.wait(1)
            recover(collector)
            receiver.wait(2)
            shown = until(collector, lambda d: d["channels"][0]["delivered"] == 2)
            (incident,) = shown["incidents"]
    opened, closed = receiver.bodies()

    assert [body["kind"] for body in (opened, closed)] == ["opened", "closed"]
    assert opened["title"] == "[P0] sick.example is down"
    assert opened["incident"]["proxies"] == [SICK]
    assert closed["incident"]["state"] == "closed"
    assert (opened["notice"], closed["notice"]) == (f"{incident['id']}.1", f"{incident['id']}.2")
    assert shown["channels"][0] | {"last_delivered": ""} == {
        "name": "hook", "kind": "webhook", "severities": ["P0", "P1", "P2"], "waiting": 0,
        "dead_since": None, "error": None, "last_delivered": "", "delivered": 2,
    }  # fmt: skip
    for _, headers, body in receiver.got:
        at, _, signed = headers["x-modpulse-signature"].partition(",v1=")
        expected = hmac.new(SECRET.encode(), at[2:].encode() + b"." + body, hashlib.sha256)
        assert signed == expected.hexdigest()


FAILURES: list[tuple[str, Behaviour, str]] = [
    ("500", answer(500, b"not  today\n"), "answered 500: not today"),
    ("404", answer(404), "answered 404"),
    ("redirect", answer(307, b"", "Location: http://127.0.0.1:1/"), "answered 307"),
    ("429", answer(429, b"", "Retry-After: 1"), "answered 429"),
    ("reset", reset, ""),
    ("close", close, "Remote end closed connection without response"),
    ("garbage", garbage, ""),
]


@pytest.mark.parametrize(("name", "behaviour", "words"), FAILURES, ids=[f[0] for f in FAILURES])
def test_a_receiver_that_fails_is_tried_again(
    folder: Path, name: str, behaviour: Behaviour, words: str
) -> None:
    """Whatever it does once, the notice arrives, and meanwhile its error is shown."""
    with receiving(behaviour) as receiver:
        for collector in running(quick(folder, hook(receiver.url))):
            fail(collector)
            receiver.wait(1)
            sick = until(collector, lambda d: d["channels"][0]["dead_since"])["channels"][0]
            receiver.wait(2)
            well = until(collector, lambda d: d["channels"][0]["delivered"])["channels"][0]

    assert words in sick["error"]
    assert sick["waiting"] == 1
    assert (well["dead_since"], well["error"], well["waiting"]) == (None, None, 0)
    first, second = receiver.bodies()
    assert first["notice"] == second["notice"]


def test_half_an_answer_200_is_an_arrival(folder: Path) -> None:
    """The status says that it was taken; who broke off after that is not told twice."""
    with receiving(cut) as receiver:
        for collector in running(quick(folder, hook(receiver.url))):
            fail(collector)
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)
            recover(collector)
            receiver.wait(2)

    assert [body["kind"] for body in receiver.bodies()] == ["opened", "closed"]


def test_a_dead_channel_holds_up_no_other(folder: Path) -> None:
    """One that hangs and one where nobody listens: the third hears at once, and of them too."""
    with receiving(hang, hang, hang) as hanging, receiving() as well:
        tables = "".join((
            hook(hanging.url, "hanging"), hook("http://127.0.0.1:1/", "gone"),
            hook(well.url, "well"),
        ))  # fmt: skip
        for collector in running(quick(folder, tables, channel_dead_for_seconds=0)):
            fail(collector)
            well.wait(2, seconds=10)
            shown = {c["name"]: c for c in document(collector)["channels"]}
            assert collector.stop() == 0
    titles = [body["title"] for body in well.bodies()]

    assert "Connection refused" in shown["gone"]["error"]
    assert titles[:2] == ["[P0] sick.example is down", "[P1] channel gone takes no notices"]


def test_kill_9_between_the_disk_and_the_channel(folder: Path) -> None:
    """What was written and not sent is sent after the restart: once."""
    with receiving() as receiver:
        url = receiver.url
    # Nobody listens there now: the notice waits.
    made = quick(folder, hook(url))
    for collector in running(made):
        fail(collector)
        until(collector, lambda d: d["channels"][0]["waiting"] == 1)
        collector.kill()
        with receiving() as receiver:
            made.tables = hook(receiver.url)
            collector.start()
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)
            collector.kill()
            collector.start()
            recover(collector)
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)

    assert [body["kind"] for body in receiver.bodies()] == ["opened", "closed"]


def test_kill_9_between_the_channel_and_the_disk(folder: Path) -> None:
    """What arrived, which could not be written any more, comes again by the same name."""
    with receiving(hang) as receiver:
        for collector in running(quick(folder, hook(receiver.url))):
            fail(collector)
            receiver.wait(1)
            collector.kill()
            collector.start()
            receiver.wait(2)
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)
    bodies = receiver.bodies()
    keys = [headers["idempotency-key"] for _, headers, _ in receiver.got]

    assert [body["kind"] for body in bodies] == ["opened", "opened"]
    assert keys == [body["notice"] for body in bodies] == [keys[0]] * 2


def test_who_missed_the_beginning_hears_the_end(folder: Path) -> None:
    """A channel that was dead for the whole incident gets one notice that tells it all."""
    with receiving() as receiver:
        url = receiver.url
    made = quick(folder, hook(url))
    for collector in running(made):
        fail(collector)
        until(collector, lambda d: d["channels"][0]["waiting"] == 1)
        recover(collector)
        until(collector, lambda d: d["incidents"][0]["state"] == "closed")
        collector.stop()
        with receiving() as receiver:
            made.tables = hook(receiver.url)
            collector.start()
            receiver.wait(1)
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)
            collector.stop()

    (body,) = receiver.bodies()
    assert body["kind"] == "closed"
    assert "18 requests failed" in body["body"]


def test_severities_and_languages(folder: Path) -> None:
    """Each channel hears of its severities alone, in its language."""
    with receiving() as grave, receiving() as light:
        tables = "".join((
            hook(grave.url, "grave", severities='["P0"]', language='"zh"'),
            hook(light.url, "light", severities='["P2"]'),
        ))  # fmt: skip
        for collector in running(quick(folder, tables)):
            fail(collector)
            grave.wait(1)
            until(collector, lambda d: d["channels"][0]["delivered"] == 1)

    assert grave.bodies()[0]["title"] == "[P0] sick.example 不可用"
    assert light.got == []


def test_tls_with_an_authority_of_ones_own(folder: Path) -> None:
    """A certificate of `ca_file` is trusted; without it nothing is sent."""
    write_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with receiving(context=context) as trusted, receiving(context=context) as strange:
        tables = hook(trusted.url, "a", ca_file=f'"{folder / "ca.pem"}"') + hook(strange.url, "b")
        for collector in running(quick(folder, tables)):
            fail(collector)
            trusted.wait(1)
            shown = until(collector, lambda d: d["channels"][1]["error"])

    assert "certificate verify failed" in shown["channels"][1]["error"]
    assert strange.got == []


def test_no_secret_leaves(folder: Path) -> None:
    """Neither the log, nor the API, nor the database has an address or a key of a file."""
    (folder / "url").write_text("http://127.0.0.1:1/T0KEN-in-the-path\n")
    tables = f'[[channel]]\nname = "slack"\nkind = "slack"\nurl_file = "{folder / "url"}"\n' + hook(
        "http://127.0.0.1:1/", secret_file=f'"{folder / "secret"}"'
    )
    for collector in running(quick(folder, tables)):
        fail(collector)
        until(collector, lambda d: all(c["error"] for c in d["channels"]))
        answered = str(call(collector, "GET", "/api/v1/incidents").body)
        collector.stop()
        log = "".join(collector.log)
    database = b"".join(path.read_bytes() for path in (folder / "db").iterdir())

    for text in (answered.encode(), log.encode(), database):
        assert b"T0KEN" not in text
        assert SECRET.encode() not in text


def test_a_file_that_cannot_be_used_ends_the_start(folder: Path) -> None:
    """One line with the key and the path, exit code 2, as with any other file."""
    (folder / "c.toml").write_text(hook("http://127.0.0.1:1/", secret_file='"/nowhere"'))
    argv = [sys.executable, "-c", PROGRAM, "serve", "--config", str(folder / "c.toml")]
    database = {"MODPULSE_COLLECTOR_DATABASE": str(folder / "c.db")}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=database)

    assert done.returncode == 2
    assert "secret_file = '/nowhere': No such file or directory" in done.stderr


def test_a_channel_that_is_gone_holds_nothing(folder: Path) -> None:
    """What waited for a channel that is configured no more is given up."""
    made = quick(folder, hook("http://127.0.0.1:1/"))
    for collector in running(made):
        fail(collector)
        until(collector, lambda d: d["channels"][0]["waiting"] == 1)
        collector.stop()
        made.tables = hook("http://127.0.0.1:1/", "other")
        collector.start()
        collector.stop()
        made.tables = hook("http://127.0.0.1:1/")
        collector.start()
        shown = document(collector)["channels"]

    assert shown[0]["waiting"] == 0


class Memory:
    """An outbox in memory; the next `failing` writes find no room on the disk."""

    def __init__(self, *waiting: Waiting) -> None:
        self.rows = {row.id: row for row in waiting}
        self.outcomes: list[tuple[int, Outcome]] = []
        self.failing = 0

    async def waiting(self, channel: str) -> list[Waiting]:
        """What waits."""
        assert channel == "hook"
        return list(self.rows.values())

    async def postpone(self, number: int, attempts: int, next_ns: int) -> None:
        """Later."""
        self.rows[number] = replace(self.rows[number], attempts=attempts, next_ns=next_ns)

    async def settle(self, numbers: Sequence[int], outcome: Outcome) -> None:
        """No more."""
        if self.failing:
            self.failing -= 1
            raise StoreUnavailableError("the disk is full")
        for number in numbers:
            del self.rows[number]
            self.outcomes.append((number, outcome))

    async def forget_unknown(self, channels: Sequence[str]) -> int:
        """None."""
        return 0


def deliver(memory: Memory, url: str, seconds: float) -> Sender:
    """Let a sender work for so long."""
    channel = Channel(name="hook", url=url)
    dead: dict[str, int | None] = {}

    def now() -> tuple[int, int]:
        return time.time_ns(), time.time_ns()

    async def run() -> Sender:
        sender = Sender([channel], memory, now, lambda _: [], dead, list)
        running = asyncio.create_task(sender.run())
        end = time.monotonic() + seconds
        while memory.rows and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await sender.stop(running)
        running.cancel()
        return sender

    return asyncio.run(run())


def waiting(number: int = 1) -> Waiting:
    """An outage that is to be told."""
    outage = Run()
    outage.steps(60, down(SICK))
    return Waiting(number, number, 0, 0, time.time_ns(), Notice("opened", outage.told[0][2], 0))


def test_a_full_disk_after_the_arrival_tells_nobody_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it arrived is remembered until it can be written."""
    monkeypatch.setattr(sender, "STORE_RETRY_S", 0.05)
    memory = Memory(waiting())
    memory.failing = 3
    with receiving() as receiver:
        deliver(memory, receiver.url, 10)

    assert len(receiver.got) == 1
    assert memory.outcomes == [(1, "delivered")]


def test_a_stop_waits_for_what_is_on_its_way() -> None:
    """An answer that comes within the grace is written down: no second notice after the start."""
    memory = Memory(waiting())

    def slow(connection: socket.socket) -> None:
        time.sleep(1)
        answer(200)(connection)

    with receiving(slow) as receiver:
        deliver(memory, receiver.url, 0.3)

    assert memory.outcomes == [(1, "delivered")]


def test_a_notice_that_cannot_be_said_holds_up_no_other() -> None:
    """It is put off with its error, and the next one arrives."""
    broken, good = waiting(1), waiting(2)
    broken = replace(broken, notice=replace(broken.notice, wall_offset_ns=10**30))
    memory = Memory(broken, good)
    with receiving() as receiver:
        line = deliver(memory, receiver.url, 1).lines[0]

    assert memory.outcomes == [(2, "delivered")]
    assert memory.rows[1].attempts == 1
    assert (len(receiver.got), line.taken) == (1, 1)
