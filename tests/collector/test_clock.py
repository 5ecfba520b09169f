"""Rules of the time that cannot be set, with literal clocks and with a real store and service."""

import asyncio
import dataclasses
import datetime as dt
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from collectors import Collector, batch_bytes, call, post
from sightings import GOOD, SICK, T0_NS, S

from modpulse.agent.batch.batch import Batch, ProxyWindow, encode
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.clock import MAX_AWAY_NS, Anchor, Reading, Steady, rfc3339
from modpulse.collector.config import Config
from modpulse.collector.http.document import service_document
from modpulse.collector.intake.cells import Cell, pack
from modpulse.collector.service import Service
from modpulse.collector.store.database import Store
from modpulse.collector.store.tiers import HOURS, key_of, series_of

SLOW = "https://slow.example"
MINUTE_NS, HOUR_NS, DAY_NS = 60 * S, 3600 * S, 86_400 * S
STEPS_NS = [-S, -5 * MINUTE_NS, -HOUR_NS, -DAY_NS, 5 * MINUTE_NS, DAY_NS, 366 * DAY_NS]
WINDOW_NS = 10 * S


@pytest.mark.parametrize("step_ns", STEPS_NS)
def test_time_only_passes(step_ns: int) -> None:
    """Whatever the wall clock is set to, as much time has passed as the machine ran."""
    clock = Steady(Reading(T0_NS, 7 * S), "boot")
    stepped = Reading(T0_NS + 3 * S + step_ns, 10 * S)

    assert clock.notice(stepped) == step_ns
    assert clock.notice(stepped) is None
    assert clock.now_ns(stepped) == T0_NS + 3 * S
    assert clock.shown_ns(T0_NS + 3 * S) == stepped.wall_ns
    assert (clock.steps, clock.last_step_ns, clock.last_step_at_ns) == (1, step_ns, T0_NS + 3 * S)


