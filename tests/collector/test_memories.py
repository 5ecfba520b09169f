"""Rules of what is remembered beside the history: it outlives a restart, in a real database."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from histories import REQUEST
from hypothesis import given
from hypothesis import strategies as st
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.agent.batch.batch import MISS, OK
from modpulse.collector.health.asked import Waiting
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.memory import Memory, ShownCertificate
from modpulse.collector.health.score import Formula
from modpulse.collector.health.versions import LACKED_KEPT_NS
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.intake.wire import Asked
from modpulse.collector.memories import EVERY_NS, Memories
from modpulse.collector.store.database import Store
from modpulse.collector.store.memories import memory_text, read_lacked, read_memory

WORST = (replace(REQUEST, at_ns=T0_NS - S), replace(REQUEST, at_ns=T0_NS - 9 * S, outcome="ok"))
KNOWN = Memory(30, (ShownCertificate(Leaf(1, 2), T0_NS - 9 * S, T0_NS - S),), WORST)


def fleet() -> Fleet:
    """One that holds two proxies."""
    made = Fleet(Formula(), Rules(), float)
    made.merge(arrival(sighting(SICK, ok=1), sighting(GOOD, ok=1)))
    return made


def note(made: Fleet, at_s: int, proxy: str, outcome: str, module: str = "m") -> None:
    """One answer about a version."""
    row = Asked(module, "v1", "info", outcome, None, None)
    made.versions.note(Waiting("token a", "build-1", proxy, T0_NS + at_s * S, b""), row)


def asking(store: Store) -> Callable[[Callable[[Store], Any]], Any]:
    """Ask at once."""

    async def ask(job: Callable[[Store], Any]) -> Any:
        return job(store)

    return ask


def test_a_restart(tmp_path: Path) -> None:
    """All of it comes back, is written when it is due, and what went in memory goes on disk."""
    before, now_ns = fleet(), T0_NS + 9 * S
    before.recall(SICK, KNOWN)
    note(before, 0, GOOD, MISS)
    note(before, 0, SICK, OK)
    note(before, 5, GOOD, OK)
    note(before, 0, GOOD, MISS, "gone")
    memories = Memories(before)
    with_store = Store.open(tmp_path / "c.db")
    ask = asking(with_store)
    asyncio.run(memories.write(ask, now_ns))
    before.versions._let_go("gone")
    before.proxies[GOOD].min_ttl_s = 5
    asyncio.run(memories.write(ask, now_ns + 1))
    late = fleet()
    asyncio.run(Memories(late).read(ask))
    assert late.memory(GOOD).min_ttl_s is None
    assert set(late.versions.held) == {"m", "gone"}
    asyncio.run(memories.write(ask, now_ns + EVERY_NS))
    after = fleet()
    after.proxies[SICK].min_ttl_s = 60
    asyncio.run(Memories(after).read(ask))
    with_store.close()

    assert after.memory(SICK) == KNOWN
    assert after.memory(GOOD).min_ttl_s == 5
    assert after.versions.between(SICK, GOOD) == before.versions.between(SICK, GOOD)
    assert set(after.versions.held) == {"m"}
    assert after.versions.due(9) == []
    assert dict(with_store.unreadable) == {}


def test_what_nobody_tells_of_is_forgotten(tmp_path: Path) -> None:
    """A module of which nothing was told for long goes, with its row."""
    known = fleet()
    note(known, 0, GOOD, MISS)
    store = Store.open(tmp_path / "c.db")
    memories = Memories(known)
    asyncio.run(memories.write(asking(store), T0_NS + 9 * S))
    asyncio.run(memories.write(asking(store), T0_NS + LACKED_KEPT_NS + S))
    rows = store._db.execute("SELECT COUNT(*) FROM lacked").fetchone()
    store.close()

    assert known.versions.held == {}
    assert rows == (0,)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("min_ttl_s",), -1), (("min_ttl_s",), "30"), (("certificates", 0, "first_ns"), T0_NS * 2),
        (("certificates", 0, "leaf", "not_after_s"), 1 << 41), (("worst", 0, "at_ns"), -1),
        (("worst", 0, "at_ns"), T0_NS + 1), (("worst", 0, "phases_ns"), {"wait": -1}),
        (("worst", 0, "phases_ns"), [1]), (("worst", 0, "agent_id"), ""), (("worst",), {}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_left_out(path: tuple[str | int, ...], value: object) -> None:
    """A value of another type, beyond its bound or of a time to come is none."""
    document = json.loads(memory_text(KNOWN))
    assert read_memory((1, SICK, T0_NS, json.dumps(document))) == (1, SICK, KNOWN)
    held = document
    for step in path[:-1]:
        held = held[step]
    held[path[-1]] = value
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        read_memory((1, SICK, T0_NS, json.dumps(document)))


@given(st.none() | st.integers() | st.binary() | st.text() | st.just("[" * 100_000))
def test_any_other_row(text: object) -> None:
    """Whatever stands in the column, it is a value or a ValueError."""
    for read in (lambda: read_memory((1, SICK, T0_NS, text)), lambda: read_lacked((T0_NS, text))):
        with pytest.raises(ValueError):  # noqa: PT011 - any of them
            read()


def test_strange_rows_are_counted(tmp_path: Path) -> None:
    """They are left out of what is read, by table; rows of a time to come go at the start."""
    store = Store.open(tmp_path / "c.db")
    store.save_memories({SICK: KNOWN, GOOD: KNOWN}, T0_NS)

    def spoil(db: sqlite3.Connection) -> None:
        db.execute("UPDATE memories SET memory = '{' WHERE proxy_id = 1")
        db.execute("INSERT INTO lacked VALUES ('m', 5, '[]'), ('n', ?, '{}')", (T0_NS * 2,))

    store.change(spoil)
    ahead = store.correct(T0_NS)
    made = fleet()
    asyncio.run(Memories(made).read(asking(store)))
    store.close()

    assert made.memory(GOOD) == KNOWN
    assert dict(ahead) == {"lacked": 1}
    assert dict(store.unreadable) == {"memories": 1, "lacked": 1}
