"""
What people do while the collector runs: notes, maintenance, and the log of both.

Each act is answered when it is on disk, with its row in the log. What is shown and counts is held
here: the steps of incidents never see a note, so that none is lost between two of them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from modpulse.agent.service.foreign import say

from .access.audit import MAX_TARGET_CHARS, Act, Attempts, Outcome
from .access.entries import Entry
from .alerts.incident import Incident
from .alerts.maintenance import Announced, Window
from .alerts.note import MAX_NOTES, Note
from .errors import OverloadedError, RejectedError
from .incidents import Incidents
from .store import people
from .store.database import Store
from .store.rows import MOST

log = logging.getLogger("modpulse.collector")

MAX_WINDOWS = 64
"""Announced at a time, as many as the configuration may have."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and when."""

    who: str
    address: str
    at_ns: int
    """The collector's time."""
    wall_ns: int


class People:
    """Of one service; on the event loop's thread."""

    def __init__(
        self, call: Callable[[Callable[[Store], Any]], "Future[Any]"], incidents: Incidents
    ) -> None:
        """
        Args:
            call: Has a job done on the writer's thread.
            incidents: Whose windows are ours too.
        """
        self._call, self._incidents = call, incidents
        self._attempts = Attempts()
        self._notes: dict[int, tuple[Note, ...]] = {}
        self.windows: dict[int, Announced] = {}
        """By their numbers; some may be over."""
        self.changes = 0
        """Of notes and windows: who shows them can tell that they are as they were."""

    def restore(self, store: Store) -> None:
        """
        Take back what is kept.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        for note in store.notes(self._incidents.state.incidents):
            self._hold(note)
        self.windows = {announced.id: announced for announced in store.announced(MAX_WINDOWS)}
        self._mute()

    def notes(self, incident_id: int) -> tuple[Note, ...]:
        """Return what was written of an incident."""
        return self._notes.get(incident_id, ())

    def public_words(self) -> dict[int, str]:
        """Return the newest note for anybody of each incident that has one."""
        return {
            number: note.words
            for number, notes in self._notes.items()
            for note in notes
            if note.is_public
        }

    @property
    def unwritten(self) -> int:
        """Attempts that are in no row of the log: too many came in a minute."""
        return self._attempts.unwritten

    async def note(
        self, person: Person, incident: Incident, words: str, is_public: bool = False
    ) -> Note:
        """
        Write a note.

        Raises:
            RejectedError: the incident has too many.
            OverloadedError, StoreUnavailableError: it is not kept.
        """
        if len(self.notes(incident.id)) >= MAX_NOTES:
            raise RejectedError(409, f"this incident has {MAX_NOTES} notes, no more are taken")
        note = Note(incident.id, person.at_ns, person.who, words, is_public)
        target = f"{incident.name}, for anybody" if is_public else incident.name
        act = _act(person, "note.add", target, "done")
        await self._change(partial(people.add_note, note=note, act=act))
        self._hold(note)
        return note

    async def announce(self, person: Person, window: Window) -> Announced:
        """
        Open a window.

        Raises:
            RejectedError: there are too many.
            OverloadedError, StoreUnavailableError: it is not kept.
        """
        await self._let_go(person.wall_ns)
        if len(self.windows) >= MAX_WINDOWS:
            raise RejectedError(409, f"{MAX_WINDOWS} windows are announced, no more are taken")
        announced = Announced(0, window, person.who, person.at_ns)
        act = _act(person, "maintenance.add", told_window(window), "done")
        job = partial(people.announce, announced=announced, act=act)
        kept: Announced = await self._change(job)
        self.windows[kept.id] = kept
        self._mute()
        return kept

    async def end(self, person: Person, number: int) -> None:
        """
        End a window.

        Raises:
            RejectedError: there is none of that number.
            OverloadedError, StoreUnavailableError: it goes on.
        """
        if number not in self.windows:
            raise RejectedError(404, f"no window {number} was announced")
        target = f"{number}: {told_window(self.windows[number].window)}"
        acts = [_act(person, "maintenance.end", target, "done")]
        await self._change(partial(people.end, numbers=[number], acts=acts))
        self.windows.pop(number, None)
        self._mute()

    async def audit(self, most: int, before: int | None) -> tuple[list[Act], int | None]:
        """
        Return rows of the log, newest first, and before which the next page is; None: that is all.

        Args:
            most: Rows.
            before: The last row of the page before; None: the first page.
        """
        job = partial(_audit, most=most + 1, before=MOST if before is None else before)
        found: list[Act] = await asyncio.wrap_future(self._call(job))
        return found[:most], found[most - 1].id if len(found) > most else None

    def tried(self, person: Person, what: str, outcome: Outcome, why: str) -> None:
        """Write down that somebody tried in vain; nobody waits for that."""
        log.warning(
            "admin.tried outcome=%s who=%s address=%s request=%s reason=%s",
            outcome, person.who or "-", person.address, say(what), why,
            extra={"whose": person.who},
        )  # fmt: skip
        if self._attempts.admits(person.who, person.at_ns):
            self._write([_act(person, say(what, MAX_TARGET_CHARS), why, outcome)])

    def changed(self, at_ns: int, came: Iterable[Entry], went: Iterable[Entry]) -> None:
        """Write down that `access_file` was changed."""
        words = [f"+ {_told_entry(entry)}" for entry in came]
        words += [f"- {_told_entry(entry)}" for entry in went]
        person = Person("", "", at_ns, 0)
        self._write([_act(person, "access.change", word, "done") for word in words])

    def prune(self, until_ns: int) -> Callable[[Store], Any]:
        """Return the job that forgets rows of the log, and lets go of notes that nobody sees."""
        held = self._incidents.state.incidents
        self._notes = {number: notes for number, notes in self._notes.items() if number in held}
        return partial(_prune, until_ns=until_ns)

    async def _let_go(self, wall_ns: int) -> None:
        over = [number for number, a in self.windows.items() if a.window.is_over(wall_ns)]
        if over:
            await self._change(partial(people.end, numbers=over, acts=()))
        for number in over:
            self.windows.pop(number, None)

    def _hold(self, note: Note) -> None:
        self.changes += 1
        self._notes[note.incident_id] = (*self.notes(note.incident_id), note)

    def _mute(self) -> None:
        self.changes += 1
        self._incidents.mute(announced.window for announced in self.windows.values())

    def _write(self, acts: list[Act]) -> None:
        try:
            self._call(partial(_change, job=partial(people.record, acts=acts)))
        except OverloadedError:
            self._attempts.unwritten += len(acts)

    async def _change(self, job: Callable[..., Any]) -> Any:
        return await asyncio.wrap_future(self._call(partial(_change, job=job)))


def told_window(window: Window) -> str:
    """Return a window in words."""
    parts = [f"{window.begins}, {window.minutes:g} min"]
    parts += [f"proxy {window.proxy}"] if window.proxy else []
    parts += [f"site {window.site}"] if window.site else []
    return say(", ".join(parts), MAX_TARGET_CHARS)


def _told_entry(entry: Entry) -> str:
    return f"{entry.name} {','.join(sorted(entry.roles))} {entry.id}"


def _act(person: Person, act: str, target: str, outcome: Outcome) -> Act:
    told = say(target, MAX_TARGET_CHARS)
    return Act(person.at_ns, person.who, act, told, outcome, person.address)


def _change(store: Store, job: Callable[..., Any]) -> Any:
    return store.change(job)


def _prune(store: Store, until_ns: int) -> None:
    store.overflow["MAX_AUDIT"] += store.change(partial(people.prune, until_ns=until_ns))


def _audit(store: Store, most: int, before: int) -> list[Act]:
    return store.audit(most, before)
