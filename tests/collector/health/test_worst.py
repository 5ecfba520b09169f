"""Rules of the worst requests that are kept."""

from collections import Counter
from typing import Any

import msgpack
import pytest
from sightings import SICK, T0_NS, S, arrival, sighting

from modpulse.collector.health import worst
from modpulse.collector.health.worst import (
    KEPT_NS,
    MAX_WORST,
    MAX_WORST_WINDOWS,
    OF_ONE_AGENT,
    Worst,
    WorstRequest,
)


def row(
    at_ns: int = T0_NS, outcome: str = "http.5xx", elapsed_ns: int = 1, **more: Any
) -> list[Any]:
    """One request as agents send it."""
    told = {
        "endpoint": "zip", "module": "mod.example/m", "version": "v1.0.0", "final": "stopped",
        "status": 503, "phases": {"wait": 1, "processing": 2}, "evidence": "why", "host": None,
        "address": "10.0.0.7:443",
    } | more  # fmt: skip
    first = [at_ns, told["endpoint"], told["module"], told["version"], outcome, told["final"]]
    return [*first, told["status"], elapsed_ns, *list(told.values())[5:]]


def told(held: Worst, *rows: list[Any], agent_id: str = "build-1", caller: str = "t") -> None:
    """Let an agent tell of some."""
    failures = {"http.5xx": 1} if any("." in one[4] for one in rows) else {}
    seen = sighting(ok=1, failures=failures)
    seen.exemplars = msgpack.packb(rows)
    batch = arrival(seen, agent_id=agent_id)
    batch.caller = caller
    held.take(batch, seen)


def kept(held: Worst, now_ns: int = T0_NS) -> tuple[WorstRequest, ...]:
    """What is kept after a judgement."""
    assert list(held.reading(now_ns, {SICK})) == []
    return held.of(SICK)


def test_failures_come_first_the_newest_before_the_others() -> None:
    """Then what was only slow, the slowest first; each with all that was told of it."""
    held = Worst(Counter())
    told(held, row(T0_NS - 2), row(T0_NS - 1))
    told(held, row(outcome="ok", elapsed_ns=5), row(outcome="miss", elapsed_ns=9, module=None))
    found = kept(held)

    assert [(one.at_ns, one.elapsed_ns) for one in found] == [
        (T0_NS - 1, 1), (T0_NS - 2, 1), (T0_NS, 9), (T0_NS, 5)
    ]  # fmt: skip
    assert found[0].phases_ns == {"wait": 1, "processing": 2}
    assert (found[0].address, found[0].host, found[2].module) == ("10.0.0.7:443", None, None)


def test_one_host_hides_no_other() -> None:
    """Of one agent a few are kept, however many it tells; of all together a bounded number."""
    held = Worst(Counter())
    for number in range(10):
        told(held, *(row(T0_NS - 9 * number - each) for each in range(5)), agent_id=f"b-{number}")
    found = kept(held)

    assert len(found) == MAX_WORST
    assert max(Counter(one.agent_id for one in found).values()) == OF_ONE_AGENT


def test_who_hangs_is_told_of_again() -> None:
    """One request is one, as it was told last."""
    held = Worst(Counter())
    told(held, row(outcome="http.stalled", final=None))
    assert [one.final for one in kept(held)] == [None]
    told(held, row(outcome="ok", final="ok", elapsed_ns=90))

    assert [(one.outcome, one.elapsed_ns) for one in kept(held)] == [("ok", 90)]


def test_what_is_old_or_of_no_proxy_is_forgotten() -> None:
    """A day later, or when the proxy is held no more; what waits for it takes no room then."""
    held = Worst(Counter())
    told(held, row())
    assert len(kept(held)) == 1
    assert kept(held, T0_NS + KEPT_NS) == ()
    told(held, row())
    assert list(held.reading(T0_NS, set())) == []

    assert held.of(SICK) == ()
    assert held._room.held == 0


def test_windows_with_failures_find_room() -> None:
    """Of a proxy that is only slow half of the places are left for those with failures."""
    held = Worst(Counter())
    for number in range(2 * MAX_WORST_WINDOWS):
        told(held, row(outcome="ok"), agent_id=f"slow-{number}")
    told(held, row(), agent_id="failing")

    assert "failing" in [one.agent_id for one in kept(held)]


def test_a_flood_has_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another caller's windows are read all the same."""
    monkeypatch.setattr(worst, "MAX_WORST_BYTES", 4 * len(msgpack.packb([row()])))
    held = Worst(Counter())
    for number in range(6):
        told(held, row(), agent_id=f"flood-{number}", caller="flood")
    told(held, row(), agent_id="build-1", caller="other")

    assert "build-1" in [one.agent_id for one in kept(held)]


def test_strangers_are_not_heard() -> None:
    """Who has not been heard for a while tells nothing."""
    held = Worst(Counter())
    seen = sighting(failures={"http.5xx": 1})
    seen.exemplars = msgpack.packb([row()])
    batch = arrival(seen)
    batch.is_known = False
    held.take(batch, seen)

    assert kept(held) == ()


@pytest.mark.parametrize("data", [b"\xc1\xc1", msgpack.packb([[1]]), msgpack.packb([row()] * 6)])
def test_what_makes_no_sense_is_counted(data: bytes) -> None:
    """It is left out, and so much is said."""
    overflow: Counter[str] = Counter()
    held = Worst(overflow)
    seen = sighting(ok=1)
    seen.exemplars = data
    held.take(arrival(seen), seen)

    assert kept(held) == ()
    assert overflow == {"unreadable_exemplars": 1}


def test_no_request_is_from_the_future() -> None:
    """Whatever an agent's clock says, it was before its window ended."""
    held = Worst(Counter())
    told(held, row(at_ns=T0_NS + 900 * S))

    assert [one.at_ns for one in kept(held)] == [T0_NS]
