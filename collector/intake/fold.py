"""
Works on sketches as they came, many at a time: what one costs is the bytes of it, not its buckets.

Those of batches are added up in a Pile. Most are of a few hundred durations: every number but the
first is a byte. Of these all are read together, each step one pass over the bytes of all; the
others one by one. Those of the history, which are larger, are read together whatever their numbers.
The only importer of numpy: without it a batch of three busy proxies costs more than all else.
Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import floor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from modpulse.agent.batch.sketch import MAX_BUCKET, MAX_COUNT, ZERO_BUCKET, Sketch, SketchError

SPAN = MAX_BUCKET - ZERO_BUCKET + 1
"""Buckets that there are."""
FOLDED = 2_048
"""Sketches that are added up at once: a hundred busy batches; 4 ms."""
FOLDED_BYTES = 256 << 10
"""Of these, at most; what is larger is added up sooner."""

SLICE = 512
"""Of these, so many in one pass: what a pass works on stays in the processor's cache."""

_Numbers = NDArray[np.intp]


class Key(NamedTuple):
    """What sketches have in common that are added up."""

    proxy: str
    slot: int
    """Number of the slot of time, as whoever piles them counts."""
    phase: str


class Pile:
    """Sketches that wait to be added up."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._numbers: dict[tuple[str, int], dict[str, int]] = {}
        """Of keys, by proxy and slot, then by phase."""
        self._sketches: list[bytes] = []
        self._of: list[int] = []
        self._bytes = 0
        self.unreadable = 0
        """Sketches that were none."""

    @property
    def is_full(self) -> bool:
        """Whether it is time to add them up."""
        return len(self._sketches) >= FOLDED or self._bytes >= FOLDED_BYTES

    def add(self, proxy: str, slot: int, sketches: Mapping[str, bytes]) -> None:
        """Put the sketches of one window on it, by phase."""
        numbers = self._numbers.get((proxy, slot))
        if numbers is None:
            numbers = self._numbers[proxy, slot] = {}
        if not sketches.keys() <= numbers.keys():
            for phase in sketches:
                if phase not in numbers:
                    numbers[phase] = len(self._keys)
                    self._keys.append(Key(proxy, slot, phase))
        # What each is shows when they are added up: here only what all have is done.
        self._of += [numbers[phase] for phase in sketches]
        self._sketches += sketches.values()
        self._bytes += sum(map(len, sketches.values()))

    def fold(self) -> Iterator[tuple[Key, dict[int, int]]]:
        """
        Take all of them off it: for each key its buckets and their counts.

        A key may come again: each result is a step of some milliseconds at most.
        """
        keys, sketches, of = self._keys, self._sketches, self._of
        self._keys, self._numbers, self._sketches, self._of = [], {}, [], []
        self._bytes = 0
        odd = _odd(sketches)
        others = [(keys[of[n]], sketches[n]) for n in odd]
        if odd:
            rest = sorted(set(range(len(sketches))).difference(odd))
            sketches, of = [sketches[n] for n in rest], [of[n] for n in rest]
        added = np.zeros((len(keys), SPAN))
        for at in range(0, len(sketches), SLICE):
            sums, unreadable = fold(sketches[at : at + SLICE], of[at : at + SLICE], len(keys))
            added += sums
            self.unreadable += unreadable
        for number, key in enumerate(keys):
            places = added[number].nonzero()[0]
            if len(places):
                counts = added[number, places].astype(np.int64).tolist()
                yield key, dict(zip((places + ZERO_BUCKET).tolist(), counts, strict=True))
        for key, data in others:
            if not data:
                continue  # of nothing
            try:
                yield key, dict(Sketch.from_bytes(data).buckets)
            except SketchError:
                self.unreadable += 1


def _odd(sketches: list[bytes]) -> list[int]:
    """Return the places of those with a number of more than a byte behind the first, or too few."""
    data = np.frombuffer(b"".join(sketches), np.uint8)
    sizes = np.fromiter(map(len, sketches), np.intp, len(sketches))
    ends = np.cumsum(sizes)
    high = (data > 0x7F).nonzero()[0]
    of_high = np.searchsorted(ends, high, "right")
    is_odd = sizes < 3
    is_odd[of_high[high != (ends - sizes)[of_high]]] = True
    places: list[int] = is_odd.nonzero()[0].tolist()
    return places


def fold(sketches: list[bytes], of: list[int], keys: int) -> tuple[NDArray[Any], int]:
    """
    Add up sketches whose numbers are a byte each, the first at most two.

    Args:
        sketches: At least three bytes each.
        of: The number of the key of each.
        keys: How many keys there are.

    Returns:
        A row of counts for each key, from ZERO_BUCKET on; and how many sketches were none.
    """
    if not sketches:
        return np.zeros((keys, SPAN)), 0
    data = np.frombuffer(bytearray().join(sketches), np.uint8)
    sizes = np.fromiter(map(len, sketches), np.intp, len(sketches))
    ends = np.cumsum(sizes)
    starts = ends - sizes
    first, heads = _first(data, starts)
    counts, buckets, of_each, bad = _buckets(data, first, heads, starts, ends)
    if bad.any():
        good = (~bad).nonzero()[0].tolist()
        sums, _ = fold([sketches[n] for n in good], [of[n] for n in good], keys)
        return sums, len(sketches) - len(good)
    places = buckets + np.repeat(np.asarray(of, np.intp) * SPAN - ZERO_BUCKET, of_each)
    sums = np.bincount(places, weights=data[counts], minlength=keys * SPAN)
    return sums.reshape(keys, SPAN), 0


def quantiles(sketches: list[bytes], of: Sequence[float]) -> list[tuple[int, ...] | None]:
    """
    Return the buckets in which each sketch has its quantiles, by nearest rank.

    Args:
        sketches: At least a byte each.
        of: Above 0, up to 1.

    Returns:
        For each sketch as many as are asked for; None: it is no sketch.
    """
    read = _read(sketches)
    if not len(read.ends):
        return [None] * len(sketches)
    upto = np.cumsum(read.counts)
    before = np.concatenate(([0], upto[read.ends[:-1] - 1]))
    total = upto[read.ends - 1] - before
    rows = [read.buckets[np.searchsorted(upto, before + np.ceil(q * total))].tolist() for q in of]
    found = zip(*rows, strict=True)
    return [next(found) if is_good else None for is_good in read.good]


class Stack:
    """Durations of many periods side by side: what costs is the bytes of them, not the periods."""

    def __init__(self, periods: Sequence[Sequence[bytes]]) -> None:
        """
        Args:
            periods: The sketches of each; what is none is left out.
        """
        of = [n for n, sketches in enumerate(periods) for data in sketches if data]
        made = [data for sketches in periods for data in sketches if data]
        reads = [_read(made[at : at + SLICE]) for at in range(0, len(made), SLICE)]
        sizes = [np.diff(read.ends, prepend=0) for read in reads]
        good = np.asarray([is_good for read in reads for is_good in read.good], np.bool_)
        self._buckets = _joined([read.buckets for read in reads])
        self._counts = _joined([read.counts for read in reads])
        self._of = np.repeat(np.asarray(of, np.intp)[good], _joined(sizes))
        self._periods = len(periods)

    def picked(self, periods: Sequence[int]) -> "Stack":
        """Return a stack of some of the periods, in this order."""
        place = np.full(self._periods, -1)
        place[np.asarray(periods, np.intp)] = np.arange(len(periods))
        is_in = place[self._of] >= 0
        stack = Stack([])
        stack._buckets, stack._counts = self._buckets[is_in], self._counts[is_in]
        stack._of, stack._periods = place[self._of[is_in]], len(periods)
        return stack

    @property
    def totals(self) -> list[int]:
        """How many there are in each period."""
        return [round(total) for total in self._by_period(self._counts)]

    def below(self, place: float) -> list[float]:
        """Return how many of each period are at or below a place: buckets, with a fraction of
        those in its own."""
        whole = floor(place)
        part = np.where(self._buckets <= whole, 1.0, 0.0)
        part[self._buckets == whole + 1] = place - whole
        return self._by_period(part * self._counts)

    def mixed(self, weights: Sequence[float]) -> tuple[list[int], list[float]]:
        """Return the buckets of all, and how much is in each if each duration weighs so much."""
        each = self._counts * np.asarray(weights, np.float64)[self._of]
        sums = np.bincount(self._buckets - ZERO_BUCKET, weights=each, minlength=SPAN)
        places = sums.nonzero()[0]
        return (places + ZERO_BUCKET).tolist(), sums[places].tolist()

    def _by_period(self, numbers: NDArray[Any]) -> list[float]:
        found: list[float] = np.bincount(
            self._of, weights=numbers, minlength=self._periods
        ).tolist()
        return found


def _joined(parts: list[_Numbers]) -> _Numbers:
    return np.concatenate(parts) if parts else np.zeros(0, np.intp)


class _Read(NamedTuple):
    """Sketches side by side."""

    good: list[bool]
    """Of all, which are one; of what is none nothing is here."""
    buckets: _Numbers
    counts: _Numbers
    ends: _Numbers
    """Where those of each end."""


def _read(sketches: list[bytes]) -> _Read:
    """Read any sketches, of at least a byte each."""
    nothing = np.zeros(0, np.intp)
    if not sketches:
        return _Read([], nothing, nothing, nothing)
    sizes = np.fromiter(map(len, sketches), np.intp, len(sketches))
    numbers, ends, bad = _numbers(b"".join(sketches), np.cumsum(sizes))
    starts = np.concatenate(([0], ends[:-1]))
    first = (numbers[starts] >> 1) ^ -(numbers[starts] & 1)
    counts, buckets, of_each, odd = _buckets(numbers, first, starts, starts, ends)
    bad |= odd
    good: list[bool] = (~bad).tolist()
    if bad.any():
        return _read([s for s, is_good in zip(sketches, good, strict=True) if is_good])._replace(
            good=good
        )
    return _Read(good, buckets, numbers[counts], np.cumsum(of_each))


def _buckets(
    numbers: NDArray[Any], first: _Numbers, heads: _Numbers, starts: _Numbers, ends: _Numbers
) -> tuple[_Numbers, _Numbers, _Numbers, NDArray[np.bool_]]:
    """
    Return the places of counts, the bucket of each, how many a sketch has, and which is no sketch.

    Args:
        numbers: Of all sketches; changed.
        first: The first bucket of each.
        heads: The places of what says so.
        starts: Where each sketch begins.
        ends: Where it ends; the last is the end of all.
    """
    # Behind a 0 stands how many empty buckets it is for; all else is the count of the next one.
    numbers[heads] = 1
    zeros = (numbers == 0).nonzero()[0]
    runs = zeros[zeros + 1 < len(numbers)] + 1
    is_count = np.ones(len(numbers), np.bool_)
    is_count[zeros] = is_count[runs] = is_count[heads] = False
    bad = ~is_count[ends - 1]
    bad[np.searchsorted(ends, runs[numbers[runs] == 0], "right")] = True
    passed = is_count.astype(np.intp)
    passed[runs] = numbers[runs]
    # Of one type, for else each number is converted by itself.
    np.cumsum(passed, out=passed)
    base = first - passed[starts] - 1
    bad |= (first < ZERO_BUCKET) | (passed[ends - 1] + base > MAX_BUCKET)
    counts = is_count.nonzero()[0]
    of_each = np.diff(np.searchsorted(counts, ends), prepend=0)
    return counts, passed[counts] + np.repeat(base, of_each), of_each, bad


def _numbers(data: bytes, ends: _Numbers) -> tuple[_Numbers, _Numbers, NDArray[np.bool_]]:
    """Return the varints of all sketches, where those of each end, and which has none such."""
    read = np.frombuffer(data, np.uint8)
    is_last = read < 0x80
    bad = ~is_last[ends - 1]
    is_last[ends - 1] = True
    last = is_last.nonzero()[0]
    starts = np.concatenate(([0], last[:-1] + 1))
    place = np.arange(len(read)) - np.repeat(starts, last - starts + 1)
    numbers = np.add.reduceat((read & 0x7F).astype(np.intp) << 7 * np.minimum(place, 5), starts)
    too_large = (numbers > MAX_COUNT) | (last - starts > 4)
    bad[np.searchsorted(ends, last[too_large], "right")] = True
    return numbers, np.searchsorted(last, ends), bad


def _first(data: NDArray[np.uint8], starts: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Return the first bucket of each sketch, and the places of the bytes that say so."""
    low, high = data[starts].astype(np.intp), data[starts + 1].astype(np.intp)
    is_long = low > 0x7F
    zigzag = np.where(is_long, (low & 0x7F) | (high << 7), low)
    return (zigzag >> 1) ^ -(zigzag & 1), np.concatenate((starts, starts[is_long] + 1))
