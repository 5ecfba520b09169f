"""
Metric families as Prometheus reads them: as text, or as protobuf with native histograms.

Text is version 0.0.4; protobuf is io.prometheus.client.MetricFamily, each with its length before
it (Prometheus: "Exposition formats"; client_model's metrics.proto). Our buckets are a native
histogram's of schema 5, index for index, so nothing is lost. Written here because it is made in
pieces, between which others are answered, and no client library knows native histograms. Pure.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from modpulse.agent.batch.sketch import (
    BUCKETS_PER_OCTAVE,
    SCALE,
    ZERO_BUCKET,
    estimate_ns,
    upper_bound_ns,
)
from modpulse.agent.service.units import NS

TEXT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
PROTOBUF_TYPE = (
    b"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
BOUNDS_S = tuple(2.0**power for power in range(-10, 7))
"""Upper bounds of classic buckets, 1 ms to 64 s: each is the bound of one of ours, so exact."""
ZERO_BELOW_S = 2.0 ** (ZERO_BUCKET / BUCKETS_PER_OCTAVE)
"""What is not longer is counted as zero."""

Kind = Literal["counter", "gauge", "histogram"]
_KINDS: Mapping[Kind, int] = {"counter": 0, "gauge": 1, "histogram": 4}
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram; counts by bucket of modpulse.agent.batch.sketch."""

    buckets: Mapping[int, int]

    @property
    def count(self) -> int:
        """Of all."""
        return sum(self.buckets.values())

    @property
    def sum_s(self) -> float:
        """About: each is taken for what its bucket stands for, 1.1 % at most beside it."""
        return sum(estimate_ns(bucket) * count for bucket, count in self.buckets.items()) / NS


Sample = tuple[Labels, float | Durations]


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name."""

    name: str
    kind: Kind
    about: str
    samples: Iterable[Sample]


def takes_protobuf(accept: bytes) -> bool:
    """Whether who asks would rather have protobuf than text (RFC 9110 section 12.5.1)."""
    wanted = 0.0
    text = 0.0
    for each in accept.decode("latin-1").lower().split(","):
        kind, *parameters = (word.strip() for word in each.split(";"))
        weight = _weight(parameters)
        if kind == "application/vnd.google.protobuf":
            is_ours = "proto=io.prometheus.client.metricfamily" in parameters
            if is_ours and "encoding=delimited" in parameters:
                wanted = max(wanted, weight)
        elif kind == "text/plain":
            text = max(text, weight)
    return wanted > 0 and wanted >= text


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def as_text(family: Family) -> Iterator[bytes]:
    """Return a family piece by piece: its head, then each sample."""
    about = family.about.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {about}\n# TYPE {family.name} {family.kind}\n".encode()
    for labels, value in family.samples:
        if isinstance(value, Durations):
            yield "".join(_classic(family.name, labels, value)).encode(errors="replace")
        else:
            yield f"{family.name}{_labels(labels)} {_number(value)}\n".encode(errors="replace")


def _classic(name: str, labels: Labels, durations: Durations) -> Iterator[str]:
    for bound_s, count in _cumulative(durations):
        yield f"{name}_bucket{_labels({**labels, 'le': _number(bound_s)})} {count}\n"
    yield f"{name}_bucket{_labels({**labels, 'le': '+Inf'})} {durations.count}\n"
    yield f"{name}_sum{_labels(labels)} {_number(durations.sum_s)}\n"
    yield f"{name}_count{_labels(labels)} {durations.count}\n"


def _cumulative(durations: Durations) -> list[tuple[float, int]]:
    ordered = sorted(durations.buckets.items())
    found, below, at = [], 0, 0
    for bound_s in BOUNDS_S:
        while at < len(ordered) and upper_bound_ns(ordered[at][0]) <= bound_s * NS:
            below += ordered[at][1]
            at += 1
        found.append((bound_s, below))
    return found


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def as_protobuf(family: Family) -> Iterator[bytes]:
    """Return a family as messages, each with its length before it; empty pieces while it is made.

    Native histograms are a family of their own: Prometheus keeps no classic series beside them.
    """
    is_both = family.kind == "histogram"
    kinds = {family.name: _classic_buckets} | ({native(family.name): _native} if is_both else {})
    bodies = {name: bytearray(_head(name, family)) for name in kinds}
    for labels, value in family.samples:
        named = b"".join(
            _message(1, _text(1, name) + _text(2, said)) for name, said in labels.items()
        )
        for name, made in kinds.items():
            if isinstance(value, Durations):
                metric = _message(7, made(value))
            else:
                metric = _message(3 if family.kind == "counter" else 2, _double(1, value))
            bodies[name] += _message(4, named + metric)
        yield b""
    for body in bodies.values():
        yield _varint(len(body)) + bytes(body)


def native(name: str) -> str:
    """Return what a histogram is called as a native one."""
    return f"{name.removesuffix('_seconds')}_native_seconds"


def _head(name: str, family: Family) -> bytes:
    return _text(1, name) + _text(2, family.about) + _varint_of(3, _KINDS[family.kind])


def _classic_buckets(durations: Durations) -> bytes:
    out = bytearray(_varint_of(1, durations.count) + _double(2, durations.sum_s))
    for bound_s, count in _cumulative(durations):
        out += _message(3, _varint_of(1, count) + _double(2, bound_s))
    return bytes(out)


def _native(durations: Durations) -> bytes:
    out = bytearray(_varint_of(1, durations.count) + _double(2, durations.sum_s))
    out += _varint_of(5, _zigzag(SCALE)) + _double(6, ZERO_BELOW_S)
    out += _varint_of(7, durations.buckets.get(ZERO_BUCKET, 0))
    positive = sorted((k, n) for k, n in durations.buckets.items() if k > ZERO_BUCKET and n)
    for offset, length in _spans([bucket for bucket, _ in positive]):
        out += _message(12, _varint_of(1, _zigzag(offset)) + _varint_of(2, length))
    before = 0
    for _, count in positive:
        out += _varint_of(13, _zigzag(count - before))
        before = count
    return bytes(out)


def _spans(buckets: list[int]) -> list[tuple[int, int]]:
    """Return runs of buckets: how far each begins behind the end of the last, and its length."""
    spans: list[list[int]] = []
    after = 0
    for bucket in buckets:
        if spans and bucket == after:
            spans[-1][1] += 1
        else:
            spans.append([bucket - after, 1])
        after = bucket + 1
    return [(offset, length) for offset, length in spans]


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint_of(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _double(field: int, number: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", number)


def _text(field: int, words: str) -> bytes:
    return _message(field, words.encode(errors="replace"))


def _message(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body
