"""Rules of the collector's reader: it reads what agents write, and refuses what they would not."""

import contextlib
import dataclasses
import struct
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightings import T0_NS

from modpulse.agent.batch import batch as written
from modpulse.agent.batch.batch import BatchError, decode, encode
from modpulse.collector.intake import wire

ROWS = {
    wire.Batch: written.Batch,
    wire.ProxyWindow: written.ProxyWindow,
    wire.Leaf: written.Leaf,
    wire.Happening: written.Happening,
    wire.Outcomes: written.Outcomes,
}
WORST = [
    written.Exemplar(
        at_ns=T0_NS, endpoint=endpoint, module=module, version=None, outcome="http.5xx",
        final="stopped", status=503, elapsed_ns=1, phases={}, evidence="why", host=None,
        address=None,
    )
    for endpoint, module in (("zip", "mod.example/m7"), (None, None))
]  # fmt: skip
WINDOW = written.ProxyWindow(
    proxy="https://a.example", requests=9, misses=1, suspect_misses=1, failures={"http.5xx": 2},
    sketches={"tls": b"\x00\x01"}, handshakes=2, bad_certificates={"tls.expired": 1},
    certificate=written.Leaf(
        subject="CN=a", issuer="CN=b", not_before_s=-5, not_after_s=1 << 40, sha256="ab" * 32
    ),
    resolvers=("10.0.0.53",), body_bytes=17, min_ttl_s=60, failed_ns=3, commands_stopped=1,
    by_endpoint=(written.Outcomes(name="zip", ok=2, failures={"http.5xx": 2}, sketch=b"\x00\x01"),),
    by_address=(written.Outcomes(name="10.0.0.7", misses=1),),
    by_resolver=(written.Outcomes(name="10.0.0.53", suspect_misses=1),),
    happenings=(written.Happening(at_ns=T0_NS, outcome="ok"),),
    asked=(
        written.Asked(
            module="m", version=None, endpoint="zip", outcome="ok", body_bytes=None, h1=None
        ),
    ),
)  # fmt: skip
BATCH = written.Batch(
    agent_id="build-1", run_id=b"run", seq=7, window_start_ns=T0_NS, window_end_ns=T0_NS + 1,
    labels={"site": "ber"}, losses={"seen": 9}, lost=1, proxies=(WINDOW,), agent_version="1",
    kernel="6.1", links="perf", commands=2, commands_failed=1, chains_dropped=1,
    chains=(written.Chain(entries="https://a.example,direct", commands=1),),
)  # fmt: skip
KINDS: dict[str, type] = {
    "proxies": wire.ProxyWindow,
    "happenings": wire.Happening,
} | dict.fromkeys(("by_endpoint", "by_address", "by_resolver"), wire.Outcomes)
USED = {
    row: [f.name for f in msgspec.structs.fields(row) if f.type is not msgspec.Raw] for row in ROWS
}


def plain() -> list[Any]:
    """Return the batch as arrays."""
    return msgpack.unpackb(encode(BATCH), strict_map_key=False)  # type: ignore[no-any-return]


def pack(arrays: object) -> bytes:
    """Return arrays as bytes."""
    return msgpack.packb(arrays, use_bin_type=True)  # type: ignore[no-any-return]


def same(read: Any, made: Any, row: type) -> bool:
    """Whether what is read is what was written, as far as it is read."""
    for name in USED[row]:
        mine, theirs = getattr(read, name), getattr(made, name)
        if isinstance(mine, list) and isinstance(theirs, tuple):
            kind = KINDS.get(name)
            pairs = list(zip(mine, theirs, strict=True))
            if not all(same(m, t, kind) if kind else m == t for m, t in pairs):
                return False
        elif name == "certificate" and mine is not None:
            if not same(mine, theirs, wire.Leaf):
                return False
        elif mine != theirs:
            return False
    return True


@pytest.mark.parametrize("row", ROWS)
def test_rows_are_those_that_are_written(row: type) -> None:
    """The same fields in the same order; what a schema appended may be missing."""
    read = msgspec.structs.fields(row)
    made = dataclasses.fields(ROWS[row])

    assert [field.name for field in read] == [field.name for field in made]
    assert [not field.required for field in read] == [
        field.metadata["since"] > written.OLDEST_SCHEMA for field in made
    ]


def test_what_is_written_is_read() -> None:
    """Each field that is used says what the agent said."""
    assert same(wire.read(encode(BATCH)), BATCH, wire.Batch)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
    | st.sampled_from(["", "x" * 129, "é" * 65, "é" * 300, "x" * 513, 0, 1, 2**32, 2**63])
    | st.text(max_size=9) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(ANYTHING, st.integers(0, 17), st.integers(0, 30))
