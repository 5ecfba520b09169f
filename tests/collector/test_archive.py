"""Rules of asking for incidents of any time."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.incident import Incident
from modpulse.collector.alerts.note import Note
from modpulse.collector.archive import MAX_READ, SpanAsked, read_incidents


class Kept:
    """A store of incidents."""

    def __init__(self, rows: list[Incident]) -> None:
        self.rows = rows

    def earlier(self, before_id: int, from_ns: int, most: int) -> list[Incident]:
        """As the database has it."""
        fits = [
            row
            for row in self.rows
            if row.id < before_id and (row.closed_ns is None or row.closed_ns >= from_ns)
        ]
        return sorted(fits, key=lambda row: -row.id)[:most]

    def notes(self, incident_ids: Any) -> list[Note]:
        """One of each."""
        return [Note(number, 1, "token chief", "looked at") for number in incident_ids]

    async def ask(self, job: Callable[[Any], Any]) -> Any:
        """Do a job of which the class is another."""
        name = getattr(getattr(job, "func", None), "__name__", "")
        return self.earlier(**job.keywords) if name == "earlier" else job(self)  # type: ignore[attr-defined]


def incident(number: int, opened_ns: int, closed_ns: int | None) -> Incident:
    """One of these times."""
    return Incident(
        id=number, topic="proxy", cause="tcp", severities=("P0",), opened_ns=opened_ns,
        joined_ns=opened_ns, closed_ns=closed_ns,
    )  # fmt: skip


TIMES = st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(0, 50)), max_size=300)


@given(TIMES, st.integers(0, 99), st.integers(1, 99), st.integers(1, 7))
def test_pages_are_what_was_open_within_the_span(
    times: list[tuple[int, int | None]], from_ns: int, length: int, most: int
) -> None:
    """Each comes once, the newest first, with its notes; the last page says that it is."""
    rows = [
        incident(number, at, None if after is None else at + after)
        for number, (at, after) in enumerate(times, 1)
    ]
    kept, found, before_id, is_more = Kept(rows), [], 1 << 62, True
    while is_more:
        page, is_more = asyncio.run(
            read_incidents(kept.ask, SpanAsked(from_ns, from_ns + length, before_id, most), {})
        )
        assert len(page) == most or not is_more
        assert all(notes[0].incident_id == each.id for each, notes in page)
        found += [each.id for each, _ in page]
        before_id = found[-1] if found else before_id
    expected = [
        row.id
        for row in rows
        if row.opened_ns < from_ns + length
        if row.closed_ns is None or row.closed_ns >= from_ns
    ]

    assert found == expected[::-1]


def test_what_is_held_is_newer_than_what_is_kept() -> None:
    """Of an open incident what is known now is told, not what was written."""
    kept = incident(1, 5, None)
    held = replace(kept, closed_ns=9)
    asked = SpanAsked(0, 10, MAX_READ, 1)
    ((found, _),), is_more = asyncio.run(read_incidents(Kept([kept]).ask, asked, {1: held}))

    assert (found, is_more) == (held, False)


def test_rows_that_lead_in_a_circle_end() -> None:
    """In a damaged tree rows may come that were not asked for: each step goes down."""

    class Damaged(Kept):
        def earlier(self, before_id: int, from_ns: int, most: int) -> list[Incident]:
            return self.rows

    asked = SpanAsked(0, 10, 9, 5)
    rows = [incident(number, 1, None) for number in (3, 8, 9, 12)]
    found, is_more = asyncio.run(read_incidents(Damaged(rows).ask, asked, {}))

    assert {each.id for each, _ in found} <= {3, 8}
    assert not is_more
