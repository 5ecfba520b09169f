"""
What is usual for each proxy, read from its past: one proxy at a time, so that batches go on.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import Any

from modpulse.agent.batch.batch import FIRST_BYTE

from .alerts.counted import Counted, Row
from .alerts.ledger import MAX_LEDGER_MINUTES
from .health.fleet import Fleet
from .intake.rollup import HOUR_S, MINUTE_S
from .store.database import Store
from .store.recall import Before

FINE_S = 6 * HOUR_S
"""As long as the longest window that is read by the minute."""
COUNTED_S = MAX_LEDGER_MINUTES * MINUTE_S
PAST_FROM_S = 7 * 86_400
PAST_UNTIL_S = 3_600
ENOUGH_WEEKS = 2
"""With this hour of the week, of the last four: one may have been an outage."""

Ask = Callable[[Callable[[Store], Any]], Awaitable[Any]]


async def learn(ask: Ask, fleet: Fleet, now_s: int) -> None:
    """
    Tell the fleet what is usual.

    Args:
        ask: Runs a job on the thread that has the store.
        fleet: Whose proxies.
        now_s: On the collector's clock.

    Raises:
        StoreUnavailableError: the database cannot be read.
    """
    span = (FIRST_BYTE, now_s - PAST_FROM_S, now_s - PAST_UNTIL_S)
    for name in list(fleet.proxies):
        past = await ask(partial(_past, name, span))
        for before in past.values():
            fleet.learn(name, before.ok, before.failed, before.buckets)
        shares = await ask(partial(_miss_shares, name, now_s))
        fleet.learn_misses(name, median(shares) if len(shares) >= ENOUGH_WEEKS else None)


async def recall_judged(ask: Ask, fleet: Fleet, counted: Counted, now_s: int) -> None:
    """
    Tell the rules that count what each proxy was held responsible for before the start.

    Raises:
        StoreUnavailableError: the database cannot be read.
    """
    minutes_s = now_s - FINE_S
    for name in list(fleet.proxies):
        hours = await ask(partial(_judged, name, (HOUR_S, now_s - COUNTED_S, minutes_s)))
        minutes = await ask(partial(_judged, name, (MINUTE_S, minutes_s, now_s)))
        # An hour that both tell is told by its minutes.
        first_s = min((row.start_s for row in minutes), default=now_s)
        hours = [row for row in hours if row.start_s + HOUR_S <= first_s]
        counted.restore([*hours, *minutes])


def _judged(name: str, span: tuple[int, int, int], store: Store) -> list[Row]:
    return store.judged(name, *span)


def _past(name: str, span: tuple[str, int, int], store: Store) -> dict[str, Before]:
    return store.history([name], *span)


def _miss_shares(name: str, now_s: int, store: Store) -> list[float]:
    return store.miss_shares(name, now_s)
