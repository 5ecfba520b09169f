"""Rules of metric families as text and as protobuf."""

import shutil
import subprocess

import pytest
from conftest import needs
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.sketch import ZERO_BUCKET, bucket_of, upper_bound_ns
from modpulse.collector.http.exposition import (
    BOUNDS_S,
    Durations,
    Family,
    as_protobuf,
    as_text,
    takes_protobuf,
)

NS = 1_000_000_000
BUCKETS = st.dictionaries(st.integers(-400, 300), st.integers(1, 1000), min_size=1, max_size=40)
SCRAPE = (
    b"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    b"application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def text(family: Family) -> str:
    """A family as text."""
    return b"".join(as_text(family)).decode()


def checked(words: str) -> str:
    """What the real promtool says against it."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=words, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@given(st.dictionaries(st.sampled_from(["proxy", "site"]), st.text(max_size=40)))
def test_labels_are_escaped(labels: dict[str, str]) -> None:
    """Whatever a name holds, a sample is one line, and its labels end where they should."""
    shown = text(Family("modpulse_x", "gauge", "About.", [(labels, 1.5)]))
    body = shown.split("\n", 2)[2]
    read, at = {}, body.find("{") + 1
    while labels and body[at - 1] != "}":
        name, _, _ = body[at:].partition("=")
        at += len(name) + 2
        value = ""
        while body[at] != '"':
            step = 2 if body[at] == "\\" else 1
            value += {"\\n": "\n", "\\\\": "\\", '\\"': '"'}.get(body[at : at + step], body[at])
            at += step
        read[name], at = value, at + 2

    assert read == labels
    assert body[at:].strip() == "1.5" if labels else body == "modpulse_x 1.5\n"
    assert body.count("\n") == 1


@given(BUCKETS)
def test_classic_buckets_are_exact(buckets: dict[int, int]) -> None:
    """What a bucket of ours holds is in the classic ones whose bounds are not below its own."""
    shown = text(Family("modpulse_x_seconds", "histogram", "About.", [({}, Durations(buckets))]))
    counts = {}
    for line in shown.splitlines():
        if "_bucket" in line:
            name, _, count = line.rpartition(" ")
            counts[name.split('"')[1]] = int(count)

    for bound_s in BOUNDS_S:
        label = str(int(bound_s)) if bound_s >= 1 else repr(bound_s)
        fits = sum(n for bucket, n in buckets.items() if upper_bound_ns(bucket) <= bound_s * NS)
        assert counts[label] == fits
    assert counts["+Inf"] == sum(buckets.values())


def test_every_bound_is_one_of_ours() -> None:
    """A duration of just a bound belongs below it, one of a nanosecond more does not."""
    for bound_s in BOUNDS_S:
        assert upper_bound_ns(bucket_of(round(bound_s * NS))) == bound_s * NS


def test_promtool_has_nothing_to_say() -> None:
    """A counter, a gauge and a histogram as the real promtool wants them."""
    needs(shutil.which("promtool") is not None, "Debian's prometheus")
    families = (
        Family("modpulse_requests_total", "counter", 'A "b" \\ c.', [({"proxy": 'a"\\\n'}, 3)]),
        Family("modpulse_agents", "gauge", "Agents.", [({}, 0.25)]),
        Family("modpulse_y_seconds", "histogram", "Times.", [({}, Durations({-32: 2, 5: 1}))]),
    )

    assert checked("".join(text(family) for family in families)) == ""
    assert "counter metrics should have" in checked("# TYPE a counter\na 1\n")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (SCRAPE, True),
        (b"", False),
        (b"*/*", False),
        (b"text/plain", False),
        (b"application/vnd.google.protobuf", False),
        (SCRAPE.replace(b"delimited", b"delimited;q=0"), False),
        (SCRAPE.replace(b"delimited", b"delimited;q=0.4"), False),
        (SCRAPE.replace(b"delimited", b"delimited;q=x"), False),
        (b"\xff;;=,,;q=", False),
    ],
)
def test_who_wants_protobuf(accept: bytes, expected: bool) -> None:
    """Only who asks for just this encoding gets it, and not where text is preferred."""
    assert takes_protobuf(accept) is expected


@given(BUCKETS, st.integers(0, 5))
def test_native_histograms_hold_what_ours_do(buckets: dict[int, int], zeros: int) -> None:
    """Read as client_model has it, spans and differences give back bucket by bucket."""
    if zeros:
        buckets = {**buckets, ZERO_BUCKET: zeros}
    classic, encoded = [
        piece
        for piece in as_protobuf(
            Family("modpulse_x_seconds", "histogram", "A.", [({"a": "b"}, Durations(buckets))])
        )
        if piece
    ]
    length, body = varint(encoded)
    family = fields(body)
    metric = fields(family[4][0])
    histogram = fields(metric[7][0])

    assert length == len(body)
    assert [fields(pair) for pair in metric[1]] == [{1: [b"a"], 2: [b"b"]}]
    assert (family[1], family[3]) == ([b"modpulse_x_native_seconds"], [4])
    assert fields(varint(classic)[1])[1] == [b"modpulse_x_seconds"]
    assert histogram[1] == [sum(buckets.values())]
    assert [signed(n) for n in histogram[5]] == [5]
    assert histogram[7] == [zeros]
    read, index, count, deltas = {}, 0, 0, iter(histogram[13])
    for span in map(fields, histogram[12]):
        index += signed(span[1][0])
        for _ in range(span[2][0]):
            count += signed(next(deltas))
            read[index] = count
            index += 1
    assert read == {bucket: n for bucket, n in buckets.items() if bucket != ZERO_BUCKET}
    assert next(deltas, None) is None


def varint(data: bytes) -> tuple[int, bytes]:
    """A number, and what is behind it."""
    number = shift = 0
    for at, byte in enumerate(data):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, data[at + 1 :]
    raise AssertionError("cut inside a number")


def signed(number: int) -> int:
    """Of a zigzag number."""
    return number >> 1 ^ -(number & 1)


def fields(data: bytes) -> dict[int, list]:
    """A protobuf message by field: numbers, bytes; eight bytes as they are."""
    found: dict[int, list] = {}
    while data:
        key, data = varint(data)
        kind = key & 7
        if kind == 0:
            value, data = varint(data)
        elif kind == 1:
            value, data = data[:8], data[8:]
        else:
            size, data = varint(data)
            value, data = data[:size], data[size:]
        found.setdefault(key >> 3, []).append(value)
    return found
