"""Rules of what is told after a start of the time before it, from a real database."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alarms import T0_NS
from sightings import GOOD, SICK, arrival, sighting

from modpulse.collector.alerts.counted import Counted, Row
from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.alerts.rules import Alerting
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.learning import recall_judged
from modpulse.collector.store.database import Store

NOW_S = T0_NS // 1_000_000_000


def told(store: Store) -> Counted:
    """Rules that count, as a start leaves them."""
    fleet, counted = Fleet(Formula(), Rules(), float), Counted(Alerting())
    fleet.merge(arrival(sighting(SICK, ok=1), sighting(GOOD, ok=1)))

    async def ask(job: Callable[[Store], Any]) -> Any:
        return job(store)

    asyncio.run(recall_judged(ask, fleet, counted, NOW_S))
    return counted


def minutes(proxy: str, first: int, until: int, failed: int) -> list[Row]:
    """A hundred requests in each of some minutes before now."""
    failures = {"http.5xx": failed} if failed else {}
    ago = range(first, until, -1)
    return [Row(proxy, NOW_S - 60 * minute, 100 - failed, failures) for minute in ago]


def test_what_was_counted_counts_again(tmp_path: Path) -> None:
    """Minutes of the last hours and hours of the last days: each once, as they were written."""
    store = Store.open(tmp_path / "c.db")
    rows = [*minutes(SICK, 3000, 60, 0), *minutes(SICK, 60, 0, 3), *minutes(GOOD, 90, 0, 0)]
    store.add_judged(rows[:1000])
    store.add_judged(rows[1000:])
    fold = [store._rollups.fold(series, "judged", NOW_S) for series in judged_series(store)]
    for steps in fold:
        list(steps)
    counted = told(store)
    seen = counted.see({}, (), T0_NS)
    ledgers = {name: watch.ledger for name, watch in counted._of.items()}
    store.close()

    assert seen[Key("burn_fast", SICK)].says == "so"
    assert seen[Key("burn_fast", GOOD)].says == "not"
    assert ledgers[SICK].sums((0, 10**9)) == (100 * 3000 - 180, 180)
    assert ledgers[GOOD].sums((0, 10**9)) == (9000, 0)


def judged_series(store: Store) -> set[int]:
    """Keys of what is in the table, by series."""
    return {key >> 34 for (key,) in store._db.execute("SELECT key FROM rollups")}


def test_rows_that_make_no_sense(tmp_path: Path) -> None:
    """They are left out and counted; the others count."""
    store = Store.open(tmp_path / "c.db")
    store.add_judged(minutes(SICK, 60, 0, 3))
    (key,) = store._db.execute("SELECT MIN(key) FROM rollups").fetchone()
    store._db.execute("UPDATE rollups SET cells = ? WHERE key = ?", (b"\x01\xff", key))
    counted = told(store)
    store.close()

    assert store.unreadable["rollups"] == 1
    assert counted._of[SICK].ledger.sums((0, 10**9)) == (97 * 59, 3 * 59)


def test_a_database_that_knows_nothing(tmp_path: Path) -> None:
    """Nothing holds, and nobody knows."""
    store = Store.open(tmp_path / "c.db")
    counted = told(store)
    store.close()

    assert counted.see({}, (), T0_NS) == {}