def test_any_value_in_any_place_is_as_strict(value: object, place: int, field: int) -> None:
    """What is used and refused by the agent's own reader is refused here, and nothing else is."""
    in_row, in_batch = plain(), plain()
    in_row[9][0][field] = value
    in_batch[place] = value
    names = (USED[wire.ProxyWindow], USED[wire.Batch])
    rows = ([f.name for f in dataclasses.fields(written.ProxyWindow)],
            [f.name for f in dataclasses.fields(written.Batch)])  # fmt: skip
    for arrays, used, of, at in zip((in_row, in_batch), names, rows, (field, place), strict=True):
        data = pack(arrays)
        try:
            made = decode(data)
        except BatchError:
            if of[at] in used:
                with pytest.raises(BatchError):
                    wire.read(data)
            continue
        assert same(wire.read(data), made, wire.Batch)


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_damaged_byte_is_read_alike(position: int, value: int) -> None:
    """What both readers take says the same; nothing but BatchError leaves."""
    data = bytearray(encode(BATCH))
    data[position % len(data)] = value
    try:
        read = wire.read(bytes(data))
    except BatchError:
        with pytest.raises(BatchError):
            decode(bytes(data))
        return
    try:
        made = decode(bytes(data))
    except BatchError:
        return  # in what is not used
    assert same(read, made, wire.Batch)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_an_error(data: bytes) -> None:
    """Only BatchError leaves."""
    with contextlib.suppress(BatchError):
        assert wire.read(data).schema in (1, 2)


@pytest.mark.parametrize("end", range(0, len(encode(BATCH)), 3))
def test_every_truncation_is_an_error(end: int) -> None:
    """No beginning of a batch is a batch."""
    with pytest.raises(BatchError):
        wire.read(encode(BATCH)[:end])


@pytest.mark.parametrize("tail", [b"\x91" * 1_000_000, b"\xdd\xff\xff\xff\xff", b"\xc1"])
def test_a_tail_that_is_none(tail: bytes) -> None:
    """However deep or long what is appended claims to be, it costs nothing and is refused."""
    data = encode(BATCH)
    assert data[:3] == b"\xdc\x00\x12"

    with pytest.raises(BatchError):
        wire.read(b"\xdc\x00\x13" + data[3:] + tail)


def test_what_is_appended_is_passed_over() -> None:
    """A newer agent's further fields, in any row that is read."""
    arrays = plain()
    arrays[9][0][11].append("new")
    arrays[9][0][22][0].append([1, 2])
    arrays[9][0].append({"new": [1]})
    arrays.append([[[[1]]]])

    assert same(wire.read(pack(arrays)), BATCH, wire.Batch)


@pytest.mark.parametrize(
    ("losses", "unprobed"),
    [({"seen": 9, "binaries_failed": 2}, 2), ({}, 0), ({"binaries_failed": -1}, 0), ([1], 0)],
)
def test_binaries_that_could_not_be_probed(losses: object, unprobed: int) -> None:
    """Of the loss account that one number is read; an account that makes no sense has none."""
    arrays = plain()
    arrays[7] = losses

    assert wire.unprobed(wire.read(pack(arrays))) == unprobed


def test_the_schema_comes_first() -> None:
    """One that is only too new is said to be so, whatever else is wrong."""
    for data in (b"\x91\x09", b"\xdc\x00\x10\x09" + b"\xc0" * 15):
        with pytest.raises(BatchError, match="schema 9: 1 to 2 are read"):
            wire.read(data)


@pytest.mark.parametrize("field", ["requests", "seq"])
def test_numbers_beyond_64_bits(field: str) -> None:
    """The largest that msgpack can say is refused like any that is too large."""
    arrays = plain()
    row = arrays if field == "seq" else arrays[9][0]
    row[3 if field == "seq" else 1] = struct.unpack(">Q", b"\xff" * 8)[0]

    with pytest.raises(BatchError, match="int"):
        wire.read(pack(arrays))


def test_the_worst_requests_are_read_as_far_as_they_are_used() -> None:
    """Module and outcome of each, nil where the URL names none."""
    window = dataclasses.replace(WINDOW, exemplars=tuple(WORST))
    (read,) = wire.read(encode(dataclasses.replace(BATCH, proxies=(window,)))).proxies
    fields = [field.name for field in msgspec.structs.fields(wire.Exemplar)]

    assert [field.name for field in dataclasses.fields(written.Exemplar)][: len(fields)] == fields
    assert [(one.module, one.outcome) for one in wire.exemplars(read.exemplars)] == [
        ("mod.example/m7", "http.5xx"), (None, "http.5xx"),
    ]  # fmt: skip


@pytest.mark.parametrize("place", [2, 4], ids=["module", "outcome"])
def test_worst_requests_that_are_none(place: int) -> None:
    """What is used of them is held to its type and its bounds, as everything is."""
    window = dataclasses.replace(WINDOW, exemplars=tuple(WORST))
    arrays = msgpack.unpackb(
        encode(dataclasses.replace(BATCH, proxies=(window,))), strict_map_key=False
    )
    for value in (7, "x" * 600, [], b"x"):
        exemplars = arrays[9][0][10]
        exemplars[0][place] = value
        (read,) = wire.read(pack(arrays)).proxies
        with pytest.raises(BatchError):
            wire.exemplars(read.exemplars)
