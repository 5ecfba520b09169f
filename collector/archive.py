"""
The way of a question for incidents of any time: rows in slices from the writer's thread.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from .alerts.incident import Incident
from .alerts.note import Note
from .history import Ask
from .store.database import Store

MAX_READ = 100
"""Rows that are read at a time: some kB each."""


@dataclass(frozen=True, slots=True)
class SpanAsked:
    """What is wanted; times in ns of the collector's clock."""

    from_ns: int
    until_ns: int
    before_id: int
    """Only what was opened earlier than this one."""
    most: int


async def read_incidents(
    ask: Ask, asked: SpanAsked, held: Mapping[int, Incident]
) -> tuple[list[tuple[Incident, list[Note]]], bool]:
    """
    Return incidents that were open within a span, newest first, and whether there are more.

    Args:
        ask: Runs a job on the thread that has the store.
        asked: What is wanted.
        held: What is known without it, as it is now.

    Raises:
        StoreUnavailableError: the database cannot be read.
    """
    found: list[Incident] = []
    before_id = asked.before_id
    while len(found) <= asked.most:
        rows = await ask(
            partial(Store.earlier, before_id=before_id, from_ns=asked.from_ns, most=MAX_READ)
        )
        rows = [held.get(row.id, row) for row in rows if row.id < before_id]
        found += [row for row in rows if row.opened_ns < asked.until_ns]
        if not rows:
            break
        before_id = min(row.id for row in rows)
        await asyncio.sleep(0)
    kept = found[: asked.most]
    notes: list[Note] = await ask(lambda store: store.notes(each.id for each in kept))
    of: dict[int, list[Note]] = {}
    for note in notes:
        of.setdefault(note.incident_id, []).append(note)
    return [(each, of.get(each.id, [])) for each in kept], len(found) > len(kept)
