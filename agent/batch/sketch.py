"""
A mergeable histogram of durations: base-2 exponential at scale 5, integer counts.

Bucket k covers (2^((k-1)/32), 2^(k/32)] **seconds**: the base unit of Prometheus and of
OpenTelemetry, so that buckets line up with theirs (10^9 is no power of 2^(1/32), so buckets of
nanoseconds would not). A Prometheus native histogram of schema 5 has the same index k; an
OpenTelemetry exponential histogram of scale 5 has index k - 1. The lowest bucket holds what is
not positive: their zero count, below a zero threshold of 2^(-957/32) s.
Source: OpenTelemetry metrics data model, ExponentialHistogram; Prometheus native histogram
specification, section "Schema"; both are (lower, upper].
"""

from bisect import bisect_left
from collections.abc import Mapping
from math import ceil, frexp

from ..service.units import NS

SCALE = 5
BUCKETS_PER_OCTAVE = 1 << SCALE
RELATIVE_ERROR = (2 ** (1 / BUCKETS_PER_OCTAVE) - 1) / (2 ** (1 / BUCKETS_PER_OCTAVE) + 1)
"""Bound of a quantile's error, 1.083 %: of the harmonic mean of a bucket's bounds."""

ZERO_BUCKET = -957
"""All that is not positive; its upper bound, 0.994 ns, is below the shortest duration of 1 ns."""
MAX_BUCKET = 640
"""Upper bound 2^20 s, 12 days; what is longer is counted there."""
MAX_COUNT = (1 << 32) - 1
"""On the wire, of one bucket: sums over a fleet and a day stay far below 2^63."""
MAX_SKETCH_BYTES = 8192
"""Every bucket in use, counts of five bytes each."""

_MANTISSAS = tuple(2 ** ((i - BUCKETS_PER_OCTAVE) / BUCKETS_PER_OCTAVE) for i in range(32))
"""Upper bounds of an octave's buckets, as frexp gives mantissas: 0.5 to below 1."""


class SketchError(ValueError):
    """Bytes that are no sketch."""


def bucket_of(value_ns: int) -> int:
    """Return the bucket of a duration."""
    if value_ns <= 0:
        return ZERO_BUCKET
    mantissa, exponent = frexp(value_ns / NS)
    bucket = BUCKETS_PER_OCTAVE * (exponent - 1) + bisect_left(_MANTISSAS, mantissa)
    return bucket if bucket < MAX_BUCKET else MAX_BUCKET


def upper_bound_ns(bucket: int) -> float:
    """Return the upper bound of a bucket, which belongs to it; 0 for the zero bucket."""
    return 0.0 if bucket <= ZERO_BUCKET else NS * 2 ** (bucket / BUCKETS_PER_OCTAVE)


def estimate_ns(bucket: int) -> float:
    """Return what is at most RELATIVE_ERROR away from every duration of a bucket."""
    return upper_bound_ns(bucket) * (1 - RELATIVE_ERROR)


