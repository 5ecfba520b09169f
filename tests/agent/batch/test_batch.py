"""Rules of the batch, and that docs/batch.md describes it."""

import contextlib
import dataclasses
import re
import tracemalloc
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch import batch as batch_module
from modpulse.agent.batch.batch import (
    MAX_BATCH_BYTES,
    MAX_LENGTH,
    MAX_NODES,
    SCHEMA,
    Asked,
    Batch,
    BatchError,
    Chain,
    Exemplar,
    Happening,
    Leaf,
    Outcomes,
    ProxyWindow,
    decode,
    encode,
)

DOCS = (Path(__file__).parents[3] / "docs" / "batch.md").read_text()
ROWS = [Batch, ProxyWindow, Leaf, Exemplar, Happening, Asked, Outcomes, Chain]
T0 = 1_800_000_000_000_000_000


def leaf(**fields) -> Leaf:
    defaults = {
        "subject": "CN=goproxy.corp", "issuer": "CN=corp CA",
        "not_before_s": 1_700_000_000, "not_after_s": 1_900_000_000, "sha256": "ab" * 32,
    }  # fmt: skip
    return Leaf(**(defaults | fields))


def outcomes(name: str) -> Outcomes:
    return Outcomes(
        name=name, ok=4, misses=2, suspect_misses=1, failures={"http.5xx": 3}, sketch=b"\x00\x01"
    )


def window(**fields) -> ProxyWindow:
    """Make a window in which every field holds something."""
    exemplar = Exemplar(
        at_ns=T0, endpoint="zip", module="golang.org/x/text", version="v0.14.0",
        outcome="http.5xx", final="stopped", status=503, elapsed_ns=30_000_000,
        phases={"wait": 1, "processing": 2}, evidence="goproxy.corp answered 503",
        host="goproxy.corp", address="10.0.0.7:443",
    )  # fmt: skip
    asked = Asked(
        module="golang.org/x/text", version="v0.14.0", endpoint="zip", outcome="ok",
        body_bytes=17, h1="h1:abc=",
    )  # fmt: skip
    defaults = {
        "proxy": "https://goproxy.corp", "requests": 10, "misses": 2, "suspect_misses": 1,
        "failures": {"http.5xx": 3}, "statuses": {200: 4, 503: 3}, "endpoints": {"zip": 10},
        "body_bytes": 1 << 40, "modules": 3, "sketches": {"tls": b"\x00\x01"},
        "exemplars": (exemplar,), "certificate": leaf(), "handshakes": 2,
        "bad_certificates": {"tls.expired": 1}, "resolvers": ("10.0.0.53:53",),
        "addresses": ("10.0.0.7",), "min_ttl_s": 60, "peak_in_flight": 4, "fallbacks": 2,
        "fallback_ns": 5, "cancelled": 1, "via_failures": {"auth.407": 1},
        "happenings": (Happening(at_ns=T0, outcome="ok"),), "asked": (asked,),
        "asked_dropped": 1, "local_failures": {"local.disk": 1},
        "by_endpoint": (outcomes("zip"),), "by_address": (outcomes("10.0.0.7"),),
        "by_resolver": (outcomes("10.0.0.53:53"),), "failed_ns": 7, "commands_stopped": 1,
        "by_circumstance": (outcomes("in_flight_1"),),
    }  # fmt: skip
    return ProxyWindow(**(defaults | fields))


def batch(**fields) -> Batch:
    defaults = {
        "agent_id": "build-1", "run_id": b"0123456789abcdef", "seq": 7,
        "window_start_ns": T0, "window_end_ns": T0 + 1, "labels": {"site": "ber"},
        "losses": {"seen": 9, "ring_full": 1}, "lost": 1, "proxies": (window(),),
        "proxies_dropped": 1, "agent_version": "0.1.0", "kernel": "6.1.0", "links": "multi",
        "commands": 3, "commands_failed": 1, "chains_dropped": 1,
        "chains": (Chain(entries="https://goproxy.corp,direct", commands=2),),
    }  # fmt: skip
    return Batch(**(defaults | fields))


def plain(made: Batch | None = None) -> list:
    """Return a batch as the arrays that are packed."""
    return msgpack.unpackb(encode(made or batch()), strict_map_key=False)


