"""
Counts by slot of time, packed: 56 bytes for a slot and 8 for each class that it has, where objects
take 400.

An agent has one of these for each proxy that it asks, so they are what a large fleet takes most
memory for. Few are read: those of who saw trouble. Pure.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from operator import add, sub

from ..intake.arrival import Counts

_ROW = 7
"""Numbers of a slot."""
_OK, _MISSES, _SUSPECTS, _HANDSHAKES, _SMALL, _WINDOWS, _LOSSY = range(_ROW)
"""Their places."""
BASE_BYTES, SLOT_BYTES, CLASS_BYTES = 300, 8 * _ROW, 200
"""Measured: what the first slot takes more than each, and a class beside 8 bytes for each slot."""

_Columns = dict[str, "array[int]"]
"""Numbers by class, one for each slot; classes are of failures or of bad certificates."""


class Slots:
    """Of one timeline. From the first to the last each slot has a place, of zeros where need be."""

    __slots__ = ("_bad", "_failures", "_first", "_rows")

    def __init__(self) -> None:
        self._first = 0
        self._rows = array("q")
        # Most have neither, and there are hundreds of thousands.
        self._failures: _Columns | None = None
        self._bad: _Columns | None = None

    def __bool__(self) -> bool:
        """Whether it holds any."""
        return bool(self._rows)

    def __contains__(self, slot: int) -> bool:
        """Whether something is known of a slot."""
        return 0 <= slot - self._first < self._count and self._is_known(slot - self._first)

    @property
    def _count(self) -> int:
        return len(self._rows) // _ROW

    def _columns(self) -> "list[array[int]]":
        return [*(self._failures or {}).values(), *(self._bad or {}).values()]

    def _is_known(self, at: int) -> bool:
        row = self._rows[at * _ROW : (at + 1) * _ROW]
        return any(row) or any(column[at] for column in self._columns())

    @property
    def size_bytes(self) -> int:
        """About what it takes."""
        count, classes = self._count, len(self._failures or ()) + len(self._bad or ())
        return _size_bytes(count, classes) if count else 0

    @property
    def last(self) -> int | None:
        """The newest; None without any."""
        return self._first + self._count - 1 if self._rows else None

    def growth_bytes(self, slot: int, counts: Counts) -> int:
        """Return how much more `add` would make it take."""
        count = self._count
        later = slot - self._first - count + 1 if count else 1
        more = max(later, self._first - slot if count else 0, 0)
        classes = 0
        if counts.failures or counts.bad_certificates:
            classes = len(counts.failures.keys() - (self._failures or {}).keys())
            classes += len(counts.bad_certificates.keys() - (self._bad or {}).keys())
        if not (more or classes):
            return 0
        held = len(self._failures or ()) + len(self._bad or ())
        return _size_bytes(count + more, held + classes) - self.size_bytes

    def add(self, slot: int, counts: Counts) -> None:
        """Add to what a slot has."""
        at = self._place(slot)
        _add(self._rows, at * _ROW, counts)
        if counts.failures:
            self._failures = self._failures or {}
            _add_classes(self._failures, self._count, at, counts.failures)
        if counts.bad_certificates:
            self._bad = self._bad or {}
            _add_classes(self._bad, self._count, at, counts.bad_certificates)

    def add_known(self, slot: int, counts: Counts) -> bool:
        """Add what has no classes to a slot in the span that there is; False: it needs `add`."""
        at = (slot - self._first) * _ROW
        if not 0 <= at < len(self._rows):
            return False
        _add(self._rows, at, counts)
        return True

    def add_answers(self, slot: int, ok: int, misses: int) -> bool:
        """Add these to a slot in the span that there is; False: it needs `add`."""
        at = (slot - self._first) * _ROW
        rows = self._rows
        if not 0 <= at < len(rows):
            return False
        if ok:
            rows[at + _OK] += ok
        if misses:
            rows[at + _MISSES] += misses
        return True

    def doubt(self, slot: int) -> bool:
        """Count an ordinary miss of a slot as a suspect one; False where there is none."""
        at = (slot - self._first) * _ROW
        if not (0 <= at < len(self._rows) and self._rows[at + _MISSES]):
            return False
        self._rows[at + _MISSES] -= 1
        self._rows[at + _SUSPECTS] += 1
        return True

    def has_ok(self, since: int) -> bool:
        """Whether something was got in a slot or later."""
        return any(self._rows[max(0, since - self._first) * _ROW + _OK :: _ROW])

    def add_small(self, slot: int, answers: int) -> None:
        """Add to `small` of a slot that has something."""
        if slot in self:
            self._rows[(slot - self._first) * _ROW + _SMALL] += answers

    def newest_first(self) -> Iterator[tuple[int, Counts]]:
        """Return each slot of which something is known, with what is; a copy."""
        for at in range(self._count - 1, -1, -1):
            if self._is_known(at):
                yield self._first + at, self._counts(at)

    def at(self, slot: int) -> Counts | None:
        """Return a copy of what is known of a slot; None: nothing is."""
        return self._counts(slot - self._first) if slot in self else None

    def drop_before(self, slot: int) -> list[Counts]:
        """Forget slots that are older; returns what they had."""
        count = min(slot - self._first, self._count)
        if count <= 0:
            return []
        dropped = [self._counts(at) for at in range(count)]
        while count < self._count and not self._is_known(count):
            count += 1
        del self._rows[: count * _ROW]
        self._first += count
        self._failures, self._bad = _cut(self._failures, count), _cut(self._bad, count)
        return dropped

    def without(self, others: "Iterable[Slots]") -> "Slots":
        """Return a copy from which what the others have is taken away, never below zero."""
        rest, them = Slots(), list(others)
        rest._first = self._first
        shifts = [other._first - self._first for other in them]
        theirs = [(shift * _ROW, o._rows) for shift, o in zip(shifts, them, strict=True)]
        rest._rows = _less(self._rows, theirs)
        rest._failures = _cut(_all_less(self._failures, [o._failures for o in them], shifts), 0)
        rest._bad = _cut(_all_less(self._bad, [o._bad for o in them], shifts), 0)
        return rest

    def only(self, failure: str, passed: "Iterable[str]") -> "Slots":
        """Return a copy with one class of failures, others as answers, and no suspect misses."""
        alone, failures, bad = Slots(), self._failures or {}, self._bad or {}
        alone._first, alone._rows = self._first, self._rows[:]
        alone._rows[_SUSPECTS::_ROW] = _zeros(self._count)
        for name in passed:
            if name in failures:
                alone._rows[_OK::_ROW] = array(
                    "q", map(add, alone._rows[_OK::_ROW], failures[name])
                )
        alone._failures = {failure: failures[failure][:]} if failure in failures else None
        alone._bad = {failure: bad[failure][:]} if failure in bad else None
        return alone

    def _counts(self, at: int) -> Counts:
        ok, misses, suspects, handshakes, small, windows, lossy = self._rows[
            at * _ROW : (at + 1) * _ROW
        ]
        failures, bad = _at(self._failures, at), _at(self._bad, at)
        return Counts(ok, misses, suspects, failures, handshakes, bad, small, windows, lossy)

    def _place(self, slot: int) -> int:
        """Return the place of a slot, made on first sight."""
        if not self._rows:
            self._first = slot
        at, count = slot - self._first, self._count
        if at < 0:
            self._rows[:0] = _zeros(-at * _ROW)
            for column in self._columns():
                column[:0] = _zeros(-at)
            self._first, at = slot, 0
        elif at >= count:
            self._rows.extend(_zeros((at + 1 - count) * _ROW))
            for column in self._columns():
                column.extend(_zeros(at + 1 - count))
        return at


def _size_bytes(count: int, classes: int) -> int:
    return BASE_BYTES + SLOT_BYTES * count + (CLASS_BYTES + 8 * count) * classes


def _zeros(count: int) -> "array[int]":
    return array("q", bytes(8 * count))


def _add(rows: "array[int]", at: int, counts: Counts) -> None:
    # Most are 0, and this is done a dozen times for each proxy of each batch.
    if counts.ok:
        rows[at + _OK] += counts.ok
    if counts.misses:
        rows[at + _MISSES] += counts.misses
    if counts.suspects:
        rows[at + _SUSPECTS] += counts.suspects
    if counts.handshakes:
        rows[at + _HANDSHAKES] += counts.handshakes
    if counts.small:
        rows[at + _SMALL] += counts.small
    if counts.windows:
        rows[at + _WINDOWS] += counts.windows
    if counts.lossy:
        rows[at + _LOSSY] += counts.lossy


def _add_classes(columns: _Columns, count: int, at: int, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        column = columns.get(name)
        if column is None:
            column = columns[name] = _zeros(count)
        column[at] += number


def _at(columns: _Columns | None, at: int) -> dict[str, int]:
    return {name: column[at] for name, column in columns.items() if column[at]} if columns else {}


def _cut(columns: _Columns | None, count: int) -> _Columns | None:
    """Return what is left without the first places; a class of which nothing is goes."""
    if not columns:
        return None
    for column in columns.values():
        del column[:count]
    return {name: column for name, column in columns.items() if any(column)} or None


def _all_less(
    columns: _Columns | None, others: list[_Columns | None], shifts: list[int]
) -> _Columns | None:
    left: _Columns = {}
    for name, column in (columns or {}).items():
        theirs = [(s, o[name]) for s, o in zip(shifts, others, strict=True) if o and name in o]
        left[name] = _less(column, theirs)
    return left


def _less(held: "array[int]", others: "Iterable[tuple[int, array[int]]]") -> "array[int]":
    """Take others away, each of which begins so many places after what is held."""
    gone = _zeros(len(held))
    for shift, other in others:
        at, start = max(shift, 0), max(-shift, 0)
        both = min(len(held) - at, len(other) - start)
        if both > 0:
            more = other[start : start + both]
            gone[at : at + both] = array("q", map(add, gone[at : at + both], more))
    return array("q", (max(0, number) for number in map(sub, held, gone)))