class Sketch:
    """Counts by bucket."""

    __slots__ = ("_buckets",)

    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        """
        Args:
            buckets: Bucket to count, from ZERO_BUCKET to MAX_BUCKET; none of them below 0.
        """
        self._buckets = {bucket: count for bucket, count in (buckets or {}).items() if count}

    def __eq__(self, other: object) -> bool:
        """Equal counts in equal buckets."""
        return isinstance(other, Sketch) and self._buckets == other._buckets

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        """Show the buckets in order."""
        return f"Sketch({dict(sorted(self._buckets.items()))})"

    @property
    def buckets(self) -> Mapping[int, int]:
        """Bucket to count, those in use only, in no order."""
        return self._buckets

    @property
    def count(self) -> int:
        """Durations added."""
        return sum(self._buckets.values())

    def add(self, value_ns: int) -> None:
        """Count one duration."""
        self.put(bucket_of(value_ns))

    def put(self, bucket: int) -> None:
        """Count one duration of which the bucket is known."""
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def merge(self, other: "Sketch") -> None:
        """Add the other's counts: exact, in any order."""
        for bucket, count in other._buckets.items():
            self._buckets[bucket] = self._buckets.get(bucket, 0) + count

    def quantile(self, q: float) -> float | None:
        """
        Return the q-quantile in ns, off by RELATIVE_ERROR at most; None without durations.

        It is the ceil(q * count)-th smallest, at least the first (nearest rank).
        """
        rank = max(1, ceil(q * self.count))
        below = 0
        for bucket in sorted(self._buckets):
            below += self._buckets[bucket]
            if below >= rank:
                return estimate_ns(bucket)
        return None

    def to_bytes(self) -> bytes:
        """
        Return the wire form, empty for an empty sketch.

        Varints (LEB128): the zigzag of the first bucket, then the count of it and of each bucket
        after it. A 0 is followed by the number of empty buckets that it stands for.

        Raises:
            SketchError: a count above MAX_COUNT.
        """
        out = bytearray()
        expected = None
        for bucket, count in sorted(self._buckets.items()):
            if count > MAX_COUNT:
                raise SketchError(f"{count} in bucket {bucket}, at most {MAX_COUNT}")
            if expected is None:
                _put(out, bucket << 1 if bucket >= 0 else (-bucket << 1) - 1)
            elif bucket > expected:
                _put(out, 0)
                _put(out, bucket - expected)
            _put(out, count)
            expected = bucket + 1
        return bytes(out)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """
        Read the wire form.

        Raises:
            SketchError: cut or overlong numbers, buckets or counts beyond the bounds.
        """
        if len(data) > MAX_SKETCH_BYTES:
            raise SketchError(f"{len(data)} bytes, at most {MAX_SKETCH_BYTES}")
        numbers = iter(_numbers(data))
        buckets: dict[int, int] = {}
        first = next(numbers, None)
        if first is None:
            return cls()
        bucket = (first >> 1) ^ -(first & 1)
        count = 0
        for count in numbers:
            if count == 0:
                empty = next(numbers, None)
                if empty == 0:
                    raise SketchError("a run of no empty buckets")
                bucket += empty or 0
                continue
            if not ZERO_BUCKET <= bucket <= MAX_BUCKET:
                raise SketchError(f"bucket {bucket}, not in {ZERO_BUCKET}..{MAX_BUCKET}")
            buckets[bucket] = count
            bucket += 1
        if count == 0:
            raise SketchError("no count at the end")
        made = cls()
        made._buckets = buckets  # not copied: no count of them is 0
        return made


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _numbers(data: bytes) -> list[int]:
    if data.isascii():
        return list(data)  # each is a byte
    found = []
    number = shift = 0
    for byte in data:
        if byte < 0x80 and not shift:
            found.append(byte)
            continue
        number |= (byte & 0x7F) << shift
        if number > MAX_COUNT or shift > 28:
            raise SketchError(f"a number above {MAX_COUNT}")
        if byte & 0x80:
            shift += 7
            continue
        found.append(number)
        number = shift = 0
    if shift:
        raise SketchError("cut inside a number")
    return found


class Sketches(dict[str, Sketch]):
    """By phase; those that nothing was timed of are not there."""

    def time(self, phase: str, duration_ns: int | None) -> None:
        """Add a duration, where it is known."""
        if duration_ns is not None:
            (self.get(phase) or self.of(phase)).put(bucket_of(duration_ns))

    def of(self, phase: str) -> Sketch:
        """Return that of a phase, to add to it."""
        found = self.get(phase)
        if found is None:
            found = self[phase] = Sketch()
        return found

    def to_bytes(self) -> dict[str, bytes]:
        """Return each as a batch has it."""
        return {phase: sketch.to_bytes() for phase, sketch in self.items()}