def pack(arrays: object) -> bytes:
    return msgpack.packb(arrays, use_bin_type=True)


COUNT = st.integers(0, 2**32 - 1)
TOTAL = st.integers(0, 2**63 - 1)
NAME = st.text(min_size=1, max_size=30)
TEXT = st.text(max_size=60)
COUNTS = st.dictionaries(NAME, COUNT, max_size=4)
LEAVES = st.builds(
    Leaf, subject=TEXT, issuer=TEXT, not_before_s=st.integers(-100, 2**40),
    not_after_s=st.integers(-100, 2**40),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
)  # fmt: skip
EXEMPLARS = st.builds(
    Exemplar, at_ns=TOTAL, endpoint=st.none() | NAME, module=st.none() | TEXT,
    version=st.none() | TEXT, outcome=NAME, final=st.none() | NAME,
    status=st.none() | st.integers(0, 999), elapsed_ns=TOTAL,
    phases=st.dictionaries(NAME, TOTAL, max_size=3), evidence=st.none() | TEXT,
    host=st.none() | TEXT, address=st.none() | TEXT.filter(lambda text: len(text.encode()) <= 128),
)  # fmt: skip
WINDOWS = st.builds(
    window, proxy=NAME, requests=st.integers(6, 2**32 - 1), statuses=st.dictionaries(
        st.integers(0, 999), COUNT, max_size=4), endpoints=COUNTS, body_bytes=TOTAL,
    sketches=st.dictionaries(NAME, st.binary(max_size=40), max_size=3),
    exemplars=st.lists(EXEMPLARS, max_size=2).map(tuple), certificate=st.none() | LEAVES,
    min_ttl_s=st.none() | COUNT, via_failures=COUNTS, local_failures=COUNTS,
)  # fmt: skip
BATCHES = st.builds(
    batch, agent_id=NAME, run_id=st.binary(min_size=1, max_size=16), seq=TOTAL,
    window_start_ns=st.just(0), window_end_ns=TOTAL,
    labels=st.dictionaries(NAME, NAME, max_size=3), losses=st.dictionaries(NAME, TOTAL, max_size=3),
    proxies=st.lists(WINDOWS, max_size=3, unique_by=lambda made: made.proxy).map(tuple),
)  # fmt: skip


def test_a_batch_of_the_schema_before_is_read() -> None:
    """What an agent sends that is not updated yet lacks the fields that were appended since."""
    arrays = plain()
    arrays[0] = 1
    del arrays[12:], arrays[9][0][25:]
    read = decode(pack(arrays))

    assert (read.kernel, read.commands, read.chains) == ("", 0, ())
    assert (read.proxies[0].asked_dropped, read.proxies[0].local_failures) == (1, {})


@given(BATCHES)
def test_what_is_written_is_read(made):
    """decode(encode(x)) == x for every batch within the bounds."""
    assert made == decode(encode(made))


def test_an_idle_window_is_a_batch():
    """A heartbeat needs nothing but who, when and which."""
    idle = Batch(agent_id="a", run_id=b"r", seq=0, window_start_ns=1, window_end_ns=2)

    assert idle == decode(encode(idle))
    assert len(encode(idle)) < 40


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_an_error(data):
    """Only BatchError leaves."""
    with contextlib.suppress(BatchError):
        decode(data)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
    | st.text(max_size=9) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(ANYTHING, st.integers(0, 10), st.integers(0, 24))
def test_any_value_in_any_place_is_read_or_an_error(value, place, field):
    """A field of the batch or of its proxy that holds anything at all raises BatchError at most."""
    arrays = plain()
    arrays[9][0][field] = value
    with_bad_field = pack(arrays)
    arrays = plain()
    arrays[place] = value
    for data in (with_bad_field, pack(arrays)):
        try:
            made = decode(data)
        except BatchError:
            continue
        assert made == decode(encode(made))


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_damaged_byte_raises_nothing_else(position, value):
    """A batch with one byte changed is another batch or an error."""
    data = bytearray(encode(batch()))
    data[position % len(data)] = value
    with contextlib.suppress(BatchError):
        decode(bytes(data))


def test_every_truncation_is_an_error():
    """No beginning of a batch is a batch."""
    data = encode(batch())
    for end in range(len(data)):
        with pytest.raises(BatchError):
            decode(data[:end])


