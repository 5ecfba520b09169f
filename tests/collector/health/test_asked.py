"""Rules of what waits to be read."""

from collections import Counter

import msgpack
import pytest
from sightings import T0_NS

from modpulse.collector.health import asked
from modpulse.collector.health.asked import Asked, Waiting

ROW = ["mod.example/m", "v1.0.0", "zip", "ok", 1000, "h1:x", "what a newer agent appends"]


def waiting(data: bytes, caller: str = "token 1") -> Waiting:
    return Waiting(caller, "build-1", "https://a.example", T0_NS, data)


def test_what_waits_is_read_once() -> None:
    """In order, field by field; what nobody asked for takes no room."""
    held = Asked(Counter())
    held.take(waiting(msgpack.packb([])))
    held.take(waiting(msgpack.packb([ROW, [None, None, None, "miss", None, None]])))
    ((one, rows),) = held.reading()

    assert one.agent_id == "build-1"
    assert [(row.module, row.outcome, row.h1) for row in rows] == [
        ("mod.example/m", "ok", "h1:x"), (None, "miss", None)
    ]  # fmt: skip
    assert list(held.reading()) == []


MANY, LONG, SHORT = [ROW] * 1001, [["x" * 513, *ROW[1:]]], [ROW[:3]]


@pytest.mark.parametrize(
    "data", [b"\xc1\xc1", *(msgpack.packb(rows) for rows in ({"a": 1}, MANY, LONG, SHORT))]
)
def test_what_makes_no_sense_is_counted(data: bytes) -> None:
    """It is left out, and so much is said."""
    overflow: Counter[str] = Counter()
    held = Asked(overflow)
    held.take(waiting(data))

    assert list(held.reading()) == []
    assert overflow == {"unreadable_asked": 1}


def test_a_flood_has_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds none is not read, and counted; another caller's is."""
    data = msgpack.packb([ROW])
    monkeypatch.setattr(asked, "MAX_ASKED_BYTES", 8 * len(data))
    overflow: Counter[str] = Counter()
    held = Asked(overflow)
    for _ in range(6):
        held.take(waiting(data))
    held.take(waiting(data, "token 2"))

    assert overflow == {"MAX_ASKED_BYTES": 2}
    assert [one.caller for one, _ in held.reading()] == ["token 1"] * 4 + ["token 2"]