def test_a_clock_that_is_slewed_makes_no_step() -> None:
    """Milliseconds between the two clocks are not worth a word."""
    clock = Steady(Reading(T0_NS, 0), "boot")

    assert clock.notice(Reading(T0_NS + 10 * S + S // 5, 10 * S)) is None
    assert clock.steps == 0


def test_a_counter_that_goes_back_stops_nothing() -> None:
    """Where even the machine's counter is set back, time goes on from where it was."""
    clock = Steady(Reading(T0_NS, 500 * S), "boot")
    times = [clock.now_ns(Reading(T0_NS, at * S)) - T0_NS for at in (510, 3, 5, 9)]

    assert times == [10 * S, 10 * S, 12 * S, 16 * S]


KEPT = Anchor("boot", boot_offset_ns=T0_NS, wall_offset_ns=0, last_ns=T0_NS + 100 * S)
"""A collector that started with the machine at T0 and took its last batch after 100 s."""


@pytest.mark.parametrize(
    ("wall_s", "boot_s", "boot_id", "newest_s", "now_s", "step_s"),
    [
        (130, 130, "boot", 100, 130, None),  # 30 s later
        (130 - 3600, 130, "boot", 100, 130, -3600),  # set back meanwhile
        (130 + 86_400, 130, "boot", 100, 130, 86_400),  # set forward meanwhile
        (130, 130, "boot", 7200, 130, None),  # rows of the future are not believed
        (130 + 9 * 86_400, 130 + 9 * 86_400, "boot", 100, 130 + 9 * 86_400, None),  # long off
        (400, 20, "next", 100, 400, None),  # a reboot
        (90, 20, "next", 100, 100, -10),  # a reboot, and set back
        (400, 20, "", 100, 400, None),  # a kernel that does not tell its boots apart
        (100 + 999 * 86_400, 20, "next", 100, 100 + 3 * 86_400, 996 * 86_400),
    ],
)
def test_over_a_restart(
    wall_s: int, boot_s: int, boot_id: str, newest_s: int, now_s: int, step_s: int | None
) -> None:
    """In the same boot the machine's counter tells, after another the wall clock, within bounds."""
    reading = Reading(T0_NS + wall_s * S, boot_s * S)
    clock = Steady(reading, boot_id, KEPT, T0_NS + newest_s * S)

    assert clock.now_ns(reading) == T0_NS + now_s * S
    assert clock.last_step_ns == (None if step_s is None else step_s * S)


def test_a_reboot_after_a_step() -> None:
    """What was noticed of the wall clock before a reboot is taken into account after it."""
    kept = dataclasses.replace(KEPT, wall_offset_ns=-DAY_NS)
    reading = Reading(T0_NS + 160 * S - DAY_NS, 5 * S)
    clock = Steady(reading, "next", kept, 0)

    assert (clock.now_ns(reading), clock.steps) == (T0_NS + 160 * S, 0)


def test_a_database_without_a_clock() -> None:
    """Where no time was kept it begins with the wall clock, whatever is in the rows."""
    reading = Reading(T0_NS, 5 * S)
    for newest_ns in (0, T0_NS - DAY_NS, T0_NS + 366 * DAY_NS):
        clock = Steady(reading, "boot", None, newest_ns)

        assert (clock.now_ns(reading), clock.steps) == (T0_NS, 0)


@pytest.mark.parametrize("boot_id", ["boot", "next"])
@pytest.mark.parametrize("ahead_ns", [4 * DAY_NS, 366 * DAY_NS])
def test_a_clock_of_the_future_is_damage(boot_id: str, ahead_ns: int) -> None:
    """A kept time far ahead of every row and of the wall's is not believed: it ends no history."""
    kept = Anchor("boot", KEPT.boot_offset_ns + ahead_ns, 0, KEPT.last_ns + ahead_ns)
    reading = Reading(T0_NS + 130 * S, 130 * S)
    clock = Steady(reading, boot_id, kept, KEPT.last_ns)

    assert clock.now_ns(reading) == reading.wall_ns


def test_the_past_outlives_a_wrong_boot() -> None:
    """What is believed of a wall clock is less than any proxy or its past is kept."""

    assert MAX_AWAY_NS < 7 * DAY_NS


class Machine:
    """A collector in this process, on a machine whose clocks the test sets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wall_ns, self.boot_ns, self.boot_id = T0_NS, 50 * S, "boot"
        self.agents_ns = 0
        """How far the agents' clocks are from ours."""
        self.seq = 0

    @property
    def reading(self) -> Reading:
        """Both clocks now."""
        return Reading(self.wall_ns, self.boot_ns)

    async def open(self) -> None:
        """Start the collector."""
        self.store = Store.open(self.path)
        self.service = Service(Config(), self.store, self.reading, self.boot_id)
        self.service.start(self.reading)

    async def close(self) -> None:
        """Stop it."""
        await self.service.stop()
        self.store.close()

    async def window(self, is_bad: bool, says_date: bool = True, step_ns: int = 0) -> None:
        """Let ten seconds pass in which three agents ask, one of them set by `step_ns`."""
        self.wall_ns += WINDOW_NS
        self.boot_ns += WINDOW_NS
        for number in range(3):
            sent_ns = self.wall_ns + self.agents_ns + (0 if number else step_ns)
            date_ns = sent_ns // S * S if says_date else None
            await self.service.accept(
                self._batch(number, sent_ns, is_bad), None, self.reading, date_ns
            )
        self.seq += 1
        await self.service.tick(self.reading)

    def _batch(self, number: int, end_ns: int, is_bad: bool) -> bytes:
        sick = {"failures": {"http.5xx": 7}} if is_bad else {}
        slow = Sketch()
        for _ in range(7):
            slow.add((5000 if is_bad else 40) * 1_000_000)
        windows = (
            ProxyWindow(proxy=GOOD, requests=9),
            ProxyWindow(proxy=SICK, requests=7, **sick),  # type: ignore[arg-type]
            ProxyWindow(proxy=SLOW, requests=7, sketches={"first_byte_small": slow.to_bytes()}),
        )
        return encode(
            Batch(
                agent_id=f"build-{number}",
                run_id=b"run",
                seq=self.seq,
                window_start_ns=end_ns - WINDOW_NS,
                window_end_ns=end_ns,
                proxies=windows,
            )
        )

    @property
    def states(self) -> dict[str, str]:
        """The state of each proxy."""
        return {report.proxy: report.track.state for report in self.service.reports}


BAD = {GOOD: "healthy", SICK: "down", SLOW: "degraded"}
WELL = {GOOD: "healthy", SICK: "healthy", SLOW: "healthy"}


async def _play(machine: Machine, step_ns: int, restart: str, says_date: bool) -> None:
    """Go through the whole: bad, a step, still bad, nobody asks, well again."""
    await machine.open()
    for _ in range(5):
        await machine.window(is_bad=True, says_date=says_date)
    assert machine.states == BAD
    if restart:
        await machine.close()
        if restart == "same":
            machine.wall_ns += 2 * S
            machine.boot_ns += 2 * S
        else:
            machine.boot_id, machine.boot_ns = "next", 3 * S
    machine.wall_ns += step_ns
    if restart:
        await machine.open()
        assert machine.states == BAD
    for _ in range(4):
        await machine.window(is_bad=True, says_date=says_date)
        assert machine.states == BAD
    for _ in range(20):  # what is slow must fade
        await machine.window(is_bad=False, says_date=says_date)
    for _ in range(90):
        await machine.window(is_bad=False, says_date=says_date)
    assert machine.states == WELL


@pytest.mark.parametrize("says_date", [True, False])
@pytest.mark.parametrize("restart", ["", "same"])
@pytest.mark.parametrize("step_ns", STEPS_NS)
def test_a_step_changes_no_state(
    tmp_path: Path, step_ns: int, restart: str, says_date: bool
) -> None:
    """What is down, slow or well is so after a step of the wall clock, and recovers as ever."""
    machine = Machine(tmp_path / "c.db")
    asyncio.run(_played(machine, step_ns, restart, says_date))


@pytest.mark.parametrize("step_ns", [step for step in STEPS_NS if step < 0])
def test_a_step_back_with_a_reboot_changes_no_state(tmp_path: Path, step_ns: int) -> None:
    """Also where the machine was started anew, and its wall clock is behind what is kept."""
    asyncio.run(_played(Machine(tmp_path / "c.db"), step_ns, "other", says_date=True))


async def _played(machine: Machine, step_ns: int, restart: str, says_date: bool) -> None:
    try:
        await _play(machine, step_ns, restart, says_date)
        document = service_document(machine.service)
        clock = document["clock"]
        assert isinstance(clock, dict)
        assert (clock["steps"], clock["last_step_s"]) == (1, step_ns / S)
        shown_s = dt.datetime.fromisoformat(str(document["at"])).timestamp()
        assert abs(shown_s - machine.wall_ns / S) < 1
    finally:
        await machine.close()


@pytest.mark.parametrize("off_ns", [-DAY_NS, -HOUR_NS, HOUR_NS, DAY_NS])
def test_agents_whose_clocks_are_wrong_and_set(tmp_path: Path, off_ns: int) -> None:
    """Agents that are off, one by more than others, and put right in mid-run: no state moves."""

    async def play() -> None:
        machine = Machine(tmp_path / "c.db")
        await machine.open()
        machine.agents_ns = off_ns
        for _ in range(4):
            await machine.window(is_bad=True, step_ns=-off_ns // 2)
        before = machine.states
        machine.agents_ns = 0
        for _ in range(4):
            await machine.window(is_bad=True, step_ns=off_ns // 3)
            assert machine.states == before == BAD
        for _ in range(110):
            await machine.window(is_bad=False)
        assert machine.states == WELL
        await machine.close()

    asyncio.run(play())


@pytest.mark.parametrize("is_older", [False, True])
@pytest.mark.parametrize("ahead_ns", [5 * MINUTE_NS, DAY_NS, 366 * DAY_NS])
def test_a_process_whose_database_is_of_tomorrow(
    collector: Collector, ahead_ns: int, is_older: bool
) -> None:
    """
    Where what is kept lies in the future it is not believed, and that is said once: states
    stand, new batches count, and history that is not of the future stays as it is.
    """
    collector.keys["window_seconds"] = 0.1
    collector.start()
    for number in range(2):
        post(collector, batch_bytes(f"build-{number}", failing=SICK))
    _wait_for_state(collector, "down")
    while sum("state.changed" in line for line in collector.log) < 2:
        time.sleep(0.05)
    collector.stop()
    long_ago_s = time.time_ns() // S // 3600 * 3600 - 60 * 86_400
    with closing(sqlite3.connect(str(collector.keys["database"]))) as db, db:
        db.execute("UPDATE log SET arrived_ns = arrived_ns + ?", (ahead_ns,))
        db.execute("UPDATE states SET since_ns = since_ns + ?", (ahead_ns,))
        db.execute("UPDATE asks SET asked_ns = asked_ns + ?", (ahead_ns,))
        db.execute("UPDATE rollups SET key = -key - ?", (ahead_ns // S // 60,))
        db.execute("UPDATE rollups SET key = -key")
        db.execute("UPDATE clock SET last_ns = last_ns + ?", (ahead_ns,))
        (proxy_id,) = db.execute("SELECT id FROM proxies WHERE proxy = ?", (SICK,)).fetchone()
        row = (key_of(series_of(proxy_id, ""), HOURS, long_ago_s), pack({"": Cell(Counter(ok=42))}))
        db.execute("INSERT INTO rollups VALUES (?, ?)", row)
        if is_older:
            db.execute("DELETE FROM clock")
    collector.start()
    document = call(collector, "GET", "/api/v1/proxies").body
    states = {proxy["proxy"]: proxy["state"] for proxy in document["proxies"]}

    assert states[SICK] == "down"
    assert document["clock"]["steps"] == 0
    assert document["unreadable"] == {"states": 2, "log": 2}
    now = dt.datetime.now(dt.UTC)
    for time_ in (document["at"], *(proxy["since"] for proxy in document["proxies"])):
        assert dt.datetime.fromisoformat(time_) < now + dt.timedelta(seconds=60)
    for number in range(2):
        post(collector, batch_bytes(f"build-{number}", seq=1, ok=500, windows=_served(500)))
    _wait_for_state(collector, "healthy")
    collector.stop()
    assert sum("times.ahead" in line for line in collector.log) == 1
    with closing(sqlite3.connect(str(collector.keys["database"]))) as db:
        kept = db.execute("SELECT * FROM rollups WHERE key = ?", row[:1]).fetchall()
        ahead = db.execute(
            "SELECT (SELECT COUNT(*) FROM log WHERE arrived_ns > ?1), "
            "(SELECT COUNT(*) FROM rollups WHERE (key & 4294967295) * 60 > ?1 / 1000000000 + 3600)",
            (time.time_ns() + MINUTE_NS,),
        ).fetchone()

    assert (kept, ahead) == ([row], (0, 0))


def _served(requests: int) -> tuple[ProxyWindow, ...]:
    return (ProxyWindow(proxy=SICK, requests=requests),)


def _wait_for_state(collector: Collector, state: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        found = call(collector, "GET", "/api/v1/proxies").body["proxies"]
        if {proxy["state"] for proxy in found if proxy["proxy"] == SICK} == {state}:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_times() -> None:
    """Times are RFC 3339 in UTC to the millisecond; unknown ones stay null."""

    assert rfc3339(T0_NS + 1_999_999) == "2027-01-15T08:00:00.001Z"
    assert rfc3339(None) is None