@pytest.mark.parametrize(
    ("path", "to", "reason"),
    [
        ((0,), SCHEMA + 1, "schema 3: 1 to 2 are read"),
        ((0,), 0, "schema 0: 1 to 2 are read"),
        ((0,), True, "schema: bool instead of an integer"),
        ((1,), "", "agent_id: 0 bytes, not 1..128 bytes"),
        ((1,), "é" * 65, "agent_id: 130 bytes, not 1..128 bytes"),
        ((1,), b"build", "agent_id: bytes instead of a string"),
        ((2,), "run", "run_id: str instead of bytes"),
        ((2,), b"r" * 17, "run_id: 17 bytes, not 1..16 bytes"),
        ((3,), -1, "seq: -1 is not in 0..2^63-1"),
        ((3,), 1.0, "seq: float instead of an integer"),
        ((3,), 1 << 63, "seq: 9223372036854775808 is not in 0..2^63-1"),
        ((5,), T0 - 1, "window_end_ns: before window_start_ns"),
        ((6,), [], "labels: list instead of a map"),
        ((6,), {1: "a"}, "labels: int instead of a string"),
        ((6,), {"a": None}, "labels['a']: nil instead of a string"),
        ((6,), {str(n): "" for n in range(33)}, "labels: 33 entries, at most 32"),
        ((9,), {}, "proxies: dict instead of an array"),
        ((9,), [[]], "proxies[0]: 0 fields, at least 25 are due"),
        ((9,), [None] * 33, "proxies: 33 items, at most 32"),
        ((9, 0), 5, "proxies[0]: int instead of an array"),
        ((9, 0, 1), 5, "https://goproxy.corp: more misses and failures than requests"),
        ((9, 0, 12), 0, "https://goproxy.corp: more bad certificates than handshakes"),
        ((9, 0, 5), {1000: 1}, "proxies[0].statuses: 1000 is not in 0..999"),
        ((9, 0, 9), {"tls": b"." * 8193}, "8193 bytes, not 0..8192 bytes"),
        ((9, 0, 11), [], "proxies[0].certificate: 0 fields, at least 5 are due"),
        ((9, 0, 11, 4), "ab", "proxies[0].certificate.sha256: 2 bytes, not 64 bytes"),
        ((9, 0, 16), -1, "proxies[0].min_ttl_s: -1 is not in 0..2^32-1"),
        ((9, 0, 23, 0, 0), "m" * 513, "asked[0].module: 513 bytes, not 0..512 bytes"),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_named(path, to, reason):
    """One wrong value makes the whole batch an error that says where and why."""
    arrays = plain()
    place = arrays
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to

    with pytest.raises(BatchError, match=re.escape(reason)):
        decode(pack(arrays))


def test_the_same_proxy_twice_is_an_error():
    """Whose counts they were would not be known."""
    with pytest.raises(BatchError, match="the same proxy twice"):
        encode(batch(proxies=(window(), window())))


def test_what_is_asked_is_bounded_over_all_proxies():
    """A thousand in all, not of each proxy."""
    asked = (
        Asked(module=None, version=None, endpoint=None, outcome="ok", body_bytes=None, h1=None),
    )
    proxies = (window(asked=asked * 600), window(proxy="direct", asked=asked * 401))

    with pytest.raises(BatchError, match="more than 1000 asked in all"):
        encode(batch(proxies=proxies))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no msgpack"),
        (b"\xc1", "no msgpack"),
        (pack([1]) + b"\x00", "no msgpack"),
        (b"\x81\x90\x01", "no msgpack"),
        (b"\xdd\xff\xff\xff\xff", "no msgpack"),
        (b"\xdb\xff\xff\xff\xff", "no msgpack"),
        (b"\xa1\xff", "no msgpack"),
        (b"\xd6\xff\x00\x00\x00\x00", "no msgpack"),
        (b"\x91" * 100_000 + b"\x01", "no msgpack"),
        (b"\x90", "no array"),
        (b"\x80", "no array"),
        (b"\x91\x01", "1 fields, at least 12 are due"),
        (b"\x00" * (MAX_BATCH_BYTES + 1), "1048577 bytes, at most 1048576"),
    ],
)
def test_what_is_no_batch_is_refused(data, reason):
    """With the reason."""
    with pytest.raises(BatchError, match=reason):
        decode(data)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_is_bounded():
    """8 deep, in what a newer schema appends as well."""
    batch_with_tail = [*plain(), nested(7)]

    assert batch() == decode(pack(batch_with_tail))
    with pytest.raises(BatchError, match="nested deeper than 8"):
        decode(pack([*plain(), nested(8)]))
    with pytest.raises(BatchError, match="nested deeper than 8"):
        decode(pack([*plain(), {"a": nested(7)}]))


def test_appended_fields_are_ignored():
    """A reader ignores what a newer schema appended to any row."""
    arrays = plain()
    arrays[9][0][11].append("new")
    arrays[9][0][10][0].append({"new": 1})
    arrays[9][0].append([1, 2])
    arrays.append(None)

    assert batch() == decode(pack(arrays))


def test_a_batch_beyond_its_size_is_not_written():
    """The collector would refuse it."""
    sketches = {f"phase{n}": b"." * 8192 for n in range(16)}
    proxies = tuple(window(proxy=f"https://{n}.example", sketches=sketches) for n in range(9))

    with pytest.raises(BatchError, match="at most 1048576"):
        encode(batch(proxies=proxies))


@pytest.mark.parametrize(
    "fields", [{"agent_id": "\udcff"}, {"seq": -1}, {"labels": {str(n): "" for n in range(33)}}]
)
def test_what_may_not_be_read_is_not_written(fields):
    """The writer checks what the reader would refuse."""
    with pytest.raises(BatchError):
        encode(batch(**fields))


def test_ok_is_what_is_left():
    """Requests that were neither missed nor failed."""
    assert window().ok == 10 - 2 - 1 - 3


def test_the_window_of_these_tests_leaves_nothing_out():
    """Each field of a batch holds something here, so that all of them are tried."""
    rows = [
        batch(), window(), leaf(), window().exemplars[0], window().asked[0],
        outcomes("zip"), batch().chains[0],
    ]  # fmt: skip
    empty = [
        f"{type(row).__name__}.{field.name}"
        for row in rows
        for field in dataclasses.fields(row)
        if not getattr(row, field.name)
    ]

    assert empty == []


def documented(row: type) -> list[tuple[str, ...]]:
    section = re.search(rf"^## {row.__name__}\n(.*?)(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert section is not None, f"docs/batch.md has no section {row.__name__}"
    return re.findall(
        r"^\| (\d+) \| `(\w+)` \| (.+?) \| (\d+) \| \S.* \|$", section[1], re.MULTILINE
    )


@pytest.mark.parametrize("row", ROWS)
def test_docs_describe_every_field(row):
    """docs/batch.md lists position, name, type, bounds and schema version of each field."""
    fields = [
        (str(position), field.name, field.metadata["kind"].name, str(field.metadata["since"]))
        for position, field in enumerate(dataclasses.fields(row))
    ]

    assert fields == documented(row)


def test_docs_describe_every_row():
    """Every dataclass of batch.py is on the page, which names the current schema."""
    rows = [
        made for made in vars(batch_module).values()
        if dataclasses.is_dataclass(made) and made.__module__ == batch_module.__name__
    ]  # fmt: skip

    assert sorted(row.__name__ for row in ROWS) == sorted(row.__name__ for row in rows)
    assert f"This page describes schema {SCHEMA}." in DOCS


def test_docs_bound_every_value():
    """docs/batch.md says how many values there may be, in fields to come as well."""

    assert f"{MAX_LENGTH:,} items" in DOCS
    assert f"{MAX_NODES:,} values" in DOCS


@pytest.mark.parametrize("tail", [[0] * 1025, [[[0] * 1000] * 100], [dict.fromkeys(range(1025))]])
def test_fields_to_come_are_bounded(tail):
    """What a newer agent appends may not be so much that it costs more than a batch."""
    with pytest.raises(BatchError, match=r"max_\w+_len|values"):
        decode(pack([*plain(), tail]))


def test_what_is_announced_and_does_not_come_takes_no_room() -> None:
    """Arrays in arrays that each announce a thousand values are found cut before any is made."""
    data = b"\xdd\x00\x00\x04\x00" * 500
    tracemalloc.start()
    try:
        with pytest.raises(BatchError, match="cut"):
            decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 100_000
